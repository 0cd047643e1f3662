"""What PEER asks, as source NAT of nftables, for tests/fake_gateway.py (mode nat=INTERFACE).

It works in the network that the server runs in: a router's, with the interface to the outside, and with whatever
translates the flows that nobody asks for. Rules stand in a table of their own, before that. Needs nft and conntrack.
"""

import collections
import fcntl
import re
import socket
import struct
import subprocess

TABLE = "fake_gateway"
SIOCGIFADDR = 0x8915
PROTOCOLS = {6: "tcp", 17: "udp"}

# IPv4 addresses as text: { Protocol, Internal Address and Port, Remote Peer Address and Port } of RFC 6887 section 12.3.
Flow = collections.namedtuple("Flow", "protocol internal internal_port remote remote_port")
# What the kernel knows of one: its external address and port, and the seconds that it has left without another packet.
Present = collections.namedtuple("Present", "external port left")


class NatError(OSError):
    """nft, conntrack or the interface failed us."""


def tool(*words, text="", may_fail=False):
    """One call of a tool; what it printed."""
    try:
        done = subprocess.run(words, input=text, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NatError(f"{words[0]}: {error}") from error
    if done.returncode and not may_fail:
        raise NatError(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


class Nat:
    """The rules, and the connections that the kernel tracks."""

    def __init__(self, interface):
        self.interface = interface
        self.rules = {}

    def address(self):
        """The IPv4 address of the interface, 4 octets."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            try:
                return fcntl.ioctl(sock, SIOCGIFADDR, struct.pack("256s", self.interface.encode()[:15]))[20:24]
            except OSError as error:
                raise NatError(f"{self.interface}: {error.strerror}") from error

    def open(self):
        """Nothing is translated yet."""
        tool("conntrack", "-C")
        self.install({})

    def close(self):
        """The rules go; the connections stay as they are."""
        tool("nft", "-f", "-", text=f"table ip {TABLE}\ndelete table ip {TABLE}\n")
        self.rules = {}

    def sync(self, rules):
        """From now on these, and no others: Flow -> (external address, port)."""
        if rules != self.rules:
            self.install(rules)

    def install(self, rules):
        """The whole table anew, in one transaction: an error leaves the rules as they were."""
        lines = [f'oifname "{self.interface}" ip saddr {flow.internal} ip daddr {flow.remote} '
                 f"{PROTOCOLS[flow.protocol]} sport {flow.internal_port} {PROTOCOLS[flow.protocol]} dport {flow.remote_port} "
                 f"snat to {external}:{port}" for flow, (external, port) in rules.items()]
        tool("nft", "-f", "-", text="\n".join([
            f"table ip {TABLE}", f"delete table ip {TABLE}", f"table ip {TABLE} {{", "chain postrouting {",
            "type nat hook postrouting priority srcnat - 10;", *lines, "}", "}", ""]))
        self.rules = dict(rules)

    def present(self, flow):
        """The Present of a flow that the kernel tracks, else None."""
        # tcp 6 431999 ESTABLISHED src=IN dst=OUT sport=N dport=N src=OUT dst=EXTERNAL sport=N dport=PORT [ASSURED] ...
        for line in tool("conntrack", "-L", *self.original(flow)).splitlines():
            return Present(re.findall(r" dst=(\S+)", line)[1], int(re.findall(r" dport=(\d+)", line)[1]), int(line.split()[2]))
        return None

    def is_held(self, flow, external, port):
        """Whether another flow to the same remote has this external port."""
        lines = tool("conntrack", "-L", "-p", PROTOCOLS[flow.protocol], "--reply-src", flow.remote, "--reply-dst", external,
                     "--reply-port-src", str(flow.remote_port), "--reply-port-dst", str(port)).splitlines()
        own = f" src={flow.internal} dst={flow.remote} sport={flow.internal_port} "
        return any(own not in line for line in lines)

    def drop(self, flow):
        """The kernel forgets that connection: its next packet is translated by the rules."""
        tool("conntrack", "-D", *self.original(flow), may_fail=True)    # 1: there was none

    def forget(self):
        """As after a power failure: no rule, no connection."""
        self.sync({})
        tool("conntrack", "-F")

    @staticmethod
    def original(flow):
        """The words of conntrack that select a flow, as its first packet was."""
        return ("-p", PROTOCOLS[flow.protocol], "--orig-src", flow.internal, "--orig-dst", flow.remote,
                "--orig-port-src", str(flow.internal_port), "--orig-port-dst", str(flow.remote_port))
