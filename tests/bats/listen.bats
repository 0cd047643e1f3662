# SPDX-License-Identifier: MIT
# pcpctl announce-listen in the lab: the real miniupnpd, the fake gateway for what it does
# not send, and forged datagrams.
# shellcheck shell=bash disable=SC2034,SC2154,SC2153,SC2030,SC2031  # bats' and helper's variables

load lab

ANNOUNCER=$(realpath "$BATS_TEST_DIRNAME/../lab.d/announcer.py")
# Version 2, ANNOUNCE response, SUCCESS, Epoch 3; and the same by NAT-PMP.
PCP3=028000000000000000000003000000000000000000000000
NATPMP3=0080000000000003cb007109

teardown() {
	[ -z "${pid-}" ] || kill -KILL "$pid" 2>/dev/null || true
	leave
}

# hears ARG...: announce-listen on the client in the background, $pid, its words in out and
# err; it hears already.
hears() {
	out=$BATS_TEST_TMPDIR/out err=$BATS_TEST_TMPDIR/err
	"$LAB" client env --default-signal=INT,TERM,HUP "$PCPCTL" announce-listen "$@" \
		>"$out" 2>"$err" 3>&- &
	pid=$!
	wait_until is_open
}

# UDP 5350 has a socket: of both families, or in $tables.
is_open() {
	local table
	for table in ${tables:-udp udp6}; do
		[ "$(sockets "$table")" -gt 0 ] || return 1
	done
}

# has N TEXT: that many lines of stdout have the text. err_has N TEXT: of stderr.
has() {
	[ "$(grep -cF -- "$2" "$out")" -eq "$1" ]
}

err_has() {
	[ "$(grep -cF -- "$2" "$err")" -eq "$1" ]
}

# No octet in either that a terminal could heed.
nothing_raw() {
	! LC_ALL=C grep -q $'[\x01-\x08\x0b-\x1f\x7f-\xff]' "$out" "$err"
}

# sockets udp|udp6: how many the client has on 5350.
sockets() {
	client grep -c ':14E6 ' "/proc/net/$1"
}

