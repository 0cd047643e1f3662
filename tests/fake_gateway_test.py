#!/usr/bin/env python3
"""Self-test of tests/fake_gateway.py, over its sockets and with raw octets. Run it: python3 tests/fake_gateway_test.py"""

import contextlib
import functools
import io
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import fake_gateway  # noqa: E402  (only for its command line; the protocol is tested from outside)

PROGRAM = os.path.join(HERE, "fake_gateway.py")
V4 = bytes(10) + b"\xff\xff"
ANY4 = V4 + bytes(4)
LOCAL = V4 + b"\x7f\0\0\x01"
EXTERNAL = V4 + bytes((44, 128, 10, 7))
NONCE = bytes.fromhex("112233445566778899aabbcc")
OTHER = bytes(range(12))
TCP, UDP = 6, 17


def run(*words):
    """One call of the program."""
    return subprocess.run([sys.executable, PROGRAM, *map(str, words)], capture_output=True, text=True, timeout=10, check=False)


def ask_program(*words):
    """What the program prints, without a process of its own."""
    with contextlib.redirect_stdout(io.StringIO()) as output:
        fake_gateway.main(list(words))
    return output.getvalue()


def request_map(internal, external=None, lifetime=3600, protocol=TCP, nonce=NONCE, address=ANY4, options=b"", client=LOCAL):
    """A MAP request (RFC 6887 section 11.1)."""
    external = internal if external is None else external
    return (struct.pack(">BBHI", 2, 1, 0, lifetime) + client + nonce + struct.pack(">B3xHH", protocol, internal, external)
            + address + options)


def request_peer(internal, remote, external=0, lifetime=600, nonce=NONCE, options=b"", protocol=TCP, address=ANY4, client=LOCAL):
    """A PEER request to 44.9.9.9 (section 12.1)."""
    return (struct.pack(">BBHI", 2, 2, 0, lifetime) + client + nonce + struct.pack(">B3xHH", protocol, internal, external) + address
            + struct.pack(">H2x", remote) + V4 + b"\x2c\x09\x09\x09" + options)


def option(code, data=b""):
    """One option (section 7.3)."""
    return struct.pack(">BBH", code, 0, len(data)) + data + bytes(-len(data) % 4)


def filter_option(prefix, address=V4 + b"\xc6\x33\x64\0", port=0):
    """FILTER (section 13.3)."""
    return option(3, struct.pack(">BBH", 0, prefix, port) + address)


ANNOUNCE = bytes((2, 0)) + bytes(6) + LOCAL


class Answer:
    """The fields of a PCP MAP or PEER response, by offset."""

    def __init__(self, data):
        self.data = data
        self.version, self.opcode, self.result = data[0], data[1], data[3]
        self.lifetime, self.epoch = struct.unpack_from(">II", data, 4)
        if len(data) >= 60:
            self.nonce, self.protocol = data[24:36], data[36]
            self.internal, self.port = struct.unpack_from(">HH", data, 40)
            self.address = data[44:60]


# A network of one's own, for what the server does to it

INSIDE = os.environ.get("FAKE_GATEWAY_TEST_INSIDE")
os.environ["PATH"] += ":/usr/sbin:/sbin"        # which a user's may lack


def in_namespace(test):
    """That test as a process of its own, in a network of its own: a host and its outer interface in one."""
    @functools.wraps(test)
    def outside(self):
        for program in ("unshare", "ip", "nft", "conntrack"):
            if not shutil.which(program):
                self.skipTest(f"no {program} here")
        for flags in ("-Urnm", "-nm"):
            if subprocess.run(["unshare", flags, "true"], capture_output=True, check=False).returncode == 0:
                break
        else:
            self.skipTest("neither unshare -Urnm nor unshare -nm is permitted here")
        done = subprocess.run(["unshare", flags, sys.executable, __file__, type(self).__name__ + "." + test.__name__],
                              env=os.environ | {"FAKE_GATEWAY_TEST_INSIDE": "1"}, capture_output=True, text=True, timeout=60,
                              check=False)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn("Ran 1 test", done.stderr)
    return test if INSIDE else outside


def build_network():
    """10.0.0.2 inside; wan0 with 44.128.10.9 outside, where flows get a random port; 44.9.9.9 out there is deaf."""
    subprocess.run(["ip", "-batch", "-"], check=True, text=True, input="""
        link set lo up
        addr add 10.0.0.2/32 dev lo
        link add wan0 type veth peer name far0
        link set wan0 up
        link set far0 up
        addr add 44.128.10.9/32 dev wan0
        route add default dev wan0
        neigh add 44.9.9.9 lladdr 02:00:00:00:00:01 dev wan0
        """)
    subprocess.run(["nft", "-f", "-"], check=True, text=True, input="""
        table ip outside {
            chain postrouting {
                type nat hook postrouting priority srcnat + 10
                oifname "wan0" masquerade random
            }
        }
        """)


class Server:
    """The program as a child, with its log and control socket."""

    def __init__(self, *words, binds=("127.0.0.1",), log=None, host="127.0.0.1", **more):
        arguments = [sys.executable, PROGRAM, "--port", "0", "--control", "0", "--lifetime", "280"]
        for bind in binds:
            arguments += ["--bind", bind]
        if log:
            arguments += ["--log", log]
        self.child = subprocess.Popen(arguments + list(words), stdout=subprocess.PIPE, text=True, **more)
        self.port, self.control = map(int, self.child.stdout.readline().split())
        self.client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.client.bind((host, 0))
        self.control_socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.control_socket.settimeout(5)
        self.control_socket.connect(("127.0.0.1", self.control))

    def tell(self, command):
        """A command; the answer."""
        self.control_socket.send(command.encode())
        return self.control_socket.recv(65536).decode()

    def send(self, data, host="127.0.0.1"):
        """A datagram to it."""
        self.client.sendto(data, (host, self.port))

    def receive(self, timeout=1.0):
        """(data, host, port) of the next datagram, or None."""
        self.client.settimeout(timeout)
        try:
            data, peer = self.client.recvfrom(65536)
        except TimeoutError:
            return None
        return data, peer[0], peer[1]

    def receive_all(self, count, timeout=1.0):
        """The octets of the next count datagrams."""
        found = [self.receive(timeout) for _ in range(count)]
        return [got and got[0] for got in found]

    def flush(self):
        """Throw away what has come; a command is answered after what came before it."""
        self.tell("mappings")
        while self.receive(0.0001):
            pass

    def ask(self, data):
        """One request, the first reply's octets; None if it was dropped."""
        self.send(data)
        self.tell("mappings")
        got = self.receive(0.02)
        return got and got[0]

    def ask_map(self, *args, **more):
        """One MAP request, its answer."""
        return Answer(self.ask(request_map(*args, **more)))

    def stop(self):
        """End it."""
        self.child.terminate()
        status = self.child.wait(5)
        self.child.stdout.close()
        self.client.close()
        self.control_socket.close()
        return status


