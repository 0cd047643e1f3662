# SPDX-License-Identifier: MIT
# discover against the scripted gateway: what each server is called, what is left behind.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031  # bats' and helper's variables

load helper

setup_file() {
	gateway_start
}

teardown_file() {
	gateway_stop
}

# row PCP NAT-PMP EXTERNAL: the one row of the table has these columns.
row() {
	local columns
	columns=$(sed -n '2p' <<< "$output" | sed 's/   */|/g')
	[[ $columns == "$S|-s|$1|$2|$3|"* ]] || { echo "row: $columns" >&2; return 1; }
}

@test "a server that speaks both: asked once each, nothing is mapped" {
	gateway
	discover
	exits 0
	[[ $output == "SERVER  "*"VIA  PCP "*"NAT-PMP  EXTERNAL "*"RTT"* ]]
	row "v2, epoch 0s" yes 44.128.10.7
	[ "$(sent)" -eq 2 ]
	[ "$(sent version=2 opcode=0 len=24)" -eq 1 ]
	[ "$(sent version=0 opcode=0 len=2)" -eq 1 ]
	says "* $S has kept its state since"
	under 500
}

@test "what each server says, in the columns" {
	for case in \
		"natpmp-only|unsupported|yes|44.128.10.7" \
		"natpmp-only=4|unsupported|yes|44.128.10.7" \
		"natpmp-only=v2form|unsupported|yes|44.128.10.7" \
		"announce-result=8|error NO_RESOURCES|yes|44.128.10.7" \
		"no-opcode=0|error UNSUPP_OPCODE|yes|44.128.10.7" \
		"natpmp-address-result=3|v2, epoch 0s|error NETWORK_FAILURE|44.128.10.7"; do
		IFS='|' read -r mode pcp nat_pmp external <<< "$case"
		gateway "$mode"
		discover
		exits 0
		row "$pcp" "$nat_pmp" "$external"
		[ "$(mappings)" -eq 0 ]
		under 500
	done
}

@test "silent, malformed, refused" {
	gateway silent
	discover -t 300ms
	exits 3
	row silent silent -
	[ "$took" -ge 300 ]
	under 3000
	says "! $S did not answer 2 PCP and 2 NAT-PMP requests"
	gateway natpmp-silent
	discover -t 300ms
	exits 0
	row silent yes 44.128.10.7
	gateway natpmp-refuses
	discover -t 300ms --no-external
	exits 0
	row "v2, epoch 0s" silent -
	for mode in truncate=10 echo-request; do
		gateway $mode
		discover -t 300ms
		exits 3
		row malformed malformed -
	done
	gateway natpmp-short
	discover -t 300ms --no-external
	exits 0
	row "v2, epoch 0s" malformed -
	port=$(closed_port)
	pcpctl discover -s "127.0.0.1:$port"
	exits 4
	under 500
	prints "127.0.0.1:$port" "port unreachable"
	says "! 127.0.0.1:$port refused UDP $port (ICMP port unreachable)"
}

@test "--pcp and --nat-pmp ask only that" {
	gateway
	discover --pcp
	exits 0
	[ "$(sent version=0)" -eq 0 ]
	gateway
	discover --nat-pmp
	exits 0
	row - yes 44.128.10.7
	[ "$(sent version=2)" -eq 0 ]
}

@test "PCP without a NAT-PMP address: the external one is learned by a mapping, deleted again" {
	gateway pcp-only
	discover
	exits 0
	row "v2, epoch 0s" unsupported 44.128.10.7
	[ "$(sent_fields kind version=2 | paste -sd' ')" = "ANNOUNCE MAP MAP" ]
	[ "$(sent_fields lifetime kind=MAP)" = "30 0" ]
	[ "$(sent_fields suggested_port kind=MAP)" = "0 0" ]
	[ "$(sent_fields protocol kind=MAP)" = "17 17" ]
	[ "$(sent_fields nonce kind=MAP | tr ' ' '\n' | sort -u | wc -l)" -eq 1 ]
	# a high port, which discover holds itself
	[ "$(sent_fields internal_port kind=MAP | cut -d' ' -f1)" -ge 1024 ]
	[ "$(mappings)" -eq 0 ]
	gateway pcp-only
	discover --no-external
	exits 0
	row "v2, epoch 0s" unsupported -
	[ "$(sent kind=MAP)" -eq 0 ]
}

@test "NAT-PMP silent beside PCP: the address is learned all the same within 3 s" {
	gateway natpmp-refuses
	discover
	exits 0
	row "v2, epoch 0s" silent 44.128.10.7
	under 10000
	[ "$(mappings)" -eq 0 ]
}

@test "learning is refused, or private: said, and nothing is left" {
	gateway pcp-only map-result=2
	discover
	exits 0
	row "v2, epoch 0s" unsupported -
	gateway pcp-only external=192.168.7.7
	discover
	exits 0
	row "v2, epoch 0s" unsupported 192.168.7.7
	says "192.168.7.7, the external address of $S, cannot be reached from the Internet"
	[ "$(mappings)" -eq 0 ]
	gateway pcp-only drop-first-map=1
	discover
	exits 0
	row "v2, epoch 0s" unsupported 44.128.10.7
	[ "$(mappings)" -eq 0 ]
}

@test "interrupted while it learns: the mapping is taken back" {
	gateway pcp-only delay-map=400
	"$PCPCTL" discover -s "$S" > "$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	pid=$!
	wait_until has_asked_map
	kill -TERM $pid
	ends_with 143
	[ "$(mappings)" -eq 0 ]
	[ "$(sent kind=MAP lifetime=0)" -ge 1 ]
}

