"""The modes of tests/fake_gateway.py: every way in which it can lie, drop, delay or be odd.

MODES maps a word to (help, function). The function takes the text after "=" (None without one) and returns an Effect:

  settings  attributes of Settings that the correct server reads
  before    before(gateway, request) -> True: the request has been dealt with, no proper answer is made
  after     after(gateway, request, replies) -> replies: what really goes out, and when
  start     start(gateway): once, when the mode is switched on
  stop      stop(gateway): once, when it is switched off, or the server ends

Hooks run in the order of the table, so it goes from what is said (fields, options), over the size of the datagram
and extra datagrams, to how it travels (source, copies, delay, loss).
"""

import socket
import struct

from fake_gateway_nat import Nat

V4_PREFIX = bytes(10) + b"\xff\xff"
OPTION_NAMES = {
    1: "THIRD_PARTY", 2: "PREFER_FAILURE", 3: "FILTER", 4: "NONCE", 5: "AUTHENTICATION_TAG", 6: "PA_AUTHENTICATION_TAG",
    7: "EAP_PAYLOAD", 8: "PRF", 9: "MAC_ALGORITHM", 10: "SESSION_LIFETIME", 11: "RECEIVED_PAK", 12: "ID_INDICATOR",
    13: "THIRD_PARTY_ID", 128: "DESCRIPTION", 129: "PREFIX64", 130: "PORT_SET", 192: "CHECKPOINT_REQUIRED",
}


class ModeError(ValueError):
    """A mode word or its value that makes no sense."""


class Settings:
    """What the correct server reads; the defaults are those of RFC 6887 and RFC 6886."""

    pcp = True
    natpmp = True
    version_answer = "8"
    external = V4_PREFIX + bytes((44, 128, 10, 7))
    external6 = None
    external_port = None
    port_offset = 0
    taken = frozenset()
    any_port_refused = False
    min_lifetime = 120
    max_lifetime = 86400
    lifetime = None
    natpmp_lifetime = None
    lifetime_on_delete = 0
    quota = None
    nonce_checked = True
    prefer_failure = True
    peer_strict = True
    nat = None
    no_options = frozenset()
    no_opcodes = frozenset()
    no_protocols = frozenset()
    no_wildcards = False
    max_filters = 16
    description_limit = 1016
    port_set_limit = 65535
    port_set_halves = False
    prefix64 = None
    forced = False
    result = None
    map_result = None
    announce_result = None
    natpmp_result = None
    natpmp_address_result = None
    delete_result = None
    renew_result = None
    sequence = None
    error_lifetime = None
    natpmp_external_zero = False
    internal_port_zero = False
    epoch_rate = 1.0
    epoch_wallclock = False
    announce_to = ()
    announce_form = "both"
    announce_count = 1


class Effect:
    """One mode that is switched on: see the top of this file."""

    __slots__ = ("settings", "before", "after", "start", "stop")

    def __init__(self, settings=None, before=None, after=None, start=None, stop=None):
        self.settings = settings or {}
        self.before = before
        self.after = after
        self.start = start
        self.stop = stop


# Values: text after "=" -> what the mode wants

def address16(text):
    """The 16 octets of an address, IPv4 as ::ffff:a.b.c.d (RFC 6887 section 5)."""
    try:
        if ":" in text:
            return socket.inet_pton(socket.AF_INET6, text.split("%")[0])
        return V4_PREFIX + socket.inet_pton(socket.AF_INET, text)
    except OSError as error:
        raise ModeError(f"not an address: {text!r}") from error


def number(low, high):
    """A converter for integers from low to high."""
    def convert(text):
        try:
            value = int(text)
        except (TypeError, ValueError) as error:
            raise ModeError(f"not a number: {text!r}") from error
        if not low <= value <= high:
            raise ModeError(f"not from {low} to {high}: {text}")
        return value
    return convert


OCTET, PORT, SECONDS = number(0, 255), number(0, 65535), number(0, 0xffffffff)
COUNT, PERCENT, MS = number(0, 1000000), number(0, 100), number(0, 600000)