def setUpModule():
    """Start the server that the tests of Base share."""
    if INSIDE:
        build_network()
    Base.server = Server(binds=("127.0.0.1", "127.0.0.2"))


def tearDownModule():
    """End it."""
    Base.server.stop()


class Base(unittest.TestCase):
    """One server for all tests; each test starts without modes and mappings."""

    server = None

    def setUp(self):
        self.tell("reset")
        self.server.flush()

    def tell(self, command):
        """A command that must succeed."""
        answer = self.server.tell(command)
        self.assertEqual("ok", answer)

    @contextlib.contextmanager
    def modes(self, *words):
        """These modes on, then off again."""
        for word in words:
            self.tell(f"mode {word}")
        yield self.server
        for word in words:
            self.tell("unmode " + word.partition("=")[0])
        self.server.flush()

    def ask(self, data):
        """One request, one reply."""
        return self.server.ask(data)

    def map(self, *args, **more):
        """One MAP request, its answer."""
        return self.server.ask_map(*args, **more)

    def assert_result(self, code, answer):
        """An answer with this result."""
        self.assertIsNotNone(answer)
        self.assertEqual(code, answer[3] if isinstance(answer, bytes) else answer.result)


class Pcp(Base):
    """RFC 6887 without modes."""

    def test_map_has_the_shape_of_p1_and_p2(self):
        """P1 with our address; P2 but for lifetime, epoch and address."""
        p1 = bytes.fromhex("02010000000003e800000000000000000000ffff7f000001112233445566778899aabbcc"
                           "0600000004d204d200000000000000000000ffff00000000")
        reply = self.ask(p1)
        self.assertEqual(bytes.fromhex("02810000000003e8"), reply[:8])
        self.assertEqual(bytes.fromhex("000000000000000000000000112233445566778899aabbcc0600000004d204d2"
                                       "00000000000000000000ffff2c800a07"), reply[12:])

    def test_announce(self):
        reply = self.ask(ANNOUNCE)
        self.assertEqual(24, len(reply))
        self.assertEqual(bytes.fromhex("0280000000000000"), reply[:8])
        self.assertEqual(12, self.ask(ANNOUNCE[:20] + b"\x0a\0\0\x01")[3])

    def test_lifetimes_are_clamped(self):
        self.assertEqual(120, self.map(1, lifetime=1).lifetime)
        self.assertEqual(86400, self.map(2, lifetime=0xffffffff).lifetime)

    def test_renewal_keeps_the_port_and_checks_the_nonce(self):
        self.assertEqual(5000, self.map(80, 5000).port)
        self.assertEqual(5000, self.map(80, 6000).port)
        refused = self.map(80, 5000, nonce=OTHER)
        self.assertEqual((2, 3599), (refused.result, refused.lifetime))
        self.assertEqual(2, self.map(80, 0, lifetime=0, nonce=OTHER).result)
        with self.modes("nonce-not-checked"):
            self.assertEqual(0, self.map(80, 5000, nonce=OTHER).result)

    def test_delete(self):
        self.map(80, 5000)
        gone = self.map(80, 0, lifetime=0)
        self.assertEqual((0, 0, 0, ANY4), (gone.result, gone.lifetime, gone.port, gone.address))
        self.assertEqual("", self.server.tell("mappings"))
        self.assertEqual(0, self.map(80, 0, lifetime=0).result)      # section 15.1: not there is SUCCESS

    def test_delete_with_the_wrong_family_deletes_nothing(self):
        """R2 and erratum 3621."""
        self.map(80, 5000)
        self.assertEqual(0, self.map(80, 0, lifetime=0, address=bytes(16)).result)
        self.assertEqual(1, len(self.server.tell("mappings").splitlines()))

    def test_a_taken_port_gives_another(self):
        self.map(80, 5000)
        other = self.map(81, 5000)
        self.assertEqual(0, other.result)
        self.assertNotEqual(5000, other.port)
        self.assertEqual(5000, self.map(80, 5000, protocol=UDP).port)
        self.assertNotIn(self.map(7, 5351, protocol=UDP).port, (5350, 5351))

    def test_malformed_requests(self):
        whole = request_map(80)
        self.assertIsNone(self.ask(whole[:1]))
        self.assertIsNone(self.ask(whole[:20]))
        self.assertIsNone(self.ask(b"\x02\x81" + whole[2:]))
        self.assert_result(3, self.ask(whole[:56]))
        self.assert_result(3, self.ask(whole + b"\0"))
        long = self.ask(whole + bytes(1044))
        self.assertEqual((3, 1100), (long[3], len(long)))
        self.assertEqual(3, self.map(80, protocol=0).result)
        self.assert_result(4, self.ask(b"\x02\x60" + whole[2:]))
        self.assert_result(12, self.ask(request_map(80, client=V4 + b"\x0a\0\0\x01")))

    def test_errors_copy_the_request(self):
        data = request_map(80, 5000, options=option(96, b"abc"))
        reply = self.ask(data)
        self.assertEqual((5, 1800), (reply[3], struct.unpack_from(">I", reply, 4)[0]))
        self.assertEqual(data[24:], reply[24:])

    def test_wildcards(self):
        self.assertEqual((0, 0), (self.map(0).result, self.map(0).port))
        self.assertEqual(0, self.map(0, protocol=0).result)
        with self.modes("no-wildcard"):
            self.assertEqual(9, self.map(0, protocol=UDP).result)

    def test_other_versions(self):
        for version in (1, 3):
            reply = self.ask(bytes((version,)) + request_map(80)[1:])
            self.assertEqual((2, 0x81, 1, 60), (reply[0], reply[1], reply[3], len(reply)))

    def test_expired_mappings_are_gone(self):
        with self.modes("lifetime=0"):
            self.map(80, 5000)
        self.assertEqual(5000, self.map(81, 5000).port)

    def test_sctp_is_not_translated(self):
        self.assertEqual(80, self.map(80, 0, protocol=132).port)
        self.assertEqual(11, self.map(81, 5000, protocol=132).result)

    def test_peer(self):
        first = Answer(self.ask(request_peer(4000, 443, 5555)))
        self.assertEqual((0x82, 0, 5555, 80), (first.opcode, first.result, first.port, len(first.data)))
        self.assertEqual(struct.pack(">H2x", 443) + V4 + b"\x2c\x09\x09\x09", first.data[60:])
        self.assert_result(2, self.ask(request_peer(4000, 443, nonce=OTHER)))
        self.assertGreater(Answer(self.ask(request_peer(4000, 443, lifetime=10))).lifetime, 590)
        self.assert_result(11, self.ask(request_peer(4001, 443, 5555)))
        self.assert_result(3, self.ask(request_peer(4000, 0)))
        self.assert_result(3, self.ask(request_peer(0, 443)))
        self.assertEqual(2, self.map(4000, 0, lifetime=0).result)     # section 15.1: outbound

    def test_peer_copies_every_field(self):
        """Section 12.3, with values that no two fields share; with an error all else too (section 8.2)."""
        ask = request_peer(0x1234, 0x5678, 0x9abc, lifetime=0x800, nonce=OTHER, protocol=UDP, options=option(128, b"door"))
        reply = self.ask(ask)
        self.assertEqual(bytes.fromhex("0282000000000800"), reply[:8])
        self.assertEqual(bytes(12), reply[12:24])
        self.assertEqual(OTHER + bytes.fromhex("1100000012349abc") + EXTERNAL + bytes.fromhex("56780000") + V4 + b"\x2c\x09\x09\x09"
                         + option(128, b"door"), reply[24:])
        for code, mode in ((11, "taken=7777"), (8, "map-result=8"), (4, "no-opcode=2")):
            with self.modes(mode):
                refused = self.ask(request_peer(4001, 443, 7777, address=EXTERNAL, options=option(128, b"door")))
                self.assertEqual((0x82, code, 30 if code == 8 else 1800), (refused[1], refused[3], Answer(refused).lifetime))
                self.assertEqual(request_peer(4001, 443, 7777, address=EXTERNAL, options=option(128, b"door"))[24:], refused[24:])

    def test_peer_gives_what_is_suggested_or_nothing(self):
        """Section 12.1, for the port, the address, and a mapping that exists."""
        elsewhere = V4 + b"\x2c\x80\x0a\x08"
        self.assert_result(11, self.ask(request_peer(4000, 443, 5555, address=elsewhere)))
        self.assert_result(11, self.ask(request_peer(4000, 443, address=elsewhere)))
        self.assertEqual("", self.server.tell("mappings"))
        self.assert_result(0, self.ask(request_peer(4000, 443, 5555, address=EXTERNAL)))
        self.assert_result(11, self.ask(request_peer(4000, 443, 5556)))
        self.assert_result(3, self.ask(request_peer(4000, 443, 5555, options=option(2))))
        with self.modes("peer-suggestion-ignored"):
            again = Answer(self.ask(request_peer(4000, 443, 5556)))
            self.assertEqual((0, 5555), (again.result, again.port))
            other = Answer(self.ask(request_peer(4001, 443, 5555, address=elsewhere)))
            self.assertEqual((0, EXTERNAL), (other.result, other.address))
            self.assertNotEqual(5555, other.port)

    def test_peer_of_an_inbound_mapping_has_its_port(self):
        self.map(4000, 7777)
        self.assertEqual(7777, Answer(self.ask(request_peer(4000, 443))).port)