# over STATUS [SIGNAL]: it ends with that status, after the signal or by itself.
over() {
	[ $# -eq 1 ] || kill -"$2" "$pid"
	ends_with "$1"
	pid=
	output=$(<"$out") stderr=$(<"$err")
	echo "# stdout: $output"
	echo "# stderr: $stderr"
}

# forge ADDR[:PORT] HEX [TIMES]: sent on the router's lan0, or $on.
forge() {
	router python3 "$ANNOUNCER" "${on:-lan0}" "$@"
}

# fake MODE...: the fake gateway in the place of the server.
fake() {
	local ready=$BATS_TEST_TMPDIR/fake-ready
	router python3 "$FAKE_GATEWAY" --bind "$ROUTER" --port 5351 --control 0 \
		announce-to=224.0.0.1:5350 "$@" >"$ready" 2>"$BATS_TEST_TMPDIR/fake" 3>&- &
	wait_until read_ports "$ready"
}

fake_tell() {
	local answer
	answer=$(router python3 "$FAKE_GATEWAY" --tell "$CONTROL" "$@")
	[ "$answer" = ok ] || { echo "fake gateway: $answer" >&2; return 1; }
}

# --- words ---

@test "words that are none: exit 2, and nothing is opened" {
	local word
	for word in 0 -1 1x 4294967296 ''; do
		run --separate-stderr "$PCPCTL" announce-listen --count="$word"
		is_usage_error "announce-listen: ${word:-''}: count must be 1-4294967295"
	done
	run --separate-stderr "$PCPCTL" announce-listen -x ''
	is_usage_error "announce-listen: '': no command"
	run --separate-stderr "$PCPCTL" announce-listen 192.168.1.254
	is_usage_error "announce-listen: 192.168.1.254: announce-listen takes no such word; a server is named with -s"
	run --separate-stderr "$PCPCTL" announce-listen --verfy
	is_usage_error "nearest is --verify"
	run --separate-stderr "$PCPCTL" announce-lisetn
	is_usage_error "announce-lisetn: unknown command, nearest is announce-listen"
}

# --- the real server ---

@test "miniupnpd starts: both families are heard, each as its own source" {
	home --no-server
	hears -t 20 -c 2
	"$LAB" server start
	over 0
	[ "${#output}" -gt 0 ]
	has 1 "  $ROUTER%eth0  PCP ANNOUNCE  epoch 0 s"
	has 1 "  $ROUTER6        PCP ANNOUNCE  epoch 0 s"
	grep -qE "^[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}  $ROUTER%eth0  PCP ANNOUNCE  epoch 0 s$" "$out"
	[ -z "$stderr" ]
}

@test "miniupnpd gets another address: NAT-PMP tells it, and the Epoch begins anew" {
	home
	hears -j --verify
	"$LAB" external 44.128.7.9 # which tells the server (SIGUSR1)
	# two families in PCP, and NAT-PMP: each is told, and told again when it was asked
	wait_until has 3 '"verified":true'
	over 0 TERM
	has 6 '"trusted":true'
	has 2 '"external_address":"44.128.7.9"'
	has 4 '"protocol":"pcp"'
	[ "$(json announce verified | sort | uniq -c | tr -s ' \n' ' ')" = ' 3 - 3 true ' ]
}

@test "miniupnpd stops: nothing is heard, and with -t that is exit 3" {
	home
	hears -t 1s
	"$LAB" server stop
	over 3
	[ -z "$output" ]
}

@test "-4 and -6 hear one family, --nat-pmp and --pcp one protocol" {
	home --no-server
	tables=udp6 hears -t 20 -c 1 -6
	[ "$(sockets udp)" -eq 0 ]
	forge "$ROUTER" "$PCP3"
	"$LAB" server start
	over 0
	has 1 "$ROUTER6"
	has 0 "$ROUTER%"
	tables=udp hears -t 20 -c 1 -4
	[ "$(sockets udp6)" -eq 0 ]
	"$LAB" server restart
	over 0
	has 1 "$ROUTER%"
	hears -c 1 --nat-pmp
	forge "$ROUTER" "$PCP3"
	forge "$ROUTER" "$NATPMP3"
	over 0
	has 1 "NAT-PMP external address 203.0.113.9  epoch 3 s"
	has 1 "$ROUTER"
}

# --- restarts ---

@test "a restart is seen against what an earlier run has kept" {
	home --no-server
	fake epoch=3553200
	map 8080
	exits 0
	hears -c 1 -j
	fake_tell reboot
	over 0
	json_is announce restarted true
	json_is announce epoch 0
	[[ $(json announce expected_epoch) == 35532?? ]]
	json_is announce count 1
	# heard once, it is not believed: what is kept stays, and the next run says the same
	hears -c 1 -j
	fake_tell announce
	over 0
	json_is announce restarted true
	[[ $(json announce expected_epoch) == 35532?? ]]
	hears -c 1 -j --no-state
	fake_tell announce
	over 0
	json_is announce restarted -
}

@test "--verify keeps what the server said when it was asked" {
	home --no-server
	fake epoch=3553200
	map 8080
	hears -c 1 --verify
	fake_tell reboot
	over 0
	prints "restarted: was 35532" "confirmed by unicast"
	hears -c 1
	fake_tell announce
	over 0
	prints "no restart: expected "
}

@test "a restart is seen against an earlier announcement, of each protocol for itself" {
	home --no-server
	fake epoch=100000
	hears --no-state
	fake_tell announce
	wait_until has 2 "epoch 100000 s"
	fake_tell reboot
	wait_until has 2 "restarted: was 10000"
	over 0 INT
	[ "$(wc -l <"$out")" -eq 4 ]
}

@test "repeats are folded; -v shows each, a JSON record tells the count at the end" {
	home --no-server
	fake announce-count=4 announce-form=pcp
	hears -j
	exec 5>"$BATS_TEST_TMPDIR/err2"
	"$LAB" client "$PCPCTL" announce-listen -v >"$BATS_TEST_TMPDIR/out2" 2>&5 3>&- &
	second=$!
	wait_until two_listen
	fake_tell reboot
	wait_until grep -q 'repeat 3 of the same announcement' "$BATS_TEST_TMPDIR/err2"
	kill -TERM "$second"
	wait "$second"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/out2")" -eq 1 ]
	[ "$(grep -c 'repeat [123] of' "$BATS_TEST_TMPDIR/err2")" -eq 3 ]
	grep -q "^pcpctl: announce-listen: 4 announcements (repeats included)" "$BATS_TEST_TMPDIR/err2"
	over 0 TERM
	json_is announce count $'1\n4'
	# what was asked is known of the repeats too
	hears -j -v --verify
	fake_tell reboot
	wait_until has 1 '"count":4}'
	over 0 TERM
	[ "$(json announce count | paste -sd' ')" = '1 1 2 3 4' ]
	[ "$(json announce verified | paste -sd' ')" = '- true true true true' ]
}

two_listen() {
	[ "$(sockets udp)" -ge 2 ]
}

# --- whom to believe ---

