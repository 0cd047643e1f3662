#!/usr/bin/env python3
"""A PCP (RFC 6887) and NAT-PMP (RFC 6886) server for tests: correct and stateful, unless a MODE makes it lie, drop or delay.

Its codec is written from the RFCs and shares nothing with the program under test.

  fake_gateway.py [--bind ADDR]... [--port N] [--log FILE] [--control PORT] [--lifetime S] [MODE[=VALUE]]...
      prints "PORT", or "PORT CONTROLPORT" with --control, when it is ready; serves until SIGTERM or for S seconds
  fake_gateway.py --list-modes                          every mode
  fake_gateway.py --tell CONTROLPORT COMMAND...         one command to a running server, prints its answer
  fake_gateway.py --count FILE [KEY=VALUE]...           number of records of the log that match
  fake_gateway.py --show FILE KEY [KEY=VALUE]...        that field of each request (dir=out: of each reply), "-" if absent
  fake_gateway.py --max-outstanding FILE [KEY=VALUE]... most requests of one client that waited for an answer at once

Commands: reboot, forget, external ADDR, unreachable MS, mode WORD[=VALUE], unmode WORD, reset, announce, update,
mappings, quit.
SIGUSR1 is reboot (mappings gone, epoch 0, announcements), SIGUSR2 is update (every mapping gets another external port).
"""

import argparse
import collections
import ctypes
import gc
import heapq
import json
import math
import os
import random
import select
import signal
import socket
import struct
import sys
import time

sys.dont_write_bytecode = True
from fake_gateway_modes import (  # noqa: E402  (after dont_write_bytecode: leave no files in the tree)
    MODES, MS, OPTION_NAMES, V4_PREFIX, Effect, ModeError, Settings, address16, make_effect, version_answer)
from fake_gateway_nat import PROTOCOLS, Flow, NatError  # noqa: E402

(SUCCESS, UNSUPP_VERSION, NOT_AUTHORIZED, MALFORMED_REQUEST, UNSUPP_OPCODE, UNSUPP_OPTION, MALFORMED_OPTION, NETWORK_FAILURE,
 NO_RESOURCES, UNSUPP_PROTOCOL, USER_EX_QUOTA, CANNOT_PROVIDE_EXTERNAL, ADDRESS_MISMATCH, EXCESSIVE_REMOTE_PEERS) = range(14)
SHORT_ERRORS = frozenset((NETWORK_FAILURE, NO_RESOURCES, USER_EX_QUOTA))
NATPMP_ERRORS = {NETWORK_FAILURE: 3, NO_RESOURCES: 4, USER_EX_QUOTA: 4}     # other refusals: 2
ANNOUNCE, MAP, PEER = 0, 1, 2
THIRD_PARTY, PREFER_FAILURE, FILTER, DESCRIPTION, PREFIX64, PORT_SET = 1, 2, 3, 128, 129, 130
TCP, UDP, SCTP = 6, 17, 132
V4_ANY = V4_PREFIX + bytes(4)
NAT46_ADDRESS = address16("2a10:1234::7")

HEADER = struct.Struct(">BBBBII12s")                  # RFC 6887 section 7.2, a response
MAP_FIELDS = struct.Struct(">I16x12sB3xHH16s")        # section 11.1, from the lifetime (octet 4) on
MAP_REPLY = struct.Struct(">BBBBII12x12sB3xHH16s")    # the whole response
PEER_FIELDS = struct.Struct(">H2x16s")                # section 12.1, from octet 60 on
NATPMP_REQUEST = struct.Struct(">xxHHHI")             # RFC 6886 section 3.3
NATPMP_REPLY = struct.Struct(">BBHIHHI")


class Refused(Exception):
    """A PCP result code other than SUCCESS, and the Lifetime that goes with it (None: the usual one)."""

    def __init__(self, code, lifetime=None):
        super().__init__(code)
        self.code = code
        self.lifetime = lifetime


class Channel:
    """One bound socket."""

    def __init__(self, family, address):
        self.family = family
        self.sock = socket.socket(family, socket.SOCK_DGRAM)
        if family == socket.AF_INET6:
            self.sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        try:
            self.bind(address)
        except OSError:
            self.sock.close()
            raise
        self.address = self.sock.getsockname()
        self.host = self.address[0]
        self.port = self.address[1]

    def bind(self, address):
        """Any free port is bound by its number, too: else the kernel would take it back in reachable()."""
        with socket.socket(self.family, socket.SOCK_DGRAM) as any_port:
            if self.family == socket.AF_INET6:
                any_port.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if not address[1]:
                for sock in (any_port, self.sock):
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                any_port.bind(address)
                address = any_port.getsockname()
            self.sock.bind(address)
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)

    def multicast(self):
        """Send multicast from the interface of the bound address."""
        if self.family == socket.AF_INET:
            self.sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(self.host))
        elif self.address[3]:
            self.sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, self.address[3])


class Request:
    """One datagram from a client, and what has been read of it."""

    __slots__ = ("data", "peer", "channel", "now", "source", "internal", "lifetime", "nonce", "protocol", "internal_port",
                 "port", "address", "remote", "remote_port", "options")

    def __init__(self, data, peer, channel, now):
        self.data = data
        self.peer = peer
        self.channel = channel
        self.now = now
        self.options = None


class Reply:
    """One datagram to a client, after delay seconds."""

    __slots__ = ("data", "peer", "channel", "delay")

    def __init__(self, data, peer, channel, delay=0.0):
        self.data = data
        self.peer = peer
        self.channel = channel
        self.delay = delay

    def copy(self, data=None, delay=None):
        """The same once more, with other octets or another delay."""
        return Reply(self.data if data is None else data, self.peer, self.channel, self.delay if delay is None else delay)


class Options:
    """The options of a request that this server processes."""

    __slots__ = ("third_party", "prefer_failure", "filters", "description", "port_set", "prefix64")

    def __init__(self):
        self.third_party = None
        self.prefer_failure = False
        self.filters = None
        self.description = None
        self.port_set = None
        self.prefix64 = False


class Mapping:
    """One entry of the mapping table (RFC 6887 section 11.3, 12.3)."""

    __slots__ = ("key", "owner", "nonce", "external", "port", "size", "parity", "expires", "lifetime", "filters", "description",
                 "third_party", "peer", "channel", "touched", "prefer_failure")

    def __init__(self, key, external, port, size):
        self.key = key
        self.owner = key[1:4]
        self.external = external
        self.port = port
        self.size = size
        self.parity = 0
        self.filters = []
        self.description = None
        self.third_party = False
        self.prefer_failure = False

    def slots(self):
        """The external (address, protocol, port) that it occupies."""
        return [(self.external, self.key[2], self.port + step) for step in range(self.size)]


