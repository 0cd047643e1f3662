# SPDX-License-Identifier: MIT
# A TCP connection through a router that loses its state, and what PEER does about it
# (RFC 6887 sections 10.4 and 12). The request is made by hand here: this is the bench.
# shellcheck shell=bash disable=SC2154

setup() {
	load lab
	load flow
}

teardown() {
	leave
}

# translating [MODE]...: a home whose router gives flows random ports and really does
# what PEER asks.
translating() {
	home --no-server
	"$LAB" masquerade random
	"$LAB" gateway start nat=wan0 "$@"
}

# snat_rules: those of the gateway.
snat_rules() {
	router nft list table ip fake_gateway | grep 'snat to' || true
}

# tracked PORT: the router knows a connection from that port of the client.
tracked() {
	router conntrack -L -p tcp --orig-port-src "$1" 2>/dev/null | grep -q .
}

# source_at_wan: a short connection from $local_port; the port that wan sees into $source.
source_at_wan() {
	"$LAB" wan python3 "$FLOW" listen "$WAN" "$FLOW_PORT" >"$BATS_TEST_TMPDIR/at-wan" 3>&- &
	wait_until grep -qx ready "$BATS_TEST_TMPDIR/at-wan"
	client python3 -c '
import socket, sys
address, port, own = sys.argv[1:]
with socket.create_connection((address, int(port)), 5, ("", int(own))) as connection:
    connection.sendall(b"hello\n")
    assert connection.recv(100) == b"hello\n"' "$WAN" "$FLOW_PORT" "$local_port"
	source=$(sed -n 's/^got hello from .*://p' "$BATS_TEST_TMPDIR/at-wan")
	[ -n "$source" ]
}

# no_snat_rules
no_snat_rules() {
	[ -z "$(snat_rules)" ]
}

# --- without anybody's help ---

@test "plain masquerade: a connection outlives the loss of the router's state" {
	home --no-server
	flow_up
	"$LAB" flush
	flow_send second
	returned second
	arrived second
}

@test "masquerade random: it dies with the router's state" {
	home --no-server
	"$LAB" masquerade random
	flow_up
	flow_send before
	returned before
	[ "$seen_port" -ne "$local_port" ]
	"$LAB" flush
	flow_send second
	flow_died second
}

@test "masquerade random: with a gateway that reboots it dies too, if nobody asks" {
	translating
	flow_up
	ask_peer
	[ "$result" -eq 0 ]
	"$LAB" gateway tell reboot
	flow_send second
	flow_died second
}

# --- with PEER ---

@test "PEER for a flow: the port that the remote sees, and the rule for it" {
	translating
	flow_up
	ask_peer
	[ "$result $address:$port" = "0 $seen" ]
	[ "$lifetime" -ge 3600 ]
	[[ $(snat_rules) == *"tcp sport $local_port tcp dport $FLOW_PORT snat to $seen" ]]
	flow_send second
	returned second
	arrived second
}

@test "reboot: the old port is asked back before data is sent, the connection lives" {
	translating epoch=5000
	flow_up
	ask_peer
	[ "$epoch" -ge 5000 ]
	local remembered=("$address" "$port")

	"$LAB" gateway tell reboot
	[ -z "$(snat_rules)" ]
	[ -z "$(router conntrack -L -p tcp 2>/dev/null)" ]
	ask_peer "${remembered[@]}"
	[ "$result $address:$port" = "0 $seen" ]
	[ "$epoch" -lt 1000 ]
	flow_send second
	returned second
	arrived second
	# a second time
	"$LAB" gateway tell reboot
	ask_peer "${remembered[@]}"
	[ "$result $address:$port" = "0 $seen" ]
	flow_send third
	returned third
	arrived third
	[ "$(grep -c '^up ' "$at_wan")" -eq 1 ]
}

