# SPDX-License-Identifier: MIT
# map --keep against a real router (miniupnpd in tests/lab): what is mapped is reached
# again from outside, whatever becomes of the server, of the network, or of ourselves.
# The times it took are comments of the TAP output.
# shellcheck shell=bash disable=SC2034,SC2154  # bats' and lab.bash's variables

setup() {
	load lab
	out=$BATS_TEST_TMPDIR/out err=$BATS_TEST_TMPDIR/err
}

teardown() {
	[ -z "${pid-}" ] || kill -KILL "$pid" 2>/dev/null || true
	leave
}

# --- a keeper ---

# keep ARG...: map --keep on the client, in the background: $pid, $out, $err.
keep() {
	: >"$out"
	: >"$err"
	"$LAB" client env --default-signal=INT,HUP "$PCPCTL" map --keep "$@" >"$out" 2>"$err" 3>&- &
	pid=$!
}

# kept ARG...: the same, and it has its first line.
kept() {
	keep "$@"
	wait_until test -s "$out"
}

# waits SECONDS COMMAND...: until it succeeds.
waits() {
	local seconds=$1 end=$((SECONDS + $1))
	shift
	until "$@"; do
		((SECONDS <= end)) || {
			echo "not within $seconds s: $*" >&2
			cat "$out" "$err" >&2
			return 1
		}
		sleep 0.05
	done
}

# told N: so many lines. told_of TEXT: one with that.
told() {
	[ "$(wc -l <"$out")" -ge "$1" ]
}

told_of() {
	grep -q -- "$1" "$out" "$err"
}

# port_told: the external port of the newest line.
port_told() {
	sed -n 's/.*[0-9]:\([0-9]*\) -> .*/\1/p' "$out" | tail -n 1
}

# passes ADDRESS PORT TEXT
passes() {
	local greeting
	greeting=$(PATIENCE=0.4 connect "$1" "$2") && [[ $greeting == *"$3"* ]]
}

# back WHAT SECONDS ADDRESS PORT TEXT: a connection from outside passes again, after ...
back() {
	local what=$1 seconds=$2 from=${EPOCHREALTIME/./}
	waits "$seconds" passes "${@:3}"
	echo "# $what: reached again after $(((${EPOCHREALTIME/./} - from) / 1000)) ms" >&3
}

# ends STATUS: it does, after SIGTERM; what it made is gone.
ends() {
	kill -TERM "$pid"
	ends_with "$1"
	pid=
}

# ages: an Epoch that is two seconds off is in range (RFC 6887, 8.5); a restart of a
# server is seen by it only when the server has run for longer.
ages() {
	sleep 4.5
}

# --- the router's network, seen from the client ---

route() {
	client ip -4 route "$@" via "$ROUTER"
}

route_gone() {
	client ip -4 route del default
}

# pretend MODE...: in place of the server one that writes down what it is asked.
pretend() {
	"$LAB" server stop
	GATEWAY_LOG=$BATS_TEST_TMPDIR/log GATEWAY_FROM=0
	router python3 "$FAKE_GATEWAY" --bind "$ROUTER" --port 5351 --log "$GATEWAY_LOG" "$@" \
		>"$BATS_TEST_TMPDIR/ready" 3>&- &
	wait_until test -s "$BATS_TEST_TMPDIR/ready"
}

# nonces_asked [KEY=VALUE]...: those of the requests it got, each once.
nonces_asked() {
	python3 "$FAKE_GATEWAY" --show "$GATEWAY_LOG" nonce kind=MAP "$@" | sort -u
}

# --- what the server goes through ---

@test "a crash, state lost: reached again" {
	home
	greet 192.168.1.10 8080
	kept 8080
	reaches connect "$EXTERNAL" 8080 "port 8080 of 192.168.1.10"
	ages
	"$LAB" server crash
	closed "$EXTERNAL" 8080
	"$LAB" server start
	back "a crash" 60 "$EXTERNAL" 8080 "port 8080 of 192.168.1.10"
	wait_until told 2
	[ "$(wc -l <"$out")" -eq 2 ] # granted, recovered
	told_of "lost its state"
	grep -q "$ROUTER announces a restart: epoch [0-9]* s, expected [0-9]* s (not confirmed yet)$" "$err"
	ends 0
	closed "$EXTERNAL" 8080
	[ "$(rules 'dport 8080')" -eq 0 ]
}

