# SPDX-License-Identifier: MIT
# peer, against the fake gateway: what is asked, what is said of the answers, whose
# connections there are. What it is good for is in peer_lab.bats.
# shellcheck shell=bash disable=SC2034,SC2154,SC2153,SC2030,SC2031  # bats' and helper's variables

load helper

setup_file() {
	gateway_start
}

teardown_file() {
	gateway_stop
	true
}

teardown() {
	[ -z "${pid-}" ] || kill -KILL "$pid" 2>/dev/null || true
}

peer() {
	pcpctl peer -s "$S" "$@"
}

# connected [COUNT [ADDRESS [SOURCE [KIND]]]]: a program with so many connections to
# itself: to port $port, from the ports $locals; it is process $holder. `echo close >&$hold`
# ends them. It ends with the test. KIND mapped: IPv4 by IPv6 sockets.
connected() {
	local ready=$BATS_TEST_TMPDIR/connected
	rm -f "$ready"
	exec {hold}> >(exec python3 -S -E -c '
import os, resource, socket, sys
count, address, source, kind, ready = int(sys.argv[1]), *sys.argv[2:]
resource.setrlimit(resource.RLIMIT_NOFILE, (1024, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
family = socket.AF_INET6 if ":" in address or kind == "mapped" else socket.AF_INET
prefix = "::ffff:" if kind == "mapped" else ""
type = socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM
listener = socket.socket(family, type)
listener.bind((prefix + address, 0))
if kind != "udp":
    listener.listen(count)
ends, others = [], []
for _ in range(count):
    s = socket.socket(family, type)
    s.bind((prefix + source, 0))
    s.connect(listener.getsockname()[:2])
    ends.append(s)
    if kind != "udp":
        others.append(listener.accept()[0])
with open(ready + ".new", "w") as f:
    print(os.getpid(), listener.getsockname()[1], *(s.getsockname()[1] for s in ends), file=f)
os.rename(ready + ".new", ready)
for line in sys.stdin:
    for s in others + ends:
        s.close()' "${1-1}" "${2-127.0.0.1}" "${3-${2-127.0.0.1}}" "${4-plain}" "$ready" >/dev/null 3>&-)
	wait_until test -s "$ready"
	read -r holder port locals <"$ready"
	local_port=${locals%% *}
}

# start ARG...: peer in the background, $pid.
start() {
	env --default-signal=INT,HUP "$PCPCTL" peer -s "$S" "$@" \
		>"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
	pid=$!
}

# out_has TEXT, err_has TEXT: of what was started.
out_has() {
	grep -qF -- "$1" "$BATS_TEST_TMPDIR/out"
}

err_has() {
	grep -qF -- "$1" "$BATS_TEST_TMPDIR/err"
}

# --- the request ---

@test "every field of the request, and the line" {
	gateway
	peer 50000 203.0.113.9:443
	exits 0
	[ "$(requests kind=PEER opcode=2 lifetime=10 protocol=6 internal_port=50000 suggested_port=0 \
		suggested_address=0.0.0.0 remote_port=443 remote_address=203.0.113.9 \
		client_address=127.0.0.1 reserved=0 len=80 | wc -l)" -eq 1 ]
	[ "$(sent)" -eq 1 ]
	[[ $output == "tcp  44.128.10.7:"*" -> 127.0.0.1:50000  with 203.0.113.9:443  2m, until "*"  (PCP, $S)" ]]
}

@test "protocols, -l, -e, -3, --description, --nonce" {
	gateway
	peer -l 1h -e 44.128.10.7:2345 --description 'an hour' --nonce 000102030405060708090a0b \
		-3 192.0.2.3 50000 203.0.113.9:443/dccp
	exits 0
	[ "$(sent kind=PEER lifetime=3600 protocol=33 suggested_port=2345 suggested_address=44.128.10.7 \
		nonce=000102030405060708090a0b third_party=192.0.2.3 'description=an hour')" -eq 1 ]
	prints "dccp  44.128.10.7:2345 -> 192.0.2.3:50000  with 203.0.113.9:443  1h"
	local word
	for word in udp:17 sctp:132 udplite:136 200:200; do
		peer 50000 "203.0.113.9:443/${word%:*}"
		exits 0
		[ "$(sent kind=PEER protocol="${word#*:}")" -eq 1 ]
	done
	peer -e 0.0.0.0:2345 50001 203.0.113.9:443
	exits 0
	prints "44.128.10.7:2345 "
}

@test "IPv6: from the address itself, with brackets" {
	[ -n "$HAS_IPV6" ] || skip "no IPv6 on this host"
	gateway
	pcpctl peer -s "[::1]:$PORT" '[::1]:50000' '[2001:db8::9]:443/udp'
	exits 0
	[ "$(sent kind=PEER client_address=::1 remote_address=2001:db8::9)" -eq 1 ]
	prints "-> [::1]:50000  with [2001:db8::9]:443"
}

@test "a record, an answer alone, shell assignments, a dry run" {
	gateway
	peer -j 50000 203.0.113.9:443
	exits 0
	json_is mapping event granted
	json_is mapping remote_address 203.0.113.9
	json_is mapping remote_port 443
	json_is mapping internal_port 50000
	json_is mapping requested_lifetime 10
	json_is mapping lifetime "$(sed -n 's/.*"lifetime":\([0-9]*\).*/\1/p' <<<"$output")"
	peer -q 50001 203.0.113.9:443
	[[ $output == 44.128.10.7:+([0-9]) ]]
	peer --shell 50000 203.0.113.9:443
	prints "PCP_EVENT='granted'" "PCP_REMOTE_ADDRESS='203.0.113.9'" "PCP_REMOTE_PORT='443'" \
		"PCP_INTERNAL_PORT='50000'"
	gateway
	peer --dry-run 50000 203.0.113.9:443
	exits 0
	prints "PCP PEER request to $S, 80 octets (not sent)" "Remote Peer Port               443"
	[ "$(sent)" -eq 0 ]
	peer --dry-run -j 50000 203.0.113.9:443
	json_is packet remote_port 443
	[ "$(sent)" -eq 0 ]
}

@test "-x: the remote is among the variables" {
	gateway
	peer -x 'echo "$PCP_EVENT $PCP_REMOTE_ADDRESS $PCP_REMOTE_PORT $PCP_INTERNAL_PORT" > '"$BATS_TEST_TMPDIR/hook" \
		50000 203.0.113.9:443
	exits 0
	[ "$(cat "$BATS_TEST_TMPDIR/hook")" = "granted 203.0.113.9 443 50000" ]
}

@test "what a server could not be asked is refused before anything is sent" {
	gateway
	peer 0 203.0.113.9:443
	is_usage_error "its ports cannot be 0 (RFC 6887, 12.1)"
	peer 50000 203.0.113.9:0
	is_usage_error "its ports cannot be 0 (RFC 6887, 12.1)"
	peer 50000 203.0.113.9:443/0
	is_usage_error "its protocol cannot be 0 (RFC 6887, 12.1)"
	peer 127.0.0.1:50000 '[2001:db8::9]:443'
	is_usage_error "of another family than the local address (RFC 6887, 12.1)"
	peer -3 192.0.2.3 50000 '[2001:db8::9]:443'
	is_usage_error "of another family than the address of --third-party"
	peer -b 127.0.0.1 50000 '[2001:db8::9]:443'
	is_usage_error "of another family than the address of -b"
	peer -4 50000 '[2001:db8::9]:443'
	is_usage_error "a family that -4 or -6 excludes"
	peer -l 0 50000 203.0.113.9:443
	is_usage_error "PEER cannot delete or shorten"
	peer -3 127.0.0.1 50000 203.0.113.9:443
	is_usage_error "own address"
	peer --description $'\xff' 50000 203.0.113.9:443
	is_usage_error "--description: DESCRIPTION is for MAP and PEER, UTF-8"
	[ "$(sent)" -eq 0 ]
}

@test "words that are none" {
	local word
	pcpctl peer
	is_usage_error "no flow: name it"
	pcpctl peer 50000
	is_usage_error "no remote"
	pcpctl peer 50000 203.0.113.9:443 50001
	is_usage_error "one flow at a time"
	for word in 70000 x 127.0.0.1 127.0.0.1: 127.0.0.1:70000 host:50000 127.0.0.300:50000 2001:db8::1:50000 \
		0.0.0.0:50000 '' 050000; do
		pcpctl peer "$word" 203.0.113.9:443
		is_usage_error "${word:-''}"
	done
	for word in 443 203.0.113.9 203.0.113.9: 203.0.113.9:70000 203.0.113.9:443/ 203.0.113.9:443/nosuch \
		203.0.113.300:443 2001:db8::9:443 '[2001:db8::9]443' :443 0.0.0.0:443 224.0.0.1:443 \
		'[fe80::1%lo]:443' 203.0.113.9:443/tcp+udp; do
		pcpctl peer 50000 "$word"
		is_usage_error "$word"
	done
	for word in 22 203.0.113.9 :0 :70000 : '[::1' '' '[::1]'; do
		pcpctl peer --established "$word"
		is_usage_error "${word:-''}"
	done
	for word in 0 -1 x 99999999999; do
		pcpctl peer --pid="$word"
		is_usage_error "a process id is a number from 1 on"
	done
	for word in 203.0.113.9 :50000 host:50000 203.0.113.9:0; do
		pcpctl peer -e "$word" 50000 203.0.113.9:443
		is_usage_error "$word"
	done
}

@test "options that do not go together" {
	pcpctl peer --established :443 50000 203.0.113.9:443
	is_usage_error "name the connections"
	pcpctl peer --established :443 -e 44.128.10.7:5
	is_usage_error "--external-address: restores one flow"
	pcpctl peer --pid 1 -3 192.0.2.3
	is_usage_error "--third-party: the connections of another host"
	pcpctl peer -3 192.0.2.3 192.0.2.3:50000 203.0.113.9:443
	is_usage_error "LOCAL is its port alone"
	pcpctl peer -b 127.0.0.2 127.0.0.1:50000 203.0.113.9:443
	is_usage_error "--bind: another address than that of LOCAL"
	pcpctl peer -e '[2001:db8::1]:5' 50000 203.0.113.9:443
	is_usage_error "NAT46"
	pcpctl peer -k --dry-run 50000 203.0.113.9:443
	is_usage_error "--keep: not together with --dry-run"
	pcpctl peer -k --shell 50000 203.0.113.9:443
	is_usage_error "--shell"
	pcpctl peer --shell -j 50000 203.0.113.9:443
	is_usage_error "one output form at a time"
	pcpctl peer --dry-run -q 50000 203.0.113.9:443
	is_usage_error "one output form at a time"
	pcpctl peer --dry-run -x true 50000 203.0.113.9:443
	is_usage_error "--exec"
	pcpctl peer -s 127.0.0.1 -s 127.0.0.2 --nonce 000102030405060708090a0b 50000 203.0.113.9:443
	is_usage_error "--nonce: for one server only"
	pcpctl peer -s 127.0.0.1 -s 127.0.0.2 --shell 50000 203.0.113.9:443
	is_usage_error "--shell"
}

# --- the answer ---

@test "an answer about another remote is none" {
	local mode
	for mode in wrong-remote wrong-remote-address wrong-nonce wrong-internal-port wrong-opcode; do
		gateway "$mode" natpmp-refuses
		peer -t 400ms 50000 203.0.113.9:443
		exits 3
		says "it ends by itself, PEER has no delete"
		silent_about "map -d"
	done
}

@test "refusals: a sentence each, exit 1" {
	gateway no-opcode=2
	peer 50000 203.0.113.9:443
	exits 1
	says "UNSUPP_OPCODE (4)" "it has no PEER: only traffic keeps the flow"
	gateway natpmp-only
	peer 50000 203.0.113.9:443
	exits 1
	says "is asked in NAT-PMP, which cannot express PEER"
	[ "$(sent kind=MAP-TCP)" -eq 0 ]
	gateway
	peer --nat-pmp 50000 203.0.113.9:443
	exits 1
	says "NAT-PMP, which cannot express PEER"
	[ "$(sent)" -eq 0 ]
	gateway map-result=12
	peer 50000 203.0.113.9:443
	exits 1
	says "ADDRESS_MISMATCH (12)" "a NAT" "in between"
	gateway map-result=3
	peer 50000 203.0.113.9:443
	exits 1
	says "likely it does not translate flows to that remote"
	gateway
	peer --nonce 000102030405060708090a0b 50000 203.0.113.9:443
	exits 0
	peer --nonce 100102030405060708090a0b 50000 203.0.113.9:443
	exits 1
	says "NOT_AUTHORIZED (2)" "likely another program or run has asked for this flow"
}

@test "IPv6 without PEER: said of IPv6" {
	[ -n "$HAS_IPV6" ] || skip "no IPv6 on this host"
	gateway no-opcode=2
	pcpctl peer -s "[::1]:$PORT" '[::1]:50000' '[2001:db8::9]:443'
	exits 1
	says "UNSUPP_OPCODE (4)" "it has no PEER for IPv6"
}

@test "-e: what is not had is exit 1, by a result or by another port" {
	gateway taken=2345
	peer -e 44.128.10.7:2345 50000 203.0.113.9:443
	exits 1
	says "CANNOT_PROVIDE_EXTERNAL (11)" "what was connected that way is lost"
	[ "$(mappings)" -eq 0 ]
	# as of a flow that it had not heard of (12.3)
	gateway taken=2345 peer-suggestion-ignored
	peer -j -e 44.128.10.7:2345 50000 203.0.113.9:443
	exits 1
	json_is mapping event granted
	json_is mapping suggested_port 2345
	json_is error exit 1
	says "not restored" "44.128.10.7:2345"
}

@test "a flow that is not there: the claim is the server's word" {
	gateway
	connected
	peer 50000 127.0.0.1:"$port"
	exits 0
	says "this host has no such connection: asking has created the mapping"
	peer 50000 203.0.113.9:443/udp
	says "not known to be a flow of this host"
	peer -e 44.128.10.7:2345 50001 203.0.113.9:443
	says "a NAT that preserves ports would use 50001, not 2345"
	peer "$local_port" 127.0.0.1:"$port"
	exits 0
	silent_about "created" "word"
	# another host's is not ours to know
	peer -3 192.0.2.3 50000 203.0.113.9:443
	silent_about "created" "word"
}

@test "the nonce is remembered, and the port asked back when the server has forgotten" {
	gateway lifetime=3600 epoch=5000
	connected
	peer -l 1h "$local_port" 127.0.0.1:"$port"
	exits 0
	local first=$output had=${output#tcp  44.128.10.7:}
	peer "$local_port" 127.0.0.1:"$port"
	[ "$(sent_fields nonce kind=PEER | tr ' ' '\n' | sort -u | wc -l)" -eq 1 ]
	gateway_tell reboot
	peer "$local_port" 127.0.0.1:"$port"
	exits 0
	[ "${output%%  with*}" = "${first%%  with*}" ]
	says "restored, says the server"
	# somebody else has it by then: what the flow has now is told
	gateway_tell reboot
	gateway_add "taken=${had%% *}"
	peer "$local_port" 127.0.0.1:"$port"
	exits 0
	prints "  changed, was 44.128.10.7:"
	says "the connection is lost: the NAT has given it another port"
	[ "$(sent_fields suggested_port kind=PEER | tr ' ' '\n' | tail -1)" = 0 ]
}

# --- connections of this host ---

@test "--established: each of them, by address, by any, by name; no other" {
	gateway
	connected 3
	local first=$locals first_port=$port one
	connected 1
	peer --established 127.0.0.1:"$first_port"
	exits 0
	[ "${#lines[@]}" -eq 3 ]
	for one in $first; do
		prints "-> 127.0.0.1:$one  with 127.0.0.1:$first_port  "
	done
	silent_about ":$port " created
	peer --established :"$first_port"
	[ "${#lines[@]}" -eq 3 ]
	peer --established localhost:"$first_port"
	[ "${#lines[@]}" -eq 3 ]
	[ "$(sent kind=PEER lifetime=10)" -eq 9 ]
	peer --established 127.0.0.2:"$first_port"
	exits 4
	says "no established TCP connection with 127.0.0.2:$first_port"
	peer --established nosuch.invalid:"$first_port"
	exits 4
	says "nosuch.invalid"
	peer --shell --established :"$first_port"
	is_usage_error "--shell takes one flow, and there are 3 such connections"
	peer --shell --established :"$port"
	exits 0
	prints "PCP_REMOTE_PORT='$port'"
}

@test "--established: IPv4 of IPv6 sockets is IPv4, and IPv6" {
	[ -n "$HAS_IPV6" ] || skip "no IPv6 on this host"
	gateway
	connected 1 127.0.0.1 127.0.0.1 mapped
	peer -j --established :"$port"
	exits 0
	json_is mapping internal_address 127.0.0.1
	json_is mapping remote_address 127.0.0.1
	connected 1 ::1
	pcpctl peer -j -s "[::1]:$PORT" --established "[::1]:$port"
	exits 0
	json_is mapping internal_address ::1
	# of the server's family only
	peer --established :"$port"
	exits 4
}

@test "--established: each from its own address, -b chooses" {
	gateway
	connected 1 127.0.0.1 127.0.0.2
	peer --established :"$port"
	exits 0
	prints "-> 127.0.0.2:$local_port  "
	[ "$(sent kind=PEER client_address=127.0.0.2)" -eq 1 ]
	peer "$local_port" 127.0.0.1:"$port"
	prints "-> 127.0.0.2:$local_port  "
	peer -b 127.0.0.1 --established :"$port"
	exits 4
	peer -b 127.0.0.2 --established :"$port"
	exits 0
}

@test "--pid: the connections of that process; both together" {
	gateway
	connected 2
	local first=$holder first_port=$port
	connected 1
	peer --pid "$first"
	exits 0
	# both ends of them are its own
	[ "${#lines[@]}" -eq 4 ]
	silent_about ":$port "
	peer --pid "$first" --established :"$first_port"
	[ "${#lines[@]}" -eq 2 ]
	peer --pid "$first" --established :"$port"
	exits 4
	says "no established TCP connection of process $first with :$port"
	sleep 60 3>&- &
	pid=$!
	peer --pid "$pid"
	exits 4
	says "no established TCP connection of process $pid"
	kill "$pid"
	wait "$pid" || true
	peer --pid "$pid"
	exits 4
	says "no process $pid"
}

@test "what no router translates is left out, unless the server is named" {
	connected
	pcpctl peer --established :"$port"
	exits 4
	says "but such as stay on this host or its link"
}

@test "200 connections: one command, all answered, at most 64 outstanding" {
	gateway delay-map=20
	connected 200
	peer --established :"$port"
	exits 0
	[ "${#lines[@]}" -eq 200 ]
	[ "$(sort -u <<<"$output" | wc -l)" -eq 200 ]
	[ "$(mappings kind=PEER)" -eq 200 ]
	local most
	most=$(python3 "$FAKE_GATEWAY" --max-outstanding "$GATEWAY_LOG" kind=PEER)
	[ "$most" -le 64 ]
	[ "$most" -gt 8 ]
	under 20000
}

@test "interrupted: nothing is left to be deleted, and it dies by the signal" {
	gateway delay-map=500
	connected
	start --established :"$port"
	wait_until eval '[ "$(sent kind=PEER)" -ge 1 ]'
	kill -INT "$pid"
	ends_with 130
	[ "$(sent kind=PEER lifetime=0)" -eq 0 ]
	err_has "PEER has no delete"
}

# --- -k ---

@test "-k: two hours, until the connection is over; then it ends by itself" {
	gateway
	connected
	start -k --established :"$port"
	wait_until out_has "-> 127.0.0.1:$local_port  with 127.0.0.1:$port  2h"
	kill -0 "$pid"
	echo close >&"$hold"
	ends_with 0
	out_has "tcp  127.0.0.1:$local_port with 127.0.0.1:$port no longer kept"
	err_has "the connection is over"
	[ "$(sent kind=PEER)" -eq 1 ]
	[ "$(sent kind=PEER lifetime=7200)" -eq 1 ]
	[ "$(find "$PCPCTL_STATE_DIR" -name 'peer-*' | wc -l)" -eq 0 ]
}

@test "-k: what is over already when it begins to watch" {
	gateway delay-map=300
	connected 2
	start -k -j --established :"$port"
	wait_until eval '[ "$(sent kind=PEER)" -ge 1 ]'
	echo close >&"$hold"
	ends_with 0
	[ "$(grep -c '"event":"deleted"' "$BATS_TEST_TMPDIR/out")" -eq 2 ]
}

@test "-k: a connected UDP socket counts, too" {
	gateway
	connected 1 127.0.0.1 127.0.0.1 udp
	start -k "127.0.0.1:$local_port" "127.0.0.1:$port/udp"
	wait_until out_has "udp  44.128.10.7:"
	run ! err_has "kept until interrupted"
	echo close >&"$hold"
	wait_until err_has "the connection is over" || wait_until err_has "the connection is over"
	ends_with 0
}

@test "-k: a signal ends it with 0, and the next run finds its nonce" {
	gateway
	connected
	start -k "$local_port" 127.0.0.1:"$port"
	wait_until out_has "-> 127.0.0.1:$local_port"
	kill -TERM "$pid"
	ends_with 0
	[ "$(sent kind=PEER)" -eq 1 ]
	[ "$(mappings kind=PEER)" -eq 1 ]
	peer "$local_port" 127.0.0.1:"$port"
	exits 0
	[ "$(sent_fields nonce kind=PEER | tr ' ' '\n' | sort -u | wc -l)" -eq 1 ]
}

@test "-k: what is no connection here is kept until the signal" {
	gateway
	start -k 50000 203.0.113.9:443
	wait_until out_has "-> 127.0.0.1:50000"
	err_has "kept until interrupted"
	kill -TERM "$pid"
	ends_with 0
}

@test "-k: a mapping update: changed, the connection is lost, exit 1 when it is over" {
	gateway
	connected
	start -k -x 'echo "$PCP_EVENT $PCP_PREVIOUS_EXTERNAL_PORT $PCP_EXTERNAL_PORT" >> '"$BATS_TEST_TMPDIR/hook" \
		"$local_port" 127.0.0.1:"$port"
	wait_until out_has "-> 127.0.0.1:$local_port"
	gateway_tell update
	wait_until out_has "  changed, was 44.128.10.7:"
	wait_until err_has "the connection is lost: the NAT has given it another port"
	wait_until eval '[ "$(wc -l <"$BATS_TEST_TMPDIR/hook")" -eq 2 ]'
	[[ $(tail -1 "$BATS_TEST_TMPDIR/hook") == changed\ +([0-9])\ +([0-9]) ]]
	echo close >&"$hold"
	ends_with 1
}

@test "-k: a renewal finds the restart: the same address and port are asked back" {
	gateway lifetime=9 epoch=5000
	connected
	start -k -j "$local_port" 127.0.0.1:"$port"
	wait_until out_has '"event":"granted"'
	gateway_tell reboot
	wait_until out_has '"event":"regressed"' || wait_until out_has '"event":"regressed"'
	wait_until out_has '"event":"renewed"'
	local external
	external=$(sed -n '1s/.*"external_port":\([0-9]*\).*/\1/p' "$BATS_TEST_TMPDIR/out")
	[ "$(requests kind=PEER suggested_port="$external" suggested_address=44.128.10.7 | wc -l)" -ge 1 ]
	kill -TERM "$pid"
	ends_with 0
}

@test "-k: somebody has the port after the restart: asked once without, and lost" {
	gateway lifetime=9 epoch=5000
	connected
	start -k "$local_port" 127.0.0.1:"$port"
	wait_until out_has "-> 127.0.0.1:$local_port"
	gateway_tell reboot
	gateway_add "taken=$(sed -n '1s/^tcp  44.128.10.7:\([0-9]*\) .*/\1/p' "$BATS_TEST_TMPDIR/out")"
	wait_until out_has "  changed, was 44.128.10.7:" || wait_until out_has "  changed, was 44.128.10.7:"
	err_has "the connection is lost: the NAT has given it another port"
	[ "$(sent kind=PEER suggested_port=0)" -eq 2 ]
	kill -TERM "$pid"
	ends_with 1
}
