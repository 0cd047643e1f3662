# SPDX-License-Identifier: MIT
# A one-shot command that is interrupted takes back what is new, then dies by the signal.
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

# start ARG...: in the background, $pid; SIGINT is not ignored as it is for children of
# a script.
start() {
	env --default-signal=INT,HUP "$PCPCTL" "$@" > "$BATS_TEST_TMPDIR/out" 2> "$BATS_TEST_TMPDIR/err" 3>&- &
	pid=$!
}

has_sent() {
	[ "$(sent kind=MAP)" -ge "${1-1}" ]
}

@test "SIGINT, SIGTERM, SIGHUP: the mapping is taken back, and it dies by that signal" {
	for case in INT:130 TERM:143 HUP:129; do
		gateway delay-map=200
		start map -s "$S" 80
		wait_until has_sent
		kill -"${case%:*}" "$pid"
		ends_with "${case#*:}"
		[ "$(mappings)" -eq 0 ]
		[ "$(sent kind=MAP lifetime=0)" -ge 1 ]
		[ "$(sent_fields nonce kind=MAP | tr ' ' '\n' | sort -u | wc -l)" -eq 1 ]
		[ ! -s "$BATS_TEST_TMPDIR/out" ]
	done
}

@test "what was granted already is taken back as well" {
	gateway
	# the second server never answers, so the run goes on
	python3 -S -E -c 'import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
time.sleep(20)' > "$BATS_TEST_TMPDIR/silent" 3>&- &
	silent_pid=$!
	wait_until test -s "$BATS_TEST_TMPDIR/silent"
	start map -s "$S" -s "127.0.0.1:$(cat "$BATS_TEST_TMPDIR/silent")" 80/tcp+udp 81
	wait_until has_sent 3
	kill -INT "$pid"
	ends_with 130
	kill "$silent_pid"
	[ "$(mappings)" -eq 0 ]
	[ ! -s "$BATS_TEST_TMPDIR/out" ]
}

@test "in NAT-PMP too; a mapping of internal port 0 is left: its delete would wipe all" {
	gateway natpmp-only delay-natpmp=200
	start map -s "$S" 80
	wait_until has_sent_natpmp
	kill -TERM "$pid"
	ends_with 143
	[ "$(mappings)" -eq 0 ]
	gateway natpmp-only delay-natpmp=200 natpmp-internal-port-zero-ok
	start map -s "$S" 1:0/udp
	wait_until has_sent_natpmp
	kill -TERM "$pid"
	ends_with 143
	[ "$(sent lifetime=0)" -eq 0 ]
}

has_sent_natpmp() {
	[ "$(sent version=0 internal_port=80)" -ge 1 ] || [ "$(sent version=0 internal_port=0)" -ge 1 ]
}

@test "with --nonce the mapping may be another program's: it is left, and that is said" {
	gateway delay-map=60000
	start map -s "$S" --nonce 0102030405060708090a0b0c 80
	wait_until has_sent
	kill -TERM "$pid"
	ends_with 143
	[ "$(sent lifetime=0)" -eq 0 ]
	[ "$(mappings)" -eq 1 ]
	grep -q 'tcp 80: given up: interrupted' "$BATS_TEST_TMPDIR/err"
}

@test "nobody answers the taking back: it ends in a few seconds, and says what may be left" {
	gateway silent
	start map -s "$S" 80
	wait_until has_sent
	from=${EPOCHREALTIME/./}
	kill -TERM "$pid"
	ends_with 143
	took=$(((${EPOCHREALTIME/./} - from) / 1000))
	under 10000
	grep -q 'tcp 80: given up: interrupted' "$BATS_TEST_TMPDIR/err"
	gateway silent
	start map -j -s "$S" 80
	wait_until has_sent
	kill -TERM "$pid"
	ends_with 143
	output=$(cat "$BATS_TEST_TMPDIR/out")
	json_is mapping event refused
}

@test "a second signal ends it at once" {
	gateway silent
	start map -s "$S" 80
	wait_until has_sent
	from=${EPOCHREALTIME/./}
	kill -INT "$pid"
	wait_until has_asked_delete
	kill -INT "$pid"
	ends_with 130
	took=$(((${EPOCHREALTIME/./} - from) / 1000))
	under 1500 # the taking back alone would take 1.7 s
}

has_asked_delete() {
	[ "$(sent kind=MAP lifetime=0)" -ge 1 ]
}

@test "many mappings: all are taken back" {
	gateway delay-map=100
	# shellcheck disable=SC2046  # words
	start map -s "$S" $(seq 1001 1100)
	wait_until has_sent 20
	kill -TERM "$pid"
	ends_with 143
	[ "$(mappings)" -eq 0 ]
}

@test "discover: between two rounds of --wait, and while it waits" {
	gateway silent
	start discover -s "$S" -t 50ms --wait 1m
	wait_until has_probed
	kill -INT "$pid"
	ends_with 130
	gateway silent
	start discover -s "$S"
	wait_until has_probed
	kill -TERM "$pid"
	ends_with 143
	[ ! -s "$BATS_TEST_TMPDIR/out" ]
}

has_probed() {
	[ "$(sent opcode=0)" -ge 2 ]
}

@test "a delete that is interrupted stays a delete" {
	gateway
	map --nonce 0102030405060708090a0b0c 80
	gateway_add silent
	start map -d --nonce 0102030405060708090a0b0c -s "$S" 80
	wait_until has_asked_delete
	kill -TERM "$pid"
	ends_with 143
	[ "$(sent lifetime=7200)" -eq 1 ]
}

@test "a SIGINT that the caller ignores stays ignored" {
	gateway delay-map=300
	env --ignore-signal=INT "$PCPCTL" map -q -s "$S" 80 > "$BATS_TEST_TMPDIR/out" 3>&- &
	pid=$!
	wait_until has_sent
	kill -INT "$pid"
	ends_with 0
	[ "$(cat "$BATS_TEST_TMPDIR/out")" = 44.128.10.7:80 ]
}
