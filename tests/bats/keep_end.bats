# SPDX-License-Identifier: MIT
# map --keep and its end: signals, a reader that goes, -t; what stood before, what another
# keeper holds, what a killed one has left; --delete beside it.
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2153,SC2016,SC2030,SC2031  # bats' and helper's variables

load keep

setup_file() {
	keep_setup_file
}

teardown_file() {
	gateway_stop
}

teardown() {
	keep_teardown
}

# --- signals ---

@test "SIGINT, SIGTERM, SIGHUP: exit 0, and the mappings are gone" {
	local signal
	for signal in INT TERM HUP; do
		gateway
		keep 80 81/tcp+udp
		wait_until printed " -> " 3
		end $signal
		holds 0
		printed deleted 3
		map --list
		[ -z "$output" ]
	done
}

@test "--leave: nothing is deleted, and nobody holds it any more" {
	gateway
	keep --leave 80
	held
	end
	holds 1
	[ "$(sent lifetime=0)" -eq 0 ]
	[ "$(events)" = granted ]
	map -d 80
	exits 0
	holds 0
}

@test "a silent server at the end: it ends by itself, exit 0, what is left is listed" {
	gateway
	keep 80 81
	wait_until printed " -> " 2
	gateway_add silent
	local from=${EPOCHREALTIME/./}
	end
	took=$(((${EPOCHREALTIME/./} - from) / 1000))
	[ "$took" -ge 1000 ]
	under 10000
	grep -qE "tcp 80: not deleted: no answer from $S to [0-9]+ requests; the mapping may still be there until [0-9:]{8}$" "$ERR"
	said "tcp 81: not deleted: no answer from $S"
	printed deleted 0
	holds 2
	[ "$(sent kind=MAP lifetime=0 internal_port=80)" -ge 2 ]
}

@test "a server that refuses the delete: listed, exit 0" {
	gateway delete-result=2
	keep 80
	held
	end
	grep -qE "tcp 80: not deleted: $S refused: NOT_AUTHORIZED.*; the mapping may still be there until [0-9:]{8}$" "$ERR"
	printed deleted 0
}

@test "a second signal ends it at once" {
	gateway
	keep 80
	held
	gateway_add silent
	local from=${EPOCHREALTIME/./}
	kill -TERM "$pid"
	wait_until has_sent 1 kind=MAP lifetime=0
	kill -INT "$pid"
	ends_with 0
	took=$(((${EPOCHREALTIME/./} - from) / 1000))
	under 1500 # the wait alone would take 2 s
}

@test "a signal while nothing was granted yet: what may have been made is deleted" {
	gateway delay-map=300
	keep 80
	wait_until has_sent 1 kind=MAP
	end
	holds 0
	[ "$(sent kind=MAP lifetime=0)" -ge 1 ]
	gateway silent
	keep 80
	wait_until has_sent 1 kind=MAP
	end
	[ "$(sent kind=MAP lifetime=0)" -ge 1 ]
}

@test "a signal while there is nobody to ask: exit 0" {
	own_net
	unshare "$net" env --default-signal=INT "$PCPCTL" map --keep 80 > "$OUT" 2> "$ERR" 3>&- &
	pid=$!
	pids+=("$pid")
	wait_until said "waits until there is somebody to ask"
	kill -TERM "$pid" # unshare and env have become it
	ends_with 0
	[ ! -s "$OUT" ]
}

@test "internal port 0 is never deleted, at the end either" {
	gateway natpmp-only natpmp-internal-port-zero-ok
	keep 1:0/udp
	held
	end
	[ "$(sent lifetime=0)" -eq 0 ]
	[ "$(sent version=2)" -eq 0 ]
	holds 1
	said "a mapping of internal port 0 is never deleted"
	grep -qE "udp 0: not deleted: .*; the mapping may still be there until [0-9:]{8}$" "$ERR"
}

# --- nobody reads ---

@test "its reader goes while no router is there yet: exit 5 at once" {
	own_net
	run timeout 20 unshare "$net" bash -c 'ip link set lo up
		"$PCPCTL" map --keep 80 2>"$BATS_TEST_TMPDIR/err" | sleep 1
		echo "${PIPESTATUS[0]}"'
	[ "$output" = 5 ]
	grep -q "waits until there is somebody to ask" "$BATS_TEST_TMPDIR/err"
}

@test "its reader goes: the mapping is deleted, exit 5" {
	gateway
	run -0 timeout 20 bash -c '"$PCPCTL" map --keep -s "$S" 80 2>/dev/null | head -n1; echo "${PIPESTATUS[0]}"'
	[[ ${lines[0]} == "tcp  44.128.10.7:80 -> "* ]]
	[ "${lines[1]}" = 5 ]
	holds 0
	[ "$(sent lifetime=0)" -eq 1 ]
}

