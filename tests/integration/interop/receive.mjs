// An endpoint that verifies with a library. Prints its port. PUT /NAME with {"library", "secret"} makes a receiver, POST
// /NAME is answered by it: 204, or 401 with the reason. GET /NAME is the JSON of what it has read last: {"headers", "event"}.

import http from 'node:http';
import { verifier } from './libraries.mjs';

const receivers = new Map();
const lastRead = new Map();

async function answer(request, body) {
  if (request.method === 'PUT') {
    const { library, secret } = JSON.parse(body);
    receivers.set(request.url, await verifier(library, secret));
    return [204, ''];
  }
  if (request.method === 'GET') return [200, JSON.stringify(lastRead.get(request.url) ?? null)];
  const verify = receivers.get(request.url);
  if (!verify) return [404, 'no such receiver'];
  lastRead.delete(request.url);
  try {
    lastRead.set(request.url, { headers: request.headers, event: await verify(request.headers, body) });
    return [204, ''];
  } catch (error) {
    return [401, `${error.name}: ${error.message}`];
  }
}

const server = http.createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  let result;
  try {
    result = await answer(request, Buffer.concat(chunks));
  } catch (error) {
    result = [500, String(error.stack)];
  }
  response.writeHead(result[0]);
  response.end(result[1]);
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => console.log(`port ${server.address().port}`));
// Whoever started this ends it by closing its standard input, however it ends itself.
process.stdin.on('end', () => process.exit(0)).resume();