class Table:
    """The mappings, by key, and the external ports they hold."""

    def __init__(self):
        self.by_key = {}
        self.holders = collections.defaultdict(list)
        self.next_port = 49152

    def find(self, key, now):
        """The live mapping of this key, or None."""
        mapping = self.by_key.get(key)
        if mapping is not None and mapping.expires <= now:
            self.remove(mapping)
            return None
        return mapping

    def add(self, mapping):
        """Enter it."""
        self.by_key[mapping.key] = mapping
        if mapping.size == 1:
            self.holders[(mapping.external, mapping.key[2], mapping.port)].append(mapping)
        else:
            for slot in mapping.slots():
                self.holders[slot].append(mapping)

    def remove(self, mapping):
        """Take it out, with its ports."""
        del self.by_key[mapping.key]
        for slot in mapping.slots():
            self.holders[slot].remove(mapping)

    def move(self, mapping, external, port):
        """Give it another external address and port, free or not."""
        self.remove(mapping)
        mapping.external, mapping.port = external, port
        self.add(mapping)

    def is_free(self, slot, owner, now):
        """Whether a mapping of this owner may use the slot (RFC 6886 section 3.3: the companion port is reserved too)."""
        external, protocol, port = slot
        holders = self.holders.get(slot)
        if holders and any(other.owner != owner and other.expires > now for other in holders):
            return False
        if port and protocol in (TCP, UDP):
            companions = self.holders.get((external, TCP + UDP - protocol, port))
            if companions and any(other.owner[0] != owner[0] and other.expires > now for other in companions):
                return False
        return True

    def sweep(self, now):
        """Drop what has expired."""
        for mapping in [mapping for mapping in self.by_key.values() if mapping.expires <= now]:
            self.remove(mapping)


# Options of a request (RFC 6887 section 7.3)

def option_records(data, offset):
    """The (code, octets) of the options from offset on; MALFORMED_OPTION where the structure is broken."""
    end = len(data)
    while offset < end:
        if end - offset < 4:
            raise Refused(MALFORMED_OPTION)
        code, length = struct.unpack_from(">BxH", data, offset)
        if offset + 4 + (length + 3 & ~3) > end:
            raise Refused(MALFORMED_OPTION)
        yield code, data[offset + 4:offset + 4 + length]
        offset += 4 + (length + 3 & ~3)


def pack_option(code, octets):
    """One option, padded."""
    return struct.pack(">BxH", code, len(octets)) + octets + bytes(-len(octets) % 4)


def take_third_party(options, octets, request):
    """RFC 6887 section 13.1."""
    if octets == request.source:
        raise Refused(MALFORMED_REQUEST)
    options.third_party = octets


def take_prefer_failure(options, _octets, request):
    """RFC 6887 section 13.2; section 12.1 for PEER."""
    if request.data[1] == PEER:
        raise Refused(MALFORMED_REQUEST)
    if not request.port or not request.lifetime:
        raise Refused(MALFORMED_OPTION)
    options.prefer_failure = True


def take_filter(options, octets, request):
    """RFC 6887 section 13.3."""
    if request.data[1] == PEER:
        raise Refused(MALFORMED_REQUEST)
    prefix = octets[1]
    is_v4 = octets[4:16] == V4_PREFIX
    if not request.lifetime or prefix > 128 or (is_v4 and 0 < prefix < 96):
        raise Refused(MALFORMED_OPTION)
    if options.filters is None:
        options.filters = []
    options.filters.append(octets)


def take_description(options, octets, _request):
    """RFC 7220."""
    options.description = octets


def take_prefix64(options, _octets, _request):
    """RFC 7225."""
    options.prefix64 = True


def take_port_set(options, octets, request):
    """RFC 7753 section 4.2."""
    size, first, flags = struct.unpack(">HHB", octets)
    if request.lifetime and (size == 0 or first != request.internal_port):
        raise Refused(MALFORMED_OPTION)
    options.port_set = (size, first, flags & 1)


# code -> (opcodes, smallest length, largest length, may come more than once, function)
OPTIONS = {
    THIRD_PARTY: ((MAP, PEER), 16, 16, False, take_third_party),
    PREFER_FAILURE: ((MAP, PEER), 0, 0, False, take_prefer_failure),
    FILTER: ((MAP, PEER), 20, 20, True, take_filter),
    DESCRIPTION: ((MAP, PEER), 0, 1016, False, take_description),
    PREFIX64: ((ANNOUNCE, MAP), 14, 1016, False, take_prefix64),
    PORT_SET: ((MAP,), 5, 5, False, take_port_set),
}


def read_options(request, offset, settings):
    """The options of a request; what is unknown is refused or ignored by its range (RFC 6887 section 7.3)."""
    options = Options()
    seen = set()
    for code, octets in option_records(request.data, offset):
        known = OPTIONS.get(code)
        if known is None or code in settings.no_options:
            if code < 128:
                raise Refused(UNSUPP_OPTION)
            continue
        opcodes, shortest, longest, repeats, take = known
        if not shortest <= len(octets) <= longest or (code in seen and not repeats):
            raise Refused(MALFORMED_OPTION)
        if request.data[1] not in opcodes:
            if code < 128:
                raise Refused(MALFORMED_OPTION)
            continue
        seen.add(code)
        take(options, octets, request)
    if options.prefer_failure and options.port_set:
        raise Refused(MALFORMED_OPTION)
    return options