@test "reboot: asked after data was sent it is too late, and that is the answer" {
	translating
	# else the kernel forgets the new flow at once, with the reset that it gets
	"$LAB" wan nft -f - <<-'END'
		table ip quiet {
			chain output {
				type filter hook output priority filter;
				tcp flags rst drop
			}
		}
	END
	flow_up
	ask_peer
	local remembered=("$address" "$port")
	"$LAB" gateway tell reboot
	flow_send second
	wait_until tracked "$local_port"
	ask_peer "${remembered[@]}"
	[ "$result $address $port" = "11 ${remembered[*]}" ]
	[ -z "$(snat_rules)" ]
	# as a server that takes section 12.3 by its word has it: granted, but not that
	"$LAB" gateway tell mode peer-suggestion-ignored
	ask_peer "${remembered[@]}"
	[ "$result" -eq 0 ]
	[ "$port" -ne "${remembered[1]}" ]
	[ "$(grep -c '^got second' "$at_wan")" -eq 0 ]
}

@test "reboot: asked after the reset it is granted, which helps nobody" {
	translating
	flow_up
	ask_peer
	local remembered=("$address" "$port")
	"$LAB" gateway tell reboot
	flow_send second
	flow_died second
	ask_peer "${remembered[@]}"
	[ "$result $address:$port" = "0 $seen" ]
}

@test "a port that the flow cannot have: CANNOT_PROVIDE_EXTERNAL, and it goes on" {
	translating
	flow_up
	ask_peer "$EXTERNAL" $((seen_port ^ 1))
	[ "$result" -eq 11 ]
	ask_peer 44.128.7.9 "$seen_port"
	[ "$result" -eq 11 ]
	flow_send second
	returned second
	arrived second
}

@test "a flow that is still to come has the port that was asked for" {
	translating
	local_port=40000
	ask_peer "$EXTERNAL" 23456
	[ "$result $address:$port" = "0 $EXTERNAL:23456" ]
	source_at_wan
	[ "$source" = 23456 ]
}

@test "expiry: the rule goes, the connection stays" {
	translating lifetime=1
	flow_up
	ask_peer
	[ "$result $lifetime" = "0 1" ]
	wait_until no_snat_rules
	flow_send second
	returned second
	arrived second
}

@test "update: the flow moves, and the connection is lost with it" {
	translating
	flow_up
	ask_peer
	"$LAB" gateway tell update
	[[ $(snat_rules) != *":$seen_port" ]]
	flow_send second
	flow_died second
}

# --- the real server ---
# miniupnpd 2.3.1 looks a flow up in /proc/net/nf_conntrack, and installs a rule with the
# ports the wrong way round.

# miniupnpd_home: with it, random ports, and what it looks flows up in.
miniupnpd_home() {
	home
	"$LAB" masquerade random
	router test -e /proc/net/nf_conntrack ||
		skip "this kernel has no /proc/net/nf_conntrack, in which miniupnpd looks flows up"
}

# cross_rules PORT: its rules for that flow, to that external port, that never match.
cross_rules() {
	router nft list chain inet miniupnpd postrouting_maps |
		grep -c "th dport $local_port th sport $FLOW_PORT snat ip to $EXTERNAL:$1\$" || true
}

@test "miniupnpd: for a flow that exists it claims what the remote sees" {
	miniupnpd_home
	flow_up
	[ "$seen_port" -ne "$local_port" ]
	ask_peer
	[ "$result $address:$port" = "0 $seen" ]
	# another one is ignored
	ask_peer "$EXTERNAL" $((seen_port ^ 1))
	[ "$result $address:$port" = "0 $seen" ]
	ask_peer 44.128.7.9 "$seen_port"
	[ "$result $address:$port" = "0 $seen" ]
	# each with another nonce, each a rule more
	[ "$(cross_rules "$seen_port")" -eq 3 ]
	flow_send second
	returned second
	arrived second
}

@test "miniupnpd: it does not bring a connection back, though it says so" {
	miniupnpd_home
	flow_up
	"$LAB" flush
	ask_peer "$EXTERNAL" "$seen_port"
	[ "$result $address:$port" = "0 $seen" ]
	[ "$(cross_rules "$seen_port")" -eq 1 ]
	flow_send second
	flow_died second
}

@test "miniupnpd: what it claims for a flow that is still to come is made up" {
	miniupnpd_home
	local_port=40000
	ask_peer
	[ "$result $address:$port" = "0 $EXTERNAL:40000" ]
	ask_peer "$EXTERNAL" 23456
	[ "$result $address:$port" = "0 $EXTERNAL:23456" ]
	source_at_wan
	[ "$source" != 23456 ]
	[ "$source" != 40000 ]
}

# --- pcpctl peer ---

