#!/usr/bin/env node
// Node's net module.
'use strict';
const net = require('net');

let listen = '127.0.0.1:0';
let messageBytes = 0;
for (let i = 2; i < process.argv.length; i += 2) {
  const [name, value] = process.argv.slice(i, i + 2);
  if (name === '--listen') listen = value;
  else if (name === '--message') messageBytes = Number(value);
  else {
    console.error('usage: node_echo.js [--listen HOST:PORT] [--message BYTES]');
    process.exit(2);
  }
}

function echoEach(socket) {
  let partial = Buffer.alloc(0);
  socket.on('data', (data) => {
    if (partial.length > 0) data = Buffer.concat([partial, data]);
    let start = 0;
    for (; start + messageBytes <= data.length; start += messageBytes) {
      socket.write(data.subarray(start, start + messageBytes));
    }
    partial = data.subarray(start);
  });
}

function echo(socket) {
  socket.on('data', (data) => {
    if (!socket.write(data)) socket.pause();
  });
  socket.on('drain', () => socket.resume());
}

const server = net.createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => socket.destroy());
  messageBytes > 0 ? echoEach(socket) : echo(socket);
});
process.on('SIGTERM', () => process.exit(0));

if (listen.startsWith('unix:')) {
  server.listen({ path: listen.slice(5), backlog: 4096 }, () => console.log(`listening on ${listen}`));
} else {
  const colon = listen.lastIndexOf(':');
  const host = listen.slice(0, colon);
  server.listen(
    { host: host.replace(/^\[|\]$/g, ''), port: Number(listen.slice(colon + 1)), backlog: 4096 },
    () => console.log(`listening on ${host}:${server.address().port}`));
}