class Options(Base):
    """Options without modes."""

    def test_third_party(self):
        other = V4 + b"\x0a\0\0\x09"
        reply = self.ask(request_map(80, options=option(1, other)))
        self.assertEqual(option(1, other), reply[60:])
        self.assertIn("10.0.0.9", self.server.tell("mappings"))
        self.assertEqual(3, self.map(80, options=option(1, LOCAL)).result)
        with self.modes("no-option=third-party"):
            self.assertEqual(5, self.map(80, options=option(1, other)).result)

    def test_prefer_failure(self):
        wish = option(2)
        self.assertEqual(wish, self.ask(request_map(80, 5000, options=wish))[60:])
        self.assertEqual(11, self.map(80, 5001, options=wish).result)
        self.assertEqual(11, self.map(81, 5000, options=wish).result)
        self.assertEqual(11, self.map(82, 5002, options=wish, address=V4 + b"\x2c\1\1\1").result)
        self.assertEqual(6, self.map(83, 0, options=wish).result)
        self.assertEqual(6, self.map(80, 5000, lifetime=0, options=wish).result)
        self.assertEqual(6, self.map(83, options=wish + wish).result)
        self.assertEqual(3, self.ask(request_peer(9, 9, options=wish))[3])
        with self.modes("taken=6000"):
            self.assertEqual(11, self.map(84, 6000, options=wish).result)

    def test_filter(self):
        c6 = bytes.fromhex("030000140078000000000000000000000000ffffc6336400")
        self.assertEqual(c6, self.ask(request_map(80, options=c6))[60:])
        self.assertEqual(c6, filter_option(120))
        self.assertIn('"filters": 1', self.server.tell("mappings"))
        self.assertEqual(0, self.map(80, options=filter_option(0, bytes(16)) + filter_option(128)).result)
        self.assertIn('"filters": 1', self.server.tell("mappings"))
        for bad in (filter_option(200), filter_option(95)):
            self.assertEqual(6, self.map(80, options=bad).result)
        self.assertEqual(6, self.map(80, lifetime=0, options=c6).result)
        with self.modes("max-filters=1"):
            self.assertEqual(13, self.map(80, options=filter_option(120)).result)
        self.assertIn('"filters": 1', self.server.tell("mappings"))

    def test_description(self):
        c8 = bytes.fromhex("8000000470637078")
        self.assertEqual(c8, self.ask(request_map(80, options=c8))[60:])
        probe = option(128, b"probe")
        self.assertEqual(bytes.fromhex("8000000570726f6265000000"), probe)
        with self.modes("description-truncated"):
            self.assertEqual(option(128, b"prob"), self.ask(request_map(80, options=probe))[60:])

    def test_port_set(self):
        c10 = bytes.fromhex("820000050010c35001000000")
        reply = Answer(self.ask(request_map(50000, 60001, options=c10)))
        self.assertEqual((0, c10, 0), (reply.result, reply.data[60:], reply.port % 2))
        self.assertEqual(b"", self.ask(request_map(70, options=option(130, struct.pack(">HHB", 1, 70, 0))))[60:])
        for bad in ((0, 71, 0), (2, 72, 0)):
            self.assertEqual(6, self.map(71, options=option(130, struct.pack(">HHB", *bad))).result)
        self.assertEqual(6, self.map(71, options=option(2) + option(130, struct.pack(">HHB", 2, 71, 0))).result)
        with self.modes("port-set-smaller=4"):
            small = self.ask(request_map(100, options=option(130, struct.pack(">HHB", 9, 100, 0))))
            self.assertEqual(option(130, struct.pack(">HHB", 4, 100, 0)), small[60:])
        for mode, second in (("port-set-several", 202), ("port-set-several=one-port", 200)):
            with self.modes(mode):
                for _ in range(2):
                    self.server.send(request_map(200, 9000, options=option(130, struct.pack(">HHB", 5, 200, 0))))
                    parts = [Answer(data) for data in self.server.receive_all(2)]
                    self.assertEqual([9000, 9002], [part.port for part in parts])
                    self.assertEqual([200, second], [part.internal for part in parts])
                    self.assertEqual([(2, 200), (3, 202)], [struct.unpack_from(">HH", part.data, 64) for part in parts])
            self.server.tell("forget")

    def test_unknown_and_broken(self):
        self.assertEqual(5, self.map(80, options=option(96)).result)
        self.assertEqual(60, len(self.ask(request_map(80, options=option(224, b"abcd")))))
        self.assertEqual(6, self.map(80, options=b"\x80\0\0\xff").result)
        with self.modes("echo-options"):
            self.assertEqual(option(224, b"abcd"), self.ask(request_map(80, options=option(224, b"abcd")))[60:])

    def test_prefix64(self):
        c9 = bytes.fromhex("8100000e000c000000000000000000000000" + "0000")
        self.assertEqual(24, len(self.ask(ANNOUNCE + c9)))
        with self.modes("prefix64=64:ff9b::"):
            self.assertEqual("8100000e000c0064ff9b0000000000000000" + "0000", self.ask(ANNOUNCE + c9)[24:].hex())


