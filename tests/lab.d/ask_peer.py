#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""One PEER request (RFC 6887 section 12.1) for a TCP flow over IPv4, octet by octet.

ask_peer.py SERVER LOCAL-PORT REMOTE REMOTE-PORT [EXTERNAL EXTERNAL-PORT]
prints "RESULT ADDRESS PORT LIFETIME EPOCH" of the answer. It asks once, and waits 5 s.
"""

import os
import socket
import struct
import sys

TCP = 6


def mapped(address):
    """An IPv4 address in 16 octets (section 5)."""
    return bytes(10) + b"\xff\xff" + socket.inet_aton(address)


def main(server, port, remote, remote_port, external="0.0.0.0", external_port="0"):
    nonce = os.urandom(12)
    flow = mapped(remote)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.connect((server, 5351))
        request = struct.pack(">BBHI", 2, 2, 0, 3600) + mapped(sock.getsockname()[0])
        request += nonce + struct.pack(">B3xHH", TCP, int(port), int(external_port)) + mapped(external)
        request += struct.pack(">H2x", int(remote_port)) + flow
        sock.send(request)
        answer = sock.recv(1101)
    if len(answer) < 80 or answer[:2] != b"\x02\x82" or answer[24:36] != nonce:
        sys.exit(f"no answer to that: {answer.hex()}")
    if answer[36] != TCP or answer[40:42] != request[40:42] or answer[60:62] + answer[64:80] != request[60:62] + flow:
        sys.exit(f"it is about another flow: {answer.hex()}")
    lifetime, epoch = struct.unpack_from(">II", answer, 4)
    assigned = struct.unpack_from(">H", answer, 42)[0]
    print(answer[3], socket.inet_ntoa(answer[56:60]), assigned, lifetime, epoch)


main(*sys.argv[1:])
