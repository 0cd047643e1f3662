#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Listeners for the lab: greeter.py [PROTOCOL:]ADDRESS PORT...

Prints "ready" when all of them listen. Each tells whoever connects (tcp, the
default) or sends it a datagram (udp) who he is for it and what he has reached.
"""

import socket
import sys
import threading


def greeting(peer, protocol, address, port):
    return f"hello {peer[0]}, this is {protocol} port {port} of {address}\n".encode()


def serve_tcp(listener, address, port):
    while True:
        connection, peer = listener.accept()
        connection.sendall(greeting(peer, "tcp", address, port))
        connection.close()


def serve_udp(listener, address, port):
    while True:
        _, peer = listener.recvfrom(2048)
        listener.sendto(greeting(peer, "udp", address, port), peer)


def listen(where, port):
    udp = where.startswith("udp:")
    address = where.removeprefix("udp:").removeprefix("tcp:")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    if udp:
        listener = socket.socket(family, socket.SOCK_DGRAM)
        listener.bind((address, port))
        return serve_udp, listener, address
    return serve_tcp, socket.create_server((address, port), family=family), address


def main(words):
    for where, port in zip(words[::2], words[1::2]):
        serve, listener, address = listen(where, int(port))
        threading.Thread(target=serve, args=(listener, address, port)).start()
    print("ready", flush=True)


main(sys.argv[1:])
