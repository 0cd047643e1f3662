# SPDX-License-Identifier: MIT
# --json: every line is a record, its keys are those of pcpctl(1).
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031  # bats' and helper's variables

load helper

setup_file() {
	gateway_start
}

teardown_file() {
	gateway_stop
}

# Every line of $output parses, and has only the keys that pcpctl(1) names for its type.
keys_are_known() {
	python3 -S -E -c '
import json, sys
probe = "status version epoch result result_code rtt_ms attempts external_address"
known = {
    "server": "server port interface found_by client_address verdict external_address pcp nat_pmp capabilities",
    "mapping": "event protocol internal_address internal_port external_address external_port"
        " requested_lifetime lifetime expires_at server interface via version nonce epoch result result_code rtt_ms"
        " attempts suggested_address suggested_port remote_address remote_port third_party filters description"
        " port_set elsewhere"
        " error_lifetime reason",  # of a refusal
    "finding": "id severity server text advice",
    "epoch": "server via event kind epoch previous_epoch expected_epoch elapsed",
    "packet": None,
    "error": "text exit",
}
n = 0
for line in sys.stdin.read().splitlines():
    record = json.loads(line, object_pairs_hook=lambda pairs: dict(pairs) if len(dict(pairs)) == len(pairs) else 1 / 0)
    n += 1
    keys = known[record["type"]]
    if keys is not None:
        unknown = set(record) - set(keys.split()) - {"type", "schema", "time"}
        assert not unknown, (record["type"], unknown)
    assert list(record)[:3] == ["type", "schema", "time"] and record["schema"] == 1, line
    for name in ("pcp", "nat_pmp"):
        if isinstance(record.get(name), dict):
            assert not set(record[name]) - set(probe.split()), record[name]
assert n, "no record"' <<< "$output"
}

@test "a mapping granted" {
	gateway
	listen udp
	map -j "80:$listening/udp"
	exits 0
	keys_are_known
	[ -z "$stderr" ]
	[ "${#lines[@]}" -eq 1 ]
	while read -r key value; do
		json_is mapping "$key" "$value"
	done <<-END
		event granted
		protocol udp
		internal_address 127.0.0.1
		internal_port $listening
		external_address 44.128.10.7
		external_port 80
		suggested_port 80
		requested_lifetime 7200
		lifetime 7200
		server $S
		via pcp
		version 2
		result SUCCESS
		result_code 0
		attempts 1
		epoch 0
		nonce $(sent_fields nonce)
	END
	[[ $(json mapping expires_at) =~ ^20[0-9-]{8}T[0-9:]{8}\.[0-9]{3}Z$ ]]
	[[ $(json mapping rtt_ms) =~ ^[0-9.]+$ ]]
}

@test "a mapping by NAT-PMP" {
	gateway natpmp-only
	map -j 80
	exits 0
	keys_are_known
	json_is mapping via nat-pmp
	json_is mapping version 0
	json_is mapping event granted
	json_is mapping external_address 44.128.10.7
	discover -j
	exits 0
	keys_are_known
	[ "$(json finding id | grep -c nat-pmp-only)" -eq 1 ]
}

@test "refused, unanswered, unreachable, deleted" {
	gateway map-result=8
	map -j 80
	exits 1
	keys_are_known
	json_is mapping event refused
	json_is mapping result NO_RESOURCES
	json_is mapping result_code 8
	json_is mapping external_port -
	json_is mapping external_address -
	gateway map-result=200
	map -j 80
	exits 1
	json_is mapping result_code 200
	gateway silent
	map -j -t 300ms 80
	exits 3
	keys_are_known
	json_is mapping event unanswered
	json_is mapping result -
	json_is mapping via -
	json_is finding id timeout
	pcpctl map -j -s "127.0.0.1:$(closed_port)" 80
	exits 4
	keys_are_known
	json_is mapping event unreachable
	json_is finding id no-server-port-unreachable
	gateway
	map -j --nonce 0102030405060708090a0b0c 80
	map -j -d --nonce 0102030405060708090a0b0c 80
	exits 0
	keys_are_known
	json_is mapping event deleted
	json_is mapping lifetime 0
}

