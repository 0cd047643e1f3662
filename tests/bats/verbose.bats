# SPDX-License-Identifier: MIT
# -v, -vv and --dry-run: what is sent and received, decoded; what is dropped, and why.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031  # bats' and helper's variables

load helper

setup_file() {
	gateway_start
}

teardown_file() {
	gateway_stop
}

# field NAME VALUE: a decoded line of stderr (or, given a text after it, of that).
field() {
	grep -qE "^    $1  +$2\$" <<< "${3-$stderr}" || { echo "no line: $1  $2" >&2; return 1; }
}

# The octets of the hex dumps on stdout, as one word.
dumped() {
	sed -n 's/^    00[0-9a-f]0  \(.*\)  |.*|$/\1/p' <<< "$output" | tr -d ' \n'
}

@test "-v: the request and the response of PCP, each field" {
	gateway
	map -v 80:8080/udp
	exits 0
	[[ $output == "udp  44.128.10.7:80 -> "* ]]
	[ "$(grep -cE '^[0-9:.]{12} [<>] ' <<< "$stderr")" -eq 2 ]
	says "> $S  PCP MAP request, 60 octets" "< $S  PCP MAP response, 60 octets"
	field Version 2
	field Opcode '1 \(MAP\), request'
	field Opcode '1 \(MAP\), response'
	field 'Requested Lifetime' '7200 s \(2h\)'
	field "PCP Client's IP Address" 127.0.0.1
	field 'Mapping Nonce' "$(sent_fields nonce)"
	field Protocol '17 \(udp\)'
	field 'Internal Port' 8080
	field 'Suggested External Port' 80
	field 'Suggested External IP Address' '0.0.0.0 .*'
	field 'Result Code' '0 \(SUCCESS\)'
	field 'Epoch Time' '0 s'
	field 'Assigned External Port' 80
	field 'Assigned External IP Address' 44.128.10.7
	# no hex dump yet
	run ! grep -qE '^    0000  ' <<< "$stderr"
}

@test "-v: NAT-PMP, each message" {
	gateway natpmp-only
	map -v 80/udp
	exits 0
	says "> $S  PCP MAP request" "NAT-PMP map UDP request, 12 octets" "NAT-PMP map UDP response, 16 octets" \
		"NAT-PMP external address request, 2 octets" "NAT-PMP external address response, 12 octets" \
		"UNSUPP_VERSION"
	[ "$(grep -cE '^[0-9:.]{12} > ' <<< "$stderr")" -eq "$(sent)" ]
	[ "$(grep -cE '^[0-9:.]{12} < ' <<< "$stderr")" -eq "$(sent)" ]
	field 'External IPv4 Address' 44.128.10.7
	field 'Mapped External Port' 80 || field 'Assigned External Port' 80
}

@test "-v: every retransmission is shown" {
	gateway silent
	map -v -t 300ms 80
	exits 3
	[ "$(grep -cE '^[0-9:.]{12} > ' <<< "$stderr")" -eq "$(sent)" ]
	[ "$(sent)" -eq 4 ]
}

@test "-v: the options, by name and value" {
	gateway
	map -v -P -3 192.0.2.9 -F '[198.51.100.0/24]:443' --description "my server" 80
	exits 0
	says "Option THIRD_PARTY" 192.0.2.9 "Option PREFER_FAILURE" "Option FILTER" 198.51.100.0 443 \
		"Option DESCRIPTION" "my server"
	gateway
	map -v --port-set 4 80
	says "Option PORT_SET"
}

@test "-v: the text of a server cannot steer the terminal" {
	gateway echo-options
	map -vv --description $'a\e[31mb\nc' 80
	exits 0
	[[ $stderr != *$'\e'* ]]
	says 'a\x1b[31mb\x0ac'
}

@test "-vv: a hex dump of every datagram" {
	gateway
	map -vv 80
	exits 0
	hex=$(grep -E '^    00[0-9a-f]0  ' <<< "$stderr" | sed 's/^    00[0-9a-f]0  \(.*\)  |.*|$/\1/' | tr -d ' \n')
	[ "$hex" = "$(sent_fields hex)$(sent_fields_out hex)" ]
}

# As sent_fields, of the gateway's replies.
sent_fields_out() {
	tail -n +$((GATEWAY_FROM + 1)) "$GATEWAY_LOG" | sed -n '/"dir":"out"/s/.*"'"$1"'":"\([^"]*\).*/\1/p'
}

@test "-vv: what is dropped, and why" {
	for case in "wrong-nonce|with another nonce than was sent" "header-only|too short" \
			"wrong-source-port|from another port" "wrong-source-address|another address" \
			"wrong-internal-port|internal port" "wrong-protocol|protocol" "echo-request|R bit is clear" \
			"not-multiple-of-4|multiple of 4" "oversize|longer than 1100 octets" \
			"wrong-version=3|version"; do
		gateway "${case%%|*}"
		map -vv -t 50ms 80
		exits 3
		says "${case#*|}"
		grep -qE 'dropped' <<< "$stderr"
	done
}

@test "without -v nothing of this is said" {
	gateway duplicate=2
	listen
	map "$listening"
	exits 0
	[ -z "$stderr" ]
}

@test "--dry-run: nothing is sent, and the octets say what the words say" {
	gateway
	map --dry-run -P --nonce 0102030405060708090a0b0c -l 1h 80:8080/tcp
	exits 0
	[ "$(sent)" -eq 0 ]
	[ -z "$stderr" ]
	prints "PCP MAP request to $S, 64 octets (not sent)" "Option PREFER_FAILURE"
	field Version 2 "$output"
	field 'Requested Lifetime' '3600 s \(1h\)' "$output"
	field 'Mapping Nonce' 0102030405060708090a0b0c "$output"
	field Protocol '6 \(tcp\)' "$output"
	field 'Internal Port' 8080 "$output"
	field 'Suggested External Port' 80 "$output"
	# version, opcode, lifetime, client; nonce; protocol, ports; address; option 2
	[ "$(dumped)" = "0201000000000e10""00000000000000000000ffff7f000001""0102030405060708090a0b0c""060000001f900050""00000000000000000000ffff00000000""02000000" ]
}

@test "--dry-run of NAT-PMP, of a delete, of several" {
	gateway
	map --dry-run --nat-pmp -l 60 80:8080/udp
	exits 0
	[ "$(dumped)" = 000100001f9000500000003c ]
	map --dry-run -d --nonce 0102030405060708090a0b0c 8080/udp
	exits 0
	[ "$(dumped)" = "0201000000000000""00000000000000000000ffff7f000001""0102030405060708090a0b0c""110000001f900000""00000000000000000000ffff00000000" ]
	# shellcheck disable=SC2046  # words
	map --dry-run $(seq 1001 1200)
	exits 0
	[ "$(grep -c 'not sent' <<< "$output")" -eq 200 ]
	map --dry-run 80/tcp+udp
	[ "$(grep -c 'not sent' <<< "$output")" -eq 2 ]
	map --dry-run -s "127.0.0.2:$PORT" 80
	[ "$(grep -c 'not sent' <<< "$output")" -eq 2 ]
	[ "$(sent)" -eq 0 ]
	map --dry-run --nat-pmp -F 192.0.2.1 80
	exits 1
	silent_about "not sent"
}

@test "--dry-run: no server needs to be there" {
	pcpctl map --dry-run -s "127.0.0.1:$(closed_port)" 80
	exits 0
}
