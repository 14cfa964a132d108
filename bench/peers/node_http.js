#!/usr/bin/env node
// Node's http module.
'use strict';
const http = require('http');

if (process.argv[2] !== '--listen' || process.argv.length !== 4) {
  console.error('usage: node_http.js --listen HOST:PORT');
  process.exit(2);
}
const [host, port] = process.argv[3].split(':');

const body = Buffer.from('Hello, world!\n');
const server = http.createServer({ noDelay: true }, (request, response) => {
  response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': body.length });
  response.end(body);
});
server.keepAliveTimeout = 0;
process.on('SIGTERM', () => process.exit(0));
server.listen({ host, port: Number(port), backlog: 4096 },
  () => console.log(`listening on ${host}:${server.address().port}`));
