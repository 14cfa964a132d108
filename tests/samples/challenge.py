"""The exchange of protocols/challenge.hpp in Python, written after the drawing of its wire."""

import hashlib
import hmac
import os


def receive(connection, size):
    """Exactly so many bytes; fewer only where the stream ends."""
    received = b""
    while len(received) < size and (piece := connection.recv(size - len(received))):
        received += piece
    return received


def proof(secret, side, server_nonce, client_nonce):
    message = b"uvreactor challenge 1 " + side + server_nonce + client_nonce
    return hmac.new(secret, message, hashlib.sha256).digest()


def prove_as_client(connection, secret):
    """True when both sides know the secret."""
    theirs, ours = receive(connection, 32), os.urandom(32)
    connection.sendall(ours + proof(secret, b"client", theirs, ours))
    return receive(connection, 32) == proof(secret, b"server", theirs, ours)


def prove_as_server(connection, secret):
    """True when the client knows the secret; it is then shown that this side does, too."""
    ours = os.urandom(32)
    connection.sendall(ours)
    theirs, shown = receive(connection, 32), receive(connection, 32)
    known = hmac.compare_digest(shown, proof(secret, b"client", ours, theirs))
    if known:
        connection.sendall(proof(secret, b"server", ours, theirs))
    return known