@test "only the router counts: another host, another port, another interface do not" {
	home --no-server
	hears -t 2s
	forge 192.168.1.66 "$PCP3"
	forge "$ROUTER:40000" "$PCP3"
	wait_until has 2 "clients must ignore it"
	over 3
	prints "192.168.1.66%eth0  PCP ANNOUNCE  epoch 3 s  not a router of this host: clients must ignore it" \
		"192.168.1.254:40000%eth0  PCP ANNOUNCE  epoch 3 s  from port 40000, not 5351: clients must ignore it"
	hears -a -c 2 -j
	forge 192.168.1.66 "$PCP3"
	forge "$ROUTER:40000" "$NATPMP3"
	over 0
	json_is announce trusted $'false\nfalse'
	json_is announce source $'192.168.1.66\n192.168.1.254:40000'
}

@test "a server named with -s counts, from its port" {
	home --no-server
	hears -c 1 -q -s 192.168.1.66:5360
	forge 192.168.1.66 "$PCP3"
	forge 192.168.1.66:5360 "$NATPMP3"
	over 0
	[ "$output" = "192.168.1.66:5360 nat-pmp 3 203.0.113.9" ]
}

@test "a router announces over IPv6 by its link-local address, whatever the route has" {
	home --no-server
	client ip -6 route del default
	hears -c 2 -q -t 20
	# the kernel has heard of neither yet: it must know that both are one host
	mac=$(router ip -o link show lan0 | sed 's/.*link.ether \([^ ]*\).*/\1/')
	client ip neigh replace "$ROUTER" lladdr "$mac" dev eth0
	client ip neigh replace fe80::1 lladdr "$mac" dev eth0
	"$LAB" server start
	over 0
	[ "$(sort <<<"$output")" = $'192.168.1.254 pcp 0 -\nfe80::1%eth0 pcp 0 -' ]
}

@test "--verify: a forged announcement is not confirmed, by what the server says or by its silence" {
	home --no-server
	fake epoch=3553200
	hears --verify -c 2
	forge "$ROUTER" "$PCP3"
	forge "$ROUTER" "$NATPMP3"
	over 0
	prints "PCP ANNOUNCE  epoch 3 s  not confirmed: asked by unicast, it says epoch 35532" \
		"NAT-PMP external address 203.0.113.9  epoch 3 s  not confirmed: asked by unicast, it says epoch 35532"
	"$LAB" silence on
	hears --verify -q -c 1
	forge "$ROUTER" "$PCP3"
	over 0
	[ "$output" = "192.168.1.254 pcp 3 - unverified" ]
}

@test "--verify: a refusal (ICMP) ends the wait; who does not count is not asked" {
	home --no-server
	hears --verify -c 1
	forge 192.168.1.66 "$PCP3"
	from=${EPOCHREALTIME/./}
	forge "$ROUTER" "$PCP3"
	over 0
	took=$(((${EPOCHREALTIME/./} - from) / 1000))
	prints "not confirmed: no answer by unicast"
	under 1900
	[ "$(grep -c confirmed <<<"$output")" -eq 1 ]
}

# --- interfaces ---

# A second network, its router 192.168.2.254 on lan1.
second_network() {
	local client_pid
	read -r _ _ _ client_pid _ <"$LAB_DIR/state"
	router ip link add lan1 type veth peer name eth1 netns "$client_pid"
	router ip addr add 192.168.2.254/24 dev lan1
	router ip link set lan1 up
	client ip addr add 192.168.2.10/24 dev eth1
	client ip link set eth1 up
	client ip route add default via 192.168.2.254 dev eth1 metric 100
}

@test "an interface that comes is heard, and its router counts there only" {
	home --no-server
	hears
	second_network
	# the change may still be on its way: sent until it counts
	sends_until_counted() {
		on=lan1 forge 192.168.2.254 "$PCP3"
		grep -F '192.168.2.254%eth1' "$out" | grep -qv 'clients must ignore'
	}
	wait_until sends_until_counted
	on=lan1 forge "$ROUTER" "$PCP3"
	wait_until has 1 "192.168.1.254%eth1  PCP ANNOUNCE  epoch 3 s  not a router of this host"
	forge "$ROUTER" "$PCP3"
	wait_until has 1 "192.168.1.254%eth0  PCP ANNOUNCE  epoch 3 s"
	router ip link del lan1
	over 0 TERM
	[ -z "$stderr" ]
}

@test "-i hears that interface only, also when it goes and comes back" {
	home --no-server
	second_network
	hears -i eth1
	forge "$ROUTER" "$PCP3"
	on=lan1 forge 192.168.2.254 "$PCP3"
	wait_until has 1 "192.168.2.254%eth1"
	router ip link del lan1
	wait_until not_open
	second_network
	wait_until is_open
	on=lan1 forge 192.168.2.254 "$NATPMP3"
	wait_until has 1 "NAT-PMP external address 203.0.113.9"
	over 0 TERM
	silent_about "eth0"
}