@test "restarts, one after the other" {
	home
	greet 192.168.1.10 8080
	kept 8080
	for i in 1 2 3; do
		ages
		"$LAB" server restart
		back "restart $i" 60 "$EXTERNAL" 8080 "port 8080"
	done
	ends 0
	[ "$(rules 'dport 8080')" -eq 0 ]
}

@test "a clean stop and a start" {
	home
	greet 192.168.1.10 8080
	kept 8080
	ages
	"$LAB" server stop
	"$LAB" server start
	back "a clean stop and a start" 60 "$EXTERNAL" 8080 "port 8080"
	ends 0
	[ "$(rules 'dport 8080')" -eq 0 ]
}

@test "another external address: reached there" {
	home
	greet 192.168.1.10 8080
	kept 8080
	ages
	"$LAB" external 44.128.9.9
	back "another external address" 60 44.128.9.9 8080 "port 8080"
	waits 60 told_of "44.128.9.9:8080 -> 192.168.1.10:8080"
	ends 0
}

@test "another external address, kept by NAT-PMP" {
	home
	greet 192.168.1.10 8080
	kept --nat-pmp 8080
	"$LAB" external 44.128.9.9
	waits 60 told_of "44.128.9.9:8080 -> 192.168.1.10:8080"
	back "another external address, NAT-PMP" 60 44.128.9.9 8080 "port 8080"
	ends 0
}

# Both announcements of the restart may be lost as well: the renewal, a minute later, then
# tells of it.
@test "30 % of the datagrams lost, and a crash" {
	home
	greet 192.168.1.10 8080
	"$LAB" loss 30
	kept -l 2m 8080
	back "30 % loss, the first time" 60 "$EXTERNAL" 8080 "port 8080"
	ages
	"$LAB" server restart
	back "30 % loss and a restart" 100 "$EXTERNAL" 8080 "port 8080"
	"$LAB" loss 0
	ends 0
}

@test "a minute of silence, in which the server restarts" {
	home
	greet 192.168.1.10 8080
	kept 8080
	ages
	"$LAB" silence on
	"$LAB" server restart
	sleep 60
	closed "$EXTERNAL" 8080
	"$LAB" silence off
	back "a minute of silence" 120 "$EXTERNAL" 8080 "port 8080"
	ends 0
}

@test "an IPv6 pinhole over a restart" {
	home
	greet "$CLIENT6" 8443
	kept -6 8443
	reaches connect "$CLIENT6" 8443 "port 8443 of $CLIENT6"
	ages
	"$LAB" server restart
	closed "$CLIENT6" 8443
	back "IPv6 pinhole, a restart" 60 "$CLIENT6" 8443 "port 8443 of $CLIENT6"
	ends 0
	closed "$CLIENT6" 8443
}

# --- what the client goes through ---

@test "renumbered: mapped for the new address, with another nonce" {
	home
	greet 0.0.0.0 8080
	kept 8080
	first=$(grep -rhoE '"nonce":"[0-9a-f]{24}"' "$PCPCTL_STATE_DIR")
	sysctl_client 1 ipv4/conf/eth0/promote_secondaries
	client ip addr add 192.168.1.11/24 dev eth0
	client ip addr del 192.168.1.10/24 dev eth0
	waits 60 told_of "-> 192.168.1.11:8080"
	back "renumbered" 60 "$EXTERNAL" "$(port_told)" "hello $("$LAB" info | sed -n s/wan4=//p)"
	[ "$(rules 192.168.1.11)" -ge 1 ]
	[ "$(grep -rhoE '"nonce":"[0-9a-f]{24}"' "$PCPCTL_STATE_DIR" | grep -cv "$first")" -eq 1 ]
	ends 0
	[ "$(rules 192.168.1.11)" -eq 0 ]
}

@test "the link down, the server restarted meanwhile, the link up" {
	home
	greet 192.168.1.10 8080
	kept 8080
	ages
	client ip link set eth0 down
	sleep 0.5 # shorter than it takes to look, it would be no absence
	"$LAB" server restart
	client ip link set eth0 up
	route add default
	back "link down and up, a restart meanwhile" 60 "$EXTERNAL" 8080 "port 8080"
	ends 0
}

@test "the default route vanishes, the server restarts unheard, the route comes back" {
	home
	greet 192.168.1.10 8080
	kept 8080
	ages
	route_gone
	sleep 0.5
	# no announcement reaches us
	client ip link set eth0 down
	"$LAB" server restart
	client ip link set eth0 up
	sleep 1
	closed "$EXTERNAL" 8080
	route add default
	back "route away and back, a restart meanwhile" 60 "$EXTERNAL" 8080 "port 8080"
	ends 0
}

