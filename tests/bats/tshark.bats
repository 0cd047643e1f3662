# SPDX-License-Identifier: MIT
# What we send, as Wireshark's dissectors read it: somebody else's idea of the two
# protocols. All requests are sent once, to the server in tests/lab, while tshark
# captures on the client; each test looks at the packets that it asked for, found by their
# internal port.
# shellcheck shell=bash disable=SC2154

setup_file() {
	load lab
	command -v tshark >/dev/null || skip "tshark is not installed"
	home pcp_allow_thirdparty=yes
	client ip addr add 192.168.1.20/24 dev eth0
	export NONCE=00112233445566778899aabb
	capture "$BATS_FILE_TMPDIR/capture" ask_everything
	dissect "$BATS_FILE_TMPDIR/capture" "$BATS_FILE_TMPDIR/packets"
	leave
}

setup() {
	load lab
	PACKETS=$BATS_FILE_TMPDIR/packets
}

teardown_file() {
	load lab
	leave
}

# One line each, since a request is known by its internal port.
ask_everything() {
	local send=("$LAB" client "$PCPCTL")
	"${send[@]}" map --nonce "$NONCE" -l 3h 9000:8000
	"${send[@]}" map any:8001/udp
	"${send[@]}" map -6 --nonce "$NONCE" 8002
	"${send[@]}" map -e 44.128.7.2 8003
	"${send[@]}" map -e 0.0.0.0 8004
	"${send[@]}" map -P 8005
	"${send[@]}" map -F 44.128.9.0/24 -F '[44.128.9.1/32]:443' 8006
	"${send[@]}" map -F none -F 44.128.9.7 8007
	"${send[@]}" map -6 -F 2d00:64:ff::/64 -F '[2d00:64:ff::1]:53' 8008/udp
	"${send[@]}" map -3 192.168.1.20 8009
	"${send[@]}" map --description hell 8010
	"${send[@]}" map --description 'wörld' 8011
	"${send[@]}" map --port-set 4 8012
	"${send[@]}" map -3 192.168.1.20 -P -F 44.128.9.0/24 --description all 8013
	"${send[@]}" map --delete --nonce "$NONCE" 8014/udp
	"${send[@]}" map 8015/sctp 8016/dccp 8017/udplite 8018/200
	"${send[@]}" map all/tcp
	"${send[@]}" map all
	"${send[@]}" map --nat-pmp -l 3h 9100:8100
	"${send[@]}" map --nat-pmp any:8101/udp
	"${send[@]}" map --nat-pmp --delete 8102
	"${send[@]}" discover
}

# capture FILE FUNCTION: what FUNCTION sends from the client. It ends with a datagram that
# is seen in the file, then everything before it is there too.
capture() {
	local pid marker="the end of the capture"
	"$LAB" client timeout 60 tshark -q -i eth0 -f 'udp dst port 5351' -w "$1" -a duration:60 \
		2>"$1.log" 3>&- &
	pid=$!
	wait_until grep -q File: "$1.log" || { cat "$1.log" >&2; return 1; }
	"$2" >"$1.output" 2>&1 || true
	client bash -c "echo '$marker' >/dev/udp/$ROUTER/5351"
	wait_until grep -aq "$marker" "$1" || { cat "$1.log" >&2; return 1; }
	kill "$pid"
	wait "$pid" || true
}

# dissect CAPTURE FILE: one line a packet, " NAME=VALUE NAME=VALUE ... " in its order; the
# spaces in a value become _.
dissect() {
	tshark -r "$1" -T pdml >"$1.pdml" 2>/dev/null
	python3 -S -E - "$1.pdml" >"$2" <<-'END'
		import sys
		import xml.etree.ElementTree
		for packet in xml.etree.ElementTree.parse(sys.argv[1]).getroot().iter("packet"):
		    fields = [packet.findall("proto")[-1].get("name") + "=proto"]
		    for part in packet.iter():
		        if part.tag == "proto" and part.get("name").startswith("_ws"):
		            fields.append(part.get("name") + "=proto")
		        if part.tag == "field" and part.get("name"):
		            fields.append(f'{part.get("name")}={part.get("show")}'.replace(" ", "_"))
		    print("", *fields, "")
	END
}

# packet FIELD=VALUE...: the first packet that has them all, in $packet.
packet() {
	local line field
	while read -r line; do
		packet=" $line "
		for field; do
			[[ $packet == *" $field "* ]] || continue 2
		done
		return 0
	done <"$PACKETS"
	echo "no packet has: $*" >&2
	return 1
}

# map_packet PORT: the MAP request for that internal port; nat_pmp_packet PORT.
map_packet() {
	packet portcontrol.opcode=1 "portcontrol.map.internal_port=$1"
}

nat_pmp_packet() {
	packet "nat-pmp.internal_port=$1"
}