class NatPmp(Base):
    """RFC 6886 without modes, and its own modes."""

    def test_address_and_map(self):
        """N1 to N4 but for epoch, address and lifetime."""
        n2 = self.ask(bytes.fromhex("0000"))
        self.assertEqual("00800000", n2[:4].hex())
        self.assertEqual("2c800a07", n2[8:].hex())
        n4 = self.ask(bytes.fromhex("0002000004d204d2000003e8"))
        self.assertEqual("00820000", n4[:4].hex())
        self.assertEqual("04d204d2000003e8", n4[8:].hex())
        self.assertLess(struct.unpack_from(">I", n4, 4)[0], 60)

    def test_delete_and_delete_all(self):
        for opcode, port in ((1, 80), (1, 81), (2, 80)):
            self.ask(struct.pack(">BBxxHHI", 0, opcode, port, port, 60))
        self.assertEqual("005000000000" + "0000", self.ask(struct.pack(">BBxxHHI", 0, 1, 80, 0, 0))[8:].hex())
        self.assertEqual(2, len(self.server.tell("mappings").splitlines()))
        self.assertEqual("00810000", self.ask(bytes.fromhex("000100000000000000000000"))[:4].hex())    # C4
        left = [json.loads(line) for line in self.server.tell("mappings").splitlines()]
        self.assertEqual([TCP], [one["protocol"] for one in left])

    def test_unsupported_opcode_and_rubbish(self):
        self.assertEqual("0087000504d2", self.ask(bytes.fromhex("0007000004d2")).hex())
        self.assertIsNone(self.ask(b"\0\x80"))
        self.assertIsNone(self.ask(b"\0\x01\0\0"))

    def test_one_table_for_both(self):
        self.map(80, 5000)
        self.assertEqual(5000, struct.unpack_from(">H", self.ask(struct.pack(">BBxxHHI", 0, 2, 80, 80, 60)), 10)[0])
        self.assertEqual(2, self.map(80, 5000, nonce=OTHER).result)

    def test_the_companion_port_is_reserved(self):
        self.map(80, 5000)
        with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as other:
            other.bind(("127.0.0.3", 0))
            other.settimeout(1)
            other.sendto(struct.pack(">BBxxHHI", 0, 1, 80, 5000, 60), ("127.0.0.1", self.server.port))
            self.assertNotEqual(5000, struct.unpack_from(">H", other.recv(100), 10)[0])

    def test_version_answers(self):
        forms = {"8": "00800001", "4": "00800001", "opcode0": "00000001", "opcode129": "00810001", "v2form": "02810001",
                 "16": "00800001", "v1": "01810001"}
        sizes = {"8": 8, "4": 4, "opcode0": 8, "opcode129": 8, "v2form": 24, "16": 16, "v1": 24}
        for form, start in forms.items():
            with self.modes(f"natpmp-only={form}"):
                reply = self.ask(request_map(80))
                self.assertEqual((start, sizes[form]), (reply[:4].hex(), len(reply)), form)
                self.assertEqual(12, len(self.ask(b"\0\0")))
        with self.modes("natpmp-only"):
            self.assertEqual(8, len(self.ask(ANNOUNCE)))

    def test_pcp_only(self):
        with self.modes("pcp-only"):
            c14 = self.ask(b"\0\0")
            self.assertEqual(("0280000100000708", 24), (c14[:8].hex(), len(c14)))
            self.assertEqual("00" * 12, c14[12:].hex())
            self.assertEqual(24, len(self.ask(bytes.fromhex("0002000004d204d2000003e8"))))
        with self.modes("pcp-only-short"):
            self.assertEqual("0280", self.ask(b"\0\0").hex())
            v6 = self.ask(bytes.fromhex("00010000a2a9000000001c20"))
            self.assertEqual(("02810002a2a90000", 12), (v6[:8].hex(), len(v6)))
            self.assert_result(0, self.map(80))

    def test_silences(self):
        for mode, pcp, natpmp in (("silent", 0, 0), ("natpmp-silent", 0, 1), ("natpmp-refuses", 1, 0)):
            with self.modes(mode):
                self.assertEqual(bool(pcp), self.ask(ANNOUNCE) is not None, mode)
                self.assertEqual(bool(natpmp), self.ask(b"\0\0") is not None, mode)

    def test_odd_version(self):
        with self.modes("version-odd=9"):
            self.assertEqual("09810001", self.ask(request_map(80))[:4].hex())

    def test_vpn_convention(self):
        ask = struct.pack(">BBxxHHI", 0, 1, 0, 1, 300)
        self.assertEqual("00810002", self.ask(ask)[:4].hex())
        with self.modes("natpmp-internal-port-zero-ok", "natpmp-lifetime=60"):
            udp, tcp = self.ask(ask), self.ask(b"\0\x02" + ask[2:])
            internal, external, lifetime = struct.unpack_from(">HHI", udp, 8)
            self.assertEqual((0, 60), (internal, lifetime))
            self.assertEqual(external, struct.unpack_from(">H", tcp, 10)[0])
            self.assertGreater(external, 1023)

    def test_external_zero_and_short(self):
        with self.modes("natpmp-external-zero"):
            self.assertEqual(("00800000", "00000000"), (self.ask(b"\0\0")[:4].hex(), self.ask(b"\0\0")[8:].hex()))
        with self.modes("natpmp-short"):
            self.assertEqual(8, len(self.ask(b"\0\0")))
            self.assertEqual(60, len(self.ask(request_map(80))))


