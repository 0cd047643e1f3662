# SPDX-License-Identifier: MIT
# For the bats files that run the binary against tests/fake_gateway.py: one gateway a
# file, on the loopback, reset before each test; its log says what was sent to it.
# shellcheck shell=bash disable=SC2034,SC2154  # bats' variables, and ours for the tests

bats_require_minimum_version 1.5.0
export LC_ALL=C TZ=UTC
unset NO_COLOR
# Nothing is remembered from one test to the next.
export PCPCTL_STATE_DIR=${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR}/state

HERE=$BATS_TEST_DIRNAME
PCPCTL=${PCPCTL:-$(realpath -m "$HERE/../../${BUILD:-build}/pcpctl")}
FAKE_GATEWAY=$(realpath "$HERE/../fake_gateway.py")
export PCPCTL FAKE_GATEWAY

# wait_until COMMAND...: until it succeeds, 5 s at most.
wait_until() {
	local i
	for i in {1..250}; do
		"$@" && return 0
		sleep 0.02
	done
	echo "not within 5 s: $*" >&2
	return 1
}

# --- the gateway ---

# gateway_start: for setup_file. Serves 127.0.0.1, 127.0.0.2 and, where there is one, ::1.
gateway_start() {
	local addresses=(--bind 127.0.0.1 --bind 127.0.0.2) ready=$BATS_FILE_TMPDIR/ready
	export HAS_IPV6=
	if grep -qs '^00000000000000000000000000000001 ' /proc/net/if_inet6; then
		HAS_IPV6=1
		addresses+=(--bind ::1)
	fi
	export GATEWAY_LOG=$BATS_FILE_TMPDIR/log
	python3 "$FAKE_GATEWAY" "${addresses[@]}" --port 0 --control 0 --lifetime 590 \
		--log "$GATEWAY_LOG" > "$ready" 2> "$BATS_FILE_TMPDIR/gateway-errors" 3>&- &
	export GATEWAY_PID=$!
	wait_until read_ports "$ready" || cat "$BATS_FILE_TMPDIR/gateway-errors" >&2
	export PORT CONTROL S=127.0.0.1:$PORT
}

# Is the line there, whole?
read_ports() {
	read -r PORT CONTROL 2>/dev/null < "$1" && [ -n "$CONTROL" ]
}

# gateway_stop: for teardown_file.
gateway_stop() {
	[ -z "${GATEWAY_PID-}" ] || kill "$GATEWAY_PID" 2>/dev/null || true
}

# gateway_tell COMMAND...: prints the answer.
gateway_tell() {
	exec 9<>"/dev/udp/127.0.0.1/$CONTROL"
	printf '%s' "$*" >&9
	timeout 5 dd bs=65536 count=1 status=none <&9
	exec 9>&-
	echo
}

# gateway MODE...: a new gateway, so to speak, in these modes.
gateway() {
	local mode answer
	gateway_tell reset >/dev/null
	gateway_tell reboot >/dev/null
	for mode; do
		[ -n "$mode" ] || continue
		answer=$(gateway_tell mode "$mode")
		[ "$answer" = ok ] || { echo "gateway: $answer" >&2; return 1; }
	done
	GATEWAY_FROM=$(wc -l < "$GATEWAY_LOG")
	rm -rf "$PCPCTL_STATE_DIR" # a gateway that knows nothing of us, and we nothing of it
}

# gateway_add MODE: one more mode, all else stays.
gateway_add() {
	[ "$(gateway_tell mode "$1")" = ok ]
}

# --- what it saw ---

# requests [KEY=VALUE]...: the records of what was sent to it in this test.
requests() {
	local word script='/"dir":"in"/!d'
	gateway_tell mappings >/dev/null # what lies in its sockets is read before this,
	gateway_tell mappings >/dev/null # at the latest before the second one
	for word; do
		script+=";/\"${word%%=*}\":\"\\?${word#*=}\"\\?[,}]/!d"
	done
	tail -n +$((GATEWAY_FROM + 1)) "$GATEWAY_LOG" | sed "$script"
}

# sent [KEY=VALUE]...: how many.
sent() {
	requests "$@" | wc -l
}

# sent_fields KEY [KEY=VALUE]...: that field of each, in a row.
sent_fields() {
	local key=$1
	shift
	requests "$@" | sed -n "s/.*\"$key\":\"\\?\\([^\",}]*\\).*/\\1/p" | paste -sd' '
}

# mappings [KEY=VALUE]...: how many it holds.
mappings() {
	local word script='/^$/d'
	for word; do
		script+=";/\"${word%%=*}\": \"\\?${word#*=}\"\\?[,}]/!d"
	done
	gateway_tell mappings | sed "$script" | wc -l
}

