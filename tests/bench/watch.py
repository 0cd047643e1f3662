#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the screen of watch costs: watch.py COUNT COMMAND...

Runs the command, which is to show COUNT mappings as held, on a terminal of 100x30, and
prints in one line: ms until it does; the processor time, in 0.01 % of a core, and the
wake-ups of 10 s in which nothing happens; the median and the longest time in us from a
key to what it draws; the status that it ends with after q.
"""

import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time

IDLE = 10
QUIET = 0.15        # after the redraw of each second, far from the next
KEYS = ("j", "j", "\x1bOF", "k", "\x1bOH", "\x1b[6~", "\x1b[5~", "s", "s", "s", "s", "?", "?", "l", "l", "/", "1", "2", "\x7f",
        "\x1b")


class Screen:
    """The command on its terminal."""

    def __init__(self, command):
        ours, its = os.pipe()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.write(its, os.readlink("/proc/self").encode())
            os.environ["TERM"] = "xterm"
            os.execvp(command[0], command)
        # as /proc has it, which may be that of an outer PID namespace
        self.proc = "/proc/" + os.read(ours, 20).decode()
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))

    def read(self, timeout):
        """What it draws next, b"" if nothing within the time."""
        if not select.select([self.fd], [], [], max(timeout, 0))[0]:
            return b""
        try:
            return os.read(self.fd, 65536)
        except OSError:
            return b""

    def wait_for(self, text, limit):
        """Until that has been drawn whole."""
        seen, end = b"", time.monotonic() + limit
        while text not in seen:
            if time.monotonic() > end:
                sys.exit(f"watch.py: not drawn within {limit} s: {text!r}")
            seen = (seen + self.read(0.1))[-65536:]

    def settle(self):
        """Until it has just drawn, and is quiet."""
        end = time.monotonic() + 5
        while not self.read(0.5):
            if time.monotonic() > end:
                sys.exit("watch.py: it draws nothing")
        while self.read(QUIET):
            pass

    def press(self, key):
        """Seconds until the key shows."""
        self.settle()
        start = time.monotonic()
        os.write(self.fd, key.encode())
        if not self.read(0.6):
            sys.exit(f"watch.py: the key {key!r} draws nothing")
        return time.monotonic() - start

    def cost(self):
        """Its processor time in ns, and how often it has slept."""
        with open(f"{self.proc}/schedstat", encoding="ascii") as file:
            spent = int(file.read().split()[0])
        with open(f"{self.proc}/status", encoding="ascii") as file:
            slept = next(int(line.split()[1]) for line in file if line.startswith("voluntary_ctxt_switches"))
        return spent, slept

    def idle(self):
        """What IDLE seconds cost."""
        before, end = self.cost(), time.monotonic() + IDLE
        while time.monotonic() < end:
            self.read(end - time.monotonic())
        after = self.cost()
        return after[0] - before[0], after[1] - before[1]

    def end(self):
        """q: its status."""
        os.write(self.fd, b"q")
        end = time.monotonic() + 30
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            self.read(0.1)
        return "none"


def main(count, command):
    """One run."""
    start = time.monotonic()
    screen = Screen(command)
    screen.wait_for(f": {count} held".encode(), 60)
    ready = time.monotonic() - start
    screen.settle()
    time.sleep(3)       # findings are looked for, what was held up is done
    screen.settle()
    spent, slept = screen.idle()
    times = sorted(screen.press(key) for key in KEYS)
    print(round(ready * 1e3), round(spent / IDLE / 1e5), slept, round(times[len(times) // 2] * 1e6), round(times[-1] * 1e6),
          screen.end())


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