class Results(Base):
    """The result modes."""

    def test_results(self):
        natpmp = struct.pack(">BBxxHHI", 0, 1, 80, 80, 60)
        for mode, announce, mapping, address, natpmp_map in (
                ("result=7", 7, 7, 7, 7), ("map-result=200", 0, 200, 0, 0), ("announce-result=2", 2, 0, 0, 0),
                ("natpmp-result=3", 0, 0, 3, 3), ("natpmp-address-result=3", 0, 0, 3, 0)):
            with self.modes(mode):
                found = (self.ask(ANNOUNCE)[3], self.map(80).result, self.ask(b"\0\0")[3], self.ask(natpmp)[3])
                self.assertEqual((announce, mapping, address, natpmp_map), found, mode)

    def test_delete_renew_and_sequence(self):
        self.map(80)
        with self.modes("delete-result=8", "renew-result=2"):
            self.assertEqual([2, 0, 8], [self.map(80).result, self.map(81).result, self.map(80, 0, lifetime=0).result])
        with self.modes("result-sequence=8,10,0"):
            self.assertEqual([8, 10, 0, 0], [self.map(82).result for _ in range(4)])

    def test_error_lifetimes(self):
        for modes, lifetime in ((("map-result=8",), 30), (("map-result=4",), 1800), (("map-result=4", "error-lifetime=0"), 0)):
            with self.modes(*modes):
                self.assertEqual(lifetime, self.map(80).lifetime)

    def test_limits(self):
        for mode, code in (("quota=0", 10), ("no-opcode=1", 4), ("no-protocol=6", 9)):
            with self.modes(mode):
                self.assertEqual(code, self.map(80).result, mode)


class Grants(Base):
    """What is granted, and the epoch."""

    def test_addresses_and_ports(self):
        with self.modes("external=100.64.0.5"):
            self.assertEqual(V4 + bytes((100, 64, 0, 5)), self.map(80).address)
        self.assertEqual(EXTERNAL, self.map(80).address)
        self.assertEqual(80, self.map(80).port)
        with self.modes("external-port=4464"):
            self.assertEqual([4464, 4464], [self.map(81).port, self.map(82).port])
        with self.modes("port-offset=100"):
            self.assertEqual([183, 184], [self.map(83).port, self.map(84, 0).port])
            self.assertEqual(11, self.map(85, options=option(2)).result)
        with self.modes("port-offset=100", "prefer-failure-ignored"):
            self.assertEqual((0, 185), (self.map(85, options=option(2)).result, self.map(85, options=option(2)).port))
        with self.modes("any-port-refused"):
            self.assertEqual([8, 0], [self.map(86, 0).result, self.map(86).result])
        with self.modes("family-wrong"):
            self.assertNotEqual(V4, self.map(87).address[:12])

    def test_lifetimes(self):
        for mode, lifetime in (("lifetime=1", 1), ("max-lifetime=600", 600), ("min-lifetime=7200", 7200)):
            with self.modes(mode):
                self.assertEqual(lifetime, self.map(80).lifetime)
        with self.modes("lifetime-byteswapped"):
            self.assertEqual(struct.unpack("<I", struct.pack(">I", 3600))[0], self.map(80).lifetime)
        with self.modes("lifetime-on-delete=77"):
            self.assertEqual((0, 77), (self.map(80, 0, lifetime=0).result, self.map(80, 0, lifetime=0).lifetime))

    def test_epoch(self):
        with self.modes("epoch=5000"):
            self.assertIn(self.map(80).epoch, (5000, 5001))
        with self.modes("epoch-wallclock"):
            self.assertLess(abs(self.map(80).epoch - time.time()), 5)
        for modes, least, most in ((("epoch-frozen",), 0, 0), (("epoch-ms",), 10, 5000), (("epoch-rate=100",), 1, 500)):
            with self.modes(*modes):
                before = self.map(80).epoch
                time.sleep(0.03)
                self.assertTrue(least <= self.map(80).epoch - before <= most, modes)
        self.tell("reboot")
        self.assertLess(self.map(80).epoch, 2)


class Lies(Base):
    """What is changed in replies."""

    def test_fields(self):
        for mode, field, value in (
                ("wrong-internal-port", "internal", 0x1235), ("low-byte-port", "internal", 0x34), ("low-byte-port", "port", 0x34),
                ("wrong-protocol", "protocol", UDP), ("wrong-opcode", "opcode", 0x82), ("wrong-version", "version", 3),
                ("wrong-version=7", "version", 7)):
            with self.modes(mode):
                self.assertEqual(value, getattr(self.map(0x1234), field), mode)
        with self.modes("wrong-nonce"):
            self.assertNotEqual(NONCE, self.map(80).nonce)
        with self.modes("wrong-remote"):
            self.assertEqual(444, struct.unpack_from(">H", self.ask(request_peer(4000, 443)), 60)[0])
        with self.modes("wrong-remote-address"):
            self.assertEqual(b"\x01\xbb\0\0" + V4 + b"\x2c\x09\x09\x0a", self.ask(request_peer(4000, 443))[60:])
        with self.modes("reserved-nonzero"):
            reply = self.ask(request_map(80))
            self.assertEqual(b"\xff" * 16, reply[2:3] + reply[12:24] + reply[37:40])
            reply = self.ask(request_peer(4000, 443))
            self.assertEqual(b"\xff" * 18, reply[2:3] + reply[12:24] + reply[37:40] + reply[62:64])

    def test_natpmp_fields(self):
        ask = struct.pack(">BBxxHHI", 0, 1, 0x1234, 0x1234, 60)
        for mode, start, end in (("wrong-internal-port", "0081", "1235"), ("low-byte-port", "0081", "0034"),
                                 ("wrong-protocol", "0082", "1234"), ("wrong-opcode", "0082", "1234")):
            with self.modes(mode):
                reply = self.ask(ask)
                self.assertEqual((start, end), (reply[:2].hex(), reply[8:10].hex()), mode)

    def test_shape(self):
        ask = request_map(80)
        for mode, size in (("truncate=10", 10), ("truncate=0", 0), ("header-only", 24), ("pad=8", 68), ("oversize", 1104),
                           ("not-multiple-of-4", 62), ("option-overrun", 68), ("option-trailing", 64),
                           ("unknown-mandatory-option-in-reply", 68)):
            with self.modes(mode):
                self.assertEqual(size, len(self.ask(ask)), mode)
        with self.modes("echo-request"):
            self.assertEqual(ask, self.ask(ask))
        with self.modes("request-copied"):
            self.assertEqual(b"\x02\x81" + ask[2:], self.ask(ask))

    def test_extra_datagrams(self):
        for mode, count in (("forged-first", 2), ("stale-first", 2), ("duplicate=2", 3), ("duplicate-reply", 2)):
            with self.modes(mode):
                self.server.send(request_map(80, 5000))
                got = self.server.receive_all(count)
                self.assertNotIn(None, got, mode)
                self.assertIsNone(self.server.receive(0.01), mode)
                self.assertEqual((NONCE, 80, 5000), (Answer(got[-1]).nonce, Answer(got[-1]).internal, Answer(got[-1]).port))
                if mode == "forged-first":
                    self.assertEqual(6000, Answer(got[0]).port)
                    self.assertNotEqual(NONCE, Answer(got[0]).nonce)
                if mode == "stale-first":
                    self.assertEqual((87, NONCE), (Answer(got[0]).internal, Answer(got[0]).nonce))

    def test_late(self):
        with self.modes("late"):
            address = self.ask(b"\0\0")
            self.server.send(request_map(80))
            self.assertEqual(address, self.server.receive()[0])
            self.assertEqual(60, len(self.server.receive()[0]))

    def test_prefer_failure_late(self):
        with self.modes("prefer-failure-late"):
            self.server.send(request_map(80, 5000, options=option(2)))
            first, second = map(Answer, self.server.receive_all(2))
            self.assertEqual([(0, 5001), (11, 5000)], [(first.result, first.port), (second.result, second.port)])

    def test_sources(self):
        self.server.send(ANNOUNCE)
        self.assertEqual(("127.0.0.1", self.server.port), self.server.receive()[1:])
        with self.modes("wrong-source-port"):
            self.server.send(ANNOUNCE)
            _, host, port = self.server.receive()
            self.assertEqual("127.0.0.1", host)
            self.assertNotEqual(self.server.port, port)
        with self.modes("wrong-source-address"):
            self.server.send(ANNOUNCE)
            self.assertEqual(("127.0.0.2", self.server.port), self.server.receive()[1:])