# own_net: the flags of unshare for a network of one's own, $net; else skips the test.
own_net() {
	for net in -Urnm -nm; do
		unshare "$net" true 2>/dev/null && return 0
	done
	skip "neither unshare -Urnm nor unshare -nm is permitted here"
}

# A UDP port of 127.0.0.1 where nobody listens.
closed_port() {
	python3 -S -E -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

# listen [udp] [ADDRESS [PORT]]: a program that listens there, at a free port of its own
# choosing, in a process group of its own: $listening. It ends with the test.
listen() {
	local type=tcp ready=$BATS_TEST_TMPDIR/listening hold
	[ "${1-}" != udp ] || { type=udp; shift; }
	rm -f "$ready"
	exec {hold}> >(exec setsid python3 -S -E -c 'import os, socket, sys
kind = socket.SOCK_STREAM if sys.argv[1] == "tcp" else socket.SOCK_DGRAM
family = socket.AF_INET6 if ":" in sys.argv[2] else socket.AF_INET
s = socket.socket(family, kind)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
if family == socket.AF_INET6:
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
s.bind((sys.argv[2], int(sys.argv[3])))
if kind == socket.SOCK_STREAM:
    s.listen()
with open(sys.argv[4] + ".new", "w") as f:
    print(s.getsockname()[1], file=f)
os.rename(sys.argv[4] + ".new", sys.argv[4])
sys.stdin.read()' "$type" "${1-127.0.0.1}" "${2-0}" "$ready" >/dev/null 3>&-)
	wait_until test -s "$ready"
	listening=$(cat "$ready")
}

# --- the program ---

# pcpctl ARG...: $status, $output, $stderr, and $took in ms.
pcpctl() {
	local from=${EPOCHREALTIME/./}
	run --separate-stderr timeout 30 "$PCPCTL" "$@"
	took=$((( ${EPOCHREALTIME/./} - from) / 1000))
	echo "# pcpctl $*: status $status, $took ms"
	echo "# stdout: $output"
	echo "# stderr: $stderr"
}

# ends_with STATUS: the child $pid does, by itself.
ends_with() {
	local how=0
	wait "$pid" || how=$?
	[ "$how" -eq "$1" ] || { echo "it ended with $how, not $1" >&2; return 1; }
}

# map ARG...: asks the gateway.
map() {
	pcpctl map -s "$S" "$@"
}

discover() {
	pcpctl discover -s "$S" "$@"
}

# --- what it said ---

# exits STATUS
exits() {
	[ "$status" -eq "$1" ] || { echo "exit $status, not $1" >&2; return 1; }
}

# says TEXT...: each is in stderr. prints TEXT...: each is in stdout.
says() {
	local text
	for text; do
		[[ $stderr == *"$text"* ]] || { echo "stderr lacks: $text" >&2; return 1; }
	done
}

prints() {
	local text
	for text; do
		[[ $output == *"$text"* ]] || { echo "stdout lacks: $text" >&2; return 1; }
	done
}

# silent_about TEXT...: none is in either.
silent_about() {
	local text
	for text; do
		[[ $output$stderr != *"$text"* ]] || { echo "it says: $text" >&2; return 1; }
	done
}

# A time bound. Ten times what it takes here, and more: for catching the wrong order
# of magnitude, not for measuring.
under() {
	[ "$took" -lt "$1" ] || { echo "took $took ms, not under $1" >&2; return 1; }
}

# is_usage_error TEXT: exit 2, nothing on stdout, one line on stderr that begins with
# the program and has TEXT.
is_usage_error() {
	exits 2 || return 1
	[ -z "$output" ] || { echo "stdout is not empty" >&2; return 1; }
	[ "${#stderr_lines[@]}" -eq 1 ] || { echo "not one line on stderr" >&2; return 1; }
	[[ $stderr == "pcpctl: "* ]] || { echo "no program name" >&2; return 1; }
	says "$1"
}

# json TYPE KEY[.KEY]: that value of each record of the type in $output, one a line
# (- absent). Every line must be a record.
json() {
	python3 -S -E -c '
import json, sys
kind, path = sys.argv[1], sys.argv[2].split(".")
for line in sys.stdin.read().splitlines():
    record = json.loads(line)
    assert record["schema"] == 1 and record["time"].endswith("Z"), line
    if record["type"] != kind:
        continue
    for key in path:
        record = record.get(key, {}) if isinstance(record, dict) else {}
    print("-" if record == {} else json.dumps(record).strip("\""))' "$@" <<< "$output"
}

# json_is TYPE KEY VALUE
json_is() {
	local value
	value=$(json "$1" "$2") || return 1
	[ "$value" = "$3" ] || { echo "$1 $2 is '$value', not '$3'" >&2; return 1; }
}
