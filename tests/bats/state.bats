#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What map remembers from run to run, against the real miniupnpd (which checks the nonce
# of a delete), and how runs, networks and restarts are kept apart.

# shellcheck disable=SC2154  # bats' variables

load lab

setup() { home system_uptime=no; }
teardown() { leave; }

map() { run --separate-stderr client "$PCPCTL" map "$@"; }

# The nonce of each record in the state directory.
nonces() { grep -rhoE '"nonce":"[0-9a-f]{24}"' "$PCPCTL_STATE_DIR" | sort -u; }

@test "a second run renews with the same nonce and gets the same port" {
	map -j any:8080
	[ "$status" -eq 0 ]
	first=$(grep -oE '"nonce":"[0-9a-f]+"' <<< "$output")
	port=$(grep -oE '"external_port":[0-9]+' <<< "$output")
	map -j any:8080
	[ "$status" -eq 0 ]
	[[ $output == *"$first"* ]]
	[[ $output == *"$port"* ]]
	[ "$(nonces | wc -l)" -eq 1 ]
}

@test "another run deletes, with the nonce that is recorded; then nothing is recorded" {
	map 8080 5060/tcp+udp
	[ "$status" -eq 0 ]
	map -d 8080
	[ "$status" -eq 0 ]
	[[ $output == "tcp  192.168.1.10:8080 deleted"* ]]
	map --list
	[ "${#lines[@]}" -eq 2 ]
	map -d --all
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 2 ]
	map --list
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}

@test "the version is recorded: a NAT-PMP mapping is deleted in NAT-PMP" {
	map --nat-pmp 7000
	[ "$status" -eq 0 ]
	map -j -v -d 7000
	[ "$status" -eq 0 ]
	[[ $output == *'"via":"nat-pmp"'* ]]
	[[ $output != *'"version":2'* ]]
}

@test "--no-state: nothing is read or written, and the delete is refused" {
	map 8080
	records=$(cat "$PCPCTL_STATE_DIR"/*/map-*)
	map --no-state -d 8080
	[ "$status" -eq 1 ]
	[[ $stderr == *"NOT_AUTHORIZED"* ]]
	[ "$(cat "$PCPCTL_STATE_DIR"/*/map-*)" = "$records" ]
	map --no-state 8081
	[ "$(cat "$PCPCTL_STATE_DIR"/*/map-*)" = "$records" ]
}

@test "nobody answers: the nonce is kept, and a later delete or map uses it" {
	"$LAB" silence on
	map -t 600ms 8080
	[ "$status" -eq 3 ]
	kept=$(nonces)
	[ -n "$kept" ]
	map --list
	[[ $output == "tcp  ? -> 192.168.1.10:8080"*"not confirmed" ]]
	"$LAB" silence off
	map -j 8080
	[ "$status" -eq 0 ]
	[[ $output == *"$kept"* ]]
}

@test "refused: nothing stays recorded" {
	map -j --nat-pmp -F 198.51.100.7 8080
	[ "$status" -eq 1 ]
	[ -z "$(nonces)" ]
	"$LAB" server stop
	map 8080
	[ "$status" -eq 4 ]
	[ -z "$(nonces)" ]
}

@test "the server restarted: a delete is done, for each mapping, as the Epoch shows it" {
	map 8080 8081
	sleep_epoch
	"$LAB" server restart
	map -d 8080
	[ "$status" -eq 0 ]
	[[ $stderr == *"it has restarted since"* ]]
	map -d 8081
	[ "$status" -eq 0 ]
	map --list
	[ -z "$output" ]
}

# The server's Epoch has to be above what it was at the mapping, by more than the time of
# a restart and the tolerance, or a restart cannot be seen (RFC 6887, 8.5).
sleep_epoch() {
	local tries=150
	while ((tries-- > 0)); do
		[ "$(client "$PCPCTL" discover --no-state -j -4 --pcp | grep -oE '"epoch":[0-9]+' |
			head -n 1 | cut -d: -f2)" -ge 6 ] && return 0
		sleep 0.1
	done
	return 1
}

@test "lost without a restart that can be seen: exit 1 with when it ends" {
	map 8080
	"$LAB" server crash
	"$LAB" server start
	map -d 8080
	[ "$status" -eq 1 ]
	[[ $stderr == *"recorded as granted, it ends in 1h 59m at the latest"* ]] ||
		[[ $stderr == *"recorded as granted, it ends in 2h at the latest"* ]]
}