class Way(Base):
    """Loss, delay and order."""

    def elapsed(self, data):
        """Milliseconds until the answer."""
        start = time.monotonic()
        self.server.send(data)
        self.assertIsNotNone(self.server.receive())
        return (time.monotonic() - start) * 1000

    def test_delays(self):
        for mode, slow in (("delay=40", "map announce natpmp"), ("delay-map=40", "map"), ("delay-pcp=40", "map announce"),
                           ("delay-natpmp=40", "natpmp")):
            with self.modes(mode):
                for kind, data in (("map", request_map(80)), ("announce", ANNOUNCE), ("natpmp", b"\0\0")):
                    self.assertEqual(kind in slow, self.elapsed(data) >= 40, f"{mode} {kind}")

    def test_drop_first(self):
        with self.modes("drop-first=2"):
            self.assertEqual([True, True, False], [self.ask(ANNOUNCE) is None for _ in range(3)])
        with self.modes("drop-first-map=1"):
            self.assertIsNotNone(self.ask(ANNOUNCE))
            self.assertEqual([True, False], [self.ask(request_map(80)) is None for _ in range(2)])

    def count(self, *modes):
        """How many of 200 requests are answered."""
        with self.modes(*modes):
            for step in range(200):
                self.server.send(ANNOUNCE)
                if step % 50 == 49:
                    self.tell(f"mode max-lifetime={step}")
            self.tell("unmode max-lifetime")
            got = 0
            while self.server.receive(0.001):
                got += 1
            return got

    def test_loss(self):
        for mode, least, most in (("loss=30", 70, 125), ("loss-in=30", 120, 160), ("loss-out=30", 120, 160), ("loss=100", 0, 0)):
            self.assertTrue(least <= self.count("seed=7", mode) <= most, mode)
        self.assertEqual(self.count("seed=9", "loss=30"), self.count("seed=9", "loss=30"))

    def test_reorder(self):
        with self.modes("reorder"):
            for port in (80, 81):
                self.server.send(request_map(port))
            self.assertEqual([81, 80], [Answer(data).internal for data in self.server.receive_all(2)])


class Events(Base):
    """Control commands and signals."""

    def test_forget_reboot_and_external(self):
        self.tell("mode epoch=1000")
        self.assertEqual(5000, self.map(80, 5000).port)
        self.tell("forget")
        self.assertEqual((6000, True), (self.map(80, 6000).port, self.map(80).epoch >= 1000))
        self.tell("external 44.1.2.3")
        moved = self.map(80)
        self.assertEqual((V4 + bytes((44, 1, 2, 3)), 6000, True), (moved.address, moved.port, moved.epoch < 2))
        self.tell("reboot")
        self.assertEqual("", self.server.tell("mappings"))

    def test_update(self):
        self.map(80, 5000)
        self.tell("update")
        first = Answer(self.server.receive()[0])
        self.assertEqual((0x81, 0, NONCE, 80), (first.opcode, first.result, first.nonce, first.internal))
        self.assertNotEqual(5000, first.port)
        self.assertEqual(first.port, self.map(80, 5000).port)      # refreshed: no repeats
        self.assertIsNone(self.server.receive(0.27))

    def test_update_of_a_peer(self):
        """Three times the response, with all that was copied and another port (section 14.2)."""
        reply = self.ask(request_peer(4000, 443, 5555))
        self.tell("update")
        for data in self.server.receive_all(3, 5):
            update = Answer(data)
            self.assertNotEqual(5555, update.port)
            self.assertEqual((0x82, 0, 80), (update.opcode, update.result, len(data)))
            self.assertEqual((reply[24:42], reply[44:]), (data[24:42], data[44:]))
        self.assertIsNone(self.server.receive(0.3))
        self.assert_result(11, self.ask(request_peer(4000, 443, 5555)))
        self.assertEqual(update.port, Answer(self.ask(request_peer(4000, 443))).port)

    def test_announcements(self):
        with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as listener:
            listener.bind(("127.0.0.1", 0))
            listener.settimeout(1)
            self.tell(f"mode announce-to=127.0.0.1:{listener.getsockname()[1]}")
            self.tell("reboot")
            got = [listener.recvfrom(100) for _ in range(4)]        # from each of the two addresses
            self.assertEqual({24, 12}, {len(data) for data, _ in got})
            self.assertEqual({self.server.port}, {peer[1] for _, peer in got})
            self.assertEqual("028000000000000000000000", got[0][0][:12].hex())      # C2 but for the epoch
            self.tell("mode announce-form=natpmp")
            self.tell("mode announce-count=2")
            self.tell("announce")
            start = time.monotonic()
            self.assertEqual([12] * 4, [len(listener.recv(100)) for _ in range(4)])
            self.assertGreater(time.monotonic() - start, 0.24)

    def test_unreachable(self):
        with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as client:
            client.connect(("127.0.0.1", self.server.port))
            client.settimeout(2)
            self.tell("unreachable 200")
            client.send(ANNOUNCE)
            with self.assertRaises(ConnectionRefusedError):
                client.recv(100)
            for _ in range(100):
                try:
                    client.send(ANNOUNCE)
                    self.assertEqual(24, len(client.recv(100)))
                    break
                except ConnectionRefusedError:
                    time.sleep(0.02)
            else:
                self.fail("it is not back")
        self.tell("unreachable 60000")
        self.tell("reset")
        self.assert_result(0, self.ask(ANNOUNCE))

    def test_signals(self):
        self.tell("mode epoch=1000")
        self.map(80, 5000)
        self.server.child.send_signal(signal.SIGUSR2)
        self.assertNotEqual(5000, Answer(self.server.receive()[0]).port)
        self.server.child.send_signal(signal.SIGUSR1)
        for _ in range(100):
            if not self.server.tell("mappings"):
                break
            time.sleep(0.005)
        self.assertLess(struct.unpack_from(">I", self.ask(ANNOUNCE), 8)[0], 2)

    def test_bad_commands(self):
        for command in ("mode nonsense", "mode delay=x", "mode delay", "mode silent=1", "unmode silent", "hop", "external x",
                        "mode natpmp-only=7", "mode announce-to=1", "mode no-option=x"):
            self.assertTrue(self.server.tell(command).startswith("error: "), command)