def factor(text):
    """A floating point number."""
    try:
        return float(text)
    except (TypeError, ValueError) as error:
        raise ModeError(f"not a number: {text!r}") from error


def numbers(convert):
    """A converter for a comma-separated list."""
    return lambda text: [convert(word) for word in (text or "").split(",")]


def option_codes(text):
    """Option codes, as numbers or names."""
    by_name = {name: code for code, name in OPTION_NAMES.items()}
    words = (text or "").upper().replace("-", "_").split(",")
    return frozenset(by_name[word] if word in by_name else OCTET(word) for word in words)


def one_of(*words):
    """A converter that takes one of these words."""
    def convert(text):
        if text not in words:
            raise ModeError(f"not one of {' '.join(words)}: {text!r}")
        return text
    return convert


def ipv4(text):
    """An IPv4 address, as 16 octets."""
    if ":" in (text or ""):
        raise ModeError(f"not an IPv4 address: {text!r}")
    return address16(text or "")


def endpoints(text):
    """ADDR:PORT[,ADDR:PORT...] as (family, socket address) pairs."""
    found = []
    for word in (text or "").split(","):
        host, _, port = word.rpartition(":")
        try:
            info = socket.getaddrinfo(host.strip("[]"), PORT(port), type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)
        except OSError as error:
            raise ModeError(f"not ADDR:PORT: {word!r}") from error
        found.append((info[0][0], info[0][4]))
    return tuple(found)


# Ways to make a mode function

def no_value(value):
    """Refuse a value where none is meant."""
    if value is not None:
        raise ModeError(f"takes no value, not {value!r}")


def flag(**settings):
    """A mode without a value that changes settings."""
    def make(value):
        no_value(value)
        return Effect(settings)
    return make


def setting(name, convert, **more):
    """A mode whose value is a setting."""
    return lambda value: Effect({name: convert(value), **more})


def with_default(make, default):
    """A mode whose value may be left out."""
    return lambda value: make(default if value is None else value)


def swallow(wanted):
    """A mode that is silent to the requests that wanted(gateway, request) picks."""
    def make(value):
        no_value(value)
        return Effect(before=wanted)
    return make


def rewrite(change, convert=None):
    """A mode that changes the octets of each reply: change(bytearray, request, value) in place, or returns new ones."""
    def make(value):
        if convert is None:
            no_value(value)
        parsed = convert(value) if convert else None

        def after(_gateway, request, replies):
            for reply in replies:
                data = bytearray(reply.data)
                changed = change(data, request, parsed)
                reply.data = bytes(data if changed is None else changed)
            return replies
        return Effect(after=after)
    return make


def rearrange(change, convert=None):
    """A mode that adds, moves or delays replies: change(gateway, request, replies, value) -> replies."""
    def make(value):
        if convert is None:
            no_value(value)
        parsed = convert(value) if convert else None
        return Effect(after=lambda gateway, request, replies: change(gateway, request, replies, parsed))
    return make


# What a datagram is

def is_map(data):
    """A PCP MAP or PEER, or a NAT-PMP mapping, request or reply."""
    return len(data) >= 2 and data[1] & 0x7f in (1, 2)


def is_pcp_mapping(data):
    """A whole PCP MAP or PEER message."""
    return len(data) >= 60 and data[0] == 2 and data[1] & 0x7f in (1, 2)


def is_natpmp_mapping(data):
    """A whole NAT-PMP mapping reply."""
    return len(data) == 16 and data[0] == 0 and data[1] & 0x7f in (1, 2)


def port_offsets(data):
    """Where the internal and the external port are; None if there are none."""
    if is_pcp_mapping(data):
        return 40, 42
    return (8, 10) if is_natpmp_mapping(data) else None


def add16(data, offset, amount):
    """Add to a 16-bit field."""
    value = struct.unpack_from(">H", data, offset)[0]
    struct.pack_into(">H", data, offset, (value + amount) & 0xffff)


# Version answers (RFC 6886 sections 1.1 and 3.5, erratum 3618; RFC 6887 section 9)