@test "another router with the same address is another network: nothing crosses" {
	map 8080
	kept=$(nonces)
	"$LAB" router ip link set lan0 address 02:00:00:00:00:99
	client ip neigh flush dev eth0
	map --list
	[[ $output == *"elsewhere (eth0)" ]]
	map -j --list
	[[ $output == *'"elsewhere":true'* ]]
	map -j 8080
	[ "$status" -eq 0 ]
	[[ $output != *"$kept"* ]]
	map -d --all
	[[ $stderr == *"1 recorded on another network: nothing is sent there"* ]]
	[[ $(nonces) == *"$kept"* ]]
}

@test "the address that was mapped is no longer ours: nothing is sent, exit 1" {
	map 8080
	client ip addr del 192.168.1.10/24 dev eth0
	client ip addr add 192.168.1.20/24 dev eth0
	client ip route replace default via 192.168.1.254 dev eth0
	map -d 8080
	[ "$status" -eq 1 ]
	[[ $stderr == *"192.168.1.10 is no longer an address of this host; the mapping ends in "* ]]
	[ -n "$(nonces)" ]
}

@test "an IPv6 pinhole is remembered and deleted" {
	map -6 8443
	[ "$status" -eq 0 ]
	map -d -6 8443
	[ "$status" -eq 0 ]
	map --list
	[ -z "$output" ]
}

@test "files are 0600, directories 0700" {
	map 8080
	[ -z "$(find "$PCPCTL_STATE_DIR" -type d ! -perm 0700)" ]
	[ -z "$(find "$PCPCTL_STATE_DIR" -type f ! -perm 0600)" ]
}

@test "a directory that cannot be written is a warning, and the mapping is made" {
	export PCPCTL_STATE_DIR=/proc/none
	map 8080
	[ "$status" -eq 0 ]
	[[ $stderr == *"/proc/none"* ]]
	[ -n "$output" ]
}

@test "--list and --all: what they do not go with" {
	refuses() {
		local text=$1
		shift
		map "$@"
		[ "$status" -eq 2 ]
		[ -z "$output" ]
		[ "$stderr" = "pcpctl: map: $text" ]
	}
	refuses "--all: only with --delete" --all
	refuses "8080: --list and --all take no spec" --list 8080
	refuses "8080: --list and --all take no spec" -d --all 8080
	refuses "--list: not together with --no-state" --list --no-state
	refuses "--all: takes what is recorded: not with --no-state or --nonce" -d --all --no-state
	refuses "--list: asks nobody: not with --delete, --dry-run or --nonce" --list -d
}

@test "an IPv6 pinhole that was renewed: this server refuses its delete, and that is said" {
	map -6 8443
	map -6 8443
	map -d -6 8443
	[ "$status" -eq 1 ]
	[[ $stderr == *"tcp 8443: not deleted: $ROUTER6 refused: NOT_AUTHORIZED (2)"* ]]
	map --list
	[ -n "$output" ]
}

@test "-d touches nothing that -4, -6, -b, -i, --pcp or --nat-pmp excludes" {
	map 8443
	map -6 8443
	map -d -6 8443
	[ "$status" -eq 0 ]
	[[ $output == "tcp  [2d00:64:1::10]:8443 deleted"* ]]
	[ "${#lines[@]}" -eq 1 ]
	map --list
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == "tcp  $EXTERNAL:8443 -> 192.168.1.10:8443"* ]]
	for word in -6 --nat-pmp "-i lo" "-b $CLIENT6"; do
		# shellcheck disable=SC2086
		map -d --all $word
		[ "$status" -eq 0 ]
		[ -z "$output" ]
		[[ $stderr == *"nothing is recorded for this network"* ]]
	done
	map -d --all -4 --pcp -i eth0 -b 192.168.1.10
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 1 ]
}

@test "a nonce that an earlier run left stays when the next one finds no server" {
	"$LAB" silence on
	map -t 600ms 8080
	[ "$status" -eq 3 ]
	kept=$(nonces)
	[ -n "$kept" ]
	"$LAB" silence off
	"$LAB" server stop
	map 8080
	[ "$status" -eq 4 ]
	[ "$(nonces)" = "$kept" ]
}

@test "-d --dry-run shows the request of the record, and sends nothing" {
	map 8080
	client ip neigh flush dev eth0
	map -d --dry-run 8080
	[ "$status" -eq 0 ]
	run client ip neigh show 192.168.1.254
	[[ $output != *lladdr* ]]
}

@test "after NAT-PMP's wipe of a protocol nothing of it stays recorded" {
	map --nat-pmp 7000 7001 7002/udp
	[ "$status" -eq 0 ]
	map -d --nat-pmp all/tcp
	[ "$status" -eq 0 ]
	map --list
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == "udp  $EXTERNAL:7002 "* ]]
}
