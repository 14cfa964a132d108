"""samples/support/challenge.hpp in Python, written from the drawing of its wire format."""

import hashlib
import hmac
import os
import struct


def receive(connection, size):
    """Exactly `size` bytes; fewer only if the stream ends."""
    received = b""
    while len(received) < size and (piece := connection.recv(size - len(received))):
        received += piece
    return received


def endpoint(address):
    """An address of a socket as both sides write it."""
    if isinstance(address, str):
        return "unix:" + address
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def proof(secret, side, server_nonce, client_nonce, service, dialled):
    """`dialled` is the endpoint that the client is connected to."""
    fields = (b"uvreactor challenge 2 " + side, service.encode(), dialled.encode(), b"",
              server_nonce, client_nonce)
    message = b"".join(struct.pack(">I", len(field)) + field for field in fields)
    return hmac.new(secret, message, hashlib.sha256).digest()


def prove_as_client(connection, secret, service, dialled=None):
    """True when both sides know the secret."""
    dialled = dialled or endpoint(connection.getpeername())
    theirs, ours = receive(connection, 32), os.urandom(32)
    connection.sendall(ours + proof(secret, b"client", theirs, ours, service, dialled))
    return receive(connection, 32) == proof(secret, b"server", theirs, ours, service, dialled)


def prove_as_server(connection, secret, service):
    """True if the client knows the secret. This side then proves that it knows the secret, too."""
    dialled = endpoint(connection.getsockname())
    ours = os.urandom(32)
    connection.sendall(ours)
    theirs, shown = receive(connection, 32), receive(connection, 32)
    known = hmac.compare_digest(shown, proof(secret, b"client", ours, theirs, service, dialled))
    if known:
        connection.sendall(proof(secret, b"server", ours, theirs, service, dialled))
    return known