def version_answer(form, request, epoch):
    """What a NAT-PMP server says to a request that is not version 0."""
    opcode = 0x80 | request.data[1]
    if form in ("v2form", "v1"):
        return struct.pack(">BBBBII12x", 2 if form == "v2form" else 1, opcode, 0, 1, 1800, epoch)
    first = {"opcode0": 0, "opcode129": opcode}.get(form, 0x80)
    whole = struct.pack(">BBHI8x", 0, first, 1, epoch)
    return whole[:{"4": 4, "16": 16}.get(form, 8)]


def short_version_answer(request, epoch):
    """Packets V5 and V6: a PCP server that edits a NAT-PMP request in place and sends as much as it got."""
    data = request.data
    if len(data) < 12:
        return bytes((2, 0x80 | data[1]))
    return struct.pack(">BBBB4sI", 2, 0x80 | data[1], 0, 2, data[4:8], epoch)


def mode_pcp_only_short(value):
    """pcp-only-short: V5 and V6."""
    no_value(value)

    def before(gateway, request):
        if request.data[:1] != b"\0" or len(request.data) < 2:
            return False
        gateway.reply(request, short_version_answer(request, gateway.epoch()))
        return True
    return Effect({"natpmp": False}, before=before)


def mode_version_odd(value):
    """version-odd=N: UNSUPP_VERSION that offers version N to everybody who speaks another one."""
    version = OCTET(value)

    def before(gateway, request):
        data = request.data
        if len(data) < 2 or data[0] == version:
            return False
        gateway.reply(request, struct.pack(">BBBBII12x", version, 0x80 | data[1], 0, 1, 1800, gateway.epoch()))
        return True
    return Effect(before=before)


# Silence and loss

def drop_first(wanted):
    """drop-first=N and drop-first-map=N."""
    def make(value):
        left = COUNT(value)

        def before(gateway, request):
            nonlocal left
            if left > 0 and wanted(request):
                left -= 1
                gateway.note("dropped: first ones", request.peer)
                return True
            return False
        return Effect(before=before)
    return make


def mode_loss_in(value):
    """loss-in=PERCENT."""
    percent = PERCENT(value)

    def before(gateway, request):
        lost = gateway.random.random() * 100 < percent
        if lost:
            gateway.note("lost on the way in", request.peer)
        return lost
    return Effect(before=before)


def mode_loss_out(value):
    """loss-out=PERCENT."""
    percent = PERCENT(value)

    def after(gateway, request, replies):
        kept = [reply for reply in replies if gateway.random.random() * 100 >= percent]
        for _ in range(len(replies) - len(kept)):
            gateway.note("lost on the way out", request.peer)
        return kept
    return Effect(after=after)


def mode_loss(value):
    """loss=PERCENT, both ways."""
    return Effect(before=mode_loss_in(value).before, after=mode_loss_out(value).after)


# Delay, order, copies

def delay_where(wanted):
    """The delay modes: replies to the requests that wanted(request) picks are held back."""
    def make(value):
        seconds = MS(value) / 1000

        def after(_gateway, request, replies):
            if wanted(request):
                for reply in replies:
                    reply.delay += seconds
            return replies
        return Effect(after=after)
    return make


def duplicate(_gateway, _request, replies, extra):
    """duplicate=N: N more copies of each reply, at once."""
    return [reply.copy() for reply in replies for _ in range(extra + 1)]


def duplicate_reply(_gateway, _request, replies, _value):
    """duplicate-reply: each reply once more, 50 ms later."""
    return replies + [reply.copy(delay=reply.delay + 0.05) for reply in replies]


def mode_reorder(value):
    """reorder: of two replies that follow each other the second goes first."""
    no_value(value)
    turn = 0

    def after(_gateway, _request, replies):
        nonlocal turn
        for reply in replies:
            turn += 1
            if turn % 2:
                reply.delay += 0.02
        return replies
    return Effect(after=after)


def mode_late(value):
    """late: before each answer, the answer to the previous request once more."""
    no_value(value)
    previous = []

    def after(_gateway, _request, replies):
        nonlocal previous
        again = [reply.copy() for reply in previous]
        previous = [reply.copy(delay=0) for reply in replies]
        return again + replies
    return Effect(after=after)