# has NAME=VALUE...: in this order, each after the one before; NAME= alone: not at all.
has() {
	local field rest=$packet
	for field; do
		if [[ $field == *= ]]; then
			[[ $packet != *" $field"* ]] || { echo "it has $field: $packet" >&2; return 1; }
			continue
		fi
		[[ $rest == *" $field "* ]] || { echo "no $field in: $packet" >&2; return 1; }
		rest=" ${rest#*" $field "}"
	done
}

@test "no packet is malformed, and each is dissected to its end" {
	[ "$(wc -l <"$PACKETS")" -ge 28 ]
	# the last one is ours, not pcpctl's
	head -n -1 "$PACKETS" >"$BATS_TEST_TMPDIR/ours"
	run grep -E '_ws\.(malformed|expert)|unknown|padding=[0:]*[1-9a-f]' "$BATS_TEST_TMPDIR/ours"
	assert_nothing
	run grep -vE '^ (portcontrol|nat-pmp)=proto ' "$BATS_TEST_TMPDIR/ours"
	assert_nothing
	# and it would be seen
	tail -n 1 "$PACKETS" >"$BATS_TEST_TMPDIR/marker"
	run grep -vE '^ (portcontrol|nat-pmp)=proto .*version=[02] ' "$BATS_TEST_TMPDIR/marker"
	[ "$status" -eq 0 ]
}

assert_nothing() {
	[ "$status" -eq 1 ] || { printf '%s\n' "$output" >&2; return 1; }
}

@test "MAP: header and body" {
	map_packet 8000
	has ip.src=192.168.1.10 ip.dst=192.168.1.254 udp.dstport=5351 udp.length=68 \
		portcontrol.version=2 portcontrol.r=0 portcontrol.opcode=1 portcontrol.reserved=0 \
		portcontrol.lifetime_req=10800 portcontrol.client_ip=::ffff:192.168.1.10 \
		portcontrol.map.nonce=00:11:22:33:44:55:66:77:88:99:aa:bb \
		portcontrol.map.protocol=6 portcontrol.map.reserved=0 \
		portcontrol.map.internal_port=8000 portcontrol.map.req_sug_external_port=9000 \
		portcontrol.map.req_sug_external_ip=::ffff:0.0.0.0 portcontrol.option.code=
}

@test "MAP: any port, UDP, a nonce of our own" {
	map_packet 8001
	has portcontrol.lifetime_req=7200 portcontrol.map.protocol=17 \
		portcontrol.map.req_sug_external_port=0
	[[ $packet =~ \ portcontrol.map.nonce=([0-9a-f:]+)\  ]]
	local first=${BASH_REMATCH[1]}
	[ "${#first}" -eq 35 ]
	map_packet 8003
	[[ $packet =~ \ portcontrol.map.nonce=([0-9a-f:]+)\  ]]
	[ "${BASH_REMATCH[1]}" != "$first" ]
}

@test "MAP for IPv6: the wildcard is ::, the client address global, the way link-local" {
	map_packet 8002
	has ipv6.dst=fe80::1 udp.length=68 portcontrol.client_ip=2d00:64:1::10 \
		portcontrol.map.internal_port=8002 portcontrol.map.req_sug_external_port=8002 \
		portcontrol.map.req_sug_external_ip=::
}

@test "MAP with a suggested address" {
	map_packet 8003
	has portcontrol.map.req_sug_external_ip=::ffff:44.128.7.2
	map_packet 8004
	has portcontrol.map.req_sug_external_ip=::ffff:0.0.0.0
}

@test "PREFER_FAILURE: 4 octets" {
	map_packet 8005
	has udp.length=72 portcontrol.map.req_sug_external_port=8005 \
		portcontrol.option.code=2 portcontrol.option.reserved=0 portcontrol.option.length=0
}

@test "FILTER: two, of an IPv4 network and of a port" {
	map_packet 8006
	has udp.length=116 \
		portcontrol.option.code=3 portcontrol.option.reserved=0 portcontrol.option.length=20 \
		portcontrol.option.filter.reserved=0 portcontrol.option.filter.prefix_length=120 \
		portcontrol.option.filter.remote_peer_port=0 \
		portcontrol.option.filter.remote_peer_ip=::ffff:44.128.9.0 \
		portcontrol.option.code=3 portcontrol.option.length=20 \
		portcontrol.option.filter.prefix_length=128 \
		portcontrol.option.filter.remote_peer_port=443 \
		portcontrol.option.filter.remote_peer_ip=::ffff:44.128.9.1
}

@test "FILTER: none comes first, with prefix length 0" {
	map_packet 8007
	has portcontrol.option.code=3 portcontrol.option.filter.prefix_length=0 \
		portcontrol.option.filter.remote_peer_port=0 \
		portcontrol.option.code=3 portcontrol.option.filter.prefix_length=128 \
		portcontrol.option.filter.remote_peer_ip=::ffff:44.128.9.7
}