class Protocol:
    """The correct server: a request in, the reply's octets (or None) out."""

    def __init__(self):
        self.settings = Settings()
        self.table = Table()
        self.vpn_ports = {}
        self.vpn_generation = 0
        self.sources = {}
        self.epoch_base = 0.0
        self.epoch_start = time.monotonic()
        self.opcodes = {ANNOUNCE: self.announce, MAP: self.map, PEER: self.peer}

    # Epoch (RFC 6887 section 8.5)

    def epoch(self):
        """The epoch now, 32 bits."""
        return int(self.exact_epoch()) & 0xffffffff

    def exact_epoch(self):
        """The epoch now, with its fraction."""
        if self.settings.epoch_wallclock:
            return time.time()
        return self.epoch_base + (time.monotonic() - self.epoch_start) * self.settings.epoch_rate

    def set_epoch(self, value):
        """From now on it counts from value."""
        self.epoch_base = float(value)
        self.epoch_start = time.monotonic()

    # Both protocols

    def source(self, peer):
        """The 16-octet address of a socket address."""
        host = peer[0]
        found = self.sources.get(host)
        if found is None:
            found = self.sources[host] = address16(host)
        return found

    def answer(self, request):
        """RFC 6887 section 8.2, appendix A: the first octet decides."""
        data = request.data
        if len(data) < 2 or data[1] & 0x80:
            return None
        if data[0] == 2 and self.settings.pcp:
            return self.pcp(request)
        if data[0] == 0 and self.settings.natpmp:
            return self.natpmp(request)
        if self.settings.pcp:
            return self.error(request, UNSUPP_VERSION)
        return version_answer(self.settings.version_answer, request, self.epoch())

    def force(self, request, mapping, is_mapping):
        """The result code that a mode wants for this request, 0 if none."""
        s = self.settings
        version = request.data[0]
        own = s.announce_result if version == 2 else s.natpmp_address_result
        if is_mapping:
            if s.sequence is not None:
                code = next(s.sequence, None)
                if code is not None:
                    return code
            own = s.map_result if version == 2 else None
            if not request.lifetime:
                own = s.delete_result if s.delete_result is not None else own
            elif mapping is not None:
                own = s.renew_result if s.renew_result is not None else own
        if own is None and version == 0:
            own = s.natpmp_result
        return own if own is not None else s.result or 0

    def grant(self, asked):
        """RFC 6887 section 15: the lifetime granted."""
        s = self.settings
        return s.lifetime if s.lifetime is not None else min(max(asked, s.min_lifetime), s.max_lifetime)

    def create(self, request, key):
        """A new mapping for request; nothing is entered if it cannot be had (RFC 6887 section 11.3)."""
        s = self.settings
        if request.protocol in s.no_protocols or (s.no_wildcards and not request.internal_port):
            raise Refused(UNSUPP_PROTOCOL)
        if s.quota is not None:
            self.table.sweep(request.now)
            if len(self.table.by_key) >= s.quota:
                raise Refused(USER_EX_QUOTA)
        external = self.external(key)
        size = 1
        if request.options is not None and request.options.port_set:
            size = min(request.options.port_set[0], s.port_set_limit, 65536 - request.internal_port)
        port = self.choose_port(request, key, external, size)
        mapping = Mapping(key, external, port, size)
        self.check_suggestion(request, mapping)
        if s.port_set_halves and size > 1:
            mapping.size = half = size // 2
            other = Mapping((*key[:3], key[3] + half, key[4]), external, port + half, size - half)
            self.keep(request, other, self.grant(request.lifetime))
        return mapping

    def external(self, key):
        """The external address for a mapping of this key."""
        if key[4]:
            return self.settings.external
        if self.settings.external6:
            return self.settings.external6
        return NAT46_ADDRESS if key[1][:12] == V4_PREFIX else key[1]

    def choose_port(self, request, key, external, size):
        """The external port: the suggested one if it can be had, else another."""
        s = self.settings
        if s.external_port is not None:
            return s.external_port
        if external == key[1] or not request.internal_port:
            if self.suits(request, key, external, request.internal_port, size):
                return request.internal_port
            raise Refused(UNSUPP_PROTOCOL)
        wanted = request.port
        if not wanted and s.any_port_refused:
            raise Refused(NO_RESOURCES)
        if request.protocol == SCTP:                  # section 16.3.3: the port cannot be translated
            if wanted in (0, request.internal_port) and self.suits(request, key, external, request.internal_port, size):
                return request.internal_port
            raise Refused(CANNOT_PROVIDE_EXTERNAL)
        if s.port_offset:
            wanted = (wanted or request.internal_port) + s.port_offset & 0xffff
        if wanted and self.suits(request, key, external, wanted, size):
            return wanted
        return self.any_port(request, key, external, size)

    def suits(self, request, key, external, port, size):
        """Whether size ports from port on are free for this key."""
        owner = key[1:4]
        flow = self.flow(key)
        if size == 1:
            steps = (port,)
        else:
            if port + size > 65536 or (request.options.port_set[2] and (port ^ request.internal_port) & 1):
                return False
            steps = range(port, port + size)
        for step in steps:
            if step in self.settings.taken or (request.protocol == UDP and step in (5350, 5351)):
                return False
            if not self.table.is_free((external, request.protocol, step), owner, request.now):
                return False
            if flow is not None and self.settings.nat.is_held(flow, show_address(external), step):
                return False
        return True

    def any_port(self, request, key, external, size):
        """Some free port of the dynamic range, then of 1024 and up."""
        table = self.table
        for _ in range(64512):
            port = table.next_port
            table.next_port = port + size if port + size < 65536 else 1024
            if self.suits(request, key, external, port, size):
                return port
        raise Refused(NO_RESOURCES)

    def check_suggestion(self, request, mapping):
        """PREFER_FAILURE, and PEER with a suggestion: exactly that, or nothing (RFC 6887 sections 13.2 and 12.1)."""
        s = self.settings
        options = request.options
        strict = options is not None and options.prefer_failure and s.prefer_failure
        if mapping.key[0] == PEER:
            strict = s.peer_strict and s.external_port is None and not s.port_offset
        if not strict:
            return
        if (request.port not in (0, mapping.port) or request.address not in (V4_ANY, bytes(16), mapping.external)):
            raise Refused(CANNOT_PROVIDE_EXTERNAL)

    def keep(self, request, mapping, lifetime):
        """Enter or renew the mapping."""
        now = request.now
        if request.options is not None:
            self.keep_options(request, mapping)
        mapping.nonce = request.nonce
        mapping.lifetime = lifetime
        mapping.expires = now + lifetime
        mapping.peer = request.peer
        mapping.channel = request.channel
        mapping.touched = now
        if mapping.key not in self.table.by_key:
            self.table.add(mapping)

    def keep_options(self, request, mapping):
        """What the options change; an error leaves everything as it was (section 13.3)."""
        options = request.options
        if options.filters is not None:
            mapping.filters = self.merged_filters(mapping, options)
        if options.description is not None:
            mapping.description = options.description[:self.settings.description_limit]
        if options.port_set:
            mapping.parity = options.port_set[2]
        mapping.third_party = options.third_party is not None
        mapping.prefer_failure = options.prefer_failure

    def merged_filters(self, mapping, options):
        """Filters are added to those that exist; prefix length 0 removes them (section 13.3)."""
        filters = list(mapping.filters)
        for octets in options.filters:
            if octets[1] == 0:
                filters.clear()
            elif octets not in filters:
                filters.append(octets)
        if len(filters) > self.settings.max_filters:
            raise Refused(EXCESSIVE_REMOTE_PEERS)
        return filters

    # PCP

    def pcp(self, request):
        """RFC 6887 section 8.2, in its order."""
        data = request.data
        size = len(data)
        if size < 24:
            return None
        opcode = data[1]
        try:
            if size > 1100 or size & 3:
                raise Refused(MALFORMED_REQUEST)
            if opcode not in self.opcodes or opcode in self.settings.no_opcodes:
                raise Refused(UNSUPP_OPCODE)
            if (opcode == MAP and size < 60) or (opcode == PEER and size < 80):
                raise Refused(MALFORMED_REQUEST)
            request.source = self.source(request.peer)
            if data[8:24] != request.source:
                raise Refused(ADDRESS_MISMATCH)
            return self.opcodes[opcode](request)
        except Refused as refused:
            return self.error(request, refused.code, refused.lifetime)

    def error(self, request, code, lifetime=None):
        """An error response: the request copied, padded, with the header's fields set (sections 7.2 and 8.2)."""
        data = request.data[:1100]
        if lifetime is None:
            lifetime = self.settings.error_lifetime
        if lifetime is None:
            lifetime = 30 if code in SHORT_ERRORS else 1800
        parsed = code not in (UNSUPP_VERSION, MALFORMED_REQUEST)
        reserved = bytes(12) if parsed else data[12:24].ljust(12, b"\0") if data[0] == 2 else bytes(12)
        head = HEADER.pack(2, data[1] | 0x80, 0, code, lifetime, self.epoch(), reserved)
        rest = data[24:]
        return head + rest + bytes(-len(rest) % 4)

    def announce(self, request):
        """RFC 6887 section 14.1.2."""
        request.lifetime = 0
        if self.settings.forced:
            code = self.force(request, None, False)
            if code:
                raise Refused(code)
        tail = b""
        if len(request.data) > 24:
            request.options = read_options(request, 24, self.settings)
            tail = self.prefix64(request.options)
        return HEADER.pack(2, 0x80, 0, SUCCESS, 0, self.epoch(), bytes(12)) + tail

    def map(self, request):
        """RFC 6887 sections 11.3 and 15.1."""
        data = request.data
        (request.lifetime, request.nonce, request.protocol, request.internal_port, request.port,
         request.address) = MAP_FIELDS.unpack_from(data, 4)
        internal = request.source
        if len(data) > 60:
            request.options = options = read_options(request, 60, self.settings)
            internal = options.third_party or internal
        if not request.protocol and request.internal_port:
            raise Refused(MALFORMED_REQUEST)
        key = (MAP, internal, request.protocol, request.internal_port, request.address[:12] == V4_PREFIX)
        mapping = self.table.find(key, request.now)
        self.admit(request, mapping)
        if not request.lifetime:
            return self.delete(request, key, mapping)
        if mapping is None:
            mapping = self.create(request, key)
        else:
            self.check_suggestion(request, mapping)
        self.keep(request, mapping, self.grant(request.lifetime))
        return self.map_reply(mapping, mapping.lifetime, request.options)

    def admit(self, request, mapping):
        """What stands before any change: a forced result, and the nonce of an existing mapping."""
        if self.settings.forced:
            code = self.force(request, mapping, True)
            if code:
                raise Refused(code)
        if mapping is not None and mapping.nonce != request.nonce and mapping.nonce is not None and self.settings.nonce_checked:
            raise Refused(NOT_AUTHORIZED, int(mapping.expires - request.now))

    def delete(self, request, key, mapping):
        """RFC 6887 section 15.1: what does not exist is SUCCESS; an outbound mapping is NOT_AUTHORIZED."""
        residual = 0
        if mapping is not None:
            residual = self.settings.lifetime_on_delete
            if residual:
                mapping.expires = request.now + residual
            else:
                self.table.remove(mapping)
        elif any(other[0] == PEER and other[1:4] == key[1:4] for other in self.table.by_key):
            raise Refused(NOT_AUTHORIZED)
        reply = MAP_REPLY.pack(2, 0x81, 0, SUCCESS, residual, self.epoch(), request.nonce, request.protocol,
                               request.internal_port, request.port, request.address)
        if request.options is not None and request.options.third_party:
            reply += pack_option(THIRD_PARTY, request.options.third_party)
        return reply

    def map_reply(self, mapping, lifetime, options, code=SUCCESS):
        """A MAP response (section 11.1), with the options that were processed (section 7.3)."""
        _, internal, protocol, internal_port, _ = mapping.key
        reply = MAP_REPLY.pack(2, 0x81, 0, code, lifetime, self.epoch(), mapping.nonce, protocol, internal_port, mapping.port,
                               mapping.external)
        return reply if options is None else reply + self.option_reply(mapping, options, internal)

    def option_reply(self, mapping, options, internal):
        """The processed options of a request, as they go into the response."""
        parts = []
        if options.third_party:
            parts.append(pack_option(THIRD_PARTY, internal))
        if options.prefer_failure and self.settings.prefer_failure:
            parts.append(pack_option(PREFER_FAILURE, b""))
        parts += [pack_option(FILTER, octets) for octets in options.filters or ()]
        if options.description is not None:
            parts.append(pack_option(DESCRIPTION, mapping.description))
        if options.port_set and mapping.size > 1:
            parts.append(pack_option(PORT_SET, struct.pack(">HHB", mapping.size, mapping.key[3], mapping.parity)))
        parts.append(self.prefix64(options))
        return b"".join(parts)

    def prefix64(self, options):
        """The PREFIX64 option, if asked for and known (RFC 7225 section 4.1)."""
        if not options.prefix64 or self.settings.prefix64 is None:
            return b""
        return pack_option(PREFIX64, struct.pack(">H", 12) + self.settings.prefix64[:12])

    def peer(self, request):
        """RFC 6887 section 12.3; it cannot delete nor shorten (section 12.1)."""
        data = request.data
        (request.lifetime, request.nonce, request.protocol, request.internal_port, request.port,
         request.address) = MAP_FIELDS.unpack_from(data, 4)
        request.remote_port, request.remote = PEER_FIELDS.unpack_from(data, 60)
        internal = request.source
        if len(data) > 80:
            request.options = options = read_options(request, 80, self.settings)
            internal = options.third_party or internal
        if not request.protocol or not request.internal_port or not request.remote_port or request.remote in (V4_ANY, bytes(16)):
            raise Refused(MALFORMED_REQUEST)
        key = (PEER, internal, request.protocol, request.internal_port, request.address[:12] == V4_PREFIX,
               request.remote_port, request.remote)
        mapping = self.table.find(key, request.now)
        self.admit(request, mapping)
        flow = self.flow(key)
        present = self.settings.nat.present(flow) if flow is not None else None
        lifetime = self.peer_lifetime(request, mapping, present)
        if mapping is None:
            mapping = self.create_peer(request, key, present)
        self.check_suggestion(request, mapping)
        self.keep(request, mapping, lifetime)
        self.translate(mapping)
        return self.peer_reply(mapping, lifetime, request.options)

    def peer_lifetime(self, request, mapping, present):
        """What exists is extended, never shortened (RFC 6887 section 12.1); what is new gets what any mapping does."""
        s = self.settings
        if s.lifetime is not None or (mapping is None and present is None):
            return self.grant(request.lifetime)
        left = [int(mapping.expires - request.now)] if mapping is not None else []
        left += [present.left] if present is not None else []
        return max(min(request.lifetime, s.max_lifetime), *left)

    def create_peer(self, request, key, present):
        """The external port of the flow: the one it has; that of an inbound mapping of the same internal port, if there is one."""
        if present is not None:
            return Mapping(key, address16(present.external), present.port, 1)
        inbound = self.table.find((MAP,) + key[1:5], request.now)
        if inbound is not None and not request.port:
            return Mapping(key, inbound.external, inbound.port, 1)
        return self.create(request, key)

    def flow(self, key):
        """The flow of a PEER mapping that is really translated; None without a NAT, and for IPv6, which passes as it is."""
        if self.settings.nat is None or key[0] != PEER:
            return None
        _, internal, protocol, port, to_v4, remote_port, remote = key
        families = {internal[:12] == V4_PREFIX, remote[:12] == V4_PREFIX, to_v4}
        if protocol not in PROTOCOLS or len(families) > 1:
            raise Refused(UNSUPP_PROTOCOL)
        return Flow(protocol, show_address(internal), port, show_address(remote), remote_port) if to_v4 else None

    def translate(self, mapping):
        """As the table has it, so does the NAT; or the mapping is not to be had."""
        if self.settings.nat is None:
            return
        try:
            self.settings.nat.sync(self.rules())
        except NatError as error:
            print(f"fake_gateway: {error}", file=sys.stderr, flush=True)
            self.table.remove(mapping)
            raise Refused(NO_RESOURCES) from error

    def rules(self):
        """What the NAT is to do for the mappings there are."""
        flows = ((self.flow(mapping.key), mapping) for mapping in self.table.by_key.values())
        return {flow: (show_address(mapping.external), mapping.port) for flow, mapping in flows if flow is not None}

    def peer_reply(self, mapping, lifetime, options, code=SUCCESS):
        """A PEER response (section 12.1)."""
        _, internal, protocol, internal_port, _, remote_port, remote = mapping.key
        reply = MAP_REPLY.pack(2, 0x82, 0, code, lifetime, self.epoch(), mapping.nonce, protocol, internal_port, mapping.port,
                               mapping.external) + PEER_FIELDS.pack(remote_port, remote)
        return reply if options is None else reply + self.option_reply(mapping, options, internal)

    # NAT-PMP

    def natpmp(self, request):
        """RFC 6886 sections 3.2 to 3.5; IPv4 only."""
        data = request.data
        opcode = data[1]
        if request.channel.family != socket.AF_INET:
            return None
        if opcode > 2:
            reply = bytearray(data.ljust(4, b"\0"))
            reply[1:4] = bytes((opcode | 0x80, 0, 5))
            return bytes(reply)
        if opcode == 0:
            return self.natpmp_address(request)
        if len(data) < 12:
            return None
        request.internal_port, request.port, request.lifetime = NATPMP_REQUEST.unpack_from(data)[1:]
        try:
            code, port, lifetime = 0, *self.natpmp_map(request)
        except Refused as refused:
            code, port, lifetime = NATPMP_ERRORS.get(refused.code, 2), 0, 0
        except ForcedResult as forced:
            code, port, lifetime = forced.code, 0, 0
        return NATPMP_REPLY.pack(0, opcode | 0x80, code, self.epoch(), request.internal_port, port, lifetime)

    def natpmp_address(self, request):
        """RFC 6886 section 3.2."""
        request.lifetime = 0
        code = self.force(request, None, False) if self.settings.forced else 0
        address = bytes(4) if code or self.settings.natpmp_external_zero else self.settings.external[12:]
        return struct.pack(">BBHI4s", 0, 0x80, code, self.epoch(), address)

    def natpmp_map(self, request):
        """RFC 6886 sections 3.3 and 3.4: the external port and the lifetime granted."""
        s = self.settings
        source = self.source(request.peer)
        request.protocol = UDP if request.data[1] == 1 else TCP
        request.nonce = None
        request.address = V4_ANY
        key = (MAP, source, request.protocol, request.internal_port, True)
        mapping = self.table.find(key, request.now)
        if s.forced:
            code = self.force(request, mapping, True)
            if code:
                raise ForcedResult(code)
        if not request.internal_port and (request.lifetime or request.port):
            if not s.internal_port_zero:
                raise Refused(NOT_AUTHORIZED)
            return self.natpmp_vpn(request, key, mapping)
        if not request.lifetime:
            self.natpmp_delete(key, mapping)
            return 0, 0
        if mapping is None:
            mapping = self.create(request, key)
        request.nonce = mapping.nonce if mapping.key in self.table.by_key else None
        self.keep(request, mapping, self.natpmp_grant(request.lifetime))
        return mapping.port, mapping.lifetime

    def natpmp_grant(self, asked):
        """RFC 6886 section 3.3: it may be less than asked, it should not be more."""
        s = self.settings
        if s.natpmp_lifetime is not None:
            return s.natpmp_lifetime
        return s.lifetime if s.lifetime is not None else min(asked, s.max_lifetime)

    def natpmp_delete(self, key, mapping):
        """One mapping, or with internal port 0 all of that client and protocol (section 3.4)."""
        doomed = [mapping] if mapping is not None else []
        if not key[3]:
            doomed = [other for other in self.table.by_key.values() if other.key[:3] == key[:3]]
        for other in doomed:
            self.table.remove(other)

    def natpmp_vpn(self, request, key, mapping):
        """A VPN provider's convention: internal port 0, a random port, the same for UDP and TCP."""
        if not request.lifetime:
            self.natpmp_delete(key, mapping)
            return 0, 0
        if mapping is None:
            port = self.vpn_ports.get(key[1])
            if port is None:
                step = self.vpn_generation * 101 + len(self.vpn_ports)
                port = self.vpn_ports[key[1]] = 32768 + (os.getpid() * 7919 + step) % 28000
            mapping = Mapping(key, self.settings.external, port, 1)
        self.keep(request, mapping, self.natpmp_grant(request.lifetime))
        return mapping.port, mapping.lifetime


