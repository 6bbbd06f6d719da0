// usage: deliver.mjs URL LIBRARY SECRET
// POSTs events as the library's own users do, each twice, as a sender does that got no answer; then one whose body was
// changed. LIBRARY: one that libraries.mjs signs with, or cloudevents-structured, cloudevents-binary (the SDK of CloudEvents,
// signed as Standard Webhooks). Prints {"sent": [{"id", "data"}], "statuses": [...], "forged": status}.

import crypto from 'node:crypto';
import http from 'node:http';
import { signer } from './libraries.mjs';

const [url, library, secret] = process.argv.slice(2);
const agent = new http.Agent({ keepAlive: true });

function post(headers, body) {
  return new Promise((resolve, reject) => {
    const request = http.request(
      url,
      { agent, method: 'POST', headers: { 'content-type': 'application/json', ...headers, 'content-length': Buffer.byteLength(body) } },
      (response) => response.on('end', () => resolve(response.statusCode)).resume(),
    );
    request.on('error', reject);
    request.end(body);
  });
}

const now = () => Math.floor(Date.now() / 1000);
const signs = library.startsWith('cloudevents-') ? 'standardwebhooks' : library;
const sign = await signer(signs, secret);

/// The request that the library's user would send: {id, headers, body}.
async function request(data) {
  if (library === 'octokit') {
    const id = crypto.randomUUID();
    const body = JSON.stringify(data);
    const headers = { 'x-github-event': 'order', 'x-github-delivery': id, ...(await sign(id, now(), body)) };
    return { id, headers, body };
  }
  if (library === 'stripe') {
    const id = `evt_${crypto.randomBytes(8).toString('hex')}`;
    const body = JSON.stringify({ id, object: 'event', type: 'order.paid', created: now(), data: { object: data } }, null, 2);
    return { id, headers: await sign(id, now(), body), body };
  }
  if (library.startsWith('cloudevents-')) {
    const { CloudEvent, HTTP } = await import('cloudevents');
    const event = new CloudEvent({ type: 'order.paid', source: '/shop', data });
    const { headers, body } = library.endsWith('binary') ? HTTP.binary(event) : HTTP.structured(event);
    return { id: event.id, headers: { ...headers, ...(await sign(event.id, now(), body)) }, body };
  }
  const id = `msg_${crypto.randomBytes(8).toString('hex')}`;
  const body = JSON.stringify({ type: 'order.paid', timestamp: new Date().toISOString(), data });
  return { id, headers: await sign(id, now(), body), body };
}

const sent = [];
const statuses = [];
for (const data of [
  { order: 'ord_1', cents: 4200 },
  {},
  { name: 'J\u00fcrgen \u20ac \ud83d\ude00', nested: [{ a: null }, 1.5, true] },
  { large: 'x'.repeat(200_000) },
]) {
  const { id, headers, body } = await request(data);
  sent.push({ id, data });
  statuses.push(await post(headers, body), await post(headers, body));
}
const { headers, body } = await request({ cents: 1 });
const forged = await post(headers, body.replace('"cents"', '"Cents"'));
console.log(JSON.stringify({ sent, statuses, forged }));
agent.destroy();