# peer ARG...: in the client, for the flow; its line as $external (ADDRESS:PORT).
peer() {
	run --separate-stderr client "$PCPCTL" peer "$@" "$local_port" "$WAN:$FLOW_PORT"
	echo "# peer $*: status $status: $output / $stderr"
	external=$(sed -n 's/^[a-z]*  \([^ ]*\) -> .*/\1/p' <<<"$output")
}

# keeping ARG...: peer -k for the established connection, in the background; granted.
keeping() {
	out=$BATS_TEST_TMPDIR/out
	err=$BATS_TEST_TMPDIR/err
	# shellcheck disable=SC2016 # the shell that becomes it has its number
	client sh -c 'echo $$ >"$0"; exec "$@"' "$BATS_TEST_TMPDIR/number" \
		"$PCPCTL" peer -k "$@" --established ":$FLOW_PORT" >"$out" 2>"$err" 3>&- {words}>&- &
	keeper=$!
	wait_until grep -qF "$seen -> 192.168.1.10:$local_port  with $WAN:$FLOW_PORT" "$out"
}

# flow_end: the client ends the connection.
flow_end() {
	exec {words}>&-
}

# kept_until STATUS: peer -k has ended, by itself and so.
kept_until() {
	local status=0
	wait "$keeper" || status=$?
	[ "$status" -eq "$1" ] || { tail "$out" "$err" >&2; return 1; }
}

@test "peer: what it prints is what the remote sees" {
	translating
	flow_up
	peer
	[ "$status $external" = "0 $seen" ]
	[[ $stderr != *created* ]]
	[[ $(snat_rules) == *"tcp sport $local_port tcp dport $FLOW_PORT snat to $seen" ]]
	run --separate-stderr client "$PCPCTL" peer -q --established "$WAN:$FLOW_PORT"
	[ "$status $output" = "0 $seen" ]
	# the port that it cannot have
	peer -e "$EXTERNAL:$((seen_port ^ 1))"
	[ "$status" -eq 1 ]
	flow_send second
	returned second
	arrived second
}

@test "peer: asked again after the reboot, before data is sent, it lives" {
	translating epoch=5000
	flow_up
	peer -l 1h
	[ "$external" = "$seen" ]
	"$LAB" gateway tell reboot
	peer
	[ "$status $external" = "0 $seen" ]
	[[ $stderr == *"restored, says the server"* ]]
	flow_send second
	returned second
	arrived second
	# without a memory it is -e that brings it back
	"$LAB" gateway tell reboot
	peer --no-state -e "$seen"
	[ "$status $external" = "0 $seen" ]
	flow_send third
	returned third
	arrived third
	[ "$(grep -c '^up ' "$at_wan")" -eq 1 ]
}

@test "peer: a query without a memory after the reboot gets another port" {
	translating epoch=5000
	flow_up
	peer --no-state
	[ "$external" = "$seen" ]
	"$LAB" gateway tell reboot
	peer --no-state
	[ "$status" -eq 0 ]
	[ "$external" != "$seen" ]
}

@test "peer -k: the router reboots, announces it, and the connection goes on" {
	translating epoch=5000 announce-to=224.0.0.1:5350
	flow_up
	keeping
	"$LAB" gateway tell reboot
	[ -z "$(router conntrack -L -p tcp 2>/dev/null)" ]
	# 0 to 5 s, and the question that confirms it
	wait_until grep -q '  recovered$' "$out" || wait_until grep -q '  recovered$' "$out"
	[[ $(snat_rules) == *"snat to $seen" ]]
	flow_send second
	returned second
	arrived second
	[ "$(grep -c '^up ' "$at_wan")" -eq 1 ]
	flow_end
	kept_until 0
	grep -qF "no longer kept" "$out"
}

@test "peer -k: data was sent too early: it says that the connection is lost" {
	translating epoch=5000 announce-to=224.0.0.1:5350
	# else the connection ends at once, with the reset that it gets
	"$LAB" wan nft -f - <<-'END'
		table ip quiet {
			chain output {
				type filter hook output priority filter;
				tcp flags rst drop
			}
		}
	END
	flow_up
	keeping
	"$LAB" gateway stop
	"$LAB" flush
	flow_send second
	wait_until tracked "$local_port"
	"$LAB" gateway start nat=wan0 announce-to=224.0.0.1:5350
	"$LAB" gateway tell announce
	wait_until grep -q '  changed, was ' "$out" || wait_until grep -q '  changed, was ' "$out"
	grep -qF "the connection is lost: the NAT has given it another port, and its remote knows it as $seen" "$err"
	client kill -TERM "$(cat "$BATS_TEST_TMPDIR/number")"
	kept_until 1
}

