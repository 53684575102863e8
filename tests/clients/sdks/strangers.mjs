// Servers to call by mistake: a web page, a web server without the path, a proxy that does not take the token, a control
// plane of another version. Prints their addresses, a line each, and serves until its input ends. They speak HTTP/1.1 and
// HTTP/2, as most do.
import { createServer as createFirst } from 'node:http';
import { createServer as createSecond } from 'node:http2';
import { createServer } from 'node:net';
import { once } from 'node:events';

const html = { 'content-type': 'text/html' };
const json = { 'content-type': 'application/json' };
const strangers = {
  page: () => [200, html, '<!doctype html><title>welcome</title>'],
  pathless: () => [404, html, '<!doctype html><title>not found</title>'],
  gate: () => [401, { 'www-authenticate': 'Bearer error="invalid_token"' }, 'the token has expired'],
  // It knows none of the methods, in the words of each protocol.
  older: (protocol = '') => {
    const isGrpc = protocol.startsWith('application/grpc');
    return isGrpc ? [200, { 'content-type': protocol, 'grpc-status': '12' }, ''] : [501, json, '{"code":"unimplemented"}'];
  },
};

/** A server that finds out which version of HTTP its caller speaks: HTTP/2 begins with PRI. */
function listener(answer) {
  const [first, second] = [createFirst(answer), createSecond(answer)];
  return createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', (beginning) => {
      socket.pause();
      socket.unshift(beginning);
      const server = beginning.toString('latin1').startsWith('PRI') ? second : first;
      server.emit('connection', socket);
      process.nextTick(() => socket.resume());
    });
  });
}

for (const [name, answer] of Object.entries(strangers)) {
  const server = listener((request, response) => {
    request.resume();
    const [status, headers, body] = answer(request.headers['content-type']);
    response.writeHead(status, headers).end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  console.log(`${name}=http://127.0.0.1:${server.address().port}`);
}
process.stdin.resume().on('end', () => process.exit());
