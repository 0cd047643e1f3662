# SPDX-License-Identifier: MIT
# For the bats files that let the program stay (map --keep) against tests/fake_gateway.py:
# it runs in the background, its streams are files that are looked at as they grow.
# shellcheck shell=bash disable=SC2034,SC2154,SC2153  # bats' variables, and ours for the tests

load helper

OUT=${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR}/out
ERR=${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR}/err
HOOKED=${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR}/hooked
export HOOKED

# The shortest lease of which a renewal is asked: the first one after 4 to 5 s, as two
# packets about a mapping are 4 s apart (RFC 6887, 11.2.1).
SHORT=lifetime=8

keep_setup_file() {
	gateway_start
}

# for teardown: ends what the test has started.
keep_teardown() {
	local one
	for one in "${pids[@]}"; do
		kill -KILL "$one" 2>/dev/null || true
	done
}

# start ARG...: in the background, $pid. SIGINT is not ignored, as it is for the children
# of a script.
start() {
	env --default-signal=INT,HUP "$PCPCTL" "$@" > "$OUT" 2> "$ERR" 3>&- &
	pid=$!
	pids+=("$pid")
}

# keep ARG...: stays with the gateway.
keep() {
	start map --keep -s "$S" "$@"
}

# within SECONDS COMMAND...: wait_until for what takes its time.
within() {
	local end=$((SECONDS + $1 + 1))
	shift
	until "$@"; do
		if [ "$SECONDS" -ge "$end" ]; then
			echo "not in time: $*" >&2
			show_streams
			return 1
		fi
		sleep 0.05
	done
}

show_streams() {
	sed 's/^/# out: /' "$OUT" >&2
	sed 's/^/# err: /' "$ERR" >&2
}

# printed TEXT [N], said TEXT [N]: N lines (1) of stdout, of stderr, have the text; at
# least so many where N ends with +.
printed() {
	has_lines "$OUT" "$@"
}

said() {
	has_lines "$ERR" "$@"
}

has_lines() {
	local count wanted=${3-1}
	count=$(grep -cF -- "$2" "$1" || true)
	if [[ $wanted == *+ ]]; then
		[ "$count" -ge "${wanted%+}" ]
	else
		[ "$count" -eq "$wanted" ]
	fi
}

# held: stdout has its first line.
held() {
	wait_until printed " -> " 1+
}

# has_sent N [KEY=VALUE]...: the gateway got at least so many.
has_sent() {
	local n=$1
	shift
	[ "$(sent "$@")" -ge "$n" ]
}

# holds N [KEY=VALUE]...: the gateway has so many mappings.
holds() {
	local n=$1
	shift
	[ "$(mappings "$@")" -eq "$n" ]
}

# end [SIGNAL]: it ends with 0.
end() {
	kill -"${1-TERM}" "$pid"
	ends_with 0 || { show_streams; return 1; }
}

# events: the words of stdout's lines, in a row.
events() {
	sed -E 's/.*\)  (changed|recovered|renewed).*/\1/; s/^[^ ]+  [^ ]+ (lost|deleted).*/\1/; s/^.* -> .*/granted/' \
		"$OUT" | paste -sd' '
}

# The hook that writes a line for each run: event, protocol, port, as they are.
HOOK='echo "$PCP_EVENT $PCP_PROTOCOL $PCP_INTERNAL_PORT $PCP_EXTERNAL_PORT" >> "$HOOKED"'

# hooked TEXT [N]: so many lines of it have the text.
hooked() {
	[ -e "$HOOKED" ] && has_lines "$HOOKED" "$@"
}