has_asked_map() {
	[ "$(sent kind=MAP)" -ge 1 ]
}

@test "several servers, in their order; the answer of one is enough" {
	port=$(closed_port)
	gateway
	pcpctl discover -s "127.0.0.1:$port" -s "$S" -s "127.0.0.2:$PORT"
	exits 0
	[ "$(sed -n '2,$s/ .*//p' <<< "$output" | paste -sd' ')" = "127.0.0.1:$port $S 127.0.0.2:$PORT" ]
	under 500
	pcpctl discover -q -s "127.0.0.1:$port" -s "$S" -s "127.0.0.2:$PORT"
	exits 0
	[ "$output" = "$S pcp 44.128.10.7"$'\n'"127.0.0.2:$PORT pcp 44.128.10.7" ]
	pcpctl discover -s "127.0.0.1:$port" -s "127.0.0.2:$port"
	exits 4
}

@test "a name that does not resolve does not keep the others from being asked" {
	gateway
	pcpctl discover -s name.invalid -s "$S" -s alsono.invalid
	exits 0
	row "v2, epoch 0s" yes 44.128.10.7
	says "pcpctl: discover: name.invalid: " "pcpctl: discover: alsono.invalid: "
	pcpctl discover -j -s name.invalid -s "$S"
	exits 0
	json_is error exit 4
	json_is server verdict pcp
	gateway silent
	pcpctl discover -t 300ms -s name.invalid -s "$S"
	exits 3
	pcpctl discover -s name.invalid
	exits 4
	[ -z "$output" ]
}

@test "IPv6: PCP only" {
	[ -n "$HAS_IPV6" ] || skip "no ::1 here"
	gateway
	pcpctl discover -s "[::1]:$PORT"
	exits 0
	[[ $(sed -n '2p' <<< "$output" | sed 's/   */|/g') == "[::1]:$PORT|-s|v2, epoch 0s|-|-|"* ]]
	[ "$(sent)" -eq 1 ]
}

@test "-q: a line for each server that answered" {
	for case in "|pcp 44.128.10.7" "natpmp-only|nat-pmp 44.128.10.7" "natpmp-silent|nat-pmp 44.128.10.7" \
			"pcp-only|pcp 44.128.10.7" "natpmp-only natpmp-result=3|nat-pmp -"; do
		# shellcheck disable=SC2086  # words
		gateway ${case%|*}
		discover -q -t 700ms
		exits 0
		[ "$output" = "$S ${case#*|}" ]
		[ -z "$stderr" ]
	done
	gateway silent
	discover -q -t 300ms
	exits 3
	[ -z "$output" ]
}

@test "a server that only refuses has answered: exit 0" {
	gateway result=3
	discover
	exits 0
	row "error MALFORMED_REQUEST" "error NETWORK_FAILURE" -
	gateway natpmp-only natpmp-result=2
	discover
	exits 0
}

@test "a lost packet costs one wait" {
	gateway drop-first=2
	discover
	exits 0
	row "v2, epoch 0s" yes 44.128.10.7
	under 3000
}

@test "answers from elsewhere are no answers, and are reported" {
	gateway wrong-source-address
	discover -t 300ms
	exits 3
	row silent silent -
	says "answers came from 127.0.0.2:$PORT" "-s 127.0.0.2"
}

@test "--wait: again until a server answers" {
	gateway silent
	"$PCPCTL" discover -s "$S" -t 200ms --wait 20s -q > "$BATS_TEST_TMPDIR/out" 3>&- &
	pid=$!
	wait_until has_probed
	gateway_tell unmode silent
	ends_with 0
	[ "$(cat "$BATS_TEST_TMPDIR/out")" = "$S pcp 44.128.10.7" ]
}

has_probed() {
	[ "$(sent version=2)" -ge 1 ]
}

@test "--wait ends: once, with the verdict of the last round" {
	gateway silent
	discover -t 200ms --wait 1500ms
	exits 3
	[ "$took" -ge 1000 ]
	under 10000
	row silent silent -
	[ "$(grep -c SERVER <<< "$output")" -eq 1 ]
	# a round does not reach past the end of --wait
	gateway silent
	discover --wait 300ms
	exits 3
	under 2900
	# what cannot be asked is said once, not once a round
	pcpctl discover -s name.invalid --wait 1200ms
	exits 4
	[ "${#stderr_lines[@]}" -eq 1 ]
}

@test "a server that refuses both versions speaks neither" {
	gateway result=1
	pcpctl discover -j -t 500ms -s "$S"
	exits 0
	[[ $output == *'"verdict":"none"'* ]]
	[[ $output != *'"nat-pmp-only"'* ]]
}

@test "two routers of one address, each on an interface of its own: both are asked" {
	unshare -rn true 2>/dev/null || skip "no network namespace here"
	run -4 --separate-stderr unshare -rn sh -c '
		for i in a b; do
			ip link add d$i type veth peer name p$i
			ip link set d$i up; ip link set p$i up
		done
		ip addr add 192.168.1.10/24 dev da; ip addr add 192.168.1.20/24 dev db
		ip route add default via 192.168.1.1 dev da
		ip route add default via 192.168.1.1 dev db metric 100
		"$PCPCTL" discover -t 300ms'
	[[ ${lines[1]} == "192.168.1.1  default route, da"* ]]
	[[ ${lines[2]} == "192.168.1.1  default route, db"* ]]
}
