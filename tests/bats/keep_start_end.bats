# SPDX-License-Identifier: MIT
# The first and the last moments of map --keep: signals while nobody is there to ask, what
# the service manager hears.
# shellcheck disable=SC2154  # $net is of own_net

setup_file() {
	load helper
	gateway_start
}

teardown_file() {
	load helper
	gateway_stop
}

setup() {
	load helper
	gateway
}

# started COMMAND...: in a network without a route, until it says that it waits; $pid.
started() {
	own_net
	said=$BATS_TEST_TMPDIR/said
	unshare "$net" sh -c 'ip link set lo up; exec "$@"' sh "$@" > /dev/null 2> "$said" 3>&- &
	pid=$!
	wait_until grep -q "waits until there is somebody to ask" "$said"
}

@test "SIGTERM while nobody is there to ask is a clean end" {
	started "$PCPCTL" map --keep 8080
	kill "$pid"
	ends_with 0
}

@test "SIGUSR1 while nobody is there to ask ends nothing, and costs nothing" {
	started "$PCPCTL" map --keep 8080
	kill -USR1 "$pid"
	sleep 1
	read -r _ _ _ _ _ _ _ _ _ _ _ _ _ user system _ < "/proc/$pid/stat"
	[ $((user + system)) -lt 50 ] # of 100 a second: it does not spin
	kill "$pid"
	ends_with 0
}

# The datagrams of a service manager's socket, a line each, until one says STOPPING.
manager() {
	python3 -S -E -c 'import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.settimeout(20)
s.bind(sys.argv[1])
while True:
    text = s.recv(4096).decode()
    print(text.replace("\n", "|"), flush=True)
    if "STOPPING=1" in text:
        break' "$1" > "$2" 3>&- &
	manager=$!
	wait_until test -S "$1"
}

@test "the service manager hears READY once, a STATUS, and STOPPING at the end" {
	local heard=$BATS_TEST_TMPDIR/heard socket=$BATS_TEST_TMPDIR/notify
	manager "$socket" "$heard"
	NOTIFY_SOCKET=$socket "$PCPCTL" map -s "$S" --keep 8080/tcp+udp \
		> /dev/null 2> /dev/null 3>&- &
	pid=$!
	wait_until grep -q "STATUS=2 of 2 held" "$heard"
	kill "$pid"
	ends_with 0
	wait "$manager"
	[ "$(grep -c READY=1 "$heard")" -eq 1 ]
	[ "$(grep -n READY=1 "$heard" | cut -d: -f1)" -lt "$(grep -n STOPPING=1 "$heard" | cut -d: -f1)" ]
}

@test "a finding whose numbers go on rising is told once" {
	gateway drop-first-map=3
	"$PCPCTL" map -s "$S" --keep 8080 8081 8082 > "$BATS_TEST_TMPDIR/out" 2> "$BATS_TEST_TMPDIR/err" 3>&- &
	pid=$!
	wait_until grep -q "only to a repeated request" "$BATS_TEST_TMPDIR/err"
	for _ in 1 2; do
		gateway_tell update
		sleep 2.2 # findings are looked for every 2 s
	done
	kill "$pid"
	ends_with 0
	grep -q "changed, was" "$BATS_TEST_TMPDIR/out"
	[ "$(grep -c "only to a repeated request" "$BATS_TEST_TMPDIR/err")" -eq 1 ]
}

@test "the answer to a delete names no address: that is not another external address" {
	gateway epoch=100000
	"$PCPCTL" map -s "$S" --keep any:8080 > "$BATS_TEST_TMPDIR/out" 2> "$BATS_TEST_TMPDIR/err" 3>&- &
	pid=$!
	wait_until grep -q "8080" "$BATS_TEST_TMPDIR/out"
	gateway_tell reboot
	kill "$pid"
	ends_with 0
	grep -q "lost its state: epoch 0 s" "$BATS_TEST_TMPDIR/err"
	run ! grep -q "another external address" "$BATS_TEST_TMPDIR/err"
}

@test "a hook that does not end holds up the end for 10 s, not for its own time" {
	gateway min-lifetime=1 lifetime=6
	"$PCPCTL" map -s "$S" --keep any:8080 -x 'sleep 300' > "$BATS_TEST_TMPDIR/out" 2> "$BATS_TEST_TMPDIR/err" 3>&- &
	pid=$!
	wait_until grep -q "8080" "$BATS_TEST_TMPDIR/out"
	sleep 4.2 # a renewal, whose hook waits behind the first
	local from=${EPOCHREALTIME/./} took
	kill "$pid"
	timeout 60 tail --pid="$pid" -f /dev/null # that nothing wakes it before it ends
	ends_with 0
	took=$(((${EPOCHREALTIME/./} - from) / 1000))
	echo "# it ended after $took ms"
	[ "$took" -ge 9000 ]
	under 40000
	grep -q "no time was left for the hooks of 2 events" "$BATS_TEST_TMPDIR/err"
}