def wrong_source_port(gateway, _request, replies, _value):
    """wrong-source-port: the reply leaves from another socket."""
    for reply in replies:
        reply.channel = gateway.stranger(reply.channel)
    return replies


def mode_wrong_source_address(value):
    """wrong-source-address: the reply leaves from the other --bind address of that family."""
    no_value(value)

    def start(gateway):
        if len({channel.host for channel in gateway.channels}) < 2:
            raise ModeError("wrong-source-address needs a second --bind")

    def after(gateway, _request, replies):
        for reply in replies:
            reply.channel = gateway.neighbour(reply.channel)
        return replies
    return Effect(after=after, start=start)


# Lies in the fields

def wrong_nonce(data, _request, _value):
    """wrong-nonce."""
    if is_pcp_mapping(data):
        data[24:36] = bytes(octet ^ 0xa5 for octet in data[24:36])


def wrong_internal_port(data, _request, _value):
    """wrong-internal-port."""
    where = port_offsets(data)
    if where:
        add16(data, where[0], 1)


def low_byte_port(data, _request, _value):
    """low-byte-port: ports cut to 8 bits, as miniupnpd 1.8 does."""
    for offset in port_offsets(data) or ():
        data[offset] = 0


def wrong_protocol(data, _request, _value):
    """wrong-protocol: TCP for UDP and the other way round."""
    if is_pcp_mapping(data):
        data[36] = 17 if data[36] == 6 else 6
    elif is_natpmp_mapping(data):
        data[1] ^= 3


def wrong_opcode(data, _request, _value):
    """wrong-opcode: the next one of 0, 1, 2."""
    data[1] = data[1] & 0x80 | ((data[1] & 0x7f) + 1) % 3


def wrong_version(data, _request, version):
    """wrong-version=N."""
    data[0] = version


def request_copied(data, request, _value):
    """request-copied: the request with nothing but the R bit set."""
    del data
    return request.data[:1] + bytes((request.data[1] | 0x80,)) + request.data[2:]


def reserved_nonzero(data, _request, _value):
    """reserved-nonzero: ones in every reserved field (RFC 6887 section 7.2: ignored on reception)."""
    if len(data) >= 24 and data[0] == 2:
        data[2] = 0xff
        data[12:24] = b"\xff" * 12
    if is_pcp_mapping(data):
        data[37:40] = b"\xff" * 3
        if data[1] == 0x82 and len(data) >= 80:
            data[62:64] = b"\xff" * 2


def wrong_remote(data, _request, _value):
    """wrong-remote: PEER only, another remote port."""
    if data[0] == 2 and data[1] == 0x82 and len(data) >= 80:
        add16(data, 60, 1)


def wrong_remote_address(data, _request, _value):
    """wrong-remote-address: PEER only, the next remote address."""
    if data[0] == 2 and data[1] == 0x82 and len(data) >= 80:
        add16(data, 78, 1)


def lifetime_byteswapped(data, _request, _value):
    """lifetime-byteswapped."""
    offset = 4 if is_pcp_mapping(data) else 12 if is_natpmp_mapping(data) else None
    if offset:
        data[offset:offset + 4] = data[offset:offset + 4][::-1]


def family_wrong(data, _request, _value):
    """family-wrong: an external address of the other family."""
    if is_pcp_mapping(data) and data[3] == 0:
        was_v4 = data[44:56] == V4_PREFIX
        data[44:60] = address16("2a10:1234::7") if was_v4 else Settings.external


def echo_options(data, request, _value):
    """echo-options: the request's options, processed or not (miniupnpd builds the reply in the request)."""
    start = {0: 24, 1: 60, 2: 80}.get(request.data[1])
    if data[0] == 2 and start and data[3] == 0:
        return data[:start] + request.data[start:]
    return None


# Size and options of the reply

def truncate(data, _request, size):
    """truncate=N, header-only."""
    return data[:size]


def natpmp_short(data, _request, _value):
    """natpmp-short: NAT-PMP replies of 8 octets."""
    return data[:8] if data[0] == 0 else None


