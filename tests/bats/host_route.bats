# SPDX-License-Identifier: MIT
# What host/ reads from the kernel (routes, addresses, neighbours, ICMP errors), each
# test in a network namespace of its own, through tests/tools/show_routes.
# shellcheck shell=bash disable=SC2016  # scripts for the namespace are quoted whole

bats_require_minimum_version 1.5.0

setup_file() {
	local top=$BATS_TEST_DIRNAME/../..
	export SHOW_ROUTES=${SHOW_ROUTES:-$(cd "$top" && realpath -m "${BUILD:-build}/tools/show_routes")}
	# by hand where make has not been
	if [ ! -x "$SHOW_ROUTES" ]; then
		SHOW_ROUTES=$BATS_FILE_TMPDIR/show_routes
		${CC:-cc} -std=c11 -D_GNU_SOURCE -I"$top/src" -o "$SHOW_ROUTES" \
			"$top"/tests/tools/show_routes.c "$top"/src/host/*.c \
			"$top"/src/base/*.c -lmnl
	fi
	# A user namespace if it can be had, else root without one.
	if unshare -Urnm true 2>/dev/null; then
		export NET_FLAGS=-Urnm
	elif [ "$(id -u)" = 0 ] && unshare -nm true 2>/dev/null; then
		export NET_FLAGS=-nm
	else
		export NET_FLAGS=
	fi
}

setup() {
	load /usr/lib/bats/bats-support/load
	load /usr/lib/bats/bats-assert/load
	[ -n "$NET_FLAGS" ] || skip "neither unshare -Urnm nor unshare -nm is permitted here"
}

# net SCRIPT: runs it where lo, v0 (10.9.0.2, 2001:db8:9::2) and w0 (10.8.0.2,
# 2001:db8:8::2) are up, each the end of a wire that nobody listens on.
net() {
	run unshare "$NET_FLAGS" bash -euo pipefail -c '
		show=$SHOW_ROUTES
		ip link set lo up
		for n in 9:v 8:w; do
			i=${n#*:} n=${n%:*}
			ip link add ${i}0 type veth peer name ${i}1
			echo 1 >/proc/sys/net/ipv6/conf/${i}1/disable_ipv6 || true
			ip addr add 10.$n.0.2/24 dev ${i}0
			ip addr add 2001:db8:$n::2/64 dev ${i}0 nodad
			ip link set ${i}0 up
			ip link set ${i}1 up
			# ARP and ND give up in 0.3 s, not in 3, where that can be set
			echo 100 >/proc/sys/net/ipv4/neigh/${i}0/retrans_time_ms || true
			echo 100 >/proc/sys/net/ipv6/neigh/${i}0/retrans_time_ms || true
		done 2>/dev/null
		'"$1"
}

@test "no default route at all: none, and no error" {
	net '$show routes 4; $show routes 6; echo end'
	assert_success
	assert_output end
}

@test "a default that leads nowhere does not count" {
	net 'ip route add unreachable default metric 1
		ip route add blackhole default metric 2
		ip route add prohibit default metric 3
		ip -6 route add unreachable default metric 1
		$show routes 4; $show routes 6; echo end'
	assert_success
	assert_output end
}

@test "two metrics, two interfaces: the lowest first, and -i keeps its own" {
	net 'ip route add default via 10.9.0.1 metric 200
		ip route add default via 10.8.0.1 metric 100
		ip route add default via 10.9.0.7 metric 50
		$show routes 4; echo; $show routes 4 w0; echo; $show routes 4 lo'
	assert_success
	assert_output "10.9.0.7 dev v0 metric 50 table 254
10.8.0.1 dev w0 metric 100 table 254
10.9.0.1 dev v0 metric 200 table 254

10.8.0.1 dev w0 metric 100 table 254"
}

@test "an on-link default has the wildcard as its gateway" {
	net 'ip route add default dev w0 metric 300
		ip -6 route add default dev w0 metric 300
		$show routes 4; $show routes 6'
	assert_success
	assert_output "0.0.0.0 dev w0 metric 300 table 254
:: dev w0 metric 300 table 254"
}

@test "an IPv4 default by an IPv6 router counts as on-link" {
	net 'ip -4 route add default via inet6 fe80::1 dev v0 || exit 77
		$show routes 4'
	[ "$status" -ne 77 ] || skip "this ip(8) or kernel knows no IPv4 route by an IPv6 router"
	assert_success
	assert_output "0.0.0.0 dev v0 metric 0 table 254"
}

@test "a default only in another table, reached by a policy rule" {
	net 'ip route add default via 10.8.0.5 table 100
		ip rule add pref 10 lookup 100
		$show routes 4
		ip -6 route add default via 2001:db8:8::5 table 100
		ip -6 rule add pref 10 lookup 100
		$show routes 6'
	assert_success
	assert_output "10.8.0.5 dev w0 metric 0 table 100
2001:db8:8::5 dev w0 metric 1024 table 100"
}

@test "main comes first, unless the rules lead to another table" {
	net 'ip route add default via 10.9.0.1 metric 100
		ip route add default via 10.8.0.5 table 100
		$show routes 4; echo
		ip rule add pref 10 lookup 100
		$show routes 4'
	assert_success
	assert_output "10.9.0.1 dev v0 metric 100 table 254
10.8.0.5 dev w0 metric 0 table 100

10.8.0.5 dev w0 metric 0 table 100
10.9.0.1 dev v0 metric 100 table 254"
}

@test "two halves that cover the default (a VPN's way) come first" {
	net 'ip route add default via 10.9.0.1
		ip route add 0.0.0.0/1 via 10.8.0.9
		ip route add 128.0.0.0/1 via 10.8.0.9
		ip -6 route add 2000::/3 via fe80::9 dev w0
		$show routes 4; $show routes 6; echo; $show routes 4 v0'
	assert_success
	assert_output "10.8.0.9 dev w0 metric 0 table 254
10.9.0.1 dev v0 metric 0 table 254
fe80::9 dev w0 metric 1024 table 254

10.9.0.1 dev v0 metric 0 table 254"
}

@test "every next hop of a multipath route is a row" {
	net 'ip route add default nexthop via 10.9.0.1 weight 1 nexthop via 10.8.0.1 weight 9
		ip -6 route add default nexthop via fe80::1 dev v0 nexthop via fe80::2 dev w0
		$show routes 4; $show routes 6; echo; $show routes 4 w0'
	assert_success
	assert_output "10.9.0.1 dev v0 metric 0 table 254
10.8.0.1 dev w0 metric 0 table 254
fe80::1 dev v0 metric 1024 table 254
fe80::2 dev w0 metric 1024 table 254

10.8.0.1 dev w0 metric 0 table 254"
}

@test "a router's link-local address comes with its interface" {
	net 'ip -6 route add default via fe80::1 dev w0 metric 512 proto ra
		ip -6 route add default via fe80::1 dev v0 metric 1024 proto ra
		$show routes 6; echo; $show routes 6 v0'
	assert_success
	assert_output "fe80::1 dev w0 metric 512 table 254
fe80::1 dev v0 metric 1024 table 254

fe80::1 dev v0 metric 1024 table 254"
}

@test "of equal metrics the router that calls itself preferred is first (RFC 4191)" {
	# with a gateway, and not from a real advertisement, they would become one multipath route
	net 'ip link add u0 type veth peer name u1
		ip link set u0 up; ip link set u1 up
		ip -6 route add default dev v0 metric 9 pref low
		ip -6 route append default dev w0 metric 9 pref high
		ip -6 route append default dev u0 metric 9 pref medium
		$show routes 6'
	assert_success
	assert_output ":: dev w0 metric 9 table 254
:: dev u0 metric 9 table 254
:: dev v0 metric 9 table 254"
}

@test "a route to the very network that is asked about is no default" {
	net 'ip route add default via 10.9.0.1
		ip route add 198.51.100.0/24 via 10.8.0.77
		ip -6 route add 2001:db8::/48 via fe80::77 dev w0
		$show routes 4; $show routes 6; echo end'
	assert_success
	assert_output "10.9.0.1 dev v0 metric 0 table 254
end"
}

@test "2,000 other routes (a dump of many parts) hide no default" {
	net '{ echo route add default via 10.9.0.1 metric 20
		for a in 0 1 2 3 4 5 6 7; do for b in $(seq 0 249); do
			echo route add 172.16.$a.$b/32 via 10.9.0.77
			echo route add 2001:db8:$a:$b::/64 via fe80::77 dev v0
		done; done
		echo route add default via 10.8.0.1 metric 10; } >"$BATS_TEST_TMPDIR/routes"
		ip -batch "$BATS_TEST_TMPDIR/routes"
		ip -6 route add default via fe80::1 dev w0
		[ "$(ip route | wc -l)" -gt 2000 ]
		$show routes 4; $show routes 6'
	assert_success
	assert_output "10.8.0.1 dev w0 metric 10 table 254
10.9.0.1 dev v0 metric 20 table 254
fe80::1 dev w0 metric 1024 table 254"
}

@test "a dump is whole also while addresses come and go" {
	net 'for a in 1 2 3 4; do for b in $(seq 1 250); do
			echo addr add 172.20.$a.$b/32 dev v0
		done; done >"$BATS_TEST_TMPDIR/addresses"
		ip -batch "$BATS_TEST_TMPDIR/addresses"
		for n in $(seq 2000); do
			echo addr add 172.21.0.1/32 dev w0
			echo addr del 172.21.0.1/32 dev w0
		done >"$BATS_TEST_TMPDIR/churn"
		ip -batch "$BATS_TEST_TMPDIR/churn" 3>&- & churn=$!
		for n in $(seq 20); do
			[ "$($show addresses 4 v0 | sort -u | wc -l)" = 1001 ]
		done
		wait $churn
		echo end'
	assert_success
	assert_output end
}

@test "addresses: what is said of each" {
	net 'ip addr add 10.8.0.3/32 peer 10.8.0.4 dev w0
		ip addr add 10.8.0.9/24 dev w0
		ip addr add 2001:db8:8::3/64 dev w0 nodad preferred_lft 0 valid_lft 1000
		ip addr add 2001:db8:8::4/64 dev w0 nodad preferred_lft 500 valid_lft 1000
		ip addr add fe80::8/64 dev w0 nodad
		$show addresses 4 w0; $show addresses 6 w0 | grep -v "/64 dev w0.* tentative"'
	assert_success
	assert_line "10.8.0.2/24 dev w0 forever"
	assert_line "10.8.0.9/24 dev w0 forever" # secondary, which is not "temporary"
	assert_line "10.8.0.3/32 dev w0 forever" # our end, not the peer's
	assert_line "2001:db8:8::2/64 dev w0 forever"
	assert_line "2001:db8:8::3/64 dev w0 deprecated preferred 0"
	assert_line --regexp '^2001:db8:8::4/64 dev w0 preferred (500|49[0-9])$'
	assert_line "fe80::8/64 dev w0 link forever"
	refute_output --partial "dev v0"
}

@test "an address that another host has stays tentative" {
	net 'echo 0 >/proc/sys/net/ipv6/conf/v1/disable_ipv6 || exit 77
		ip addr add 2001:db8:9::66/64 dev v1 nodad
		ip addr add 2001:db8:9::66/64 dev v0
		for n in $(seq 100); do
			ip addr show dev v0 | grep -q dadfailed && break
			sleep 0.05
		done
		$show addresses 6 v0'
	[ "$status" -ne 77 ] || skip "sysctl is read-only here"
	assert_success
	assert_line "2001:db8:9::66/64 dev v0 tentative forever"
}

@test "interfaces by name" {
	net '$show names | sort | tr "\n" " "'
	assert_success
	assert_output "lo v0 v1 w0 w1 "
}

@test "the source address towards a server" {
	net 'ip addr add fe80::99/64 dev v0 nodad
		ip route add default via 10.9.0.1
		ip -6 route add default via fe80::1 dev w0
		$show source 203.0.113.4
		$show source 10.8.0.1
		$show source 2001:db8::7
		$show source 2001:db8:9::1
		ip -6 addr flush dev v0 scope link
		ip addr add fe80::99/64 dev v0 nodad
		$show source fe80::1%v0
		$show source fe80::1 v0'
	assert_success
	assert_output "10.9.0.2
10.8.0.2
2001:db8:8::2
2001:db8:9::2
fe80::99
fe80::99"
}

@test "the source address where there is no route, and by a marked route" {
	net '$show source 203.0.113.4 2>&1 || true
		ip route add default via 10.8.0.1 table 100
		ip rule add fwmark 7 lookup 100
		$show source 203.0.113.4 lo 2>&1 || true
		$show source 203.0.113.4 w0 7 || echo "mark not permitted"'
	assert_success
	assert_line --index 0 "show_routes: source: Network is unreachable"
	assert_line --index 2 "10.8.0.2"
}

@test "nobody at that address: the host itself finds out, and the neighbour table says so" {
	net '$show neighbour 10.9.0.99 v0
		$show send 10.9.0.99:5351 20
		$show neighbour 10.9.0.99 v0
		$show send [2001:db8:9::99]:5351 20
		$show neighbour 2001:db8:9::99 v0
		ip neigh replace 10.9.0.98 dev v0 lladdr 02:00:00:00:00:01 nud reachable
		$show neighbour 10.9.0.98 v0
		$show neighbour 10.9.0.98 w0'
	assert_success
	assert_output "unknown
nobody there to 10.9.0.99:5351 local
nobody
nobody there to 2001:db8:9::99:5351 local
nobody
reachable
unknown"
}

@test "no route, unreachable, prohibit: refused at once" {
	net 'ip route add unreachable 10.10.0.0/24
		ip route add prohibit 10.11.0.0/24
		for a in 203.0.113.1 10.10.0.1 10.11.0.1; do $show send $a 0; done'
	assert_success
	assert_output "send: Network is unreachable
send: No route to host
send: Permission denied"
}

@test "this host's own firewall: a drop is EPERM, a reject also queues" {
	command -v nft >/dev/null || skip "nft is not installed"
	net 'nft add table inet t || exit 77
		nft "add chain inet t o { type filter hook output priority 0; }"
		nft add rule inet t o udp dport 1000 drop
		nft add rule inet t o udp dport 1001 reject
		nft add rule inet t o udp dport 1002 reject with icmpx type admin-prohibited
		for p in 1000 1001 1002; do $show send 10.9.0.50:$p 0; done
		$show send [2001:db8:9::50]:1001 0'
	[ "$status" -ne 77 ] || skip "nftables cannot be used in a namespace here"
	assert_success
	assert_output "send: Operation not permitted
send: Operation not permitted
denied to 10.9.0.50:1001 local
send: Operation not permitted
denied to 10.9.0.50:1002 local
send: Operation not permitted
denied to 2001:db8:9::50:1001 local"
}

# The messages of a real router are for the lab to test.
@test "a port of this very host is unreachable, not denied" {
	net '$show send 10.9.0.2:9; $show send [2001:db8:9::2]:9'
	assert_success
	assert_output "port unreachable to 10.9.0.2:9 icmp 3/3 from 10.9.0.2
port unreachable to 2001:db8:9::2:9 icmp 1/4 from 2001:db8:9::2"
}

@test "a name server that says nothing costs no more than the deadline" {
	net 'printf "nameserver 10.9.0.99\noptions timeout:30 attempts:5\n" >"$BATS_TEST_TMPDIR/conf"
		echo "10.1.2.3 router.test" >"$BATS_TEST_TMPDIR/hosts"
		echo "hosts: files dns" >"$BATS_TEST_TMPDIR/nsswitch"
		mount --bind "$BATS_TEST_TMPDIR/conf" /etc/resolv.conf || exit 77
		mount --bind "$BATS_TEST_TMPDIR/hosts" /etc/hosts || exit 77
		mount --bind "$BATS_TEST_TMPDIR/nsswitch" /etc/nsswitch.conf || exit 77
		ip neigh replace 10.9.0.99 dev v0 lladdr 02:00:00:00:00:01 nud permanent
		$show resolve router.test 5000
		$show resolve silent.test 300
		pgrep -P $$ >/dev/null && echo "a child is left"
		echo end'
	[ "$status" -ne 77 ] || skip "/etc/resolv.conf cannot be replaced in a namespace here"
	assert_success
	assert_line --index 0 "ok: 10.1.2.3"
	assert_line --index 2 "timeout: the resolver did not answer in time"
	assert_line --index 3 --regexp '^(3[0-9][0-9]|[4-9][0-9][0-9]|[12][0-9]{3}) ms$'
	assert_line --index 4 end
}
