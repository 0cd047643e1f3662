# SPDX-License-Identifier: MIT
# tests/lab itself: what the other tests, and the machine they run on, rely on.
# shellcheck shell=bash disable=SC2034,SC2154  # variables of bats, and of the helpers

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

@test "gateway: the fake one serves in the router, announces, and can be told" {
	home --no-server
	run "$LAB" gateway tell reboot
	[ "$status" -eq 1 ]
	[[ $output == *"it does not run"* ]]
	"$LAB" gateway start epoch=5000
	discover -j
	exits 0
	[ "$(json server server | sort | paste -sd' ')" = "$ROUTER fe80::1%eth0" ]

	# both announcements of a restart come, each from the address that serves
	local heard=$BATS_TEST_TMPDIR/heard
	client python3 -c '
import socket
four = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
four.bind(("224.0.0.1", 5350))
six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
six.bind(("ff02::1", 5350, 0, socket.if_nametoindex("eth0")))
print("ready", flush=True)
for sock in (four, four, six):
    sock.settimeout(5)
    data, peer = sock.recvfrom(100)
    print(peer[0].split("%")[0], peer[1], len(data), flush=True)' >"$heard" 3>&- &
	pid=$!
	wait_until grep -qx ready "$heard"
	[ "$("$LAB" gateway tell reboot)" = ok ]
	ends_with 0
	[ "$(grep -v ready "$heard" | sort | paste -sd,)" = \
		"$ROUTER 5351 12,$ROUTER 5351 24,fe80::1 5351 24" ]
	[ "$("$LAB" gateway log | grep -c '"dir":"out","peer":"\[ff02::1')" -eq 1 ]
	"$LAB" gateway log | grep -q '"dir":"in".*"kind":"ANNOUNCE"'

	run "$LAB" gateway tell hop
	[ "$status" -eq 1 ]
	run "$LAB" gateway start
	[ "$status" -eq 1 ]
	[[ $output == *"it runs already"* ]]
	"$LAB" gateway stop
	"$LAB" gateway stop
	discover
	exits 4
	run "$LAB" gateway start no-such-mode
	[ "$status" -eq 1 ]
	[[ $output == *"unknown mode 'no-such-mode'"* ]]
	run "$LAB" gateway start nat=nowhere
	[ "$status" -eq 1 ]
	[[ $output == *"nowhere: No such device"* ]]
}

@test "gateway: with nat=wan0 it follows the external address, and loses all with flush" {
	home --no-server
	"$LAB" gateway start nat=wan0
	load flow
	local_port=40000
	ask_peer
	[ "$result $address" = "0 $EXTERNAL" ]
	local granted=$port
	"$LAB" external 44.128.7.9
	ask_peer
	[ "$result" -eq 2 ] # another nonce: the mapping is still there
	router nft list table ip fake_gateway | grep -q "snat to 44.128.7.9:$granted\$"
	"$LAB" flush
	run router nft list table ip fake_gateway
	[[ $output != *"snat to"* ]]
	ask_peer
	[ "$result $address" = "0 44.128.7.9" ]
	# what serves there already is not pushed aside
	"$LAB" gateway stop
	"$LAB" server start
	run "$LAB" gateway start
	[ "$status" -eq 1 ]
	[[ $output == *"miniupnpd runs"* ]]
}
