#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A TCP connection for the lab, that a test uses when it wants to.

flow.py listen ADDRESS PORT     on wan. Prints "ready", then what happens to each
    connection: "up SOURCE", "got TEXT from SOURCE" (and sends TEXT back), "closed SOURCE",
    "reset SOURCE"; SOURCE is ADDRESS:PORT as it is seen here.
flow.py connect ADDRESS PORT    on the client. Prints "up LOCAL-PORT", or "no: REASON".
    Each line of standard input is sent. Prints "back TEXT" for what comes back, and ends
    with "closed", "reset", or at the end of standard input.
"""

import os
import selectors
import socket
import sys


def say(*words):
    print(*words, flush=True)


class Lines:
    """What a descriptor brings, line by line."""

    def __init__(self):
        self.rest = b""

    def take(self, octets):
        *lines, self.rest = (self.rest + octets).split(b"\n")
        return [line.decode() for line in lines]


def received(connection):
    """(octets, None), or (None, how it ended)."""
    try:
        octets = connection.recv(4096)
    except ConnectionResetError:
        return None, "reset"
    except OSError as error:
        return None, f"no: {error.strerror}"
    return (octets, None) if octets else (None, "closed")


def listen(address, port):
    listener = socket.create_server((address, port))
    waiting = selectors.DefaultSelector()
    waiting.register(listener, selectors.EVENT_READ)
    say("ready")
    while True:
        for key, _ in waiting.select():
            if key.fileobj is listener:
                connection, peer = listener.accept()
                source = f"{peer[0]}:{peer[1]}"
                waiting.register(connection, selectors.EVENT_READ, (source, Lines()))
                say("up", source)
                continue
            connection, (source, lines) = key.fileobj, key.data
            octets, end = received(connection)
            if end:
                waiting.unregister(connection)
                connection.close()
                say(end, source)
                continue
            for line in lines.take(octets):
                say("got", line, "from", source)
            connection.sendall(octets)


def connect(address, port):
    try:
        connection = socket.create_connection((address, port), timeout=5)
    except OSError as error:
        say("no:", error)
        return
    connection.settimeout(None)
    say("up", connection.getsockname()[1])
    waiting = selectors.DefaultSelector()
    waiting.register(connection, selectors.EVENT_READ)
    waiting.register(0, selectors.EVENT_READ)
    lines = Lines()
    while True:
        for key, _ in waiting.select():
            if key.fd == 0:
                words = os.read(0, 4096)
                if not words:
                    return
                connection.sendall(words)
                continue
            octets, end = received(connection)
            if end:
                say(end)
                return
            for line in lines.take(octets):
                say("back", line)


{"listen": listen, "connect": connect}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