@test "peer -k: it ends with the connection, also when the remote resets it" {
	translating
	flow_up
	keeping -l 10m
	"$LAB" flush
	flow_send second
	flow_died second
	wait_until grep -qF "no longer kept" "$out"
	kept_until 0
	grep -qF "the connection is over" "$err"
}

@test "peer, miniupnpd: true of a connection that exists, and -e is not had" {
	miniupnpd_home
	flow_up
	[ "$seen_port" -ne "$local_port" ]
	peer
	[ "$status $external" = "0 $seen" ]
	[[ $stderr != *"server's word"* ]]
	peer --no-state -e "$EXTERNAL:$((seen_port ^ 1))"
	[ "$status $external" = "1 $seen" ]
	[[ $stderr == *"not restored"* ]]
	flow_send second
	returned second
	arrived second
}

@test "peer, miniupnpd: what is made up is said to be the server's word" {
	miniupnpd_home
	local_port=40000
	peer
	[ "$status $external" = "0 $EXTERNAL:40000" ]
	[[ $stderr == *"this host has no such connection: asking has created the mapping, and the port is the server's word"* ]]
	peer -e "$EXTERNAL:23456"
	[ "$status $external" = "0 $EXTERNAL:23456" ]
	[[ $stderr == *"would use 40000, not 23456"* ]]
	source_at_wan
	[ "$source" != 23456 ]
}

@test "peer, miniupnpd: brought back, it says; whether it lives is left open" {
	miniupnpd_home
	flow_up
	"$LAB" flush
	peer -e "$seen"
	[ "$status $external" = "0 $seen" ]
	[[ $stderr == *"restored, says the server (miniupnpd says so in vain): the connection lives if what is sent now is answered"* ]]
	flow_send second
	flow_died second
}

@test "peer, miniupnpd: no PEER for IPv6; what is on the link is left out" {
	home
	run --separate-stderr client "$PCPCTL" peer 40000 '[2d00:64:2::1]:9000'
	[ "$status" -eq 1 ]
	[[ $stderr == *"UNSUPP_OPCODE (4)"*"it has no PEER for IPv6 (miniupnpd has none)"* ]]
	run --separate-stderr client "$PCPCTL" peer 40000 192.168.1.77:9000
	[[ $stderr == *"the remote is on the link of this host: no router translates it"* ]]
}

# --- watch --established ---

# shows TEXT: the plain lines of watch have it.
shows() {
	wait_until grep -qF -- "$1" "$BATS_TEST_TMPDIR/lines" || { cat "$BATS_TEST_TMPDIR/lines" >&2; return 1; }
}

@test "watch --established: the connection is kept as by peer -k, and leaves with its end" {
	translating
	flow_up
	pcpctl watch --once --established ":$FLOW_PORT"
	[ "$status" -eq 0 ]
	[[ $output == *"1 mapping: 1 held"* && $output == *"$local_port"*"$seen"*"$WAN:$FLOW_PORT"* ]]
	# shellcheck disable=SC2016 # the shell that becomes it has its number
	client sh -c 'echo $$ >"$0"; exec "$@"' "$BATS_TEST_TMPDIR/number" \
		"$PCPCTL" watch --plain --established ":$FLOW_PORT" \
		>"$BATS_TEST_TMPDIR/lines" 2>"$BATS_TEST_TMPDIR/errors" 3>&- {words}>&- &
	keeper=$!
	shows "tcp  $seen -> 192.168.1.10:$local_port  with $WAN:$FLOW_PORT"
	flow_end
	shows "tcp  192.168.1.10:$local_port with $WAN:$FLOW_PORT no longer kept"
	kill -TERM "$(<"$BATS_TEST_TMPDIR/number")"
	kept_until 0
	pcpctl watch --plain --established ":$FLOW_PORT"
	[ "$status" -eq 4 ]
	[[ $stderr == *"no established TCP connection with :$FLOW_PORT"* ]]
}