class ForcedResult(Exception):
    """A NAT-PMP result code that a mode wants."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


class Gateway(Protocol):
    """The server with its sockets, modes, log and timers."""

    def __init__(self, channels, log=None):
        super().__init__()
        self.channels = channels
        self.log = log
        self.random = random.Random(1)
        self.active = {}
        self.before = ()
        self.after = ()
        self.strangers = {}
        self.timers = []
        self.sequence = 0
        self.end = None
        self.stopped = False

    # Modes

    def switch_on(self, word, value=None):
        """Switch a mode on; the same word again replaces it."""
        effect = make_effect(word, value)
        self.leave(word)
        if effect.start:
            effect.start(self)
        self.active[word] = effect
        self.rebuild()

    def switch_off(self, word):
        """Switch a mode off."""
        if word not in self.active:
            raise ModeError(f"mode {word!r} is not on")
        self.leave(word)
        self.rebuild()

    def leave(self, word):
        """The end of a mode, if it is on."""
        effect = self.active.pop(word, None)
        if effect is not None and effect.stop:
            effect.stop(self)

    def rebuild(self):
        """Settings and hooks from the modes that are on, in the order of the table; the epoch goes on without a step."""
        self.set_epoch(self.exact_epoch() if not self.settings.epoch_wallclock else self.epoch_base)
        old = self.settings
        self.settings = Settings()
        effects = [self.active.get(word, Effect()) for word in MODES if word in self.active]
        for effect in effects:
            for name, value in effect.settings.items():
                setattr(self.settings, name, value)
        self.before = tuple(effect.before for effect in effects if effect.before)
        self.after = tuple(effect.after for effect in effects if effect.after)
        if old.external != self.settings.external:
            for mapping in list(self.table.by_key.values()):
                if mapping.external == old.external:
                    self.move(mapping, self.settings.external, mapping.port)

    # Datagrams

    def handle(self, channel, data, peer):
        """One datagram from a client."""
        request = Request(data, peer, channel, time.monotonic())
        if self.log is not None:
            self.log.request(request)
        for hook in self.before:
            if hook(self, request):
                return
        answer = self.answer(request)
        if answer is not None:
            self.reply(request, answer)

    def reply(self, request, data):
        """Answer a request, by way of the modes."""
        if not self.after:
            self.send(request.channel, data, request.peer, request)
            return
        replies = [Reply(data, request.peer, request.channel)]
        for hook in self.after:
            replies = hook(self, request, replies)
        for reply in replies:
            if reply.delay > 0:
                self.later(reply.delay, lambda reply=reply: self.send(reply.channel, reply.data, reply.peer, request))
            else:
                self.send(reply.channel, reply.data, reply.peer, request)

    def send(self, channel, data, peer, request=None):
        """One datagram out; what the kernel refuses is noted."""
        if self.log is not None:
            self.log.reply(channel, data, peer, request)
        try:
            channel.sock.sendto(data, peer)
        except OSError as error:
            self.note(f"not sent: {error}", peer)

    def note(self, text, peer=None):
        """A line in the log."""
        if self.log is not None:
            self.log.note(text, peer)

    def stranger(self, channel):
        """Another socket on the same address, with another port; nobody listens to it."""
        if channel not in self.strangers:
            address = (channel.host, 0) + tuple(channel.address[2:])
            self.strangers[channel] = Channel(channel.family, address)
        return self.strangers[channel]

    def neighbour(self, channel):
        """The other --bind address of the same family."""
        for other in self.channels:
            if other.family == channel.family and other is not channel:
                return other
        return channel

    # Events

    def reboot(self):
        """All state lost, the epoch starts again, announcements (RFC 6887 section 14)."""
        self.forget()
        self.set_epoch(0)
        self.announce_restart()

    def forget(self):
        """All mappings lost, and nobody is told."""
        self.table = Table()
        self.vpn_ports = {}
        self.vpn_generation += 1
        if self.settings.nat is not None:
            self.settings.nat.forget()

    def move(self, mapping, external, port):
        """Another external address and port; a flow that is really translated starts anew, under these."""
        self.table.move(mapping, external, port)
        flow = self.flow(mapping.key)
        if flow is not None:
            self.settings.nat.sync(self.rules())
            self.settings.nat.drop(flow)

    def change_external(self, address):
        """Another external IPv4 address: the mappings move, the epoch starts again, announcements (RFC 6887 section 8.5)."""
        self.switch_on("external", address)
        self.set_epoch(0)
        self.announce_restart()

    def announce_restart(self):
        """Announcements to announce-to: RFC 6887 section 14.1.3, RFC 6886 section 3.2.1."""
        due, gap = 0.0, 0.25
        for _ in range(self.settings.announce_count):
            self.later(due, self.announce_once)
            due, gap = due + gap, gap * 2

    def announce_once(self):
        """One announcement (pair)."""
        s = self.settings
        for family, address in s.announce_to:
            for channel in self.channels:
                # To all nodes of the link from its address there, as a router has it.
                if channel.family != family or (address[0].startswith("ff02:") and not channel.host.startswith("fe80:")):
                    continue
                channel.multicast()
                if s.announce_form != "natpmp":
                    self.send(channel, HEADER.pack(2, 0x80, 0, SUCCESS, 0, self.epoch(), bytes(12)), address)
                if s.announce_form != "pcp" and family == socket.AF_INET:
                    self.send(channel, struct.pack(">BBHI4s", 0, 0x80, 0, self.epoch(), s.external[12:]), address)

    def update(self):
        """Mapping Updates: each PCP mapping gets another external port, its holder is told three times (section 14.2)."""
        now = time.monotonic()
        self.table.sweep(now)
        for mapping in list(self.table.by_key.values()):
            if mapping.nonce is None:
                continue
            self.move(mapping, mapping.external, (mapping.port + 1000) % 64512 + 1024)
            for due in (0.0, 0.25, 0.75):
                self.later(due, lambda mapping=mapping: self.tell_update(mapping, now))

    def tell_update(self, mapping, since):
        """One unsolicited response, unless the mapping has been refreshed since."""
        if mapping.touched > since or self.table.by_key.get(mapping.key) is not mapping:
            return
        options = Options()
        options.third_party = mapping.third_party
        options.filters = mapping.filters
        form = self.map_reply if mapping.key[0] == MAP else self.peer_reply
        code = CANNOT_PROVIDE_EXTERNAL if mapping.prefer_failure else SUCCESS
        data = form(mapping, max(0, int(mapping.expires - time.monotonic())), options, code)
        self.send(mapping.channel, data, mapping.peer)

    def mappings(self):
        """The live mappings as JSON, one a line."""
        now = time.monotonic()
        self.table.sweep(now)
        return "\n".join(json.dumps({
            "kind": "MAP" if mapping.key[0] == MAP else "PEER", "protocol": mapping.key[2],
            "internal_address": show_address(mapping.key[1]), "internal_port": mapping.key[3],
            "external_address": show_address(mapping.external), "external_port": mapping.port, "size": mapping.size,
            "nonce": mapping.nonce and mapping.nonce.hex(), "left": round(mapping.expires - now, 3),
            "filters": len(mapping.filters), "description": (mapping.description or b"").decode("utf-8", "replace"),
        }) for mapping in self.table.by_key.values())

    def command(self, line):
        """One command of the control socket; the answer."""
        word, _, rest = line.strip().partition(" ")
        mode, equals, value = rest.strip().partition("=")
        try:
            if word == "mode":
                self.switch_on(mode, value if equals else None)
            elif word == "unmode":
                self.switch_off(mode)
            elif word == "unreachable":
                self.unreachable(MS(rest.strip()))
            elif word == "external":
                self.change_external(rest.strip())
            elif word == "mappings":
                return self.mappings()[:60000]
            elif word in ("reboot", "forget", "announce", "update", "reset", "quit"):
                {"reboot": self.reboot, "forget": self.forget, "announce": self.announce_restart, "update": self.update,
                 "reset": self.reset, "quit": self.quit}[word]()
            else:
                raise ModeError(f"unknown command {word!r}")
        except (ModeError, NatError) as error:
            return f"error: {error}"
        return "ok"

    def unreachable(self, milliseconds):
        """For so long nobody is there: the kernel answers with port unreachable. The port stays ours: a connected
        socket takes nothing from others."""
        for channel in self.channels:
            channel.sock.connect((channel.host, 1) + channel.address[2:])
        self.later(milliseconds / 1000, self.reachable)

    def reachable(self):
        """The end of unreachable: connect(2) to AF_UNSPEC."""
        for channel in self.channels:
            if ctypes.CDLL(None).connect(channel.sock.fileno(), struct.pack("=H14x", socket.AF_UNSPEC), 16) != 0:
                self.note("still unreachable")

    def reset(self):
        """As at the start, without any mode: mappings forgotten, timers too, the epoch goes on."""
        for word in list(self.active):
            self.leave(word)
        self.timers = []
        self.reachable()
        self.rebuild()
        self.forget()
        self.random.seed(1)

    def quit(self):
        """Leave the loop."""
        self.stopped = True

    # The loop

    def later(self, delay, action):
        """Call action after delay seconds."""
        self.sequence += 1
        heapq.heappush(self.timers, (time.monotonic() + delay, self.sequence, action))

    def run_timers(self):
        """Do what is due; milliseconds to the next thing to do."""
        now = time.monotonic()
        while self.timers and self.timers[0][0] <= now:
            heapq.heappop(self.timers)[2]()
        if now >= self.end:
            self.quit()
        due = min(self.timers[0][0], self.end) if self.timers else self.end
        if self.settings.nat is not None:
            self.table.sweep(now)
            self.settings.nat.sync(self.rules())
            due = min([due, *(mapping.expires for mapping in self.table.by_key.values())])
        return max(0, math.ceil((due - time.monotonic()) * 1000))

    def serve(self, seconds, control=None):
        """For so many seconds, or until quit."""
        self.end = time.monotonic() + seconds
        poller = select.poll()
        by_fd = {channel.sock.fileno(): channel for channel in self.channels}
        for descriptor in by_fd:
            poller.register(descriptor, select.POLLIN)
        wake = self.catch_signals()
        poller.register(wake.fileno(), select.POLLIN)
        if control is not None:
            poller.register(control.fileno(), select.POLLIN)
        while not self.stopped:
            for descriptor, _ in poller.poll(self.run_timers()):
                channel = by_fd.get(descriptor)
                if channel is not None:
                    self.drain(channel)
                elif descriptor == wake.fileno():
                    self.on_signals(wake.recv(64))
                else:
                    line, peer = control.recvfrom(4096)
                    control.sendto(self.command(line.decode("utf-8", "replace")).encode(), peer)
        for word in list(self.active):
            self.leave(word)

    def drain(self, channel):
        """Everything that waits on a socket, but timers are not held up by a flood."""
        receive, handle = channel.sock.recvfrom, self.handle
        try:
            for _ in range(64):
                data, peer = receive(65536)
                handle(channel, data, peer)
        except BlockingIOError:
            return

    def catch_signals(self):
        """Signals as octets on a socket, so that none interrupts the work on a datagram."""
        mine, theirs = socket.socketpair()
        for end in (mine, theirs):
            end.setblocking(False)
        signal.set_wakeup_fd(theirs.fileno())
        self.wake_ends = (mine, theirs)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(number, lambda *_: None)
        return mine

    def on_signals(self, numbers):
        """SIGUSR1 reboots, SIGUSR2 updates, the others end."""
        for number in numbers:
            {signal.SIGUSR1: self.reboot, signal.SIGUSR2: self.update}.get(number, self.quit)()


# The log: one JSON object a line

PCP_KINDS = {0: "ANNOUNCE", 1: "MAP", 2: "PEER", 3: "AUTHENTICATION"}
NATPMP_KINDS = {0: "ADDRESS", 1: "MAP-UDP", 2: "MAP-TCP"}


def show_address(octets):
    """16 octets as text; IPv4 only if all first 96 bits say so."""
    if octets[:12] == V4_PREFIX:
        return socket.inet_ntop(socket.AF_INET, octets[12:])
    return socket.inet_ntop(socket.AF_INET6, octets)


def show_endpoint(peer):
    """A socket address as text."""
    return f"[{peer[0]}]:{peer[1]}" if ":" in peer[0] else f"{peer[0]}:{peer[1]}"


def decode_options(data, offset, record):
    """The options, and a key of its own for those that are known."""
    names = record["options"] = []
    try:
        for code, octets in option_records(data, offset):
            name = OPTION_NAMES.get(code, str(code))
            names.append(name)
            if code == THIRD_PARTY and len(octets) == 16:
                record["third_party"] = show_address(octets)
            elif code == FILTER and len(octets) == 20:
                record.setdefault("filters", []).append(
                    f"{show_address(octets[4:])}/{octets[1]}:{struct.unpack_from('>H', octets, 2)[0]}")
            elif code == DESCRIPTION:
                record["description"] = octets.decode("utf-8", "backslashreplace")
            elif code == PORT_SET and len(octets) == 5:
                record["port_set"] = "{}@{}/{}".format(*struct.unpack(">HHB", octets))
            elif octets:
                record[f"option_{name}"] = octets.hex()
    except Refused:
        names.append("BROKEN")


def decode_pcp(data, record):
    """RFC 6887: common header, opcode data, options."""
    if len(data) < 24:
        return
    opcode = data[1] & 0x7f
    record["kind"] = PCP_KINDS.get(opcode, str(opcode))
    record["lifetime"] = struct.unpack_from(">I", data, 4)[0]
    if data[1] & 0x80:
        record["result"] = data[3]
        record["epoch"] = struct.unpack_from(">I", data, 8)[0]
    else:
        record["reserved"] = int.from_bytes(data[2:4], "big")
        record["client_address"] = show_address(data[8:24])
    end = {ANNOUNCE: 24, MAP: 60, PEER: 80}.get(opcode)
    if end is None or len(data) < end:
        return
    if opcode != ANNOUNCE:
        word = "external" if data[1] & 0x80 else "suggested"
        nonce, protocol, internal_port, port, address = MAP_FIELDS.unpack_from(data, 4)[1:]
        record.update({"nonce": nonce.hex(), "protocol": protocol, "internal_port": internal_port, f"{word}_port": port,
                       f"{word}_address": show_address(address)})
    if opcode == PEER:
        port, address = PEER_FIELDS.unpack_from(data, 60)
        record.update({"remote_port": port, "remote_address": show_address(address)})
    if len(data) > end:
        decode_options(data, end, record)


def decode_natpmp(data, record):
    """RFC 6886."""
    opcode = data[1] & 0x7f
    record["kind"] = NATPMP_KINDS.get(opcode, str(opcode))
    response = data[1] & 0x80
    if not response and opcode in (1, 2) and len(data) >= 12:
        _, internal_port, port, lifetime = NATPMP_REQUEST.unpack_from(data)
        record.update({"protocol": UDP if opcode == 1 else TCP, "internal_port": internal_port, "suggested_port": port,
                       "lifetime": lifetime})
    if response and len(data) >= 4:
        record["result"] = struct.unpack_from(">H", data, 2)[0]
    if response and len(data) >= 8:
        record["epoch"] = struct.unpack_from(">I", data, 4)[0]
    if response and opcode == 0 and len(data) >= 12:
        record["external_address"] = socket.inet_ntop(socket.AF_INET, data[8:12])
    if response and opcode in (1, 2) and len(data) >= 16:
        port, external, lifetime = struct.unpack_from(">HHI", data, 8)
        record.update({"protocol": UDP if opcode == 1 else TCP, "internal_port": port, "external_port": external,
                       "lifetime": lifetime})


def decode(data, record):
    """The fields of a datagram, into record; never fails."""
    record["len"] = len(data)
    record["hex"] = data.hex()
    if len(data) < 2:
        return record
    record["version"] = data[0]
    record["opcode"] = data[1] & 0x7f
    record["response"] = data[1] >> 7
    if data[0] == 2:
        decode_pcp(data, record)
    elif data[0] == 0:
        decode_natpmp(data, record)
    return record


class Log:
    """The log file; a record is one write."""

    def __init__(self, path):
        self.descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        self.start = time.monotonic()
        self.waiting = collections.defaultdict(set)
        self.encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode

    def write(self, record):
        """One line."""
        os.write(self.descriptor, (self.encode(record) + "\n").encode())

    def head(self, direction, peer):
        """The keys every record has: milliseconds since the start, direction, client."""
        elapsed = time.monotonic() - self.start
        return {"t": round(elapsed * 1000, 3), "dir": direction, "peer": show_endpoint(peer) if peer else None}

    def request(self, request):
        """A request, and how many of this client (socket) and version now wait for their answer."""
        record = self.head("in", request.peer)
        record["local"] = show_endpoint(request.channel.address)
        waiting = self.waiting[(request.peer, request.data[:1])]
        if len(request.data) > 1 and request.data[1] < 0x80:
            waiting.add(request.data)
        record["outstanding"] = len(waiting)
        self.write(decode(request.data, record))

    def reply(self, channel, data, peer, request):
        """A reply, or without a request something unsolicited."""
        record = self.head("out", peer)
        record["local"] = show_endpoint(channel.address)
        record["solicited"] = 0 if request is None else 1
        if request is not None:
            self.waiting[(request.peer, request.data[:1])].discard(request.data)
        self.write(decode(data, record))

    def note(self, text, peer):
        """Something that happened."""
        record = self.head("note", peer)
        record["note"] = text
        self.write(record)


def log_records(path, filters):
    """The records of a log that match all KEY=VALUE; a list matches if one of its members does."""
    wanted = []
    for word in filters:
        key, equals, value = word.partition("=")
        if not equals:
            raise ModeError(f"not KEY=VALUE: {word!r}")
        wanted.append((key, value))
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            if all(value in texts(record.get(key)) for key, value in wanted):
                yield record


def texts(value):
    """A field of a record as the texts that it matches."""
    if value is None:
        return ("-",)
    return [str(member) for member in value] if isinstance(value, list) else (str(value),)


def show(path, key, filters):
    """The field of each matching request, or of each reply with dir=out."""
    if not any(word.startswith("dir=") for word in filters):
        filters = filters + ["dir=in"]
    for record in log_records(path, filters):
        print(",".join(texts(record.get(key))))


# The command line

def open_channels(addresses, port):
    """A socket for each address, all on one port; with port 0 the first one chooses."""
    for attempt in range(20):
        channels = []
        try:
            chosen = port
            for text in addresses:
                info = socket.getaddrinfo(text, chosen, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)[0]
                channels.append(Channel(info[0], info[4]))
                chosen = channels[0].port
            return channels
        except OSError:
            for channel in channels:
                channel.sock.close()
            if port or attempt == 19 or len(addresses) == 1:
                raise
    return []


def tell(port, words):
    """One command to a running server."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.connect(("127.0.0.1", port))
        sock.send(" ".join(words).encode())
        answer = sock.recv(65536).decode()
    print(answer) if answer else None
    return 1 if answer.startswith("error: ") else 0


