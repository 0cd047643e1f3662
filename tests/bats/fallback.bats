# SPDX-License-Identifier: MIT
# How a server is asked (pcpctl(1)): versions, silence, loss, the window; by what was sent.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031  # bats' and helper's variables

load helper

setup_file() {
	gateway_start
}

teardown_file() {
	gateway_stop
}

# The versions sent, in their order, as one word.
versions() {
	sent_fields version | tr -d ' '
}

# --- 1: UNSUPP_VERSION ---

@test "UNSUPP_VERSION in every form: NAT-PMP at once, one more round trip" {
	for form in 8 4 opcode0 opcode129 v2form 16 v1; do
		gateway "natpmp-only=$form"
		map -v 80
		exits 0
		prints "tcp  44.128.10.7:80 -> 127.0.0.1:80  2h" "(NAT-PMP, $S)"
		says "UNSUPP_VERSION"
		[ "$(versions)" = 200 ]
		# MAP; map TCP; the address after the mapping
		[ "$(sent_fields opcode)" = "1 2 0" ]
		# no wait of the schedule is in it
		under 2000
		[ "$(mappings)" -eq 1 ]
	done
}

@test "UNSUPP_VERSION: no warning of lost packets where none was lost" {
	gateway natpmp-only
	map 80
	silent_about "late-or-lossy" "repeated request"
}

@test "UNSUPP_VERSION holds for every mapping of the run" {
	gateway natpmp-only
	map -q 80 81/udp 82/tcp+udp
	exits 0
	[ "$output" = $'44.128.10.7:80\n44.128.10.7:81\n44.128.10.7:82\n44.128.10.7:82' ]
	# the window of the first round, then version 0 only; one address for all
	[[ $(versions) =~ ^2{1,4}0{5}$ ]]
	[ "$(sent version=0 opcode=0)" -eq 1 ]
}

@test "a fallback that was told to be one is not news: nothing on stderr" {
	gateway natpmp-only
	listen
	map "$listening"
	exits 0
	[ -z "$stderr" ]
}

@test "a server that offers a third version, or the one it was asked in" {
	gateway version-odd=3
	map -t 300ms 80
	[ "$status" -ne 0 ]
	[ -z "$output" ]
	says "version 3"
}

@test "--pcp never falls back, --nat-pmp never asks version 2" {
	gateway natpmp-only
	map --pcp -t 300ms 80
	exits 1
	says "UNSUPP_VERSION"
	[ "$(versions)" = 2 ]
	gateway natpmp-silent
	map --pcp -t 600ms 80
	exits 3
	[ "$(sent version=0)" -eq 0 ]
	[ "$(mappings)" -eq 0 ]
	gateway
	map --nat-pmp 80
	exits 0
	prints "(NAT-PMP, $S)"
	[ "$(versions)" = 00 ]
	gateway pcp-only
	map --nat-pmp -t 300ms 80
	[ "$status" -eq 1 ] || [ "$status" -eq 3 ]
	[ "$(sent version=2)" -eq 0 ]
}

# --- 2: silence ---

@test "silent on version 2, answers version 0: falls back within a second or so" {
	gateway natpmp-silent
	map 80
	exits 0
	prints "(NAT-PMP, $S)"
	under 4000 # 480 ms here
	says "left " "version-2 requests without an answer"
	# MAP, MAP with the two probes, then NAT-PMP; the order within the round is free
	[[ $(versions) =~ ^2(220|202|022)0+$ ]]
	[ "$(sent version=2 kind=MAP)" -eq 2 ]
	[ "$(sent version=2 opcode=0)" -eq 1 ]
	[ "$(mappings)" -eq 1 ]
}

@test "silent on version 2: not before 250 ms after the answer of NAT-PMP" {
	gateway natpmp-silent
	map 80
	first=$(sent_fields t opcode=0 version=0 | cut -d' ' -f1)
	then=$(sent_fields t opcode=2 version=0 | cut -d' ' -f1)
	awk -v a="$first" -v b="$then" 'BEGIN { exit !(b - a >= 245) }'
}

@test "silent on version 2, and the request needs PCP: PCP goes on until -t" {
	gateway natpmp-silent
	map -t 900ms -F 192.0.2.1 80
	exits 3
	under 4000
	says "it answers NAT-PMP, which cannot express"
	[ "$(sent version=0 kind=MAP)" -eq 0 ]
	[ "$(sent version=0 opcode=2)" -eq 0 ]
	[ "$(mappings)" -eq 0 ]
}

@test "a slow PCP proxy beside a quick NAT-PMP stays PCP" {
	for delay in 400 700; do
		gateway "delay-map=$delay"
		map 80
		exits 0
		prints "(PCP, $S)"
		[ "$(sent version=0 opcode=2)" -eq 0 ]
		[ "$(mappings)" -eq 1 ]
		silent_about "answered NAT-PMP, which was used"
	done
	gateway delay-pcp=400
	map 80
	exits 0
	prints "(PCP, $S)"
	[ "$(sent version=0 opcode=2)" -eq 0 ]
}

@test "answers in another version than asked never end an exchange" {
	gateway wrong-version=1
	map -t 300ms 80
	exits 3
}

@test "PCP answers MAP never but says that it is there: no fallback, NAT-PMP is not blamed" {
	gateway header-only
	map -t 700ms 80
	exits 3
	silent_about "NAT-PMP, which cannot express" "speaks NAT-PMP only"
	[ "$(sent version=0 opcode=2)" -eq 0 ]
}

# --- 3: ICMP ---