@test "FILTER for IPv6" {
	map_packet 8008
	has portcontrol.map.protocol=17 \
		portcontrol.option.code=3 portcontrol.option.filter.prefix_length=64 \
		portcontrol.option.filter.remote_peer_ip=2d00:64:ff:: \
		portcontrol.option.code=3 portcontrol.option.filter.prefix_length=128 \
		portcontrol.option.filter.remote_peer_port=53 \
		portcontrol.option.filter.remote_peer_ip=2d00:64:ff::1
}

@test "THIRD_PARTY: the other's address in the option, ours in the header" {
	map_packet 8009
	has udp.length=88 portcontrol.client_ip=::ffff:192.168.1.10 \
		portcontrol.option.code=1 portcontrol.option.reserved=0 portcontrol.option.length=16 \
		portcontrol.option.third_party.internal_ip=::ffff:192.168.1.20
}

@test "DESCRIPTION: its length is that of the text in UTF-8, then padded with zeros" {
	map_packet 8010
	has udp.length=76 portcontrol.option.code=128 portcontrol.option.length=4 \
		portcontrol.option.description=hell portcontrol.option.padding=
	map_packet 8011
	has udp.length=80 portcontrol.option.code=128 portcontrol.option.length=6 \
		portcontrol.option.description=wörld portcontrol.option.padding=00:00
}

@test "PORT_SET: 5 octets and 3 of padding" {
	map_packet 8012
	# What tshark calls the external port is the first internal one (RFC 7753, 4.1).
	has udp.length=80 portcontrol.map.req_sug_external_port=8012 \
		portcontrol.option.code=130 portcontrol.option.length=5 \
		portcontrol.option.portset.size=4 \
		portcontrol.option.portset.req_sug_first_external_port=8012 \
		portcontrol.option.portset.parity=0 portcontrol.option.padding=00:00:00
}

@test "several options in one request" {
	map_packet 8013
	local code
	for code in 1 2 3 128; do
		has "portcontrol.option.code=$code"
	done
	has portcontrol.option.third_party.internal_ip=::ffff:192.168.1.20
	has portcontrol.option.filter.prefix_length=120
	has portcontrol.option.description=all portcontrol.option.padding=00
	has udp.length=124
}

@test "delete: lifetime 0, external port and address 0" {
	map_packet 8014
	has portcontrol.lifetime_req=0 portcontrol.client_ip=::ffff:192.168.1.10 \
		portcontrol.map.nonce=00:11:22:33:44:55:66:77:88:99:aa:bb \
		portcontrol.map.protocol=17 portcontrol.map.internal_port=8014 \
		portcontrol.map.req_sug_external_port=0 \
		portcontrol.map.req_sug_external_ip=::ffff:0.0.0.0
}

@test "other protocols; where ports mean something else, none is suggested" {
	map_packet 8015
	has portcontrol.map.protocol=132 portcontrol.map.req_sug_external_port=0
	map_packet 8016
	has portcontrol.map.protocol=33
	map_packet 8017
	has portcontrol.map.protocol=136
	map_packet 8018
	has portcontrol.map.protocol=200
}

@test "all/tcp and all: port 0, and protocol 0" {
	packet portcontrol.map.internal_port=0 portcontrol.map.protocol=6
	has portcontrol.map.internal_port=0 portcontrol.map.req_sug_external_port=0
	packet portcontrol.map.internal_port=0 portcontrol.map.protocol=0
	has portcontrol.map.internal_port=0 portcontrol.map.req_sug_external_port=0
}

@test "NAT-PMP: mapping requests" {
	nat_pmp_packet 8100
	has udp.length=20 nat-pmp.version=0 nat-pmp.opcode=2 nat-pmp.reserved=0 \
		nat-pmp.internal_port=8100 nat-pmp.external_port=9100 nat-pmp.pml=10800
	nat_pmp_packet 8101
	has nat-pmp.opcode=1 nat-pmp.reserved=0 nat-pmp.internal_port=8101 \
		nat-pmp.external_port=0 nat-pmp.pml=7200
}

@test "NAT-PMP: delete, with lifetime and external port 0" {
	nat_pmp_packet 8102
	has nat-pmp.opcode=2 nat-pmp.reserved=0 nat-pmp.external_port=0 nat-pmp.pml=0
}

@test "NAT-PMP: the external address, 2 octets" {
	packet nat-pmp.opcode=0
	has udp.length=10 nat-pmp.version=0 nat-pmp.opcode=0 nat-pmp.reserved=
}

@test "ANNOUNCE: 24 octets, lifetime 0, in both families" {
	packet portcontrol.opcode=0 ip.dst=192.168.1.254
	has udp.length=32 portcontrol.version=2 portcontrol.r=0 portcontrol.opcode=0 \
		portcontrol.reserved=0 portcontrol.lifetime_req=0 \
		portcontrol.client_ip=::ffff:192.168.1.10
	packet portcontrol.opcode=0 ipv6.dst=fe80::1
	has udp.length=32 portcontrol.lifetime_req=0 portcontrol.client_ip=2d00:64:1::10
}
