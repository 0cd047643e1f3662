# SPDX-License-Identifier: MIT
# The binary against a real router: Debian's miniupnpd 2.3.1 with nftables, in tests/lab.
# What the server answers to what is in its own source; "lies" below are miniupnpd's.
# shellcheck shell=bash disable=SC2154

setup() {
	load lab
}

teardown() {
	leave
}

# --- mappings that carry traffic ---

@test "map 8080: a connection from outside arrives" {
	home
	greet 192.168.1.10 8080
	closed "$EXTERNAL" 8080
	map 8080
	exits 0
	[[ $output == "tcp  $EXTERNAL:8080 -> 192.168.1.10:8080  2h, until "*"  (PCP, $ROUTER)" ]]
	[ -z "$stderr" ]
	reaches connect "$EXTERNAL" 8080 "hello 44.128.7.1, this is tcp port 8080 of 192.168.1.10"
}

@test "another external port than the internal one" {
	home
	greet 192.168.1.10 8080
	map -q 9443:8080/tcp
	exits 0
	[ "$output" = "$EXTERNAL:9443" ]
	reaches connect "$EXTERNAL" 9443 "tcp port 8080 of 192.168.1.10"
	closed "$EXTERNAL" 8080
}

@test "any:5000/udp: a datagram arrives, and its answer leaves" {
	home
	greet udp:192.168.1.10 5000
	closed "$EXTERNAL" 5000 datagram
	map -q any:5000/udp
	exits 0
	[[ $output == "$EXTERNAL":* ]]
	reaches datagram "$EXTERNAL" "${output##*:}" "udp port 5000 of 192.168.1.10"
}

@test "map -6: a pinhole, through which nothing came before" {
	home
	greet "$CLIENT6" 8443
	closed "$CLIENT6" 8443
	map -6 8443
	exits 0
	[[ $output == "tcp  [$CLIENT6]:8443 -> [$CLIENT6]:8443  2h, until "*"  (PCP, $ROUTER6)" ]]
	[ -z "$stderr" ]
	reaches connect "$CLIENT6" 8443 "hello 2d00:64:ff::1, this is tcp port 8443 of $CLIENT6"
	closed "$CLIENT6" 8444
}

@test "map -6 with UDP" {
	home
	greet "udp:$CLIENT6" 5353
	closed "$CLIENT6" 5353 datagram
	map -6 -q 5353/udp
	exits 0
	[ "$output" = "[$CLIENT6]:5353" ]
	reaches datagram "$CLIENT6" 5353 "udp port 5353 of $CLIENT6"
}