@test "started before there is a route: waits, and maps when there is one" {
	home
	greet 192.168.1.10 8080
	route_gone
	keep -4 8080
	waits 20 told_of "waits until there is somebody to ask"
	sleep 1
	[ ! -s "$out" ]
	route add default
	back "a route at last" 60 "$EXTERNAL" 8080 "port 8080"
	ends 0
	closed "$EXTERNAL" 8080
}

@test "ended while it waits for a route: 0, as any end of it" {
	home
	route_gone
	keep -4 8080
	waits 20 told_of "waits until there is somebody to ask"
	ends 0
	[ ! -s "$out" ]
}

@test "another network, the same router address: another nonce, and the old one never" {
	home
	kept 8080
	first=$(grep -rhoE '"nonce":"[0-9a-f]{24}"' "$PCPCTL_STATE_DIR" | cut -d'"' -f4)
	[ -n "$first" ]
	client ip link set eth0 down
	pretend
	router ip link set lan0 address 02:00:00:00:00:99
	client ip link set eth0 up
	route add default
	waits 60 told_of "44.128.10.7:8080 -> " # the other router's external address
	ends 0
	cat "$out" "$err" "$GATEWAY_LOG"
	echo "the old nonce: $first; asked here: $(nonces_asked)"
	[ "$(nonces_asked | wc -l)" -eq 1 ]
	[ "$(nonces_asked)" != "$first" ]
	# it is remembered, of the network that it belongs to
	client "$PCPCTL" map --list | grep -q elsewhere
}

@test "another network while nothing is answered: the old nonce is not sent there" {
	home
	"$LAB" silence on
	keep 8080
	waits 60 told_of "no answer"
	first=$(grep -rhoE '"nonce":"[0-9a-f]{24}"' "$PCPCTL_STATE_DIR" | cut -d'"' -f4)
	[ -n "$first" ]
	client ip link set eth0 down
	pretend
	"$LAB" silence off
	router ip link set lan0 address 02:00:00:00:00:99
	client ip link set eth0 up
	route add default
	waits 60 told_of "44.128.10.7:8080 -> "
	ends 0
	echo "the old nonce: $first; asked here: $(nonces_asked)"
	[ "$(nonces_asked | wc -l)" -eq 1 ]
	[ "$(nonces_asked)" != "$first" ]
}

# --- kill -9 ---

@test "kill -9 at any instant, then a new run: the same nonce and port, no second mapping" {
	home --no-server
	pretend
	local i
	for i in {1..60}; do
		keep any:8080
		sleep "0.0$((RANDOM % 10))$((RANDOM % 10))"
		kill -KILL "$pid"
		wait "$pid" || true
	done 2>/dev/null
	kept any:8080
	port=$(port_told)
	[ "$(nonces_asked | wc -l)" -eq 1 ]
	echo "# killed 60 times, $(python3 "$FAKE_GATEWAY" --count "$GATEWAY_LOG" kind=MAP dir=in) requests" >&3
	for i in {1..5}; do
		kill -KILL "$pid"
		wait "$pid" || true
		kept any:8080
		[ "$(port_told)" = "$port" ]
	done 2>/dev/null
	[ "$(nonces_asked | wc -l)" -eq 1 ]
	ends 0
	[ "$(nonces_asked lifetime=0 | wc -l)" -eq 1 ] # it made them: it deletes them
}

@test "kill -9 while it ends: what a new run asks is granted" {
	home
	greet 192.168.1.10 8080
	local i
	for i in {1..15}; do
		kept 8080
		kill -TERM "$pid"
		sleep "0.00$((RANDOM % 10))"
		kill -KILL "$pid" || true
		wait "$pid" || true
	done 2>/dev/null
	kept 8080
	reaches connect "$EXTERNAL" 8080 "port 8080"
	[ "$(rules dnat)" -eq 1 ]
	ends 0
	[ "$(rules dnat)" -eq 0 ]
	[ -z "$(client "$PCPCTL" map --list)" ]
}

# --- the service manager ---

