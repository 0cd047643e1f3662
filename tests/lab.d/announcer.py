#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sends datagrams to 224.0.0.1:5350, from any address and port: those that no server sends.

announcer.py INTERFACE ADDR[:PORT] HEX [TIMES]    TIMES times, at gaps of 50 ms
announcer.py INTERFACE ADDR[:PORT] noise COUNT SECONDS HEX
    COUNT datagrams of random octets from random hosts and ports of 10.0.0.0/8, spread over
    SECONDS, and beside them HEX from ADDR: ten times, at 0, 1/20, 3/20 ... as repeats do
"""

import random
import socket
import struct
import sys
import time

GROUP = "224.0.0.1"
PORT = 5350


def datagram(source, port, payload):
    """IPv4 (the kernel puts in length, id and checksum) and UDP without a checksum."""
    udp = struct.pack(">4H", port, PORT, 8 + len(payload), 0) + payload
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 0, 0, 0, 1, socket.IPPROTO_UDP, 0,
                       socket.inet_aton(source), socket.inet_aton(GROUP)) + udp


def stranger(rng):
    return f"10.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(1, 255)}"


def junk(rng):
    """Of any length; with what a terminal would heed."""
    return b"\x1b[31m\x07" + rng.randbytes(rng.choice((0, 1, 8, 20, 60, 400)))


def main(interface, source, what, *more):
    host, _, port = source.partition(":")
    out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF,
                   struct.pack("4s4si", bytes(4), bytes(4), socket.if_nametoindex(interface)))

    def send(octets):
        out.sendto(octets, (GROUP, PORT))

    if what != "noise":
        for i in range(int(more[0]) if more else 1):
            if i:
                time.sleep(0.05)
            send(datagram(host, int(port or 5351), bytes.fromhex(what)))
        return
    rng = random.Random(1)
    count, seconds = int(more[0]), float(more[1])
    true = datagram(host, int(port or 5351), bytes.fromhex(more[2]))
    due = [count * at // 20 for at in (0, 1, 2, 3, 5, 7, 10, 13, 16, 19)]
    start = time.monotonic()
    for i in range(count):
        if i in due:
            send(true)
        send(datagram(stranger(rng), rng.randrange(1, 65536), junk(rng)))
        ahead = start + seconds * i / count - time.monotonic()
        if ahead > 0.002:
            time.sleep(ahead)
    print(f"{count} in {time.monotonic() - start:.2f} s")


main(*sys.argv[1:])
