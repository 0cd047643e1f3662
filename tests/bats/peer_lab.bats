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
