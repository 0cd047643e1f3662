# SPDX-License-Identifier: MIT
# For the bats files with a TCP connection in the lab that outlives what happens to the
# router: lab.d/flow.py on both sides, led by a FIFO. After lab.bash.
# shellcheck shell=bash disable=SC2034,SC2154  # bats' variables, and ours for the tests

FLOW=$(realpath "$BATS_TEST_DIRNAME/../lab.d/flow.py")
ASK_PEER=$(realpath "$BATS_TEST_DIRNAME/../lab.d/ask_peer.py")
WAN=44.128.7.1
FLOW_PORT=9000

# flow_up: a connection from the client to wan, with a line sent and returned; and what
# each side knows: local_port, seen (the source ADDRESS:PORT at wan) and seen_port.
flow_up() {
	at_wan=$BATS_TEST_TMPDIR/at-wan
	at_client=$BATS_TEST_TMPDIR/at-client
	: >"$at_wan"
	: >"$at_client"
	mkfifo "$BATS_TEST_TMPDIR/words"
	"$LAB" wan python3 "$FLOW" listen "$WAN" "$FLOW_PORT" >"$at_wan" 3>&- &
	wait_until grep -qx ready "$at_wan"
	client python3 "$FLOW" connect "$WAN" "$FLOW_PORT" <"$BATS_TEST_TMPDIR/words" >"$at_client" 3>&- &
	exec {words}>"$BATS_TEST_TMPDIR/words"
	wait_until grep -q '^up ' "$at_client"
	flow_send first
	returned first
	local_port=$(sed -n 's/^up //p' "$at_client")
	seen=$(sed -n 's/^got first from //p' "$at_wan")
	seen_port=${seen##*:}
}

# flow_send TEXT: into the connection.
flow_send() {
	echo "$1" >&"$words"
}

# returned TEXT: it went there and came back.
returned() {
	wait_until grep -qx "back $1" "$at_client" || { tail "$at_wan" "$at_client" >&2; return 1; }
}

# arrived TEXT: it is at wan, from where the connection has always come.
arrived() {
	grep -qx "got $1 from $seen" "$at_wan"
}

# flow_died TEXT: the connection is reset, and TEXT, sent last, has not arrived.
flow_died() {
	wait_until grep -qx reset "$at_client" || { tail "$at_wan" "$at_client" >&2; return 1; }
	! grep -q "^got $1 " "$at_wan"
}

# ask_peer [EXTERNAL PORT]: PEER for that flow, by hand; into result, address, port,
# lifetime and epoch.
ask_peer() {
	local answer
	answer=$(client python3 "$ASK_PEER" "$ROUTER" "$local_port" "$WAN" "$FLOW_PORT" "$@")
	read -r result address port lifetime epoch <<<"$answer"
	echo "# PEER: result $result, $address port $port, $lifetime s, epoch $epoch"
}
