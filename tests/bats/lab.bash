# SPDX-License-Identifier: MIT
# For the bats files that run the binary in tests/lab, against the real miniupnpd: each
# test calls home, and has a lab of its own (it is up in 0.3 s).
# shellcheck shell=bash disable=SC2034,SC2154  # bats' variables, and ours for the tests

load helper

LAB=$(realpath "$BATS_TEST_DIRNAME/../lab")
GREETER=$(realpath "$BATS_TEST_DIRNAME/../lab.d/greeter.py")
export LAB
ROUTER=192.168.1.254
ROUTER6=fe80::1%eth0
EXTERNAL=44.128.7.2
CLIENT6=2d00:64:1::10

# home [--no-server] [KEY=VALUE]...: a lab with these settings of miniupnpd. Where there
# cannot be one the test is skipped; but CI must have one.
home() {
	local where=${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR} status=0
	export LAB_DIR=$where/lab LAB_OWNER=$BATS_ROOT_PID LAB_LIFETIME=300
	export PCPCTL_STATE_DIR=$where/state
	mkdir "$LAB_DIR"
	"$LAB" up "$@" 2>"$where/up" || status=$?
	[ "$status" -ne 0 ] || return 0
	cat "$where/up" >&2
	if [ "$status" -eq 77 ] && [ "${CI-}" != true ]; then
		skip "$(<"$where/up")"
	fi
	return 1
}

# leave: for teardown.
leave() {
	[ -z "${LAB_DIR-}" ] || [ ! -e "$LAB_DIR/state" ] || "$LAB" down
}

client() {
	"$LAB" client "$@"
}

router() {
	"$LAB" router "$@"
}

# sysctl_client VALUE NAME...: below /proc/sys/net, for the client.
sysctl_client() {
	local value=$1 name
	shift
	for name; do
		client bash -c "echo $value >/proc/sys/net/$name"
	done
}

# pcpctl ARG...: on the client. $status, $output, $stderr, and $took in ms.
pcpctl() {
	local from=${EPOCHREALTIME/./}
	run --separate-stderr timeout 40 "$LAB" client "$PCPCTL" "$@"
	took=$(((${EPOCHREALTIME/./} - from) / 1000))
	echo "# pcpctl $*: status $status, $took ms"
	echo "# stdout: $output"
	echo "# stderr: $stderr"
}

map() {
	pcpctl map "$@"
}

discover() {
	pcpctl discover "$@"
}

# greet [PROTOCOL:]ADDRESS PORT...: listeners on the client, see greeter.py. They end
# with the lab.
greet() {
	local ready=$BATS_TEST_TMPDIR/ready
	: >"$ready"
	client python3 "$GREETER" "$@" >"$ready" 3>&- &
	wait_until test -s "$ready"
}

# connect ADDRESS PORT: from outside; prints the greeting. Fails if none comes, for
# which half a second is enough where it does not go over a wire.
connect() {
	"$LAB" wan timeout "${PATIENCE:-2}" bash -c "cat </dev/tcp/$1/$2" 2>/dev/null | grep .
}

# datagram ADDRESS PORT: the same by UDP.
datagram() {
	"$LAB" wan timeout "${PATIENCE:-2}" bash -c \
		"exec 4<>/dev/udp/$1/$2 && echo hello >&4 && head -n 1 <&4" 2>/dev/null | grep .
}

# closed ADDRESS PORT [connect|datagram]: nobody is reached there from outside.
closed() {
	local greeting
	if greeting=$(PATIENCE=0.5 "${3:-connect}" "$1" "$2"); then
		echo "$1 port $2 is open: $greeting" >&2
		return 1
	fi
}

# reaches WHERE GREETING...: that the words are in what connect or datagram printed.
reaches() {
	local greeting
	greeting=$("$1" "$2" "$3") || { echo "$2 port $3: nobody is reached" >&2; return 1; }
	[[ $greeting == *"$4"* ]] || { echo "$2 port $3 is: $greeting" >&2; return 1; }
}

# rules TEXT: how many of the router's translation rules have it.
rules() {
	router nft list chain inet miniupnpd prerouting_maps | grep -c -- "$1"
}

# finds ID SEVERITY [TEXT]: a finding of the JSON output, with that in its text or advice.
finds() {
	python3 -S -E -c '
import json, sys
identity, severity, text = sys.argv[1:]
found = [r for r in map(json.loads, sys.stdin.read().splitlines()) if r["type"] == "finding"]
if not any(r["id"] == identity and r["severity"] == severity
           and text in r["text"] + " " + r.get("advice", "") for r in found):
    sys.exit(f"no finding {identity}, {severity}, with {text!r} in {found}")' \
		"$1" "$2" "${3-}" <<<"$output"
}

# finds_not ID
finds_not() {
	! json finding id | grep -qx -- "$1" || { echo "there is a finding $1" >&2; return 1; }
}