def append(octets):
    """A change that puts octets behind each PCP reply."""
    return lambda data, _request, _value: data + octets if data[0] == 2 else None


def pad(data, _request, size):
    """pad=N: N zero octets behind the reply."""
    return data + bytes(size)


def oversize(data, _request, _value):
    """oversize: 1104 octets, the rest a private optional option (RFC 6887 section 7: 1100 is the most)."""
    rest = 1104 - len(data)
    return data + struct.pack(">BBH", 224, 0, rest - 4) + bytes(rest - 4)


# Extra datagrams

def forged_first(_gateway, _request, replies, _value):
    """forged-first: before the reply one with another nonce (NAT-PMP: internal port) and external port."""
    forged = [reply.copy() for reply in replies if port_offsets(reply.data)]
    for reply in forged:
        data = bytearray(reply.data)
        if is_pcp_mapping(data):
            wrong_nonce(data, None, None)
        else:
            add16(data, 8, 1)
        add16(data, port_offsets(data)[1], 1000)
        reply.data = bytes(data)
    return forged + replies


def stale_first(_gateway, _request, replies, _value):
    """stale-first: before the reply one for another mapping of the same client."""
    stale = [reply.copy() for reply in replies if port_offsets(reply.data)]
    for reply in stale:
        data = bytearray(reply.data)
        for offset in port_offsets(data):
            add16(data, offset, 7)
        reply.data = bytes(data)
    return stale + replies


def prefer_failure_late(_gateway, request, replies, _value):
    """prefer-failure-late: a grant of another port, 150 ms later CANNOT_PROVIDE_EXTERNAL (a stale mapping update)."""
    if not (is_pcp_mapping(request.data) and request.options and request.options.prefer_failure):
        return replies
    first, second = replies[0].copy(), replies[0].copy(delay=0.15)
    data = bytearray(first.data)
    data[3] = 0
    struct.pack_into(">I", data, 4, 120)
    add16(data, 42, 1)
    first.data = bytes(data)
    data[3] = 11
    struct.pack_into(">I", data, 4, 30)
    data[42:60] = request.data[42:60]
    second.data = bytes(data)
    return [first, second]


def port_set_responses(gateway, request, replies):
    """A request for several mappings of one client has a response for each (RFC 7753 sections 4.4.1 and 5.3)."""
    if not (replies and is_pcp_mapping(request.data) and request.options and request.options.port_set and request.lifetime
            and replies[0].data[3] == 0):
        return replies
    first, count = request.internal_port, request.options.port_set[0]
    mappings = gateway.table.by_key.values()
    whole = next(mapping for mapping in mappings if mapping.key[3] == first and mapping.nonce == request.nonce)
    for other in sorted(mappings, key=lambda mapping: mapping.key[3]):
        if other.key[:3] == whole.key[:3] and other.nonce == whole.nonce and first < other.key[3] < first + count:
            gateway.keep(request, other, whole.lifetime)
            replies = [*replies, replies[0].copy(data=gateway.map_reply(other, other.lifetime, request.options))]
    return replies


def port_set_one_port(_gateway, _request, replies):
    """Two responses with the Internal Port of the request, as section 4 has it of that field, for what is one mapping here."""
    sent = []
    for reply in replies:
        data = reply.data
        at = data.find(b"\x82\x00\x00\x05", 60) if is_pcp_mapping(data) and data[3] == 0 else -1
        size, first = struct.unpack_from(">HH", data, at + 4) if at > 0 else (0, 0)
        if size < 2:
            sent.append(reply)
            continue
        half = size // 2
        for start, count in ((0, half), (half, size - half)):
            part = bytearray(data)
            add16(part, 42, start)
            struct.pack_into(">HH", part, at + 4, count, first + start)
            sent.append(reply.copy(data=bytes(part)))
    return sent


def mode_port_set_several(value):
    """port-set-several: the set in two halves, each a mapping of its own; port-set-several=one-port: in the responses only."""
    if value is None:
        return Effect({"port_set_halves": True}, after=port_set_responses)
    one_of("one-port")(value)
    return Effect(after=port_set_one_port)


