# SPDX-License-Identifier: MIT
# map --keep against the scripted gateway: renewals, what is lost and comes back, what is
# said of it. The long schedules are in tests/unit (test_keep_*.c), in virtual time; hooks,
# the end and DNS have files of their own.
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2153,SC2030,SC2031  # bats' and helper's variables

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

# --- the plain case ---

@test "a line at once, while it stays; the mapping goes with it" {
	gateway
	listen 127.0.0.1 80 # what is mapped leads somewhere: nothing is to be said
	keep 80
	held
	[[ $(<"$OUT") =~ ^tcp\ \ 44\.128\.10\.7:80\ -\>\ 127\.0\.0\.1:80\ \ 2h,\ until\ [0-9:]{8}\ \ \(PCP,\ $S\)$ ]]
	holds 1 external_port=80
	end
	[ "$(sed -n 2p "$OUT")" = "tcp  127.0.0.1:80 deleted  (PCP, $S)" ]
	[ "$(wc -l < "$OUT")" -eq 2 ]
	[ ! -s "$ERR" ]
	holds 0
	[ "$(sent_fields lifetime)" = "7200 0" ]
	[ "$(sent_fields nonce | tr ' ' '\n' | sort -u | wc -l)" -eq 1 ]
}

@test "its deadlines are on a clock that goes on in suspend" {
	command -v strace >/dev/null || skip "no strace here to see which clock it is"
	strace -o "$BATS_TEST_TMPDIR/trace" true 2>/dev/null || skip "strace is not permitted here"
	case ${BUILD-} in *sanitize*) export ASAN_OPTIONS=detect_leaks=0 ;; esac # it is traced itself
	gateway
	env --default-signal=INT,HUP strace -qq -e trace=timerfd_create,timerfd_settime -e signal=none \
		-o "$BATS_TEST_TMPDIR/trace" "$PCPCTL" map --keep -s "$S" 80 > "$OUT" 2> "$ERR" 3>&- &
	pid=$!
	pids+=("$pid")
	held
	wait_until grep -q '^timerfd_settime(.*TFD_TIMER_ABSTIME' "$BATS_TEST_TMPDIR/trace"
	pkill -TERM -P "$pid" -x pcpctl
	ends_with 0
	grep '^timerfd_create(CLOCK_BOOTTIME, ' "$BATS_TEST_TMPDIR/trace"
	run ! grep -e CLOCK_MONOTONIC -e CLOCK_REALTIME "$BATS_TEST_TMPDIR/trace"
	holds 0
}

@test "several mappings, tcp+udp with one port, in a few lines" {
	gateway taken=80
	keep 80/tcp+udp any:81/udp
	wait_until printed " -> " 3
	printed "tcp  44.128.10.7:49152 -> 127.0.0.1:80"
	printed "udp  44.128.10.7:49152 -> 127.0.0.1:80"
	printed "udp  44.128.10.7:49153 -> 127.0.0.1:81"
	said "assigned external port 49152 to tcp 80, where 80 was suggested"
	end
	printed deleted 3
	holds 0
}