@test "stdout takes nothing: the mapping is deleted, exit 5" {
	gateway
	local form
	for form in "" -j -q; do
		# shellcheck disable=SC2086  # none or one word
		run -5 --separate-stderr timeout 20 bash -c '"$PCPCTL" map --keep '$form' -s "$S" 80 >/dev/full'
		[ "$(grep -c 'stdout: cannot write' <<< "$stderr")" -eq 1 ]
		holds 0
	done
	[ "$(sent lifetime=0)" -eq 3 ]
}

# --- -t ---

@test "-t and not everything granted: exit 3, 1, 4 as a one-shot, cleaned up" {
	gateway silent
	pcpctl map --keep -t 400ms -s "$S" 80
	exits 3
	[ "$took" -ge 400 ]
	under 10000
	says "tcp 80: no answer"
	[ -z "$output" ]
	gateway no-protocol=17
	pcpctl map --keep -t 400ms -s "$S" 80/tcp+udp 81
	exits 1
	says "udp 80: $S refused: UNSUPP_PROTOCOL"
	[ "$(grep -c deleted <<< "$output")" -eq 2 ]
	holds 0
	pcpctl map --keep -t 400ms -s "127.0.0.1:$(closed_port)" 80
	exits 4
	own_net
	run --separate-stderr -4 unshare "$net" "$PCPCTL" map --keep -t 400ms 80
}

@test "-t and everything granted in time: it stays" {
	gateway "$SHORT"
	keep -t 1s 80
	held
	within 8 has_sent 2
	kill -0 "$pid"
	end
	holds 0
}

# --- what is not this run's ---

@test "a mapping that stood before is kept with its nonce and port, and left" {
	gateway
	map 8080:80
	exits 0
	keep 80
	held
	printed "44.128.10.7:8080 -> 127.0.0.1:80"
	end
	holds 1 external_port=8080
	[ "$(sent lifetime=0)" -eq 0 ]
	[ "$(sent_fields nonce | tr ' ' '\n' | sort -u | wc -l)" -eq 1 ]
	keep 80 # and left again: that it was kept makes it nobody's
	held
	end
	holds 1 external_port=8080
	map -d 80
	exits 0
}

@test "one that a killed keeper left comes back: same nonce, same port, one mapping, and it goes" {
	gateway
	keep any:80
	held
	printed "44.128.10.7:49152 -> "
	kill -KILL "$pid"
	wait "$pid" || true
	holds 1
	keep any:80
	held
	printed "44.128.10.7:49152 -> "
	holds 1
	[ "$(sent_fields nonce | tr ' ' '\n' | sort -u | wc -l)" -eq 1 ]
	[ "$(sent_fields suggested_port)" = "0 49152" ]
	end
	holds 0
}

@test "-d beside a running keeper: exit 1 with its pid; --force deletes; the dead hold nothing" {
	gateway
	map 79
	keep 80
	held
	map -d 80
	exits 1
	says "80: not deleted: process $pid keeps it alive; end that, or --force"
	[ -z "$output" ]
	[ "$(sent lifetime=0)" -eq 0 ]
	map -d --all
	exits 1
	says "--all: not deleted: process $pid keeps it alive"
	prints "tcp  127.0.0.1:79 deleted"
	holds 1 internal_port=80
	map -d --force 80
	exits 0
	says "process $pid keeps it, and may ask for it again"
	holds 0
	end
	keep 80
	held
	kill -KILL "$pid"
	wait "$pid" || true
	map -d 80
	exits 0
	holds 0
}

@test "two keepers of one mapping: the second says so, and leaves it to the first" {
	gateway
	keep 80
	held
	local first=$pid
	OUT=$OUT.2 ERR=$ERR.2
	keep 80
	held
	said "tcp 80: process $first keeps it already"
	end
	holds 1
	[ "$(sent lifetime=0)" -eq 0 ]
	[ "$(sent_fields nonce | tr ' ' '\n' | sort -u | wc -l)" -eq 1 ]
	pid=$first
	map -d 80
	exits 1
	says "process $first keeps it alive"
	end
	holds 0
}

@test "--no-state: kept and deleted all the same, nothing is written" {
	gateway
	keep --no-state 80
	held
	end
	holds 0
	[ ! -e "$PCPCTL_STATE_DIR" ]
}

@test "a state directory that cannot be written is a warning" {
	gateway
	: > "$BATS_TEST_TMPDIR/file"
	PCPCTL_STATE_DIR=$BATS_TEST_TMPDIR/file/state keep 80
	held
	end
	holds 0
	[ -s "$ERR" ]
}