@test "what was used of the options is in the record" {
	gateway
	map -j -3 192.0.2.9 -F 198.51.100.0/24 --description 'a "b" c' 80
	exits 0
	keys_are_known
	json_is mapping third_party 192.0.2.9
	json_is mapping internal_address 192.0.2.9
	[ "$(json mapping filters)" != - ]
	prints '"description":"a \"b\" c"'
}

@test "several records, in order; findings after them" {
	gateway port-offset=1
	map -j 80 81/tcp+udp
	exits 0
	keys_are_known
	[ "$(json mapping internal_port | paste -sd' ')" = "80 81 81" ]
	[ "$(json mapping protocol | paste -sd' ')" = "tcp tcp udp" ]
	[ "$(json finding id | paste -sd' ')" = "port-unbound port-differs" ]
	[[ ${lines[0]} == '{"type":"mapping"'* ]]
	[[ ${lines[3]} == '{"type":"finding"'* ]]
}

@test "an error is a record on stdout and a line on stderr" {
	pcpctl map -j -s name.invalid 80
	exits 4
	keys_are_known
	json_is error exit 4
	text=$(json error text)
	[ "$stderr" = "pcpctl: map: $text" ]
	pcpctl discover -j -s "$S" -b 192.0.2.77
	exits 5
	keys_are_known
	json_is error exit 5
}

@test "discover: servers and verdicts" {
	port=$(closed_port)
	gateway
	pcpctl discover -j -s "$S" -s "127.0.0.1:$port"
	exits 0
	keys_are_known
	[ "$(json server verdict | paste -sd' ')" = "pcp none" ]
	[ "$(json server pcp.status | paste -sd' ')" = "ok refused" ]
	[ "$(json server nat_pmp.status | paste -sd' ')" = "ok refused" ]
	[ "$(json server port | paste -sd' ')" = "$PORT $port" ]
	[ "$(json server external_address | paste -sd' ')" = "44.128.10.7 -" ]
	[ "$(json server server | sort -u)" = 127.0.0.1 ]
	[ "$(json server found_by | sort -u)" = '["option"]' ]
	for case in "natpmp-only nat-pmp unsupported ok" "natpmp-silent nat-pmp silent ok" \
			"natpmp-refuses pcp ok silent" "silent none silent silent" "pcp-only pcp ok unsupported" \
			"announce-result=8 pcp error ok" "truncate=10 none malformed malformed"; do
		# shellcheck disable=SC2086  # words
		set -- $case
		gateway "$1"
		discover -j -t 300ms
		keys_are_known
		json_is server verdict "$2"
		json_is server pcp.status "$3"
		json_is server nat_pmp.status "$4"
	done
	gateway
	discover -j --pcp
	json_is server nat_pmp.status skipped
}

@test "-v: packets are records too" {
	gateway
	map -j -v 80
	exits 0
	keys_are_known
	[ "$(json packet direction | paste -sd' ')" = "sent received" ]
	[ "$(json packet opcode | paste -sd' ')" = "1 1" ]
	[ "$(json packet hex | head -1)" = "$(sent_fields hex)" ]
	[ "$(json packet nonce | sort -u | wc -l)" -eq 1 ]
	[ "$(json packet response | paste -sd' ')" = "false true" ]
	gateway wrong-nonce
	map -j -vv -t 300ms 80
	exits 3
	keys_are_known
}

@test "--dry-run --json: the requests as records, nothing is sent" {
	gateway
	map --dry-run -j -P 80:8080/tcp+udp 53/udp
	exits 0
	keys_are_known
	[ "$(json packet dry_run | sort -u)" = true ]
	[ "$(json packet internal_port | paste -sd' ')" = "8080 8080 53" ]
	[ "$(json packet mapping_protocol | paste -sd' ')" = "tcp udp udp" ]
	[ "$(sent)" -eq 0 ]
}

@test "the text of a server never breaks a record" {
	gateway echo-options
	map -j -v --description $'quote " newline \n tab \t bell \a' 80
	exits 0
	keys_are_known
}
