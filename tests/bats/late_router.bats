# SPDX-License-Identifier: MIT
# A router that answers ARP only after map --keep has begun: which network it is cannot be
# told before, so nothing can be remembered of it, or used of what was.
# shellcheck shell=bash disable=SC2016,SC2154  # $net is of own_net; the script for the namespace is quoted whole

setup() {
	load helper
	own_net
}

# lan SCRIPT: runs it where e0 (10.1.0.2) is wired to a router, 10.1.0.1, whose address
# comes and goes by `router` and `no_router`; `gateway` serves there.
lan() {
	run timeout 60 unshare "$net" bash -euo pipefail -c '
		unshare -n sleep 60 3>&- &
		peer=$!
		trap "kill $peer" EXIT
		ip link set lo up
		ip link add e0 type veth peer name l0
		until ip link set l0 netns $peer 2>/dev/null; do sleep 0.02; done
		at() { nsenter -t $peer -n "$@"; }
		ip addr add 10.1.0.2/24 dev e0
		ip link set e0 up
		at ip link set l0 up
		ip route add default via 10.1.0.1
		router() { at ip addr add 10.1.0.1/24 dev l0; }
		no_router() { at ip addr del 10.1.0.1/24 dev l0; ip neigh flush dev e0; }
		gateway() {
			at python3 "$FAKE_GATEWAY" --bind 10.1.0.1 --lifetime 60 >"$1" 3>&- &
			until [ -s "$1" ]; do sleep 0.02; done
		}
		until_said() {
			for i in {1..500}; do
				grep -q "$1" "$2" && return
				sleep 0.02
			done
			echo "not said: $1"
			cat "$2"
			exit 1
		}
		cd "$BATS_TEST_TMPDIR"
		'"$1"
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "what is granted then is remembered: a killed keeper's mapping is deleted by -d" {
	lan '"$PCPCTL" map --keep 8080 >out 2>err 3>&- &
		keeper=$!
		sleep 1.5
		router
		gateway ready
		until_said "8080 -> 10.1.0.2:8080" out
		kill -9 $keeper
		wait $keeper || true
		"$PCPCTL" map -d 8080'
	[[ $output == *"tcp  10.1.0.2:8080 deleted"* ]]
}

@test "a mapping of an earlier run is renewed then, with its nonce" {
	lan 'router
		gateway ready
		"$PCPCTL" map 8080 >out
		no_router
		"$PCPCTL" map --keep 8080 >out 2>err 3>&- &
		sleep 1.5
		router
		until_said "8080 -> 10.1.0.2:8080" out
		kill $!
		wait $!'
}
