// usage: send.mjs URL LIBRARY SECRET
// POSTs requests that the library has signed, then forgeries: every byte of every signed header and of the body, changed,
// left out and doubled. Prints {"genuine", "forged", "wrong"}: how many of each were sent, and which were answered wrongly
// (a genuine one wants 204, a forgery 401).

import http from 'node:http';
import { signer } from './libraries.mjs';

const [url, library, secret] = process.argv.slice(2);
const sign = await signer(library, secret);
const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });

function post(headers, body) {
  return new Promise((resolve, reject) => {
    const request = http.request(
      url,
      { agent, method: 'POST', headers: { ...headers, 'content-type': 'application/json', 'content-length': body.length } },
      (response) => response.on('end', () => resolve(response.statusCode)).resume(),
    );
    request.on('error', reject);
    request.end(body);
  });
}

const counts = { genuine: 0, forged: 0, wrong: [] };
async function genuine(headers, body) {
  counts.genuine++;
  const status = await post(headers, body);
  if (status !== 204) counts.wrong.push({ status, headers, body: body.toString() });
}
async function forged(headers, body) {
  counts.forged++;
  const status = await post(headers, body);
  if (status !== 401) counts.wrong.push({ status, headers, body: body.toString() });
}

/// Another byte that may stand in a header.
const other = (byte) => (byte === 0x78 ? 0x79 : 0x78);
const variants = (bytes, at) => [
  Buffer.concat([bytes.subarray(0, at), Buffer.from([other(bytes[at])]), bytes.subarray(at + 1)]),
  Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]),
  Buffer.concat([bytes.subarray(0, at + 1), bytes.subarray(at)]),
];

const now = Math.floor(Date.now() / 1000);
for (const text of [
  '{"type":"order.paid","timestamp":"2025-10-09T08:53:20Z","data":{"order_id":"ord_1","cents":4200}}',
  '{}',
  '',
  '{"name":"J\u00fcrgen \u20ac \ud83d\ude00"}',
  JSON.stringify({ large: 'x'.repeat(200_000) }),
]) {
  if (library === 'octokit' && text === '') continue; // it signs no empty body
  const body = Buffer.from(text);
  await genuine(await sign('msg_2KWPBgLlAfxdpx2AI54pPJ85f4W', now, text), body);
}

const text = '{"type":"order.paid","data":{"order_id":"ord_1"}}';
const body = Buffer.from(text);
const headers = await sign('msg_2KWPBgLlAfxdpx2AI54pPJ85f4W', now, text);
for (const [name, value] of Object.entries(headers)) {
  const bytes = Buffer.from(value);
  for (let at = 0; at < bytes.length; ++at)
    for (const variant of variants(bytes, at)) {
      // One comma more in Stripe's list is an empty entry, which says nothing.
      if (bytes[at] === 0x2c && variant.length > bytes.length && library === 'stripe') continue;
      await forged({ ...headers, [name]: variant.toString('latin1') }, body);
    }
  const { [name]: _, ...without } = headers;
  await forged(without, body);
}
for (let at = 0; at < body.length; ++at) for (const variant of variants(body, at)) await forged(headers, variant);
await genuine(headers, body);

console.log(JSON.stringify(counts));
agent.destroy();