@test "renewed at half the lifetime with the same nonce and port; told with -v and -j only" {
	gateway "$SHORT" external=100.64.3.2
	local form name
	for form in "" -v -j -q; do
		name=$BATS_TEST_TMPDIR/form$form
		# shellcheck disable=SC2086  # none or one word
		"$PCPCTL" map --keep $form -s "$S" $((80 + ${#pids[@]})) > "$name" 2> "$name.err" 3>&- &
		pids+=($!)
	done
	within 12 has_sent 3 internal_port=80
	within 3 has_sent 3 internal_port=81
	within 3 has_sent 3 internal_port=82
	within 3 has_sent 3 internal_port=83
	wait_until grep -q renewed "$BATS_TEST_TMPDIR/form-v"
	[ "$(wc -l < "$BATS_TEST_TMPDIR/form")" -eq 1 ]
	[ "$(cat "$BATS_TEST_TMPDIR/form-q")" = 100.64.3.2:83 ]
	[ ! -s "$BATS_TEST_TMPDIR/form-q.err" ]
	# a finding is told once, not at each renewal
	[ "$(grep -c 'carrier-grade NAT' "$BATS_TEST_TMPDIR/form.err")" -eq 1 ]
	[ "$(grep -c 'granted tcp 80 for 8s, where 2h was asked' "$BATS_TEST_TMPDIR/form.err")" -eq 1 ]
	output=$(<"$BATS_TEST_TMPDIR/form-j")
	[ "$(json mapping event | sort -u | paste -sd' ')" = "granted renewed" ]
	for port in 80 81 82 83; do
		[ "$(sent_fields nonce internal_port=$port | tr ' ' '\n' | sort -u | wc -l)" -eq 1 ]
		[ "$(sent_fields suggested_port internal_port=$port | tr ' ' '\n' | sort -u)" = $port ]
	done
	# never less than 4 s apart, and not much more: the lease would be over
	[ "$(sent internal_port=80)" -le 4 ]
	[ "$(grep -cE 'lost|recovered' "$BATS_TEST_TMPDIR/form-v")" -eq 0 ]
	kill "${pids[@]}"
	wait "${pids[@]}"
	holds 0
}

@test "-j: one record an event, each of them whole as soon as it is there" {
	gateway
	keep -j 80
	wait_until printed '"event":"granted"'
	gateway_tell update
	wait_until printed '"event":"changed"'
	end
	output=$(<"$OUT")
	[ "$(json mapping event | paste -sd' ')" = "granted changed deleted" ]
	[ "$(json mapping external_port | paste -sd' ')" = "80 49152 49152" ] ||
		[ "$(json mapping external_port | sed -n 2p)" -ne 80 ]
	[ "$(json mapping internal_port | sort -u)" = 80 ]
	[ "$(json mapping nonce | sort -u | wc -l)" -eq 1 ]
}

# --- nobody answers ---

@test "loss at the start: the quick schedule, nothing said" {
	gateway drop-first-map=3
	keep 80
	wait_until printed " -> "
	[ "$(sent kind=MAP)" -eq 4 ]
	[ "$(grep -c 'no answer' "$ERR")" -eq 0 ]
	end
}

@test "silent at the start: told once, asked on, granted when it speaks" {
	gateway silent
	keep 80
	within 12 said "tcp 80: no answer from $S to 5 requests"
	within 4 has_sent 6 version=2 kind=MAP
	[ ! -s "$OUT" ]
	gateway_tell unmode silent
	within 15 printed " -> "
	[ "$(events)" = granted ]
	said "no answer"
	[ "$(sent_fields nonce kind=MAP | tr ' ' '\n' | sort -u | wc -l)" -eq 1 ]
	end
	holds 0
}

@test "port unreachable at the start: told once, asked on, granted when it is there" {
	local port
	port=$(closed_port)
	start map --keep -s "127.0.0.1:$port" 80
	wait_until said "tcp 80: 127.0.0.1:$port is unreachable: ICMP port unreachable"
	sleep 1.5
	said "is unreachable"
	kill -0 "$pid"
	python3 "$FAKE_GATEWAY" --port "$port" --lifetime 60 > "$BATS_TEST_TMPDIR/late" 3>&- &
	pids+=($!)
	within 12 printed " -> "
	end
	said "is unreachable"
}

@test "silent later: lost at its end, recovered with the same port" {
	gateway "$SHORT"
	keep 80
	held
	gateway_add silent
	within 12 printed "tcp  127.0.0.1:80 lost  (PCP, $S)"
	gateway_tell unmode silent
	within 12 printed "44.128.10.7:80 -> 127.0.0.1:80" 2
	[ "$(events)" = "granted lost recovered" ]
	[ "$(sent_fields nonce kind=MAP | tr ' ' '\n' | sort -u | wc -l)" -eq 1 ]
	end
	[ "$(events)" = "granted lost recovered deleted" ]
	holds 0
}

# --- it says no ---

@test "refused: told once on stderr, with -q not even that, and it stays" {
	gateway map-result=8 error-lifetime=0
	keep 80 81/udp
	wait_until said "tcp 80: $S refused: NO_RESOURCES (8)"
	wait_until said "udp 81: $S refused: NO_RESOURCES (8)"
	sleep 2
	kill -0 "$pid"
	said "refused: NO_RESOURCES" 2
	[ ! -s "$OUT" ]
	# the lifetime of the error is 0: that is taken as 30 s, and nobody is asked meanwhile
	[ "$(sent kind=MAP)" -le 2 ]
	end
	gateway map-result=2
	keep -q 80
	wait_until has_sent 1 kind=MAP
	sleep 0.5
	kill -0 "$pid"
	[ ! -s "$OUT" ]
	end
}

@test "refused with -j: one record on stdout" {
	gateway map-result=8
	keep -j 80
	wait_until printed '"event":"refused"'
	end
	output=$(<"$OUT")
	json_is mapping result NO_RESOURCES
	json_is mapping result_code 8
}

@test "a refused renewal ends nothing before its time" {
	gateway "$SHORT"
	keep 80
	held
	gateway_add renew-result=8
	within 8 said "tcp 80: $S refused: NO_RESOURCES"
	[ "$(events)" = granted ]
	gateway_tell unmode renew-result
	within 30 holds 1
	end
	printed refused 0
	said "refused: NO_RESOURCES"
}

# --- the server forgets, moves, updates ---

@test "a restart seen by one answer: all mappings are made anew at once" {
	gateway "$SHORT" epoch=1000
	keep 80/tcp+udp 81 82
	wait_until printed " -> " 4
	gateway_tell reboot
	holds 0
	within 8 printed "  recovered" 3+
	holds 4
	said "$S lost its state: epoch "
	[ "$(sent_fields nonce | tr ' ' '\n' | sort -u | wc -l)" -eq 4 ]
	[ "$(sent suggested_port=0)" -eq 0 ]
	printed " lost" 0
	end
}

@test "an update of the server's own accord is told at once, and the next one, too" {
	gateway
	keep 80
	held
	gateway_tell update
	wait_until printed "  changed, was 44.128.10.7:80"
	local port
	port=$(sed -n 's/^tcp  44.128.10.7:\([0-9]*\) .*changed.*/\1/p' "$OUT")
	[ "$port" -ne 80 ]
	holds 1 external_port="$port"
	gateway_tell update
	wait_until printed "  changed, was 44.128.10.7:$port"
	end
	holds 0
}

@test "a restart with the port taken, and another address: changed, with what it was" {
	gateway "$SHORT"
	keep 80
	held
	gateway_add taken=80
	gateway_tell external 44.128.10.9
	within 8 printed "tcp  44.128.10.9:80 -> 127.0.0.1:80"
	printed "  changed, was 44.128.10.7:80"
	gateway_tell reboot
	within 8 printed "  changed, was 44.128.10.9:80"
	printed "44.128.10.9:49152 -> 127.0.0.1:80"
	[ "$(events)" = "granted changed changed" ]
	end
}

@test "NAT-PMP: renewed; another external address is noticed without a restart" {
	gateway natpmp-only natpmp-lifetime=8
	keep 80
	held
	printed "(NAT-PMP, $S)"
	gateway_add external=44.128.10.11
	within 8 printed "44.128.10.11:80 -> 127.0.0.1:80"
	printed "  changed, was 44.128.10.7:80"
	end
	printed "deleted  (NAT-PMP, $S)"
	holds 0
}

@test "NAT-PMP: after a restart all are made anew, one after the other" {
	gateway natpmp-only natpmp-lifetime=8
	keep 80 81
	wait_until printed " -> " 2
	# 3 s of its epoch have gone, so that 0 is out of range
	sleep 3.2
	gateway_tell reboot
	within 15 holds 2
	said "$S lost its state: epoch "
	end
	holds 0
}
