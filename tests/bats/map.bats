# SPDX-License-Identifier: MIT
# map against the scripted gateway: every exit status, every option, every lie.
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2153,SC2016  # bats' and helper's variables; scripts quoted whole
# shellcheck disable=SC2030,SC2031  # each test is a subshell

load helper

NONCE=0102030405060708090a0b0c
OTHER=ffffffffffffffffffffffff

setup_file() {
	gateway_start
}

teardown_file() {
	gateway_stop
}

# Nobody answered, and it says so within the time: not a moment before -t, and far
# from the seconds that other clients take.
is_unanswered() {
	exits 3
	[ -z "$output" ]
	[ "$took" -ge 300 ]
	under 3000
}

# A port of 127.0.0.1 that takes everything and answers nothing: $silent.
silent_server() {
	python3 -S -E -c 'import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
time.sleep(20)' > "$BATS_TEST_TMPDIR/silent" 3>&- &
	silent_pid=$!
	wait_until test -s "$BATS_TEST_TMPDIR/silent"
	silent=$(cat "$BATS_TEST_TMPDIR/silent")
}

teardown() {
	[ -z "${silent_pid-}" ] || kill "$silent_pid" || true
}

# --- granted ---

@test "a port: one line, one datagram" {
	gateway
	listen
	map "$listening"
	exits 0
	[[ $output =~ ^tcp\ \ 44\.128\.10\.7:$listening\ -\>\ 127\.0\.0\.1:$listening\ \ 2h,\ until\ [0-9:]{8}\ \ \(PCP,\ $S\)$ ]]
	[ -z "$stderr" ]
	[ "$(sent)" -eq 1 ]
	[ "$(sent version=2 kind=MAP protocol=6 internal_port="$listening" suggested_port="$listening" lifetime=7200 \
		suggested_address=0.0.0.0 client_address=127.0.0.1 len=60)" -eq 1 ]
	[ "$(mappings internal_port="$listening" external_port="$listening" protocol=6)" -eq 1 ]
}