class Nat(unittest.TestCase):
    """nat=INTERFACE: the rules, and what becomes of real packets."""

    INSIDE_HOST = "10.0.0.2"
    WAN = V4 + bytes((44, 128, 10, 9))

    def serve(self, *words, **more):
        """A server that translates."""
        server = Server("nat=wan0", *words, host=self.INSIDE_HOST, **more)
        self.addCleanup(server.stop)
        server.client.settimeout(5)
        return server

    def peer(self, server, internal, external=0, **more):
        """A PEER request for UDP to 44.9.9.9:443, its answer."""
        server.send(request_peer(internal, 443, external, protocol=UDP, client=V4 + socket.inet_aton(self.INSIDE_HOST), **more))
        return Answer(server.receive(5)[0])

    def flow(self, internal):
        """The external port of that flow as the kernel has it, None: it knows none."""
        lines = subprocess.run(["conntrack", "-L", "-p", "udp", "--orig-src", self.INSIDE_HOST, "--sport", str(internal)],
                               capture_output=True, text=True, check=True).stdout
        ports = re.findall(r" src=44\.9\.9\.9 dst=44\.128\.10\.9 sport=443 dport=(\d+)", lines)
        return int(ports[0]) if ports else None

    def packet(self, internal):
        """One packet of that flow."""
        with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
            sock.bind((self.INSIDE_HOST, internal))
            sock.sendto(b"hello", ("44.9.9.9", 443))

    def rules(self):
        """The rules that snat has now; None without the table."""
        done = subprocess.run(["nft", "list", "table", "ip", "fake_gateway"], capture_output=True, text=True, check=False)
        return None if done.returncode else re.findall(r"^.*snat to.*$", done.stdout, re.M)

    def wait_for_rules(self, count):
        """Until there are so many, 10 s at most."""
        end = time.monotonic() + 10
        while len(self.rules()) != count:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)

    @in_namespace
    def test_a_new_flow_leaves_with_the_port_that_was_granted(self):
        server = self.serve()
        answer = self.peer(server, 4000, 5555)
        self.assertEqual((0, 5555, self.WAN), (answer.result, answer.port, answer.address))
        self.assertEqual(1, len(self.rules()))
        for words in ('oifname "wan0"', "ip saddr 10.0.0.2", "ip daddr 44.9.9.9", "udp sport 4000", "udp dport 443",
                      "snat to 44.128.10.9:5555"):
            self.assertIn(words, self.rules()[0])
        self.packet(4000)
        self.assertEqual(5555, self.flow(4000))
        chosen = self.peer(server, 4001).port
        self.packet(4001)
        self.assertEqual(chosen, self.flow(4001))

    @in_namespace
    def test_a_flow_that_exists_keeps_its_port(self):
        """Section 12.3; another one is not to be had (12.1)."""
        server = self.serve()
        self.packet(4000)
        port = self.flow(4000)
        self.assertEqual(11, self.peer(server, 4000, port ^ 1).result)
        self.assertEqual([], self.rules())
        self.assertEqual("ok", server.tell("mode peer-suggestion-ignored"))
        self.assertEqual((0, port), (self.peer(server, 4000, port ^ 1).result, self.peer(server, 4000, port ^ 1).port))
        self.assertEqual("ok", server.tell("unmode peer-suggestion-ignored"))
        for suggested in (0, port):
            answer = self.peer(server, 4000, suggested)
            self.assertEqual((0, port, self.WAN), (answer.result, answer.port, answer.address))
        self.assertIn(f"snat to 44.128.10.9:{port}", self.rules()[0])
        # a port that another flow to the same remote has, which nobody has asked for
        self.packet(4001)
        self.assertEqual(11, self.peer(server, 4002, self.flow(4001)).result)
        self.assertEqual(1, len(self.rules()))

    @in_namespace
    def test_the_lifetime_of_a_flow_is_not_shortened(self):
        with open("/proc/sys/net/netfilter/nf_conntrack_udp_timeout", "w", encoding="ascii") as timeout:
            timeout.write("3000")
        server = self.serve()
        self.packet(4000)
        self.assertGreater(self.peer(server, 4000, lifetime=10).lifetime, 2900)
        self.assertEqual(5000, self.peer(server, 4000, lifetime=5000).lifetime)
        self.assertGreater(self.peer(server, 4000, lifetime=10).lifetime, 4900)

    @in_namespace
    def test_reboot_loses_all_and_the_old_port_can_be_had_again(self):
        server = self.serve("epoch=1000")
        self.packet(4000)
        port = self.flow(4000)
        self.assertGreaterEqual(self.peer(server, 4000).epoch, 1000)
        self.assertEqual("ok", server.tell("reboot"))
        self.assertEqual(([], None, ""), (self.rules(), self.flow(4000), server.tell("mappings")))
        again = self.peer(server, 4000, port, address=self.WAN)
        self.assertEqual((0, port), (again.result, again.port))
        self.assertLess(again.epoch, 20)
        self.packet(4000)
        self.assertEqual(port, self.flow(4000))
        # too late: without asking it got another
        self.assertEqual("ok", server.tell("reboot"))
        self.packet(4000)
        self.assertNotEqual(port, self.flow(4000))
        self.assertEqual(11, self.peer(server, 4000, port).result)

    @in_namespace
    def test_expiry_removes_the_rule(self):
        server = self.serve("lifetime=1")
        self.peer(server, 4000, 5555)
        self.assertEqual(1, len(self.rules()))
        self.packet(4000)
        self.wait_for_rules(0)
        self.assertEqual(5555, self.flow(4000))      # the flow goes on (section 12.3)

    @in_namespace
    def test_update_moves_the_flow(self):
        server = self.serve()
        self.peer(server, 4000, 5555)
        self.packet(4000)
        self.assertEqual("ok", server.tell("update"))
        port = Answer(server.receive(5)[0]).port
        self.assertNotEqual(5555, port)
        self.packet(4000)
        self.assertEqual(port, self.flow(4000))
        subprocess.run(["ip", "addr", "add", "44.128.10.8/32", "dev", "wan0"], check=True)
        self.assertEqual("ok", server.tell("external 44.128.10.8"))
        self.assertIn(f"snat to 44.128.10.8:{port}", self.rules()[0])

    @in_namespace
    def test_what_it_cannot_translate_is_refused(self):
        server = self.serve()
        client = V4 + socket.inet_aton(self.INSIDE_HOST)
        server.send(request_peer(4000, 443, protocol=132, client=client))
        self.assertEqual(9, Answer(server.receive(5)[0]).result)
        server.send(request_peer(4000, 443, address=bytes(16), client=client))      # NAT46
        self.assertEqual(9, Answer(server.receive(5)[0]).result)
        self.assertEqual(([], ""), (self.rules(), server.tell("mappings")))

    @in_namespace
    def test_an_error_of_nft_is_no_success(self):
        with tempfile.TemporaryDirectory() as folder:
            fault = os.path.join(folder, "fault")
            with open(os.path.join(folder, "nft"), "w", encoding="ascii") as script:
                real = subprocess.run(["sh", "-c", "command -v nft"], capture_output=True, text=True, check=True).stdout.strip()
                script.write(f'#!/bin/sh\n[ ! -e {fault} ] || {{ echo out of order >&2; exit 1; }}\nexec {real} "$@"\n')
            os.chmod(script.name, 0o755)
            server = self.serve(env=os.environ | {"PATH": folder + ":" + os.environ["PATH"]}, stderr=subprocess.PIPE)
            with open(fault, "wb"):
                self.assertEqual(8, self.peer(server, 4000, 5555).result)
            self.assertIn("out of order", server.child.stderr.readline())
            server.child.stderr.close()
            self.assertEqual(([], ""), (self.rules(), server.tell("mappings")))
            os.remove(fault)
            self.assertEqual(0, self.peer(server, 4000, 5555).result)

    @in_namespace
    def test_its_table_goes_with_it(self):
        server = self.serve()
        for end, begin in (("unmode nat", "mode nat=wan0"), ("reset", "mode nat=wan0"), ("quit", None)):
            self.assertEqual(0, self.peer(server, 4000, 5555).result)
            self.assertEqual(1, len(self.rules()))
            self.assertEqual("ok", server.tell(end))
            if begin:
                self.assertIsNone(self.rules())
                self.assertEqual("ok", server.tell(begin))
        self.assertEqual(0, server.child.wait(10))
        self.assertIsNone(self.rules())
        done = run("--port", 0, "nat=nowhere")
        self.assertEqual((1, True), (done.returncode, "nowhere" in done.stderr))


