# SPDX-License-Identifier: MIT
# map -x: which events run the hook, with what, in which order; that it holds nothing up.
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2153,SC2016,SC2030,SC2031  # bats' and helper's variables; hooks are quoted whole

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

# The words of the first column of $HOOKED, in a row.
hooks() {
	cut -d' ' -f1 "$HOOKED" | paste -sd' '
}

@test "every event, in its order" {
	gateway "$SHORT"
	keep -x "$HOOK" 80
	within 8 hooked "renewed tcp 80 80"
	gateway_tell update
	wait_until hooked changed
	gateway_add silent
	within 12 hooked lost
	gateway_tell unmode silent
	within 12 hooked recovered
	gateway_add map-result=8
	within 8 hooked refused
	gateway_tell unmode map-result
	end
	[ "$(hooks)" = "granted renewed changed lost recovered refused deleted" ]
	port=$(sed -n 's/^changed tcp 80 //p' "$HOOKED")
	[ "$port" -ne 80 ]
	[ "$(sed -n 's/^recovered tcp 80 //p' "$HOOKED")" = "$port" ]
	# a renewal is no line, but an event
	[ "$(events)" = "granted changed lost recovered deleted" ]
}

@test "the environment: every variable, and none of another event" {
	gateway epoch=5000
	export PCP_PREVIOUS_EXTERNAL_PORT=9 PCP_REMOTE_PORT=9 PCP_NO_SUCH=9
	now=$(date +%s)
	keep -l 600 -x 'env | grep ^PCP_ | sort > "$HOOKED.$PCP_EVENT.new"; mv "$HOOKED.$PCP_EVENT.new" "$HOOKED.$PCP_EVENT"' 80
	wait_until test -e "$HOOKED.granted"
	expires=$(sed -n 's/^PCP_EXPIRES=//p' "$HOOKED.granted")
	[ "$expires" -ge $((now + 600)) ]
	[ "$expires" -le $((now + 660)) ]
	epoch=$(sed -n 's/^PCP_EPOCH=//p' "$HOOKED.granted")
	[ "$epoch" -ge 5000 ]
	[ "$epoch" -le 5060 ]
	[ "$(grep -v -e ^PCP_EXPIRES -e ^PCP_EPOCH "$HOOKED.granted")" = "PCP_EVENT=granted
PCP_EXTERNAL_ADDRESS=44.128.10.7
PCP_EXTERNAL_PORT=80
PCP_INTERNAL_ADDRESS=127.0.0.1
PCP_INTERNAL_PORT=80
PCP_LIFETIME=600
PCP_NO_SUCH=9
PCP_PREVIOUS_EXTERNAL_ADDRESS=
PCP_PREVIOUS_EXTERNAL_PORT=
PCP_PROTOCOL=tcp
PCP_REMOTE_ADDRESS=
PCP_REMOTE_PORT=
PCP_RESULT=SUCCESS
PCP_SERVER=$S
PCP_VIA=pcp" ]
	gateway_tell update
	wait_until test -e "$HOOKED.changed"
	grep -qx PCP_PREVIOUS_EXTERNAL_ADDRESS=44.128.10.7 "$HOOKED.changed"
	grep -qx PCP_PREVIOUS_EXTERNAL_PORT=80 "$HOOKED.changed"
	end
	grep -qx PCP_EVENT=deleted "$HOOKED.deleted"
	grep -qx PCP_LIFETIME=0 "$HOOKED.deleted"
	grep -qx PCP_EXPIRES= "$HOOKED.deleted"
}

@test "the hooks of one mapping run one at a time, in order; those of others beside them" {
	gateway
	keep -x 'echo "+$PCP_INTERNAL_PORT $PCP_EVENT" >> "$HOOKED"
		[ "$PCP_EVENT" != granted ] || until [ -e "$HOOKED.go" ]; do sleep 0.05; done
		echo "-$PCP_INTERNAL_PORT $PCP_EVENT" >> "$HOOKED"' 80 81
	wait_until hooked "+80 granted"
	wait_until hooked "+81 granted" # while the first one runs
	gateway_tell update
	wait_until printed changed 2
	sleep 0.3
	hooked changed 0
	: > "$HOOKED.go"
	wait_until hooked "-80 changed"
	wait_until hooked "-81 changed"
	[ "$(grep 80 "$HOOKED" | paste -sd' ')" = "+80 granted -80 granted +80 changed -80 changed" ]
	end
	hooked "-80 deleted"
	hooked "-81 deleted"
}

@test "a hook that takes for ever holds up no renewal; the end gives it 10 s, here it goes before" {
	gateway "$SHORT"
	keep -x 'echo $$ >> "$HOOKED"; exec sleep 60' 80
	wait_until test -s "$HOOKED"
	within 12 has_sent 3
	[ "$(sent)" -ge 3 ]
	printed lost 0
	kill "$(head -n1 "$HOOKED")"
	wait_until said "80: the hook was ended by signal 15"
	# two more are in the line: they end the same way
	wait_until hooked "" 2+
	kill -TERM "$pid"
	while kill -0 "$pid" 2>/dev/null; do
		kill "$(tail -n1 "$HOOKED")" 2>/dev/null || true
		sleep 0.1
	done
	ends_with 0
	holds 0
}

@test "a hook that fails is warned about and run again; one that is not found, too" {
	gateway
	keep -x 'echo "$PCP_EVENT" >> "$HOOKED"; [ -e "$HOOKED.up" ] || { : > "$HOOKED.up"; exit 3; }' 80
	wait_until said "pcpctl: map: 80: the hook failed with exit status 3; it is run again in 1 s"
	wait_until hooked granted 2
	sleep 1.5 # it was good: no more
	hooked granted 2
	end
	gateway
	keep -x /nonexistent/hook 80
	wait_until said "the hook failed with exit status 127 (command not found); it is run again in 1 s"
	wait_until said "it is run again in 2 s"
	end
}

@test "a hook that fails is not run again when there is a newer event" {
	gateway
	keep -x 'echo "$PCP_EVENT" >> "$HOOKED"; [ "$PCP_EVENT" != granted ]' 80
	wait_until said "it is run again in 1 s"
	gateway_tell update
	wait_until hooked changed
	sleep 1.5
	hooked granted 1
	end
}

@test "SIGUSR1 runs the newest event's hook of each mapping again" {
	gateway
	keep -x "$HOOK" 80 81
	wait_until hooked granted 2
	kill -USR1 "$pid"
	wait_until hooked "granted tcp 80 80" 2
	wait_until hooked "granted tcp 81 81" 2
	gateway_tell update
	wait_until hooked changed 2
	kill -USR1 "$pid"
	wait_until hooked changed 4
	hooked granted 4
	end
}

@test "SIGUSR1 without a hook ends nothing" {
	gateway
	keep 80
	held
	kill -USR1 "$pid"
	sleep 0.3
	end
	[ "$(events)" = "granted deleted" ]
}

@test "what a hook prints goes to stderr; it reads nothing; its signals are as usual" {
	gateway
	keep -x 'echo "hook says hello"; cat; trap "echo caught >> \"$HOOKED\"" TERM; kill -TERM $$; echo ended >> "$HOOKED"' 80
	wait_until said "hook says hello"
	wait_until hooked ended
	hooked caught
	printed "hook says" 0
	end
	[ "$(wc -l < "$OUT")" -eq 2 ]
}

@test "Ctrl-C on a terminal: the hook that runs is let to its end" {
	gateway
	# a shell that the terminal's signal reaches as well as pcpctl, as at a prompt
	timeout 30 env --default-signal=INT python3 -S -E - "$PCPCTL" "$S" > "$OUT" 3>&- <<'PYTHON' &
import os, pty, sys, time
hook = 'echo "+$PCP_EVENT" >> "$HOOKED"; sleep 1; echo "-$PCP_EVENT" >> "$HOOKED"'
child, terminal = pty.fork()
if child == 0:
    os.execv(sys.argv[1], ["pcpctl", "map", "--keep", "-s", sys.argv[2], "-x", hook, "80"])
for _ in range(100):
    if os.path.exists(os.environ["HOOKED"]):
        break
    time.sleep(0.05)
os.write(terminal, b"\x03")
try:
    while os.read(terminal, 1000):
        pass
except OSError:
    pass
status = os.waitpid(child, 0)[1]
print("exit", os.WEXITSTATUS(status) if os.WIFEXITED(status) else -1)
PYTHON
	pid=$!
	pids+=("$pid")
	ends_with 0
	printed "exit 0"
	[ "$(paste -sd' ' "$HOOKED")" = "+granted -granted +deleted -deleted" ]
	holds 0
}

# --- without --keep ---

@test "-x without --keep: once for each result, and it is waited for" {
	gateway
	map -x "sleep 0.3; $HOOK" 80/tcp+udp
	exits 0
	[ "$(sort "$HOOKED" | paste -sd,)" = "granted tcp 80 80,granted udp 80 80" ]
	prints "tcp  44.128.10.7:80" "udp  44.128.10.7:80"
	map -d -x "$HOOK" 80/udp
	exits 0
	hooked "deleted udp 80"
	rm "$HOOKED"
	gateway map-result=2
	map -x 'echo "$PCP_EVENT $PCP_RESULT $PCP_VIA -$PCP_EXTERNAL_PORT-" >> "$HOOKED"' 80
	exits 1
	[ "$(cat "$HOOKED")" = "refused NOT_AUTHORIZED pcp --" ]
}

@test "-x without --keep: silence is no event; a hook that fails is said, and run no more" {
	gateway silent
	map -t 300ms -x "$HOOK" 80
	exits 3
	[ ! -e "$HOOKED" ]
	gateway
	map -x 'echo x >> "$HOOKED"; exit 4' 80
	exits 0
	says "80: the hook failed with exit status 4"
	hooked x
}
