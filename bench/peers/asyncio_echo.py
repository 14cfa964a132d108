#!/usr/bin/env python3
"""Python's asyncio: a Protocol, its fastest way."""

import argparse
import asyncio
import logging
import signal
import socket


class Echo(asyncio.Protocol):
    message_bytes = 0

    def connection_made(self, transport):
        self.transport = transport
        self.partial = b""
        if transport.get_extra_info("socket").family != socket.AF_UNIX:
            transport.get_extra_info("socket").setsockopt(
                socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data):
        size = self.message_bytes
        if size == 0:
            self.transport.write(data)
            return
        data = self.partial + data
        whole = len(data) - len(data) % size
        for start in range(0, whole, size):
            self.transport.write(data[start:start + size])
        self.partial = data[whole:]

    def pause_writing(self):
        self.transport.pause_reading()

    def resume_writing(self):
        self.transport.resume_reading()


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listen", default="127.0.0.1:0")
    parser.add_argument("--message", type=int, default=0)
    options = parser.parse_args()
    Echo.message_bytes = options.message
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # Clients may leave in the middle.

    loop = asyncio.get_running_loop()
    if options.listen.startswith("unix:"):
        server = await loop.create_unix_server(Echo, options.listen[5:], backlog=4096)
        print("listening on", options.listen, flush=True)
    else:
        host, port = options.listen.rsplit(":", 1)
        server = await loop.create_server(Echo, host.strip("[]"), int(port), backlog=4096)
        print("listening on %s:%d" % (host, server.sockets[0].getsockname()[1]), flush=True)
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()


asyncio.run(main())