class Program(unittest.TestCase):
    """The command line, the log, IPv6."""

    def test_log_and_its_questions(self):
        with tempfile.TemporaryDirectory() as folder:
            log = os.path.join(folder, "log")
            server = Server("delay=20", "drop-first=1", log=log)
            data = request_map(80, 5000, options=filter_option(120) + option(128, "é".encode()))
            for datagram in (data, data, request_map(81), b"\0\0", ANNOUNCE, b"\x02\x81", b"", b"\x02\x01junk"):
                server.send(datagram)
            server.receive_all(4)
            self.assertEqual(0, server.stop())
            with open(log, encoding="utf-8") as lines:
                records = [json.loads(line) for line in lines]
            self.assertEqual([0, 1, 0], [records[0]["response"], records[-1]["response"], records[0]["reserved"]])
            self.assertEqual("127.0.0.1", records[0]["client_address"])
            for words, answer in (
                    (("--count", log, "dir=in"), "8"), (("--count", log, "kind=MAP", "dir=in"), "3"),
                    (("--count", log, "dir=out"), "4"), (("--count", log, "options=FILTER", "dir=out"), "1"),
                    (("--count", log, "dir=note"), "1"), (("--show", log, "internal_port", "kind=MAP"), "80\n80\n81"),
                    (("--show", log, "filters", "internal_port=80"), "198.51.100.0/120:0\n198.51.100.0/120:0"),
                    (("--show", log, "external_port", "dir=out", "kind=MAP"), "5000\n81"),
                    (("--show", log, "nonce", "kind=ADDRESS"), "-"), (("--max-outstanding", log, "version=2"), "4"),
                    (("--max-outstanding", log, "kind=MAP", "internal_port=81"), "2"), (("--max-outstanding", log, "version=0"), "1")):
                self.assertEqual(answer, ask_program(*words).rstrip("\n"), words)

    def test_usage(self):
        self.assertEqual(2, run("--port", 0, "nonsense").returncode)
        self.assertEqual(2, run("--port", 0, "wrong-source-address").returncode)
        self.assertEqual(2, run("--count", "/dev/null", "word").returncode)
        self.assertEqual(1, run("--bind", "192.0.2.1").returncode)

    def test_every_mode_is_tested(self):
        names = [line.split()[0] for line in ask_program("--list-modes").splitlines()]
        with open(__file__, encoding="utf-8") as source:
            text = source.read()
        self.assertGreater(len(names), 80)
        self.assertEqual([], [name for name in names if f'"{name}"' not in text and f'"{name}=' not in text and f"mode {name}" not in text])

    def test_it_ends_by_itself_and_tell(self):
        self.assertEqual(0, run("--port", 0, "--lifetime", 0.05).returncode)
        server = Server("silent")
        self.assertEqual("ok\n", run("--tell", server.control, "unmode", "silent").stdout)
        self.assertEqual(24, len(server.ask(ANNOUNCE)))
        self.assertEqual(1, run("--tell", server.control, "hop").returncode)
        self.assertEqual("ok", server.tell("quit"))
        self.assertEqual(0, server.child.wait(5))
        server.stop()

    def test_ipv6(self):
        try:
            client = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
            client.bind(("::1", 0))
        except OSError as error:
            self.skipTest(f"no ::1 here: {error}")
        server = Server(binds=("127.0.0.1", "::1"))
        loopback = bytes(15) + b"\x01"

        def ask(**more):
            client.sendto(request_map(80, client=loopback, **more), ("::1", server.port))
            return Answer(client.recv(2000))
        client.settimeout(2)
        pinhole = ask(address=loopback)
        self.assertEqual((0, 80, loopback), (pinhole.result, pinhole.port, pinhole.address))
        self.assertEqual(EXTERNAL, ask(address=ANY4).address)          # NAT64
        self.assertEqual("ok", server.tell("mode external6=2a10:1::9"))
        self.assertEqual("2a10:1::9", socket.inet_ntop(socket.AF_INET6, ask(address=bytes(16), nonce=NONCE, protocol=UDP).address))
        client.sendto(b"\0\0", ("::1", server.port))
        client.settimeout(0.02)
        self.assertRaises(TimeoutError, client.recv, 100)                # NAT-PMP is IPv4 only
        client.close()
        server.stop()


if __name__ == "__main__":
    unittest.main()