def parse_arguments(argv):
    """The command line; see the top of this file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bind", action="append", metavar="ADDR", help="address to serve (repeatable; default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=5351, help="UDP port, 0: any (default 5351)")
    parser.add_argument("--log", metavar="FILE", help="JSON Lines of every datagram; an old FILE is emptied")
    parser.add_argument("--control", type=int, metavar="PORT", help="UDP port on 127.0.0.1 for commands, 0: any")
    parser.add_argument("--lifetime", type=float, default=120, metavar="S", help="end by itself (default 120)")
    parser.add_argument("--list-modes", action="store_true")
    parser.add_argument("--tell", type=int, metavar="CONTROLPORT")
    parser.add_argument("--count", metavar="FILE")
    parser.add_argument("--show", metavar="FILE")
    parser.add_argument("--max-outstanding", metavar="FILE")
    parser.add_argument("words", nargs="*", metavar="MODE[=VALUE]")
    return parser, parser.parse_intermixed_args(argv)


def run_server(arguments):
    """Serve."""
    channels = open_channels(arguments.bind or ["127.0.0.1"], arguments.port)
    gateway = Gateway(channels, Log(arguments.log) if arguments.log else None)
    for word in arguments.words:
        name, equals, value = word.partition("=")
        gateway.switch_on(name, value if equals else None)
    ready = str(channels[0].port)
    control = None
    if arguments.control is not None:
        control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        control.bind(("127.0.0.1", arguments.control))
        ready += f" {control.getsockname()[1]}"
    gc.disable()
    print(ready, flush=True)
    gateway.serve(arguments.lifetime, control)
    return 0


def main(argv):
    """What was asked for on the command line."""
    parser, arguments = parse_arguments(argv)
    try:
        if arguments.list_modes:
            for word, (text, _) in MODES.items():
                print(f"{word:34}{text}")
        elif arguments.tell is not None:
            return tell(arguments.tell, arguments.words)
        elif arguments.count:
            print(sum(1 for _ in log_records(arguments.count, arguments.words)))
        elif arguments.show:
            if not arguments.words:
                raise ModeError("--show FILE KEY")
            show(arguments.show, arguments.words[0], arguments.words[1:])
        elif arguments.max_outstanding:
            records = log_records(arguments.max_outstanding, arguments.words)
            print(max((record.get("outstanding", 0) for record in records), default=0))
        else:
            return run_server(arguments)
    except ModeError as error:
        parser.error(str(error))
    except OSError as error:
        print(f"fake_gateway: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