not_open() {
	[ "$(sockets udp)" -eq 0 ]
}

# --- the port ---

@test "beside another listener that shares the port: both hear" {
	home --no-server
	client python3 -S -E -c '
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
s.bind(("", 5350))
print("ready", flush=True)
print(len(s.recv(100)), flush=True)' >"$BATS_TEST_TMPDIR/other" 3>&- &
	wait_until grep -q ready "$BATS_TEST_TMPDIR/other"
	hears -c 1
	forge "$ROUTER" "$PCP3"
	over 0
	prints "PCP ANNOUNCE  epoch 3 s"
	wait_until grep -qx 24 "$BATS_TEST_TMPDIR/other"
}

# holds FAMILY: a program that does not share the port.
holds() {
	client python3 -S -E -c '
import socket, sys, time
s = socket.socket(getattr(socket, sys.argv[1]), socket.SOCK_DGRAM)
s.bind(("", 5350))
print("ready", flush=True)
time.sleep(60)' "$1" >"$BATS_TEST_TMPDIR/holder" 3>&- &
	wait_until grep -q ready "$BATS_TEST_TMPDIR/holder"
}

@test "a port that another program holds is named" {
	home --no-server
	holds AF_INET6
	pcpctl announce-listen -t 5 -j
	exits 5
	says "announce-listen: UDP port 5350 is held by python3, process " ", which does not share it"
	json_is error exit 5
}

@test "a port that is held for one family: the other is heard, with a warning" {
	home --no-server
	holds AF_INET
	tables=udp6 hears -c 1
	"$LAB" server start
	over 0
	says "announce-listen: IPv4 is not heard: UDP port 5350: held by another program that does not share it"
	prints "$ROUTER6  PCP ANNOUNCE  epoch 0 s"
}

# --- noise ---

@test "junk is counted, shown with -v, and never printed raw" {
	home --no-server
	hears -v
	forge 192.168.1.66 1b5b33316d07
	forge 192.168.1.66 0200
	forge 192.168.1.66 "${PCP3/0280/0200}"
	forge 192.168.1.66 00800000
	forge "$ROUTER" "$PCP3"
	wait_until has 1 "epoch 3 s"
	over 0 TERM
	says "junk from 192.168.1.66 on eth0: 6 octets, no announcement" "junk: 4; dropped by the kernel: 0"
	nothing_raw
	hears -j -v
	forge 192.168.1.66 1b5b33316d07
	wait_until has 1 '"dropped":"no announcement"'
	over 3 TERM
	json_is packet hex 1b5b33316d07
}

@test "10,000 datagrams of noise in a second: the announcement is seen, once, and memory stays" {
	home --no-server
	hears -vv --no-state
	over 3 TERM # what -v itself needs is not what is measured
	hears --no-state
	before=$(memory)
	forge "$ROUTER" noise 10000 1 "$PCP3"
	wait_until has 1 "$ROUTER%eth0  PCP ANNOUNCE  epoch 3 s"
	after=$(memory)
	echo "# memory: $before kB, then $after kB"
	[ $((after - before)) -le 1024 ]
	over 0 TERM
	[ "$(wc -l <"$out")" -eq 1 ]
	[ -z "$stderr" ]
}

# Of the listener at its highest, in kB.
memory() {
	sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$pid/status"
}

@test "noise with -v: every datagram is either counted or was dropped by the kernel" {
	home --no-server
	hears -v -j --no-state
	forge "$ROUTER" noise 2000 0.1 "$PCP3"
	wait_until settles
	over 0 INT
	[[ $stderr =~ ([0-9]+)" announcements (repeats included)".*"junk: "([0-9]+)"; dropped by the kernel: "([0-9]+) ]]
	[ $((BASH_REMATCH[1] + BASH_REMATCH[2] + BASH_REMATCH[3])) -eq 2010 ]
	nothing_raw
}

# Nothing more is written.
settles() {
	local size
	size=$(stat -c %s "$out")
	sleep 0.2
	[ "$size" -gt 0 ] && [ "$size" -eq "$(stat -c %s "$out")" ]
}