@test "map -4 -6: one mapping of each family" {
	home
	greet 192.168.1.10 8080 "$CLIENT6" 8080
	map -q -4 -6 8080
	exits 0
	[ "$(sort <<<"$output")" = "$EXTERNAL:8080
[$CLIENT6]:8080" ]
	reaches connect "$EXTERNAL" 8080 "of 192.168.1.10"
	reaches connect "$CLIENT6" 8080 "of $CLIENT6"
}

@test "several specs, and tcp+udp" {
	home
	greet 192.168.1.10 8001 udp:192.168.1.10 8002 192.168.1.10 8003 udp:192.168.1.10 8003
	map -q 8001 9002:8002/udp 8003/tcp+udp
	exits 0
	[ "$output" = "$EXTERNAL:8001
$EXTERNAL:9002
$EXTERNAL:8003
$EXTERNAL:8003" ]
	reaches connect "$EXTERNAL" 8001 "tcp port 8001"
	reaches datagram "$EXTERNAL" 9002 "udp port 8002"
	reaches connect "$EXTERNAL" 8003 "tcp port 8003"
	reaches datagram "$EXTERNAL" 8003 "udp port 8003"
}

@test "200 specs in one command: all are granted" {
	home
	# A program that floods miniupnpd loses a quarter of them at 256.
	map -q {10000..10199}/udp
	exits 0
	[ "$(sort -u <<<"$output" | grep -c "^$EXTERNAL:10[01]..$")" -eq 200 ]
	[ "$(rules '0x11 th dport 10')" -eq 200 ]
}

# --- deletion ---

@test "delete with the nonce of the record: the connection fails" {
	home
	greet 192.168.1.10 8080
	map -j 8080
	exits 0
	local nonce
	nonce=$(json mapping nonce)
	[[ $nonce =~ ^[0-9a-f]{24}$ ]]
	reaches connect "$EXTERNAL" 8080 "port 8080"

	map -j --delete --nonce "$nonce" 8080
	exits 0
	json_is mapping event deleted
	json_is mapping result SUCCESS
	closed "$EXTERNAL" 8080
	[ "$(rules 'dport 8080')" -eq 0 ]
}

@test "delete with another nonce: exit 1, and the mapping stays" {
	home
	greet 192.168.1.10 8080
	map -q 8080
	exits 0
	map --delete --nonce 0123456789abcdef01234567 8080
	exits 1
	says "NOT_AUTHORIZED (2)"
	reaches connect "$EXTERNAL" 8080 "port 8080"
}

@test "delete of what is not there: NO_RESOURCES, and done" {
	home
	map -j --delete --nonce 0123456789abcdef01234567 8080
	exits 0
	json_is mapping event deleted
	json_is mapping result NO_RESOURCES
}

@test "delete of a pinhole" {
	home
	greet "$CLIENT6" 8443
	map -6 -j 8443
	exits 0
	reaches connect "$CLIENT6" 8443 "port 8443"
	map -6 --delete --nonce "$(json mapping nonce)" 8443
	exits 0
	closed "$CLIENT6" 8443
}

@test "several deletes with their nonces one by one leave the others" {
	home
	map -j 8001 8002 8003
	exits 0
	local nonces
	mapfile -t nonces < <(json mapping nonce)
	[ "$(printf '%s\n' "${nonces[@]}" | sort -u | wc -l)" -eq 3 ]
	map -d --nonce "${nonces[1]}" 8002
	exits 0
	[ "$(rules 'dport 8002')" -eq 0 ]
	[ "$(rules 'dport 800[13]')" -eq 2 ]
}

# --- NAT-PMP ---

@test "--nat-pmp: mapped, reached, deleted" {
	home
	greet 192.168.1.10 8080 udp:192.168.1.10 8081
	map -j --nat-pmp 8080 8081/udp
	exits 0
	json_is mapping via "nat-pmp
nat-pmp"
	json_is mapping external_address "$EXTERNAL
$EXTERNAL"
	reaches connect "$EXTERNAL" 8080 "tcp port 8080"
	reaches datagram "$EXTERNAL" 8081 "udp port 8081"
	map --nat-pmp --delete 8080
	exits 0
	closed "$EXTERNAL" 8080
	reaches datagram "$EXTERNAL" 8081 "udp port 8081"
}

@test "--nat-pmp never asks for what it cannot express" {
	home
	map --nat-pmp -6 8080
	[ "$status" -eq 1 ] || [ "$status" -eq 2 ]
	map --nat-pmp 8080/sctp
	[ "$status" -eq 1 ] || [ "$status" -eq 2 ]
	map --nat-pmp -F 44.128.7.1 8080
	[ "$status" -eq 1 ] || [ "$status" -eq 2 ]
	[ "$(rules dnat)" -eq 0 ]
}

@test "--nat-pmp: the lifetime is not clamped" {
	home
	map -j --nat-pmp -l 5 8080
	exits 0
	json_is mapping lifetime 5
	finds_not lifetime-changed
}

@test "--nat-pmp and permission lines: 80 becomes 1024, or NOT_AUTHORIZED" {
	home allow='1024-65535 192.168.1.10/32 1024-65535'
	map -j --nat-pmp 80:8080
	exits 0
	json_is mapping external_port 1024
	finds port-differs info
	map -j --nat-pmp 80
	exits 1
	json_is mapping result NOT_AUTHORIZED
	finds not-authorized error
}

# --- the options, and what miniupnpd makes of them ---

# taken: 192.168.1.11 has external port 8080.
taken() {
	client ip addr add 192.168.1.11/24 dev eth0
	map -q -b 192.168.1.11 8080
	exits 0
	[ "$output" = "$EXTERNAL:8080" ]
}

@test "a taken port: the next one, with a finding" {
	home
	taken
	map -j 8080
	exits 0
	json_is mapping external_port 8081
	finds port-differs info 8081
}

@test "-P on a taken port: refused, nothing stays behind, whatever the server did with it" {
	home
	taken
	map -P 8080
	exits 1
	says CANNOT_PROVIDE_EXTERNAL
	[ "$(rules 192.168.1.11:8080)" -eq 1 ]
	[ "$(rules 192.168.1.10)" -eq 0 ]
	# and where the port is free, granted
	map -P -q 8090:8080
	exits 0
	[ "$output" = "$EXTERNAL:8090" ]
}

@test "-P on a taken port by NAT-PMP" {
	home
	taken
	map -P --nat-pmp 8080
	exits 1
	[ "$(rules 192.168.1.11:8080)" -eq 1 ]
	[ "$(rules 192.168.1.10)" -eq 0 ]
}

@test "-P with another external address: CANNOT_PROVIDE_EXTERNAL" {
	home
	map -j -P -e 44.128.7.99 8080
	exits 1
	json_is mapping result CANNOT_PROVIDE_EXTERNAL
	[ "$(rules 192.168.1.10)" -eq 0 ]
}

@test "FILTER is accepted and does nothing, so it is never called filtered" {
	home
	greet 192.168.1.10 8080
	map -F 44.128.9.0/24 8080
	exits 0
	reaches connect "$EXTERNAL" 8080 "hello 44.128.7.1" # whom the filter would keep out
	silent_about filtered
	map -v -F 44.128.9.0/24 8081
	exits 0
	silent_about filtered
}

@test "THIRD_PARTY where it is permitted: the other host is reached" {
	home pcp_allow_thirdparty=yes
	client ip addr add 192.168.1.20/24 dev eth0
	greet 192.168.1.20 8080
	map -j -3 192.168.1.20 8080
	exits 0
	json_is mapping internal_address 192.168.1.20
	json_is mapping third_party 192.168.1.20
	reaches connect "$EXTERNAL" 8080 "port 8080 of 192.168.1.20"
	local nonce
	nonce=$(json mapping nonce)
	map -d -3 192.168.1.20 --nonce "$nonce" 8080
	exits 0
	closed "$EXTERNAL" 8080
}

@test "THIRD_PARTY where it is not: UNSUPP_OPTION" {
	home
	map -3 192.168.1.20 8080
	exits 1
	says "UNSUPP_OPTION (5)"
	[ "$(rules dnat)" -eq 0 ]
}

@test "DESCRIPTION: ignored, or MALFORMED_OPTION where its length is no multiple of 4" {
	home
	map -j --description hell 8080
	exits 0
	json_is mapping event granted
	map -j --description hello 8081
	exits 1
	json_is mapping result MALFORMED_OPTION
}

@test "PORT_SET, whose length is 5: MALFORMED_OPTION from this server" {
	home
	map -j --port-set 4 8080
	exits 1
	json_is mapping result MALFORMED_OPTION
}

@test "all, all/tcp: this server does not" {
	home
	local spec
	for spec in all all/tcp; do
		map "$spec"
		exits 1
		says "MALFORMED_REQUEST (3)"
	done
	[ "$(rules dnat)" -eq 0 ]
}

@test "sctp: granted, on the word of the server" {
	home
	map -j 9200/sctp
	exits 0
	json_is mapping protocol sctp
	[ "$(rules '0x84 dnat ip to 192.168.1.10:9200')" -eq 1 ]
}

@test "a nonce of the user's" {
	home
	map -j --nonce 000102030405060708090a0b 8080
	exits 0
	json_is mapping nonce 000102030405060708090a0b
	map -d --nonce 000102030405060708090a0b 8080
	exits 0
}

@test "permission lines: 80 becomes 1024, with the reason" {
	home
	greet 192.168.1.10 80
	map -j 80
	exits 0
	json_is mapping external_port 1024
	finds port-differs info "permits only ports from 1024 on"
	reaches connect "$EXTERNAL" 1024 "port 80 of"
	[ "$took" -lt 3000 ]
}

@test "permission lines: no port at all" {
	home allow='1024-65535 192.168.1.99/32 1024-65535'
	map -j 8080
	exits 1
	json_is mapping event refused
	json_is mapping result NOT_AUTHORIZED
	finds not-authorized error
}

@test "a lifetime over the server's maximum" {
	home max_lifetime=3600
	map -j -l 2h 8080
	exits 0
	json_is mapping requested_lifetime 7200
	json_is mapping lifetime 3600
	finds lifetime-changed info max_lifetime
}

@test "a lifetime under the server's minimum" {
	home
	map -j -l 30 8080
	exits 0
	json_is mapping lifetime 120
	finds lifetime-changed info min_lifetime
}

# --- discover ---

@test "discover: both families, in the table and as records" {
	home
	discover
	exits 0
	[ "${#lines[@]}" -eq 3 ]
	[[ ${lines[0]} =~ ^SERVER\ +VIA\ +PCP\ +NAT-PMP\ +EXTERNAL\ +RTT$ ]]
	[[ ${lines[1]} =~ ^192.168.1.254\ +default\ route,\ eth0\ +v2,\ epoch\ [0-9]+s\ +yes\ +44.128.7.2\ +[0-9.]+\ ms$ ]]
	[[ ${lines[2]} =~ ^fe80::1%eth0\ +default\ route,\ eth0\ +v2,\ epoch\ [0-9]+s\ +-\ +-\ +[0-9.]+\ ms$ ]]
	says "$ROUTER has kept its state since" "$ROUTER6 has kept its state since"
	[ "$(rules dnat)" -eq 0 ]

	discover -j
	exits 0
	json_is server server "$ROUTER
$ROUTER6"
	json_is server verdict "pcp
pcp"
	json_is server interface "eth0
eth0"
	json_is server client_address "192.168.1.10
$CLIENT6"
	json_is server external_address "$EXTERNAL
-"
	json_is server nat_pmp.status "ok
skipped"

	discover -q
	exits 0
	[ "$output" = "$ROUTER pcp $EXTERNAL
$ROUTER6 pcp -" ]
}

@test "discover with the server stopped: port unreachable, at once, exit 4" {
	home --no-server
	discover
	exits 4
	[ "$took" -lt 1000 ]
	[[ ${lines[1]} =~ ^192.168.1.254\ .*port\ unreachable ]]
	[[ ${lines[2]} =~ ^fe80::1%eth0\ .*port\ unreachable ]]
	says "! $ROUTER refused UDP 5351 (ICMP port unreachable)" "! $ROUTER6 refused UDP 5351"
	map -j 8080
	exits 4
	[ "$took" -lt 1000 ]
	json_is mapping event unreachable
	finds no-server-port-unreachable error
	map -6 8080
	exits 4
	[ "$took" -lt 1000 ]
}

@test "silence: exit 3 at the time-out" {
	home
	"$LAB" silence on
	discover -t 1
	exits 3
	[ "$took" -ge 1000 ]
	[ "$took" -lt 2000 ]
	[[ ${lines[1]} =~ silent\ +silent ]]
	map -j -t 1 8080
	exits 3
	json_is mapping event unanswered
	finds timeout error
	"$LAB" silence off
	discover -q
	exits 0
}

@test "discover: one family without a server, the other with" {
	home
	router nft add table inet t
	router nft add chain inet t in '{ type filter hook input priority -300; }'
	router nft add rule inet t in meta nfproto ipv6 udp dport 5351 reject
	discover -j
	exits 0
	json_is server pcp.status "ok
refused"
	finds no-server-port-unreachable error "$ROUTER6"
	discover -6
	exits 4
}

@test "a router that prohibits by ICMP" {
	home
	router nft add table inet t
	router nft add chain inet t in '{ type filter hook input priority -300; }'
	router nft add rule inet t in udp dport 5351 reject with icmpx type admin-prohibited
	map -j -t 1 8080
	exits 4
	finds prohibited error
}

@test "30 % loss each way: mapped all the same, and nobody says NAT-PMP only" {
	home
	"$LAB" loss 30
	local port granted=0
	# 6 datagrams in 8 s: one of a hundred fails. That 4 of 12 do: 1 to 100,000.
	for port in {8001..8012}; do
		client "$PCPCTL" map -j -t 8 "$port" >"$BATS_TEST_TMPDIR/$port" 2>&1 3>&- &
	done
	wait
	for port in {8001..8012}; do
		! grep -q '"event":"granted"' "$BATS_TEST_TMPDIR/$port" || granted=$((granted + 1))
	done
	cat "$BATS_TEST_TMPDIR"/80*
	[ "$granted" -ge 9 ]
	grep -q '"attempts":[2-9]' "$BATS_TEST_TMPDIR"/80*
	run -1 grep nat-pmp-only "$BATS_TEST_TMPDIR"/80*
}

# --- the external address ---

@test "a private external address: miniupnpd's NO_RESOURCES and NETWORK_FAILURE" {
	home
	"$LAB" external 192.168.77.2
	map -j 8080
	exits 1
	json_is mapping result NO_RESOURCES
	finds no-resources error
	map -j --nat-pmp 8080
	exits 1
	json_is mapping result NETWORK_FAILURE
	finds network-failure error private
	discover -j -4
	exits 0
	json_is server nat_pmp.status error
	json_is server nat_pmp.result NETWORK_FAILURE
	json_is server verdict pcp
}

@test "a carrier-grade NAT above: the same from this server" {
	home
	"$LAB" external 100.64.9.2
	map -j 8080
	exits 1
	json_is mapping result NO_RESOURCES
	map -j --nat-pmp --require-public 8080
	exits 1
	json_is mapping result NETWORK_FAILURE
}

@test "a new external address: mappings and discover have it" {
	home
	greet 192.168.1.10 8080
	map -q 8080
	[ "$output" = "$EXTERNAL:8080" ]
	"$LAB" external 44.128.8.9
	map -q 8081
	exits 0
	[ "$output" = "44.128.8.9:8081" ]
	discover -q -4
	[ "$output" = "$ROUTER pcp 44.128.8.9" ]
	reaches connect 44.128.8.9 8080 "port 8080"
}

# --- the Epoch ---

epoch_is_over() {
	discover -j -4
	[ "$(json server pcp.epoch)" -gt "$1" ]
}

@test "a crash of the server: a new Epoch, mappings gone" {
	home
	greet 192.168.1.10 8080
	map -q 8080
	reaches connect "$EXTERNAL" 8080 "port 8080"
	wait_until epoch_is_over 1
	local before since
	before=$(json server pcp.epoch)
	since=$(json finding text | grep -o 'since [^ ]*')

	"$LAB" server crash
	discover -4
	exits 4
	"$LAB" server start
	discover -j -4
	exits 0
	[ "$(json server pcp.epoch)" -lt "$before" ]
	finds state-kept-since info "$ROUTER"
	[[ $(json finding text | grep -o 'since [^ ]*') > $since ]]
	closed "$EXTERNAL" 8080
	map -q 8080
	exits 0
	reaches connect "$EXTERNAL" 8080 "port 8080"
}

@test "a restart of a server that counts from the boot of its machine is not seen in the Epoch" {
	home system_uptime=yes
	discover -j -4
	exits 0
	local before up
	before=$(json server pcp.epoch)
	read -r up _ </proc/uptime
	[ "$before" -ge $((${up%.*} - 5)) ]
	[ "$before" -le "${up%.*}" ]
	"$LAB" server restart
	discover -j -4
	[ "$(json server pcp.epoch)" -ge "$before" ]
}

# --- whom it asks ---

@test "-s of an address where nobody is: said, not called silent" {
	home
	# so that ARP gives up after 0.3 s, not 3
	sysctl_client 100 ipv4/neigh/eth0/retrans_time_ms ipv6/neigh/eth0/retrans_time_ms
	map -j -t 1 -s 192.168.1.77 8080
	exits 4
	json_is mapping event unreachable
	finds unreachable error "nobody at that address"
	finds_not timeout
	discover -t 1 -s 192.168.1.77 -s fe80::77%eth0
	exits 4
	[[ ${lines[1]} =~ ^192.168.1.77\ .*unreachable ]]
	[[ ${lines[2]} =~ ^fe80::77%eth0\ .*unreachable ]]
	silent_about "did not answer"
}

@test "-s of an address that no route leads to" {
	home
	client ip route del default
	map -s 203.0.113.1 8080
	exits 4
	[ "$took" -lt 1000 ]
	silent_about "did not answer"
}

@test "-s of a host name, without a resolver: exit 4" {
	home
	map -t 2 -s router.home.example 8080
	exits 4
	says router.home.example
	[ "$took" -lt 3000 ]
}

@test "-s of a host name in /etc/hosts" {
	home
	client unshare --mount true 2>/dev/null || skip "no mount namespace can be had here"
	echo "$ROUTER router.test" >"$BATS_TEST_TMPDIR/hosts"
	run --separate-stderr client unshare --mount bash -c '
		mount --bind "$1" /etc/hosts
		exec "$2" map -q -s router.test 8080' - "$BATS_TEST_TMPDIR/hosts" "$PCPCTL"
	echo "$output $stderr"
	exits 0
	[ "$output" = "$EXTERNAL:8080" ]
}

@test "-s of both families, and with a port" {
	home
	map -q -s "$ROUTER:5351" 8080
	exits 0
	[ "$output" = "$EXTERNAL:8080" ]
	map -q -s "[$ROUTER6]:5351" 8080
	exits 0
	[ "$output" = "[$CLIENT6]:8080" ]
	# its global address is the same server
	map -q -s 2d00:64:1::1 8081
	exits 0
	[ "$output" = "[$CLIENT6]:8081" ]
	map -q -s "$ROUTER:5352" 8080
	exits 4
}

@test "-i: only that interface" {
	home
	client ip link add d0 type veth peer name d1
	client ip addr add 10.99.0.2/24 dev d0
	client ip link set d0 up
	client ip link set d1 up
	client ip route del default
	client ip route add default via "$ROUTER" metric 100
	client ip route add default via 10.99.0.1 metric 50
	map -q -i eth0 8080
	exits 0
	[ "$output" = "$EXTERNAL:8080" ]
	map -j -t 300ms -i d0 8080
	[ "$status" -eq 3 ] || [ "$status" -eq 4 ]
	json_is mapping server 10.99.0.1
	map -i lo 8080
	exits 4
	map -i nosuch0 8080
	exits 2
}

@test "-b: that address is mapped; one that is not ours: exit 5" {
	home
	client ip addr add 192.168.1.12/24 dev eth0
	greet 192.168.1.12 8080
	map -j -b 192.168.1.12 8080
	exits 0
	json_is mapping internal_address 192.168.1.12
	reaches connect "$EXTERNAL" 8080 "port 8080 of 192.168.1.12"
	map -b 192.168.1.13 8080
	exits 5
	[ -z "$output" ]
	[ "$(rules dnat)" -eq 1 ]
}

@test "several default routes: the lowest metric, and -v names the others" {
	home
	client ip route del default
	client ip route add default via 192.168.1.99 metric 200
	client ip route add default via "$ROUTER" metric 100
	map -v 8080
	exits 0
	[[ $output == *"$EXTERNAL:8080"* ]]
	says 192.168.1.99
	map 8080
	exits 0
	silent_about 192.168.1.99
	discover -j -4 -t 500ms
	exits 0
	json_is server server "$ROUTER
192.168.1.99"
}

@test "no default route: exit 4, with words; -s helps" {
	home
	client ip route del default
	client ip -6 route del default
	map 8080
	exits 4
	says "no default route"
	discover
	exits 4
	says "no default route"
	discover -j
	exits 4
	json_is error exit 4
	map -q -s "$ROUTER" 8080
	exits 0
	[ "$output" = "$EXTERNAL:8080" ]
}

@test "only IPv6 has a default route: it is asked" {
	home
	client ip route del default
	map -q 8080
	exits 0
	[ "$output" = "[$CLIENT6]:8080" ]
	map -4 8080
	exits 4
}

@test "policy routing: a default in another table" {
	home
	client ip route del default
	client ip -6 route del default
	client ip route add default via "$ROUTER" table 77
	client ip rule add lookup 77
	map -q 8080
	exits 0
	[ "$output" = "$EXTERNAL:8080" ]
	discover -q
	exits 0
	[ "$output" = "$ROUTER pcp $EXTERNAL" ]
}

@test "policy routing by mark" {
	home
	client ip route del default
	client ip -6 route del default
	client ip route add default via "$ROUTER" table 77
	client ip rule add fwmark 7 lookup 77
	map -q --mark 7 8080
	exits 0
	[ "$output" = "$EXTERNAL:8080" ]
}

# --- IPv6 source addresses ---

@test "IPv6: not the temporary, the deprecated or the ULA address is mapped" {
	home
	sysctl_client 2 ipv6/conf/eth0/use_tempaddr
	client ip -6 addr del "$CLIENT6/64" dev eth0
	client ip -6 addr add fd00:64:1::10/64 dev eth0
	client ip -6 addr add 2d00:64:1::55/64 dev eth0 preferred_lft 0 valid_lft 5000
	client ip -6 addr add 2d00:64:1::66/64 dev eth0 preferred_lft 100 valid_lft 5000
	client ip -6 addr add 2d00:64:1::77/64 dev eth0 mngtmpaddr preferred_lft 4000 valid_lft 5000
	client ip -6 addr show dev eth0 temporary | grep 2d00:64:1:
	map -j -6 8080
	exits 0
	json_is mapping internal_address 2d00:64:1::77
	json_is mapping external_address 2d00:64:1::77
	finds_not ipv6-source
	# and it is the one that can be reached
	greet 2d00:64:1::77 8080
	reaches connect 2d00:64:1::77 8080 "of 2d00:64:1::77"
}

@test "IPv6: -b maps any of them" {
	home
	client ip -6 addr add 2d00:64:1::66/64 dev eth0
	greet 2d00:64:1::66 8080
	map -q -b 2d00:64:1::66 8080
	exits 0
	[ "$output" = "[2d00:64:1::66]:8080" ]
	reaches connect 2d00:64:1::66 8080 "of 2d00:64:1::66"
	closed "$CLIENT6" 8080
}

@test "IPv6: only a ULA: mapped, with a finding" {
	home
	client ip -6 addr del "$CLIENT6/64" dev eth0
	client ip -6 addr add fd00:64:1::10/64 dev eth0
	router ip -6 addr add fd00:64:1::1/64 dev lan0
	map -j -6 8080
	exits 0
	json_is mapping internal_address fd00:64:1::10
	finds ipv6-source warning fd00:64:1::10
}