def mode_nat(value):
    """nat=INTERFACE."""
    nat = Nat(value or "")

    def start(gateway):
        gateway.forget()                              # nothing of that has been translated
        nat.open()
    return Effect({"nat": nat, "external": V4_PREFIX + nat.address()}, start=start, stop=lambda _gateway: nat.close())


def mode_epoch(value):
    """epoch=N: the value it has now; it goes on from there."""
    seconds = SECONDS(value)
    return Effect(start=lambda gateway: gateway.set_epoch(seconds))


def mode_seed(value):
    """seed=N: of the loss modes (and whatever else is drawn)."""
    seed = SECONDS(value)
    return Effect(start=lambda gateway: gateway.random.seed(seed))


def mode_sequence(value):
    """result-sequence=8,8,0: of successive MAP, PEER and NAT-PMP mapping requests, success afterwards."""
    return Effect({"forced": True, "sequence": iter(numbers(PORT)(value))})


def forced(name, convert=OCTET):
    """A mode that forces a result code."""
    return setting(name, convert, forced=True)


def pcp(request):
    """A PCP request."""
    return request.data[:1] == b"\x02"


MODES = {
    # versions
    "pcp-only": ("no NAT-PMP: version 0 gets UNSUPP_VERSION in PCP form, 24 octets (C14)", flag(natpmp=False)),
    "pcp-only-short": ("no NAT-PMP: version 0 gets 2 or 12 octets of version 2 (V5, V6)", mode_pcp_only_short),
    "natpmp-only": ("=8|4|opcode0|opcode129|v2form|16|v1: no PCP; the form of the version answer (V3 V4 V2 V1 ...), default 8",
                    with_default(lambda value: Effect({"pcp": False, "version_answer": one_of(
                        "8", "4", "opcode0", "opcode129", "v2form", "16", "v1")(value)}), "8")),
    "natpmp-silent": ("silent to version 2, answers version 0", swallow(lambda _g, request: request.data[:1] != b"\0")),
    "natpmp-refuses": ("silent to version 0, answers version 2", swallow(lambda _g, request: request.data[:1] == b"\0")),
    "silent": ("answers nothing", swallow(lambda _g, _r: True)),
    "version-odd": ("=N: UNSUPP_VERSION offering version N to every other version", mode_version_odd),
    # silence
    "seed": ("=N: seed of the loss modes (default 1)", mode_seed),
    "drop-first": ("=N: the first N datagrams are lost", drop_first(lambda _r: True)),
    "drop-first-map": ("=N: the first N MAP, PEER and NAT-PMP mapping requests are lost", drop_first(lambda r: is_map(r.data))),
    "loss": ("=PERCENT: lost, each way", mode_loss),
    "loss-in": ("=PERCENT: requests lost", mode_loss_in),
    # results
    "result": ("=CODE: to every request", forced("result")),
    "map-result": ("=CODE: to every MAP and PEER, deletes too", forced("map_result")),
    "announce-result": ("=CODE: to ANNOUNCE", forced("announce_result")),
    "natpmp-result": ("=CODE: to every NAT-PMP request", forced("natpmp_result", PORT)),
    "natpmp-address-result": ("=CODE: to the NAT-PMP external address request (overrides natpmp-result)",
                              forced("natpmp_address_result", PORT)),
    "delete-result": ("=CODE: to deletes", forced("delete_result")),
    "renew-result": ("=CODE: to a MAP or PEER of a mapping that exists", forced("renew_result")),
    "result-sequence": ("=8,8,0: to successive mapping requests of any kind, then success", mode_sequence),
    "error-lifetime": ("=N: Lifetime of PCP errors (default 1800 for long ones, 30 for short ones)", setting("error_lifetime", SECONDS)),
    # grants
    "nat": ("=INTERFACE: PEER is really done, by nft, where the server runs; external address: the interface's (MAP is not)", mode_nat),
    "external": ("=ADDR: external IPv4 address (default 44.128.10.7); a change moves the mappings, the epoch goes on",
                 setting("external", ipv4)),
    "external6": ("=ADDR: external IPv6 address (default: pinhole, external = internal)", setting("external6", address16)),
    "external-port": ("=N: grants this external port to everybody", setting("external_port", PORT)),
    "port-offset": ("=N: grants the suggested (else the internal) port plus N", setting("port_offset", number(-65535, 65535))),
    "taken": ("=PORT[,PORT]: external ports that belong to others", setting("taken", lambda v: frozenset(numbers(PORT)(v)))),
    "any-port-refused": ("suggested port 0: NO_RESOURCES", flag(any_port_refused=True)),
    "lifetime": ("=N: granted whatever was asked", setting("lifetime", SECONDS)),
    "min-lifetime": ("=N: smallest PCP lifetime (default 120)", setting("min_lifetime", SECONDS)),
    "max-lifetime": ("=N: largest lifetime (default 86400)", setting("max_lifetime", SECONDS)),
    "natpmp-lifetime": ("=N: granted by NAT-PMP whatever was asked", setting("natpmp_lifetime", SECONDS)),
    "lifetime-on-delete": ("=N: a deleted mapping lives on for N seconds", setting("lifetime_on_delete", SECONDS)),
    "quota": ("=N: at most N mappings, then USER_EX_QUOTA", setting("quota", COUNT)),
    "nonce-not-checked": ("any nonce may renew and delete", flag(nonce_checked=False)),
    "prefer-failure-ignored": ("PREFER_FAILURE is ignored: another port with SUCCESS", flag(prefer_failure=False)),
    "peer-suggestion-ignored": ("PEER: another port than the suggested one with SUCCESS, for a new flow and for one that has its port",
                                flag(peer_strict=False)),
    "no-option": ("=CODE|NAME[,...]: option not supported (mandatory ones: UNSUPP_OPTION)", setting("no_options", option_codes)),
    "no-opcode": ("=N[,N]: UNSUPP_OPCODE", setting("no_opcodes", lambda v: frozenset(numbers(OCTET)(v)))),
    "no-protocol": ("=N[,N]: UNSUPP_PROTOCOL", setting("no_protocols", lambda v: frozenset(numbers(OCTET)(v)))),
    "no-wildcard": ("all-ports and all-protocols mappings: UNSUPP_PROTOCOL", flag(no_wildcards=True)),
    "max-filters": ("=N: filters a mapping can have, more: EXCESSIVE_REMOTE_PEERS (default 16)", setting("max_filters", COUNT)),
    "description-truncated": ("=N: DESCRIPTION cut to N octets (default 4)",
                              with_default(setting("description_limit", number(0, 1016)), "4")),
    "port-set-smaller": ("=N: at most N ports in a set", setting("port_set_limit", number(1, 65535))),
    "prefix64": ("=ADDR: answers the PREFIX64 option with this /96", setting("prefix64", address16)),
    "natpmp-external-zero": ("NAT-PMP external address 0.0.0.0 with success", flag(natpmp_external_zero=True)),
    "natpmp-internal-port-zero-ok": ("NAT-PMP internal port 0 gets a random port, the same for UDP and TCP (VPN convention)",
                                     flag(internal_port_zero=True)),
    # epoch
    "epoch": ("=N: the epoch is N now and goes on from there", mode_epoch),
    "epoch-frozen": ("the epoch stands still", flag(epoch_rate=0.0)),
    "epoch-wallclock": ("the epoch is Unix time", flag(epoch_wallclock=True)),
    "epoch-rate": ("=FACTOR: seconds of epoch in a second", setting("epoch_rate", factor)),
    "epoch-ms": ("the epoch counts milliseconds", flag(epoch_rate=1000.0)),
    # announcements
    "announce-to": ("=ADDR:PORT[,ADDR:PORT]: where announcements go (none without it)", setting("announce_to", endpoints)),
    "announce-form": ("=pcp|natpmp|both: what is announced (default both)", setting("announce_form", one_of("pcp", "natpmp", "both"))),
    "announce-count": ("=N: sent N times, 250 ms apart, doubling (default 1)", setting("announce_count", number(1, 10))),
    # lies: fields
    "wrong-nonce": ("another nonce", rewrite(wrong_nonce)),
    "wrong-internal-port": ("internal port plus 1", rewrite(wrong_internal_port)),
    "low-byte-port": ("both ports cut to 8 bits (old miniupnpd)", rewrite(low_byte_port)),
    "wrong-protocol": ("TCP for UDP and the other way round", rewrite(wrong_protocol)),
    "wrong-remote": ("PEER: remote port plus 1", rewrite(wrong_remote)),
    "wrong-remote-address": ("PEER: remote address plus 1", rewrite(wrong_remote_address)),
    "wrong-opcode": ("the next opcode", rewrite(wrong_opcode)),
    "wrong-version": ("=N: version octet of replies (default 3)", with_default(rewrite(wrong_version, OCTET), "3")),
    "lifetime-byteswapped": ("lifetime in the wrong byte order", rewrite(lifetime_byteswapped)),
    "family-wrong": ("external address of the other family", rewrite(family_wrong)),
    "reserved-nonzero": ("ones in reserved fields (legal)", rewrite(reserved_nonzero)),
    # lies: shape
    "echo-options": ("options of the request come back, processed or not", rewrite(echo_options)),
    "unknown-mandatory-option-in-reply": ("an option 96 of 4 octets behind the reply", rewrite(append(b"\x60\0\0\x04TEST"))),
    "option-overrun": ("an option that claims 200 octets and has 4", rewrite(append(b"\x80\0\0\xc8abcd"))),
    "option-trailing": ("four zero octets behind the last option", rewrite(append(bytes(4)))),
    "port-set-several": ("[=one-port]: a port set is two mappings, with a response each; or only two responses, with one Internal Port",
                         mode_port_set_several),
    "prefer-failure-late": ("PREFER_FAILURE: another port first, CANNOT_PROVIDE_EXTERNAL 150 ms later", rearrange(prefer_failure_late)),
    "echo-request": ("the request comes back as it was (R = 0)", rewrite(lambda _data, request, _value: request.data)),
    "request-copied": ("the request comes back with R set", rewrite(request_copied)),
    "header-only": ("24 octets", rewrite(lambda data, request, _value: truncate(data, request, 24))),
    "natpmp-short": ("NAT-PMP replies of 8 octets", rewrite(natpmp_short)),
    "truncate": ("=N: replies cut to N octets", rewrite(truncate, COUNT)),
    "pad": ("=N: N zero octets more", rewrite(pad, number(0, 60000))),
    "oversize": ("1104 octets", rewrite(oversize)),
    "not-multiple-of-4": ("two octets more", rewrite(lambda data, _request, _value: data + b"\0\0")),
    # extra datagrams
    "forged-first": ("a forged reply (wrong nonce, other port) before the real one", rearrange(forged_first)),
    "stale-first": ("a reply for another mapping before the real one", rearrange(stale_first)),
    "late": ("the previous answer once more before each answer", mode_late),
    "duplicate-reply": ("each reply again 50 ms later", rearrange(duplicate_reply)),
    "duplicate": ("=N: N more copies of each reply", rearrange(duplicate, number(0, 1000))),
    # the way
    "wrong-source-port": ("replies from another port", rearrange(wrong_source_port)),
    "wrong-source-address": ("replies from the other --bind address", mode_wrong_source_address),
    "delay": ("=MS: every reply", delay_where(lambda _r: True)),
    "delay-map": ("=MS: replies to PCP MAP and PEER only (a slow proxy)", delay_where(lambda r: pcp(r) and is_map(r.data))),
    "delay-pcp": ("=MS: replies to PCP", delay_where(pcp)),
    "delay-natpmp": ("=MS: replies to NAT-PMP", delay_where(lambda r: not pcp(r))),
    "reorder": ("of two replies the second goes first", mode_reorder),
    "loss-out": ("=PERCENT: replies lost", mode_loss_out),
}


def make_effect(word, value):
    """The Effect of one mode word."""
    if word not in MODES:
        raise ModeError(f"unknown mode {word!r}; --list-modes prints them")
    try:
        return MODES[word][1](value)
    except ModeError as error:
        raise ModeError(f"{word}: {error}") from error
