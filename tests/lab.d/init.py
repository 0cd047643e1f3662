#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Process 1 of a lab's PID namespace, started by tests/lab.

init.py LOG-FILE LOG-SOCKET COMMAND... starts COMMAND, which builds the lab, and
then only lives: it reaps, and writes what arrives at LOG-SOCKET (the lab's
/dev/log) to LOG-FILE. It ends, and with it all processes of the namespace, when
COMMAND fails, when standard input ends (the guard is gone), when LOG-SOCKET is
removed, when process LAB_OWNER has ended, or after LAB_LIFETIME seconds.
"""

import ctypes
import os
import re
import select
import signal
import socket
import sys
import time


def make_mounts_private():
    """What we mount must not appear in the namespace that ours is a copy of.

    unshare(1) would do that, but in a chroot "/" is no mount point. So do it
    where setns(2) takes a process: to the top of the mount namespace.
    """
    MS_REC, MS_PRIVATE = 1 << 14, 1 << 18
    libc = ctypes.CDLL(None, use_errno=True)
    root = os.open("/", os.O_RDONLY)
    namespace = os.open("/proc/self/ns/mnt", os.O_RDONLY)
    if libc.setns(namespace, 0) or libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None):
        sys.exit("init.py: cannot make mounts private: " + os.strerror(ctypes.get_errno()))
    os.fchdir(root)
    os.chroot(".")
    os.close(root)
    os.close(namespace)


def reap(builder):
    try:
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            if pid == builder and status != 0:
                os._exit(1)
    except ChildProcessError:
        pass


def log_line(datagram):
    text = datagram.rstrip(b"\0\n").decode(errors="replace")
    # <priority>Mmm dd hh:mm:ss miniupnpd[pid]: text
    text = re.sub(r"^<\d+>(\w+ +\d+ \S+ )?", "", text)
    now = time.time()
    stamp = time.strftime("%H:%M:%S", time.localtime(now))
    return f"{stamp}.{int(now * 1000) % 1000:03} {text}\n"


def main(log_file, log_socket, *command):
    make_mounts_private()
    end = time.monotonic() + int(os.environ.get("LAB_LIFETIME") or 1200)
    owner = os.environ.get("LAB_OWNER")
    log = open(log_file, "a", buffering=1)
    syslog = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    # The path of a socket is limited to 107 octets, that of a directory not.
    where = os.getcwd()
    os.chdir(os.path.dirname(log_socket))
    syslog.bind(os.path.basename(log_socket))
    os.chdir(where)

    builder = os.fork()
    if builder == 0:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # which Python ignores
        os.execvp(command[0], command)
    os.dup2(2, 1)  # only the command reports to the guard
    signal.signal(signal.SIGCHLD, lambda *_: reap(builder))
    reap(builder)  # what ended before that
    while time.monotonic() < end:
        if owner and not os.path.exists(f"/proc/{owner}"):
            return
        if not os.path.exists(log_socket):
            return
        ready, _, _ = select.select([0, syslog], [], [], 1)
        if syslog in ready:
            log.write(log_line(syslog.recv(65536)))
        if 0 in ready and not os.read(0, 4096):
            return


main(*sys.argv[1:])