@test "every form of a spec" {
	gateway
	map -q 80:8080/tcp any:8081/udp 82/sctp 83/dccp 84/udplite 85/47 86:87/icmp 88/UDP
	exits 0
	[ "$output" = $'44.128.10.7:80\n44.128.10.7:49152\n44.128.10.7:82\n44.128.10.7:83
44.128.10.7:84\n44.128.10.7:85\n44.128.10.7:86\n44.128.10.7:88' ]
	[ -z "$stderr" ]
	[ "$(sent_fields internal_port)" = "8080 8081 82 83 84 85 87 88" ]
	[ "$(sent_fields protocol)" = "6 17 132 33 136 47 1 17" ]
	# any, and SCTP of its own accord, suggest no port
	[ "$(sent_fields suggested_port)" = "80 0 0 83 84 85 86 88" ]
}

@test "results come in the order of the specs, tcp before udp, servers in theirs" {
	gateway reorder nonce-not-checked
	map -s "127.0.0.2:$PORT" -q 81 82/tcp+udp
	exits 0
	[ "$output" = $'44.128.10.7:81\n44.128.10.7:81\n44.128.10.7:82\n44.128.10.7:82\n44.128.10.7:82\n44.128.10.7:82' ]
	gateway delay-map=100 nonce-not-checked
	pcpctl map -s "127.0.0.2:$PORT" -s "$S" 82/tcp+udp 81
	exits 0
	[ "$(sed 's/ .*, / /; s/)$//' <<< "$output" | paste -sd' ')" = \
		"tcp 127.0.0.2:$PORT udp 127.0.0.2:$PORT tcp $S udp $S tcp 127.0.0.2:$PORT tcp $S" ]
}

@test "tcp+udp: UDP suggests the port that TCP got" {
	gateway taken=80
	map -q 80/tcp+udp
	exits 0
	[ "$output" = $'44.128.10.7:49152\n44.128.10.7:49152' ]
	[ "$(sent_fields protocol)" = "6 17" ]
	[ "$(sent_fields suggested_port)" = "80 49152" ]
	gateway
	map -q any:80/tcp+udp
	[ "$(sent_fields suggested_port)" = "0 49152" ]
	[ "$(mappings external_port=49152)" -eq 2 ]
}

@test "tcp+udp: one half refused" {
	gateway no-protocol=17
	map 80/tcp+udp
	exits 1
	prints "tcp  44.128.10.7:80"
	says "udp 80: $S refused: UNSUPP_PROTOCOL (9)"
	[ "$(mappings)" -eq 1 ]
	gateway no-protocol=17
	map -q 80/tcp+udp
	exits 1
	[ "$output" = $'44.128.10.7:80\n-' ]
	gateway no-protocol=6
	map -q 80/tcp+udp
	exits 1
	[ "$output" = $'-\n44.128.10.7:80' ]
}

@test "all: every port, with a warning" {
	gateway
	map all
	exits 0
	prints "all  44.128.10.7:* -> 127.0.0.1:*"
	says "every port that is not mapped otherwise will reach this host"
	[ "$(sent protocol=0 internal_port=0 suggested_port=0)" -eq 1 ]
	gateway
	map all/tcp
	exits 0
	[ "$(sent protocol=6 internal_port=0 suggested_port=0)" -eq 1 ]
	gateway no-wildcard
	map all
	exits 1
	says "UNSUPP_PROTOCOL (9)"
}

@test "IPv6: a pinhole, external as internal" {
	[ -n "$HAS_IPV6" ] || skip "no ::1 here"
	gateway
	pcpctl map -s "[::1]:$PORT" 22/tcp+udp
	exits 0
	prints "tcp  [::1]:22 -> [::1]:22  2h" "udp  [::1]:22 -> [::1]:22  2h" "(PCP, [::1]:$PORT)"
	[ "$(sent client_address=::1 suggested_address=::)" -eq 2 ]
	gateway
	pcpctl map -q -s "[::1]:$PORT" any:22
	[ "$output" = "[::1]:22" ]
}

@test "IPv6 and a server that speaks NAT-PMP only: refused, and nothing is mapped" {
	[ -n "$HAS_IPV6" ] || skip "no ::1 here"
	gateway natpmp-only
	pcpctl map -s "[::1]:$PORT" 22
	exits 1
	says "NAT-PMP, which cannot express IPv6"
	[ "$(mappings)" -eq 0 ]
	[ "$(sent version=0)" -eq 0 ]
}

# --- nobody answers ---

@test "silent: exit 3 at -t" {
	gateway silent
	map -t 300ms 80
	is_unanswered
	says "tcp 80: no answer from $S to 2 requests; a mapping may have been made all the same"
	nonce=$(sent_fields nonce | cut -d' ' -f1)
	says "pcpctl map -d -s $S --nonce $nonce 80"
	# the quick schedule: 0, 250 ms; beside the second one the two harmless probes
	[ "$(sent version=2 kind=MAP)" -eq 2 ]
	[ "$(sent version=0)" -eq 1 ]
	[ "$(sent version=2 opcode=0)" -eq 1 ]
}

@test "silent with --patient: exit 3 at -t, one datagram" {
	gateway silent
	map --patient -t 300ms 80
	is_unanswered
	[ "$(sent)" -eq 1 ]
}

@test "silent: a pair and several servers end at -t too" {
	gateway silent
	map -t 300ms 80/tcp+udp 81
	is_unanswered
	says "tcp 80: no answer" "udp 80: not asked" "tcp 81: no answer"
	map -t 300ms -P 80/tcp+udp
	exits 3
	under 3000
	map -s "127.0.0.2:$PORT" -t 300ms -q 80
	exits 3
	under 3000
	[ "$output" = $'-\n-' ]
}

@test "port unreachable: exit 4 at once, exactly one datagram" {
	port=$(closed_port)
	pcpctl map -s "127.0.0.1:$port" 80
	exits 4
	[ -z "$output" ]
	under 500
	says "tcp 80: 127.0.0.1:$port is unreachable: ICMP port unreachable" \
		"! 127.0.0.1:$port refused UDP $port (ICMP port unreachable)"
	pcpctl map -j -s "127.0.0.1:$port" 80 81/tcp+udp
	exits 4
	under 500
	[ "$(json mapping event | sort -u)" = unreachable ]
	[ "$(json mapping attempts | paste -sd' ')" = "1 0 0" ]
	json_is finding id no-server-port-unreachable
}

@test "a host name: resolved, or exit 4" {
	gateway
	pcpctl map -s name.invalid 80
	exits 4
	[ -z "$output" ]
	says "pcpctl: map: name.invalid: "
	pcpctl map -s localhost -t 200ms 80 # whatever listens at 5351 here, it is found
	[ "$status" -ne 2 ]
	silent_about "not an address"
}

@test "a name server that never answers: its time counts in -t" {
	own_net
	local from=${EPOCHREALTIME/./}
	run --separate-stderr unshare "$net" bash -c '
		ip link set lo up
		echo nameserver 127.0.0.1 > "$1/resolv.conf"
		echo "hosts: dns" > "$1/nsswitch.conf"
		mount --bind "$1/resolv.conf" /etc/resolv.conf && mount --bind "$1/nsswitch.conf" /etc/nsswitch.conf || exit 77
		python3 -S -E -c "import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((\"127.0.0.1\", 53))
print(1, flush=True)
time.sleep(20)" > "$1/bound" 3>&- &
		for i in {1..100}; do [ -s "$1/bound" ] && break; sleep 0.02; done
		"$PCPCTL" map -s slow.example.org -t 500ms 80
		status=$?
		kill %1
		exit $status' - "$BATS_TEST_TMPDIR"
	took=$(((${EPOCHREALTIME/./} - from) / 1000))
	[ "$status" -ne 77 ] || skip "bind mounts are not permitted here"
	exits 4
	says "slow.example.org: "
	[ "$took" -ge 400 ]
	under 5000
}

# --- other failures here ---

@test "-b: an address that is not ours is exit 5, another one is the one mapped" {
	gateway
	map -b 192.0.2.77 80
	exits 5
	says "pcpctl: map: 192.0.2.77: no address of this host (-b)"
	[ "$(sent)" -eq 0 ]
	map -b 127.0.0.9 80
	exits 0
	prints "-> 127.0.0.9:80"
	[ "$(sent client_address=127.0.0.9)" -eq 1 ]
}

@test "stdout that takes nothing: exit 5, one line" {
	gateway nonce-not-checked
	for args in "map -s $S 80" "map -j -s $S 81" "map -q -s $S 82" "map --dry-run -s $S 80" \
			"map --dry-run -j -s $S 80" "discover -s $S" "discover -j -s $S" \
			"discover -q -s $S" --help --version "map --help" "help findings"; do
		# shellcheck disable=SC2086  # words
		run -5 bash -c '"$PCPCTL" "$@" 2>&1 >/dev/full' - $args
		[ "$(grep -c 'stdout: cannot write' <<< "$output")" -eq 1 ]
		# shellcheck disable=SC2086
		run -5 bash -c '"$PCPCTL" "$@" 2>/dev/null >&-' - $args
	done
	# nothing to write is nothing to fail
	gateway map-result=8
	run -1 bash -c '"$PCPCTL" map -s "$S" 80 2>&1 >/dev/full'
}

@test "streams that are closed get no socket, and nothing is printed into one" {
	gateway
	run -0 bash -c '"$PCPCTL" map -s "$S" 80 <&- 2>&-'
	run -1 bash -c '"$PCPCTL" map --no-state -s "$S" 80 <&- 2>&-' # another nonce: refused
	[ "$(sent)" -eq "$(sent kind=MAP)" ]
	run -5 bash -c '"$PCPCTL" map -s "$S" 81 <&- >&- 2>&-'
	[ "$(sent)" -eq 3 ]
	command -v strace >/dev/null || skip "no strace here to look at the descriptors"
	strace -o "$BATS_TEST_TMPDIR/trace" true 2>/dev/null || skip "strace is not permitted here"
	bash -c 'strace -o "$1" "$PCPCTL" map -s "$S" 82 <&- >&-' - "$BATS_TEST_TMPDIR/trace" || true
	grep -qE '^socket.* = [0-9]+$' "$BATS_TEST_TMPDIR/trace"
	run ! grep -E '^(socket|epoll_create1|signalfd4|eventfd2)\(.* = [012]$' "$BATS_TEST_TMPDIR/trace"
}

@test "a firewall of this host that refuses the send: exit 5" {
	own_net
	command -v nft >/dev/null || skip "no nft here"
	run --separate-stderr unshare "$net" bash -c '
		ip link set lo up
		nft "table ip t { chain o { type filter hook output priority 0; udp dport 5351 drop; }; }" || exit 77
		"$PCPCTL" map -s 127.0.0.1 80'
	[ "$status" -ne 77 ] || skip "nft is not permitted here: $stderr"
	exits 5
	[ -z "$output" ]
	says "Operation not permitted" "firewall"
	run --separate-stderr unshare "$net" bash -c '
		ip link set lo up
		nft "table ip t { chain o { type filter hook output priority 0; udp dport 5351 drop; }; }" &&
		"$PCPCTL" discover -s 127.0.0.1'
	exits 5
}

@test "no default route: exit 4 names -s" {
	own_net
	run --separate-stderr unshare "$net" bash -c 'ip link set lo up; "$PCPCTL" map 80'
	exits 4
	says "no default route with a router to ask; name a server with -s"
	run --separate-stderr unshare "$net" bash -c 'ip link set lo up; "$PCPCTL" discover -j'
	exits 4
	[ "$(json error exit)" = 4 ]
}

# --- several results: the worst decides ---

@test "the worst of several results decides: 4 before 3 before 1 before 0" {
	port=$(closed_port)
	gateway result-sequence=0,8
	map -q 80 81
	exits 1
	[ "$output" = $'44.128.10.7:80\n-' ]
	gateway
	map -s "127.0.0.1:$port" -q 80
	exits 4
	[ "$output" = $'44.128.10.7:80\n-' ]
	gateway map-result=8
	map -s "127.0.0.1:$port" -q 80
	exits 4
	# one is granted, one refused, one silent: 3; and one that nobody serves: 4
	gateway result-sequence=0,8 drop-first-map=0
	silent_server
	map -s "127.0.0.1:$silent" -t 300ms -q 80 81
	exits 3
	[ "$output" = $'44.128.10.7:80\n-\n-\n-' ]
	map -s "127.0.0.1:$silent" -s "127.0.0.1:$port" -t 300ms -q 82
	exits 4
	[ "$output" = $'44.128.10.7:82\n-\n-' ]
}

@test "several servers: one that does not resolve does not keep the others from being asked" {
	gateway
	pcpctl map -q -s name.invalid -s "$S" 80
	exits 4
	[ "$output" = 44.128.10.7:80 ]
	says "pcpctl: map: name.invalid: "
	[ "$(mappings)" -eq 1 ]
	pcpctl map -j -s name.invalid -s "$S" 81
	exits 4
	[ "$(json error exit)" = 4 ]
	[ "$(json mapping event)" = granted ]
}

@test "one server named twice is asked once" {
	gateway
	map -s "$S" -q 80
	exits 0
	[ "$output" = 44.128.10.7:80 ]
	[ "$(sent)" -eq 1 ]
}

# --- the server says no ---

@test "results of PCP: exit 1, the code named" {
	for row in "2 NOT_AUTHORIZED (2)" "8 NO_RESOURCES (8)" "10 USER_EX_QUOTA (10)" \
			"12 ADDRESS_MISMATCH (12)" "4 UNSUPP_OPCODE (4)" "200 unknown result 200"; do
		gateway "map-result=${row%% *}"
		map 80
		exits 1
		[ -z "$output" ]
		says "tcp 80: $S refused: ${row#* }"
		[ "$(sent)" -eq 1 ]
		map -q 80
		exits 1
		[ "$output" = - ]
	done
}

@test "results of NAT-PMP: exit 1, in its own numbering" {
	for row in "2 NOT_AUTHORIZED (NAT-PMP 2)" "3 NETWORK_FAILURE (NAT-PMP 3)" "4 (NAT-PMP 4)" \
			"5 (NAT-PMP 5)" "9 unknown result 9"; do
		gateway natpmp-only "natpmp-result=${row%% *}"
		map 80
		exits 1
		[ -z "$output" ]
		says "tcp 80: $S refused: " "${row#* }"
	done
}

@test "a success that maps nothing is no success" {
	gateway lifetime=0
	map 80
	exits 1
	[ -z "$output" ]
	gateway external-port=0
	map 80
	exits 1
	[ -z "$output" ]
	gateway natpmp-only natpmp-lifetime=0
	map 80
	exits 1
	[ -z "$output" ]
}

# --- answers that are none ---

@test "header only, and truncated at each length: no answer" {
	gateway header-only
	map -t 300ms -vv 80
	is_unanswered
	says "too short"
	gateway truncate=0
	for length in 1 2 3 4 7 8 11 12 15 16 20 23 24 28 36 40 44 56 59; do
		gateway_add "truncate=$length"
		map -t 20ms 80
		[ "$status" -eq 3 ]
		[ -z "$output" ]
	done
}

@test "NAT-PMP truncated at each length: no answer" {
	for length in 1 2 3 4 7 8 9 11 12 15; do
		gateway natpmp-only "truncate=$length"
		map --nat-pmp -t 20ms 80
		[ "$status" -eq 3 ]
		[ -z "$output" ]
	done
	gateway natpmp-short
	map --nat-pmp -t 300ms -vv 80
	is_unanswered
	says "too short"
}

@test "wrong nonce: ignored, counted, exit 3" {
	gateway wrong-nonce
	map -t 300ms 80
	is_unanswered
	says "2 answers of $S carried another nonce than was sent: dropped"
	map -t 300ms -vv 80
	says "with another nonce than was sent"
}

@test "other source port, other source address: ignored and reported" {
	gateway wrong-source-port
	map -t 300ms 80
	is_unanswered
	says "$S was asked, but 4 answers came from 127.0.0.1:" "dropped"
	gateway wrong-source-address
	map -t 300ms 80
	is_unanswered
	says "$S was asked, but 4 answers came from 127.0.0.2:$PORT" "-s 127.0.0.2"
}

@test "other internal port, the low-byte fault, other protocol, opcode, version" {
	gateway wrong-internal-port
	map -t 300ms 80
	is_unanswered
	says "answered for internal port 81 where 80 was asked: dropped"
	gateway low-byte-port
	map -t 300ms 22002
	is_unanswered
	says "internal port 242 where 22002 was asked" "miniupnpd 1.8"
	gateway natpmp-only low-byte-port
	map -t 300ms 22002
	is_unanswered
	says "internal port 242 where 22002 was asked"
	for mode in wrong-protocol wrong-opcode wrong-version=3; do
		gateway $mode
		map -t 300ms 80
		is_unanswered
	done
}

@test "the request comes back as it was: ignored and counted" {
	gateway echo-request
	map -t 300ms 80
	is_unanswered
	says "4 datagrams came that cannot be used as an answer"
	map -t 300ms -vv 80
	says "the R bit is clear: a request, not an answer"
}

@test "the request comes back with the R bit set: neither a grant nor a delete" {
	gateway request-copied
	map -t 300ms -vv 80
	exits 3
	[ -z "$output" ]
	says "the R bit is clear: a request, not an answer"
	map -t 300ms --no-state -d 80
	exits 3
	[ -z "$output" ]
}

@test "too long, not a multiple of 4: no answer" {
	for mode in oversize not-multiple-of-4; do
		gateway $mode
		map -t 300ms 80
		is_unanswered
	done
}

@test "legal oddities are taken" {
	for mode in reserved-nonzero echo-options duplicate-reply duplicate=3 stale-first forged-first late; do
		gateway $mode
		map -q 80 81/udp
		exits 0
		[ "$output" = $'44.128.10.7:80\n44.128.10.7:81' ]
	done
}

# --- what was granted ---

@test "another external port: exit 0 and a warning; with -P exit 1" {
	gateway port-offset=1
	map 80
	exits 0
	prints "44.128.10.7:81 -> 127.0.0.1:80"
	says "assigned external port 81 to tcp 80, where 80 was suggested"
	gateway port-offset=1
	map -P 80
	exits 1
	[ -z "$output" ]
	says "CANNOT_PROVIDE_EXTERNAL (11)"
	[ "$(mappings)" -eq 0 ]
}

@test "lifetimes: what was granted is printed, a difference is said" {
	for row in "1 1s" "4000 1h 6m" "600 10m" "86400 1d"; do
		gateway "lifetime=${row%% *}"
		map 80
		exits 0
		prints "  ${row#* }, until "
		says "granted tcp 80 for ${row#* }, where 2h was asked"
	done
	gateway
	listen
	map -l 90m "$listening"
	exits 0
	prints "  1h 30m, until "
	[ -z "$stderr" ]
	[ "$(sent lifetime=5400)" -eq 1 ]
	gateway
	map -l 5 80
	says "granted tcp 80 for 2m, where 5s was asked"
}

@test "a private, shared or bogus external address: printed, with a finding, exit 0" {
	for row in "100.64.3.2 carrier-grade NAT" "192.168.3.2 RFC 1918" "10.1.1.1 RFC 1918" \
			"127.0.0.5 cannot be reached" "203.0.113.9 cannot be reached"; do
		gateway "external=${row%% *}"
		map 80
		exits 0
		prints "tcp  ${row%% *}:80 -> 127.0.0.1:80"
		says "${row%% *}, the external address of $S," "${row#* }"
	done
}

@test "--require-public: exit 1, and the mapping is taken back" {
	for address in 100.64.3.2 192.168.3.2; do
		gateway "external=$address"
		map --require-public 80/tcp+udp 81
		exits 1
		[ -z "$output" ]
		says "--require-public takes no other" "deleted again"
		[ "$(mappings)" -eq 0 ]
	done
	gateway external=100.64.3.2 natpmp-only
	map --require-public -q 80
	exits 1
	[ "$output" = - ]
	[ "$(mappings)" -eq 0 ]
	gateway natpmp-only natpmp-address-result=3
	map --require-public 80
	exits 1
	[ "$(mappings)" -eq 0 ]
	gateway external=100.64.3.2
	map --require-public --nonce $NONCE 80
	exits 1
	says "stays until"
	[ "$(mappings)" -eq 1 ]
	gateway
	map --require-public 80
	exits 0
}

@test "NAT-PMP: an external address that cannot be had is a question mark" {
	for modes in "natpmp-only natpmp-address-result=3" "natpmp-only natpmp-external-zero"; do
		# shellcheck disable=SC2086  # words
		gateway $modes
		map 80
		exits 0
		prints "tcp  ?:80 -> 127.0.0.1:80"
		says "! $S granted tcp 80"
		map -q 81
		[ "$output" = '?:81' ]
		map -j 82
		json_is mapping external_address -
		json_is mapping external_port 82
	done
}

# --- where it leads ---

# unbound PORT[/PROTO]...: exactly one finding, that nothing listens there.
unbound() {
	map "$@"
	exits 0
	[ "${#stderr_lines[@]}" -eq 1 ] && [[ $stderr == "* Nothing listens on "* ]]
}

@test "nothing listens on the internal port: one finding, exit 0" {
	gateway
	listen
	unbound 80:2 # compressnet: nobody has heard of it
	says "* Nothing listens on tcp 2 at 127.0.0.1, where external port 80 leads. Start "
	unbound "$listening/udp" # TCP is not UDP
	says "on udp $listening at"
	gateway
	listen udp
	unbound "$listening"
	says "on tcp $listening at"
	map "$listening/udp"
	[ -z "$stderr" ]
	unbound "$listening/tcp+udp" 2/udp
	says "on tcp $listening at 127.0.0.1, where external port $listening leads (and 1 more mapping likewise)."
	map -j "$listening"
	[ "$(json finding id)" = port-unbound ]
	json_is finding severity warning
}

@test "what listens at any address listens; at another one does not" {
	gateway
	listen 0.0.0.0
	map "$listening"
	exits 0
	[ -z "$stderr" ]
	listen 127.0.0.9
	map "$listening"
	exits 0
	says "* On tcp $listening a program listens at 127.0.0.9 only, not at 127.0.0.1, where external port $listening leads. Let it listen at 127.0.0.1, or at every address (0.0.0.0)."
	[ "${#stderr_lines[@]}" -eq 1 ]
	map -b 127.0.0.9 "any:$listening"
	[ -z "$stderr" ]
	[ -n "$HAS_IPV6" ] || skip "no ::1 here"
	listen ::
	map "$listening" # it takes IPv4 too
	[ -z "$stderr" ]
	pcpctl map -s "[::1]:$PORT" "$listening"
	exits 0
	[ -z "$stderr" ]
	listen 0.0.0.0
	pcpctl map -s "[::1]:$PORT" "$listening"
	says "listens at 0.0.0.0 only, not at ::1" "or at every address (::)."
}

@test "several programs on one port: said; a more exact address comes first" {
	gateway
	listen udp 0.0.0.0
	listen udp 0.0.0.0 "$listening"
	map "$listening/udp"
	exits 0
	says "* 2 sockets of several programs listen on udp $listening at 127.0.0.1, and one of them at a time gets what arrives there. Stop " \
		"\`ss -lnpu 'sport = :$listening'\` names them."
	[ "${#stderr_lines[@]}" -eq 1 ]
	map -j "$listening/udp"
	[ "$(json finding id)" = port-shared ]
	listen udp 127.0.0.1 "$listening"
	map "$listening/udp"
	[ -z "$stderr" ]
}

@test "several sockets of one program share a port in order" {
	gateway
	# shellcheck disable=SC2034  # it is held, not read
	exec {hold}> >(exec python3 -S -E -c 'import os, socket, sys
port = 0
for i in range(4):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.bind(("127.0.0.1", port))
    port = s.getsockname()[1]
    if os.fork() == 0:
        s.listen()
        if i == 3:
            print(port, flush=True)
        sys.stdin.read()
        os._exit(0)
    s.close()
for i in range(4):
    os.wait()' > "$BATS_TEST_TMPDIR/workers" 3>&-)
	wait_until test -s "$BATS_TEST_TMPDIR/workers"
	port=$(cat "$BATS_TEST_TMPDIR/workers")
	map "$port"
	exits 0
	[ -z "$stderr" ]
}

@test "nobody is asked who listens where it cannot be known, or is not printed" {
	command -v strace >/dev/null || skip "no strace here to see what is asked"
	strace -o "$BATS_TEST_TMPDIR/trace" true 2>/dev/null || skip "strace is not permitted here"
	asked() {
		strace -e trace=sendto -o "$BATS_TEST_TMPDIR/trace" "$PCPCTL" map -s "$S" "$@" \
			> "$BATS_TEST_TMPDIR/out" 2> "$BATS_TEST_TMPDIR/err"
		grep -c SOCK_DIAG_BY_FAMILY "$BATS_TEST_TMPDIR/trace"
	}
	gateway
	# once for each family of sockets, whatever the number of mappings
	[ "$(asked 9000)" -eq 2 ]
	[ "$(grep -c 'idiag_sport=htons(9000)' "$BATS_TEST_TMPDIR/trace")" -eq 2 ]
	[ "$(asked 9001 9002 9003 9004 9005)" -eq 2 ]
	[ "$(asked 9006/tcp+udp 9007/tcp+udp)" -eq 4 ]
	for args in "-q 9000" "-3 192.0.2.9 9000" "--dry-run 9000" all "-d --no-state --nonce $NONCE 9010"; do
		# shellcheck disable=SC2086  # words
		[ "$(asked $args)" -eq 0 ]
		run ! grep -E 'istens|istening' "$BATS_TEST_TMPDIR/err"
	done
	# a protocol without ports, of which the kernel has no list
	map 9000/47
	exits 0
	[ -z "$stderr" ]
	gateway natpmp-only natpmp-internal-port-zero-ok
	[ "$(asked 1:0/udp)" -eq 0 ]
}

# --- -P ---

@test "-P: the port or nothing, in PCP" {
	gateway
	map -P 80
	exits 0
	[ "$(sent options=PREFER_FAILURE)" -eq 1 ] || [ "$(sent len=64)" -eq 1 ]
	gateway taken=80
	map -P 80
	exits 1
	says "CANNOT_PROVIDE_EXTERNAL (11)"
	[ "$(mappings)" -eq 0 ]
}

@test "-P ignored by the server: refused all the same, and its mapping is deleted" {
	gateway prefer-failure-ignored port-offset=1
	map -P 80
	exits 1
	[ -z "$output" ]
	says "assigned " "81 where 80 was asked, and -P takes no other (CANNOT_PROVIDE_EXTERNAL)" \
		"the unwanted mapping has been deleted again"
	# not before the second that the right answer may take
	[ "$took" -ge 900 ]
	under 8000
	[ "$(mappings)" -eq 0 ]
	[ "$(sent_fields lifetime)" = "7200 0" ]
	[ "$(sent_fields nonce | tr ' ' '\n' | sort -u | wc -l)" -eq 1 ]
}

@test "-P ignored, with --nonce: the mapping may be another program's and is left, named" {
	gateway prefer-failure-ignored port-offset=1
	map -P --nonce $NONCE 80
	exits 1
	[ -z "$output" ]
	says "the unwanted mapping of port 81 stays until"
	[ "$(mappings nonce=$NONCE)" -eq 1 ]
	[ "$(sent lifetime=0)" -eq 0 ]
}

@test "-P ignored, and the delete is refused or lost: said" {
	gateway prefer-failure-ignored port-offset=1 delete-result=2
	map -P 80
	exits 1
	says "the unwanted mapping of port 81" "stay"
	[ "$(mappings)" -eq 1 ]
}

@test "-P: another port first, the refusal after it" {
	gateway prefer-failure-late taken=80
	map -P 80
	exits 1
	[ -z "$output" ]
	under 5000
}

@test "-P in NAT-PMP is emulated" {
	gateway natpmp-only taken=80
	map -P 80
	exits 1
	[ -z "$output" ]
	says "49152 where 80 was asked, and -P takes no other" "deleted again"
	[ "$(mappings)" -eq 0 ]
	[ "$(sent version=0 lifetime=0)" -eq 1 ]
	gateway natpmp-only
	map -P 80
	exits 0
	[ "$(mappings external_port=80)" -eq 1 ]
}

@test "-P with tcp+udp is both or neither" {
	gateway taken=80
	map -P 80/tcp+udp
	exits 1
	says "tcp 80: $S refused: CANNOT_PROVIDE_EXTERNAL" "udp 80: refused: the other half"
	[ "$(mappings)" -eq 0 ]
	gateway no-protocol=17
	map -P -q 80/tcp+udp
	exits 1
	[ "$output" = $'-\n-' ]
	says "tcp 80: refused: the other half" "udp 80: $S refused: UNSUPP_PROTOCOL"
	[ "$(mappings)" -eq 0 ]
	gateway
	map -P 80/tcp+udp
	exits 0
	[ "$(mappings external_port=80)" -eq 2 ]
	gateway natpmp-only taken=80
	map -P 80/tcp+udp
	exits 1
	[ "$(mappings)" -eq 0 ]
}

# --- the other options ---

@test "-e: suggested; in NAT-PMP warned of; with -P refused there" {
	gateway
	map -e 44.128.10.9 80
	exits 0
	[ "$(sent suggested_address=44.128.10.9)" -eq 1 ]
	gateway
	map -P -e 44.128.10.9 80
	exits 1
	says "CANNOT_PROVIDE_EXTERNAL (11)"
	gateway natpmp-only
	map -e 44.128.10.9 80
	exits 0
	says "--external-address was not asked for: NAT-PMP cannot express it"
	gateway natpmp-only
	map -e 0.0.0.0 80
	exits 0
	silent_about "--external-address was not asked for"
	gateway natpmp-only
	map -P -e 44.128.10.9 80
	exits 1
	says "NAT-PMP, which cannot express an external address (-e) with -P"
	[ "$(mappings)" -eq 0 ]
}

@test "-F: FILTER in the family's octets; never called filtered" {
	gateway
	map -F 192.0.2.0/24 -F '[198.51.100.7]:443' 80
	exits 0
	silent_about "filtered"
	says "a server that accepts --filter may ignore it all the same"
	[ "$(mappings filters=2)" -eq 1 ]
	map --dry-run -F 192.0.2.0/24 -F '[198.51.100.7]:443' 80
	# code 3, length 20; prefix 96 + 24; the port; ::ffff:192.0.2.0
	hex=$(sed -n 's/^    00[0-9a-f]0  \(.*\)  |.*/\1/p' <<< "$output" | tr -d ' \n')
	[[ $hex == *03000014007800000000000000000000"0000ffff"c0000200* ]]
	[[ $hex == *0300001400 ]] || [[ $hex == *03000014008001bb00000000000000000000ffffc6336407* ]]
	gateway
	map -F none 80
	exits 0
	gateway no-option=FILTER
	map -F 192.0.2.0/24 80
	exits 1
	says "UNSUPP_OPTION (5)"
	gateway max-filters=1
	map -F 192.0.2.0/24 -F 198.51.100.0/24 80
	exits 1
	says "EXCESSIVE_REMOTE_PEERS (13)"
}

@test "-3: THIRD_PARTY; the internal address is the other host's" {
	gateway
	map -3 192.0.2.9 80
	exits 0
	prints "-> 192.0.2.9:80"
	[ "$(mappings internal_address=192.0.2.9)" -eq 1 ]
	[ "$(sent client_address=127.0.0.1)" -eq 1 ]
	gateway no-option=THIRD_PARTY
	map -3 192.0.2.9 80
	exits 1
	says "UNSUPP_OPTION (5)" "pcp_allow_thirdparty=yes"
	[ "$(mappings)" -eq 0 ]
}

@test "an option that NAT-PMP cannot express: refused by name, and nothing is mapped" {
	for row in "FILTER:-F 192.0.2.1" "THIRD_PARTY:-3 192.0.2.9" "DESCRIPTION:--description x" \
			"PORT_SET:--port-set 4"; do
		gateway natpmp-only
		# shellcheck disable=SC2086  # words
		map ${row#*:} 80
		exits 1
		[ -z "$output" ]
		says "NAT-PMP, which cannot express ${row%%:*}"
		[ "$(mappings)" -eq 0 ]
		[ "$(sent version=0)" -eq 0 ]
	done
	for spec in 80/sctp all all/tcp 80/47; do
		gateway natpmp-only
		map $spec
		exits 1
		says "NAT-PMP, which cannot express"
		[ "$(mappings)" -eq 0 ]
		[ "$(sent version=0)" -eq 0 ]
	done
	gateway
	map --nat-pmp -F 192.0.2.1 80
	exits 1
	[ "$(sent)" -eq 0 ]
}

@test "--description and --port-set are sent" {
	gateway
	map --description "my server" 80
	exits 0
	[ "$(mappings "description=my server")" -eq 1 ]
	gateway
	map --port-set 4 80
	exits 0
	says "a server may grant fewer ports than --port-set asks for"
	[ "$(mappings size=4)" -eq 1 ]
}

@test "--nonce is the one that is sent; without it each mapping has its own" {
	gateway
	map --nonce $NONCE 80 81/udp
	exits 0
	[ "$(sent_fields nonce)" = "$NONCE $NONCE" ]
	gateway
	map 80 81 82/tcp+udp
	[ "$(sent_fields nonce | tr ' ' '\n' | sort -u | wc -l)" -eq 4 ]
}

# --- delete ---

@test "delete with the right nonce, and again when nothing is there" {
	gateway
	map --nonce $NONCE 80/udp
	map -d --nonce $NONCE 80/udp
	exits 0
	[ "$output" = "udp  127.0.0.1:80 deleted  (PCP, $S)" ]
	[ -z "$stderr" ]
	[ "$(mappings)" -eq 0 ]
	[ "$(sent lifetime=0 suggested_port=0 nonce=$NONCE protocol=17)" -eq 1 ]
	map -d --nonce $NONCE 80/udp
	exits 0
	gateway delete-result=8 # as miniupnpd says that there is none
	map -d --nonce $NONCE 80
	exits 0
	prints "deleted"
	says "80: the server has no such mapping (NO_RESOURCES)"
}

@test "delete without the nonce, or with another: refused, and the mapping is there" {
	gateway
	map --no-state --nonce $NONCE 80
	map -d 80
	exits 1
	[ -z "$output" ]
	says "no nonce is known (--nonce)" "tcp 80: not deleted: $S refused: NOT_AUTHORIZED (2)"
	map -d --nonce $OTHER 80
	exits 1
	says "not deleted"
	[ "$(mappings nonce=$NONCE)" -eq 1 ]
	map -d -q --nonce $OTHER 80
	exits 1
	[ "$output" = - ]
}

@test "a deleted mapping that lives on for a while: said" {
	gateway lifetime-on-delete=30
	map --nonce $NONCE 80
	map -d --nonce $NONCE 80
	exits 0
	prints "deleted, lives on for 30s"
	[ "$(mappings)" -eq 1 ]
}

@test "delete: silent, refused by ICMP, several" {
	gateway silent
	map -d --nonce $NONCE -t 300ms 80
	is_unanswered
	says "not deleted: no answer" "the mapping may still be there until it expires"
	pcpctl map -d --nonce $NONCE -s "127.0.0.1:$(closed_port)" 80
	exits 4
	gateway
	map --nonce $NONCE 80/tcp+udp 81
	map -d --nonce $NONCE 81 80/tcp+udp
	exits 0
	[ "$(cut -d' ' -f1,3 <<< "$output" | paste -sd' ')" = "tcp 127.0.0.1:81 tcp 127.0.0.1:80 udp 127.0.0.1:80" ]
	[ "$(mappings)" -eq 0 ]
}

@test "delete repeats THIRD_PARTY and PORT_SET" {
	gateway
	map --nonce $NONCE -3 192.0.2.9 --port-set 4 80
	exits 0
	map -d --nonce $NONCE -3 192.0.2.9 --port-set 4 80
	exits 0
	[ "$(mappings)" -eq 0 ]
}

@test "NAT-PMP: delete, and the wipe that takes every program's mappings with a warning" {
	gateway natpmp-only
	map -q 80/udp 81/tcp 82/tcp 83/udp
	exits 0
	map -d 80/udp
	exits 0
	[ "$output" = "udp  127.0.0.1:80 deleted  (NAT-PMP, $S)" ]
	[ "$(mappings)" -eq 3 ]
	map -d --nat-pmp 83/udp
	exits 0
	[ "$(mappings)" -eq 2 ]
	map -d --nat-pmp all/tcp
	exits 0
	says "all/tcp: NAT-PMP deletes the mappings of every program on this host"
	[ "$(mappings)" -eq 0 ]
	[ "$(sent version=0 internal_port=0 lifetime=0)" -eq 1 ]
}

# --- internal port 0, the convention of VPN providers ---

@test "1:0: version 2 is never sent, and it says that it will not be deleted" {
	gateway natpmp-only natpmp-internal-port-zero-ok
	map 1:0/tcp+udp
	exits 0
	[ "$(sent version=2)" -eq 0 ]
	[ "$(sent_fields opcode version=0 internal_port=0)" = "2 1" ]
	prints "tcp  44.128.10.7:" "udp  44.128.10.7:"
	says "1:0/tcp+udp: a mapping of internal port 0 is never deleted, it expires"
	[ "$(sent lifetime=0)" -eq 0 ]
	[ "$(mappings internal_port=0)" -eq 2 ]
}

@test "1:0 that is unwanted, or interrupted by -t, is not deleted either: that would wipe all" {
	gateway natpmp-only natpmp-internal-port-zero-ok external=192.168.7.7
	map --require-public 1:0/udp
	exits 1
	[ "$(sent lifetime=0)" -eq 0 ]
	[ "$(mappings)" -eq 1 ]
	gateway natpmp-only natpmp-internal-port-zero-ok
	map -P 1:0/udp
	exits 1
	[ "$(sent lifetime=0)" -eq 0 ]
	gateway silent
	map -t 300ms 1:0/udp
	is_unanswered
	[ "$(sent lifetime=0)" -eq 0 ]
	[ "$(sent version=2)" -eq 0 ]
	silent_about "map -d"
}

@test "1:0 that is recorded: watch asks for it again, in NAT-PMP; -d --all leaves it" {
	gateway natpmp-only natpmp-internal-port-zero-ok
	map 1:0/udp
	exits 0
	before=$(sent opcode=1 internal_port=0)
	pcpctl watch --once -s "$S"
	exits 0
	[ "$(sent opcode=1 internal_port=0)" -eq $((before + 1)) ]
	map -d --all
	[ "$(sent kind=MAP version=2)" -eq 0 ]
	[ "$(sent kind=MAP lifetime=0)" -eq 0 ]
	[ "$(mappings internal_port=0)" -eq 1 ]
}

# --- what a review with fresh eyes found ---

@test "a server that refuses both versions has refused: exit 1 at once, nothing may have been made" {
	gateway result=1
	map 80
	exits 1
	[ -z "$output" ]
	says "tcp 80: $S refused: UNSUPP_VERSION"
	[[ $stderr != *"may have been made"* ]]
	[[ $stderr != *"NAT-PMP only"* ]]
}

@test "another external address than -e suggests: said" {
	gateway
	map -e 9.9.9.9 80
	exits 0
	says "80: the server assigned another address than 9.9.9.9"
	gateway external=9.9.9.9
	map -e 9.9.9.9 80
	exits 0
	[[ $stderr != *"another address"* ]]
}

@test "--require-public: an address of another family is none" {
	gateway family-wrong
	map --require-public 80
	exits 1
	[ -z "$output" ]
}

@test "the clean-up command goes to the server that was asked" {
	[ -n "$HAS_IPV6" ] || skip "no IPv6 on the loopback here"
	gateway silent
	run -3 --separate-stderr "$PCPCTL" map --no-state -t 300ms -s "[::1]:$PORT" 80
	[[ $stderr =~ 'delete it with pcpctl '(map -d -s \[::1\]:[0-9]+ -b ::1 --nonce [0-9a-f]{24} 80) ]]
	gateway
	# shellcheck disable=SC2086
	run -0 --separate-stderr "$PCPCTL" ${BASH_REMATCH[1]}
	[[ $output == "tcp  [::1]:80 deleted"* ]]
}