@test "port unreachable ends both protocols at once" {
	port=$(closed_port)
	for option in "" --pcp --nat-pmp --patient; do
		# shellcheck disable=SC2086  # no word when empty
		pcpctl map $option -s "127.0.0.1:$port" 80 81 82/tcp+udp
		exits 4
		under 500
	done
}

# --- loss, delay, order ---

@test "the first packet lost: granted after the first wait" {
	gateway drop-first=1
	map 80
	exits 0
	prints "(PCP, $S)"
	[ "$took" -ge 200 ]
	under 3000 # 270 ms here
	[ "$(sent kind=MAP version=2)" -eq 2 ]
	[ "$(sent_fields nonce kind=MAP version=2 | tr ' ' '\n' | sort -u | wc -l)" -eq 1 ]
	[ "$(mappings)" -eq 1 ]
	gateway natpmp-only drop-first-map=2 # the version answer is lost as well
	map 80
	exits 0
	under 8000
}

@test "the first packet lost, NAT-PMP only by --nat-pmp" {
	gateway drop-first=1
	map --nat-pmp 80
	exits 0
	[ "$(versions)" = 000 ]
	under 3000
}

@test "duplicates, late answers, another order: each mapping gets its own" {
	for mode in duplicate=2 duplicate-reply late reorder stale-first forged-first; do
		gateway $mode
		map -q 80 81/udp 1080:82 any:83/tcp+udp
		exits 0
		[ "$output" = $'44.128.10.7:80\n44.128.10.7:81\n44.128.10.7:1080\n44.128.10.7:49152\n44.128.10.7:49152' ]
		[ "$(mappings)" -eq 5 ]
	done
	for mode in duplicate=2 duplicate-reply late; do
		gateway natpmp-only $mode
		map -q 80 81/udp 1080:82
		exits 0
		[ "$output" = $'44.128.10.7:80\n44.128.10.7:81\n44.128.10.7:1080' ]
	done
}

@test "30 % loss each way: granted, and a server that speaks both is not called NAT-PMP only" {
	for seed in 1 2 3 4 5 6 7 8; do
		gateway seed=$seed loss=30
		map -t 25s -j 80
		exits 0
		json_is mapping event granted
		# falling back is possible when all of version 2 is lost for so long; claiming is not
		silent_about nat-pmp-only
	done
}

@test "30 % loss each way with NAT-PMP only: granted, or exit 3; never wrong" {
	for seed in 1 2 3 4; do
		gateway seed=$seed natpmp-only loss=30
		map -t 25s -q 80
		exits 0
		[ "$output" = 44.128.10.7:80 ]
	done
}

# --- the window ---

@test "1,000 mappings: all granted, never more than 64 outstanding" {
	gateway delay-map=10
	# shellcheck disable=SC2046  # words
	map -t 60s -q $(seq 1001 2000)
	exits 0
	[ "${#lines[@]}" -eq 1000 ]
	[ "$output" = "$(seq -f 44.128.10.7:%.0f 1001 2000)" ]
	most=$(requests | grep -o '"outstanding":[0-9]*' | cut -d: -f2 | sort -n | tail -1)
	echo "outstanding: $most, $took ms"
	[ "$most" -le 64 ]
	[ "$most" -ge 32 ]
	[ "$(mappings)" -gt 0 ]
	# nothing was lost, so nothing is sent twice
	[ "$(sent)" -eq 1000 ]
	under 15000
}

@test "1,000 mappings at once" {
	gateway
	# shellcheck disable=SC2046
	map -t 60s -q $(seq 1001 2000)
	exits 0
	[ "$output" = "$(seq -f 44.128.10.7:%.0f 1001 2000)" ]
	under 10000
}

@test "NAT-PMP: one at a time" {
	gateway natpmp-only delay-natpmp=5
	# shellcheck disable=SC2046
	map -q $(seq 1001 1050)
	exits 0
	[ "$output" = "$(seq -f 44.128.10.7:%.0f 1001 1050)" ]
	most=$(requests version=0 | grep -o '"outstanding":[0-9]*' | cut -d: -f2 | sort -n | tail -1)
	[ "$most" -eq 1 ]
}

@test "400 mappings to a server that loses a fifth: all granted" {
	gateway loss-in=20
	# shellcheck disable=SC2046
	map -t 60s -q $(seq 1001 1400)
	exits 0
	[ "$output" = "$(seq -f 44.128.10.7:%.0f 1001 1400)" ]
	most=$(requests version=2 | grep -o '"outstanding":[0-9]*' | cut -d: -f2 | sort -n | tail -1)
	[ "$most" -le 64 ]
}

# --- 5: the address in NAT-PMP ---

@test "NAT-PMP: the address is asked after the mapping, once" {
	gateway
	map --nat-pmp 80/udp 81/udp
	exits 0
	[ "$(sent_fields opcode)" = "1 0 1" ] || [ "$(sent_fields opcode)" = "1 1 0" ]
}

@test "NAT-PMP that wants an external port suggested (RouterOS): the internal one, then any" {
	gateway natpmp-only any-port-refused
	map -q --nat-pmp any:8080
	exits 0
	[ "$output" = 44.128.10.7:8080 ]
	[ "$(sent_fields suggested_port internal_port=8080)" = "0 8080" ]
	# refused whatever is suggested: three requests in all, and it is no success
	gateway natpmp-only natpmp-result=4
	map --nat-pmp any:8080
	exits 1
	says "NO_RESOURCES (NAT-PMP 4)"
	[ "$(sent internal_port=8080)" -eq 3 ]
	# a port that was named is not exchanged for another
	gateway natpmp-only natpmp-result=4
	map --nat-pmp 8080
	exits 1
	[ "$(sent internal_port=8080)" -eq 1 ]
}
