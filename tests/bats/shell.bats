#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# map --shell: what a script evaluates.
# shellcheck disable=SC2154  # bats' variables

load helper

setup_file() { gateway_start; }
teardown_file() { gateway_stop; }

# evaluated SHELL SCRIPT ARGUMENT...: SCRIPT after eval of map --shell ARGUMENT...
evaluated() {
	local shell=$1 script=$2
	shift 2
	run --separate-stderr "$shell" -c 'eval "$("$PCPCTL" map --shell -s "$S" "$@")"; '"$script" x "$@"
}

@test "granted: a shell has the address, the port and when it ends" {
	local shell
	for shell in sh dash bash; do
		gateway
		evaluated "$shell" 'echo "$PCP_EVENT $PCP_EXTERNAL_ADDRESS:$PCP_EXTERNAL_PORT $PCP_VIA $PCP_RESULT"' 80:8080
		[ "$output" = "granted 44.128.10.7:80 pcp SUCCESS" ]
		evaluated "$shell" 'echo $((PCP_EXPIRES - $(date +%s)))' 80:8080
		[ "$output" -gt 7100 ]
		[ "$output" -le 7200 ]
	done
}

@test "refused: PCP_EVENT and PCP_RESULT say why, the rest is empty, whatever was set" {
	gateway map-result=8
	PCP_EXTERNAL_PORT=99 evaluated sh 'echo "$PCP_EVENT $PCP_RESULT <$PCP_EXTERNAL_PORT$PCP_SERVER>"' 80
	[ "$output" = "refused NO_RESOURCES <>" ]
	[[ $stderr == *"tcp 80: $S refused: NO_RESOURCES"* ]]
	run -1 --separate-stderr "$PCPCTL" map --shell -s "$S" 80
}

@test "nobody to ask: the same, and the exit status" {
	run -4 --separate-stderr "$PCPCTL" map --shell -s nosuch.invalid 80
	[[ $output == *"PCP_EVENT='unreachable'"* ]]
	[[ $output == *"PCP_RESULT='no-server'"* ]]
	[[ $output == *"PCP_EXTERNAL_PORT=''"* ]]
}

@test "a deletion" {
	gateway
	"$PCPCTL" map -s "$S" 80
	evaluated sh 'echo "$PCP_EVENT"' -d 80
	[ "$output" = deleted ]
}

@test "one result, one form: exit 2 and nothing on stdout" {
	gateway
	local words
	for words in "80 81" "80/tcp+udp" "-j 80" "-q 80" "--dry-run 80" "--list" "-s 127.0.0.2 80"; do
		# shellcheck disable=SC2086
		run -2 --separate-stderr "$PCPCTL" map --shell -s "$S" $words
		[ -z "$output" ]
	done
	[ "$(sent)" -eq 0 ]
}

@test "stdout that cannot be written: exit 5" {
	gateway
	run -5 bash -c '"$PCPCTL" map --shell -s "$S" 80 >/dev/full 2>/dev/null'
}
