# SPDX-License-Identifier: MIT
# tests/lab itself: what the other tests, and the machine they run on, rely on.
# shellcheck shell=bash disable=SC2154

setup() {
	load lab
}

teardown() {
	local dir
	for dir in "$BATS_TEST_TMPDIR"/lab*; do
		[ ! -e "$dir/state" ] || "$LAB" -C "$dir" down
	done
}

# The host's processes and interfaces are no part of a lab: this is what we see of one.
# processes DIR: those that have it in their command line.
processes() {
	pgrep -f -- "$1" || true
}

gone() {
	[ -z "$(processes "$1")" ] && [ ! -e "$1/state" ]
}

@test "down leaves no process, no interface, and an empty state directory" {
	local interfaces
	interfaces=$(ip -o link | cut -d: -f2 | sort)
	home
	"$LAB" client sleep 250 3>&- &
	"$LAB" wan sleep 251 3>&- &
	client true
	local server
	server=$(<"$LAB_DIR/server.pid")
	[ -n "$server" ]
	[ -n "$(processes "$LAB_DIR")" ]
	[ "$(ip -o link | cut -d: -f2 | sort)" = "$interfaces" ]
	"$LAB" down
	wait_until gone "$LAB_DIR"
	# what ran in its networks has been killed
	wait
	# and there is nothing to enter any more
	run "$LAB" client true
	[ "$status" -eq 1 ]
	# it can be built again in the same place
	"$LAB" up
	client true
}

@test "two labs side by side" {
	home
	mkdir "$BATS_TEST_TMPDIR/lab2"
	local second=("$LAB" -C "$BATS_TEST_TMPDIR/lab2")
	"${second[@]}" up
	# the same addresses, not the same networks
	map -q 8080
	exits 0
	[ "$(rules dnat)" -eq 1 ]
	run "${second[@]}" router nft list chain inet miniupnpd prerouting_maps
	[[ $output != *dnat* ]]
	"${second[@]}" server stop
	run "${second[@]}" client "$PCPCTL" discover
	[ "$status" -eq 4 ]
	discover -q
	exits 0
	"${second[@]}" down
	discover -q
	exits 0
}

@test "a starter that is killed leaves nothing" {
	LAB_DIR=$BATS_TEST_TMPDIR/lab
	mkdir "$LAB_DIR"
	bash -c 'LAB_OWNER=$$ "$1" -C "$2" up && echo up && exec sleep 100' - "$LAB" "$LAB_DIR" \
		>"$BATS_TEST_TMPDIR/said" 2>&1 3>&- &
	local starter=$!
	wait_until test -s "$BATS_TEST_TMPDIR/said"
	if [ "$(<"$BATS_TEST_TMPDIR/said")" != up ]; then
		[ "${CI-}" != true ] && skip "$(<"$BATS_TEST_TMPDIR/said")"
		cat "$BATS_TEST_TMPDIR/said"
		return 1
	fi
	"$LAB" -C "$LAB_DIR" client true
	kill -KILL "$starter"
	wait_until gone "$LAB_DIR"
}

@test "it ends by itself after LAB_LIFETIME, and when its directory goes" {
	home
	"$LAB" down
	LAB_LIFETIME=1 "$LAB" up
	wait_until gone "$LAB_DIR"
	"$LAB" up
	[ -n "$(processes "$LAB_DIR")" ]
	rm -r "$LAB_DIR"
	wait_until gone "$LAB_DIR"
}

@test "a lab that cannot come up says why, and leaves nothing" {
	home
	"$LAB" down
	run "$LAB" up no_such_setting=1
	[ "$status" -eq 1 ]
	[[ $output == *no_such_setting* ]]
	wait_until gone "$LAB_DIR"
	run env PATH=/nowhere /bin/bash "$LAB" up
	[ "$status" -eq 77 ]
	[[ $output == *"no lab without"* ]]
}

@test "its router forwards, translates, and lets nothing in" {
	home --no-server
	greet 192.168.1.10 8080 2d00:64:1::10 8080
	closed "$EXTERNAL" 8080
	closed "$CLIENT6" 8080
	# out it goes, under the external address
	"$LAB" wan python3 "$GREETER" 44.128.7.1 9000 >"$BATS_TEST_TMPDIR/wan" 3>&- &
	wait_until test -s "$BATS_TEST_TMPDIR/wan"
	run client timeout 2 bash -c 'cat </dev/tcp/44.128.7.1/9000'
	[[ $output == "hello $EXTERNAL, "* ]]
}