@test "a kernel that has to drop: that is counted" {
	home --no-server
	hears -v --no-state
	kill -STOP "$pid"
	forge "$ROUTER" noise 5000 0.1 "$PCP3"
	kill -CONT "$pid"
	wait_until grep -q junk "$err"
	wait_until err_settles
	over 0 TERM
	[[ $stderr =~ ([0-9]+)" announcement"s?" (repeats included)".*"junk: "([0-9]+)"; dropped by the kernel: "([0-9]+) ]]
	[ "${BASH_REMATCH[3]}" -gt 0 ]
	[ $((BASH_REMATCH[1] + BASH_REMATCH[2] + BASH_REMATCH[3])) -eq 5010 ]
}

err_settles() {
	local size
	size=$(stat -c %s "$err")
	sleep 0.2
	[ "$size" -eq "$(stat -c %s "$err")" ]
}

@test "a stranger's series is told at its beginning alone, as its repeats are not counted on" {
	home --no-server
	hears -j
	for epoch in 3 9999 3 9999; do # each time another series, of two
		forge 192.168.1.66 "0280000000000000$(printf %08x "$epoch")000000000000000000000000" 2
	done
	wait_until has 4 '"192.168.1.66"'
	forge "$ROUTER" "$PCP3" 2
	forge "$ROUTER" "0280000000000000$(printf %08x 9999)000000000000000000000000"
	wait_until has 3 "$ROUTER" # with the end of the first
	over 0 TERM
	has 4 '"192.168.1.66"'
}

@test "strangers by the thousand: some are told, the others counted" {
	home --no-server
	hears -v
	for i in {1..25}; do
		forge "192.168.1.$((i + 20))" "$PCP3"
	done
	forge "$ROUTER" "$PCP3"
	wait_until has 1 "$ROUTER%eth0"
	over 0 TERM
	has 20 "clients must ignore it"
	says "26 announcements (repeats included), 5 of other sources not shown"
}

# --- hooks, ends ---

@test "-x: once for each announcement that counts, with its variables" {
	home --no-server
	# shellcheck disable=SC2016 # for the hook's shell
	hears -c 2 -x 'env | grep ^PCP_[A-Z]*= | grep -v ^PCPCTL | sort | paste -sd" " >>'"$BATS_TEST_TMPDIR/hook"
	forge 192.168.1.66 "$PCP3"
	forge "$ROUTER" "$PCP3" 3
	forge "$ROUTER" "$NATPMP3"
	over 0
	cat "$BATS_TEST_TMPDIR/hook"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/hook")" -eq 2 ]
	grep -q "PCP_EPOCH=3 PCP_EVENT=announce .*PCP_RESTARTED= PCP_SERVER=$ROUTER PCP_TRUSTED=true PCP_VERIFIED= PCP_VIA=pcp" "$BATS_TEST_TMPDIR/hook"
	grep -q "PCP_EPOCH=3 .*PCP_VIA=nat-pmp" "$BATS_TEST_TMPDIR/hook"
}

@test "-x with --verify: the hook knows what came of it; the end waits for both" {
	home --no-server
	fake epoch=3553200
	# shellcheck disable=SC2016 # for the hook's shell
	hears -c 1 --verify -x 'sleep 0.3; echo "$PCP_VERIFIED $PCP_EPOCH" >>'"$BATS_TEST_TMPDIR/hook"
	forge "$ROUTER" "$PCP3"
	over 0
	[ "$(<"$BATS_TEST_TMPDIR/hook")" = "false 3" ]
	hears -c 1 --verify -x 'echo "$PCP_VERIFIED $PCP_RESTARTED" >>'"$BATS_TEST_TMPDIR/hook"
	fake_tell reboot
	over 0
	[ "$(tail -n 1 "$BATS_TEST_TMPDIR/hook")" = "true true" ]
}

@test "SIGINT, SIGTERM and SIGHUP end it cleanly; a second signal does not wait for a hook" {
	home --no-server
	for name in INT TERM HUP; do
		hears
		over 3 "$name"
	done
	hears -x 'sleep 30'
	forge "$ROUTER" "$PCP3"
	wait_until has 1 "epoch 3 s"
	from=${EPOCHREALTIME/./}
	kill -TERM "$pid"
	sleep 0.1
	over 0 TERM
	took=$(((${EPOCHREALTIME/./} - from) / 1000))
	under 9000
}

@test "a reader that has gone ends it: exit 5" {
	home --no-server
	mkfifo "$BATS_TEST_TMPDIR/pipe"
	"$LAB" client "$PCPCTL" announce-listen >"$BATS_TEST_TMPDIR/pipe" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
	pid=$!
	exec 6<"$BATS_TEST_TMPDIR/pipe"
	wait_until is_open
	exec 6<&-
	forge "$ROUTER" "$PCP3"
	ends_with 5
	pid=
	grep -q "stdout: cannot write" "$BATS_TEST_TMPDIR/err"
}