# manager: stands in for it, each datagram one line, its own lines joined by |.
manager() {
	export NOTIFY_SOCKET=$BATS_TEST_TMPDIR/notify
	python3 -S -E -c '
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
while True:
    print(s.recv(4096).decode().strip("\n").replace("\n", "|"), flush=True)' \
		"$NOTIFY_SOCKET" >"$BATS_TEST_TMPDIR/manager" 3>&- &
	manager=$!
	wait_until test -S "$NOTIFY_SOCKET"
}

notified() {
	grep -qE -- "$1" "$BATS_TEST_TMPDIR/manager"
}

@test "the notify protocol: READY after every first grant, STATUS, STOPPING" {
	home
	manager
	"$LAB" silence on
	keep 8080 8081/udp
	sleep 1
	run ! notified READY
	"$LAB" silence off
	waits 60 told 2
	wait_until notified 'READY=1'
	[ "$(grep -c READY "$BATS_TEST_TMPDIR/manager")" -eq 1 ]
	wait_until notified "STATUS=2 of 2 held; .*$EXTERNAL:808., until "
	run ! notified STOPPING
	kill -TERM "$pid"
	ends_with 0
	pid=
	wait_until notified 'STOPPING=1'
	wait_until notified 'EXTEND_TIMEOUT_USEC=25000000'
	kill "$manager"
	cat "$BATS_TEST_TMPDIR/manager"
}

# unit: that of the manual page, as a reader gets it.
unit() {
	mandoc -T ascii "$BATS_TEST_DIRNAME/../../man/pcpctl.1" | sed 's/.\x08//g' |
		sed -n '/^ *\[Unit\]/,/^ *WantedBy=/s/^ *//p' | sed "s|/usr/local/bin/pcpctl|$PCPCTL|"
}

@test "the unit of the manual page: systemd-analyze takes it" {
	command -v systemd-analyze >/dev/null || skip "systemd-analyze is not there (package systemd)"
	unit >"$BATS_TEST_TMPDIR/pcpctl@.service"
	grep -qx 'Type=notify' "$BATS_TEST_TMPDIR/pcpctl@.service"
	grep -qx 'TimeoutStartSec=infinity' "$BATS_TEST_TMPDIR/pcpctl@.service"
	cp "$BATS_TEST_TMPDIR/pcpctl@.service" "$BATS_TEST_TMPDIR/pcpctl@8080.service"
	run systemd-analyze verify "$BATS_TEST_TMPDIR/pcpctl@8080.service"
	echo "$output"
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}

@test "the unit of the manual page: every system call of a keeper is let through" {
	command -v systemd-analyze >/dev/null || skip "systemd-analyze is not there (package systemd)"
	home
	sets=$(systemd-analyze syscall-filter 2>/dev/null) || skip "systemd-analyze knows no syscall-filter"
	[[ $sets == *@system-service* ]]
	"$LAB" client strace -f -qq -e signal=none -o "$BATS_TEST_TMPDIR/calls" \
		"$PCPCTL" map --keep -x 'echo "$PCP_EVENT"' 8080 >"$out" 2>"$err" 3>&- &
	pid=$!
	waits 30 told_of granted
	pkill -TERM -P "$pid" -x pcpctl
	ends_with 0
	pid=
	sed -n 's/^[0-9]* *\([a-z0-9_]*\)(.*/\1/p' "$BATS_TEST_TMPDIR/calls" | sort -u >"$BATS_TEST_TMPDIR/used"
	unit >"$BATS_TEST_TMPDIR/unit"
	python3 - "$BATS_TEST_TMPDIR/unit" "$BATS_TEST_TMPDIR/used" <<-'END'
		import subprocess, sys
		def members(name):
		    text = subprocess.run(["systemd-analyze", "syscall-filter", name], capture_output=True, text=True).stdout
		    words = [w.strip() for w in text.splitlines()[1:] if w.strip() and not w.strip().startswith("#")]
		    return {m for w in words for m in (members(w) if w.startswith("@") else {w})}
		allowed = set()
		for line in open(sys.argv[1]):
		    key, _, value = line.strip().partition("=")
		    if key != "SystemCallFilter":
		        continue
		    words = value.lstrip("~").split()
		    for word in words:
		        these = members(word) if word.startswith("@") else {word}
		        allowed = allowed - these if value.startswith("~") else allowed | these
		used = set(open(sys.argv[2]).read().split())
		assert len(used) > 20 and "sendto" in used and "execve" in used, used
		# What a forbidden call of a hook's shell does is the shell's business; ours may have none.
		bad = used - allowed - {"execve"}
		sys.exit(f"not let through: {bad}" if bad else 0)
	END
}
