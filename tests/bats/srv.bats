# SPDX-License-Identifier: MIT
# map --srv: what is printed for nsupdate(1) at which event, and what is withdrawn, also by
# a later run. The forms of the commands themselves are in tests/unit (test_nsupdate.c).
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2153,SC2016,SC2030,SC2031  # bats' and helper's variables

load keep

setup_file() {
	keep_setup_file
}

teardown_file() {
	gateway_stop
}

teardown() {
	keep_teardown
}

SRV=(--srv _sip._udp.example.org --target host.example.org)
ADD='update add _sip._udp.example.org. 120 SRV 0 0 49152 host.example.org.
update add host.example.org. 120 A 44.128.10.7
send'
REMOVE='update delete _sip._udp.example.org. SRV 0 0 49152 host.example.org.
update delete host.example.org. A 44.128.10.7
send'

is_out() {
	[ -e "$OUT" ] && [ "$(<"$OUT")" = "$1" ]
}

@test "published at the grant, changed with the port, withdrawn at the end; nothing else on stdout" {
	gateway
	keep -x 'echo from the hook' any:5060/udp "${SRV[@]}"
	wait_until is_out "$ADD"
	gateway_tell update
	wait_until printed "update delete" 1
	port=$(sed -n 's/^update add _sip.* 0 0 \([0-9]*\) .*/\1/p' "$OUT" | tail -n1)
	[ "$port" -ne 49152 ]
	is_out "$ADD
update delete _sip._udp.example.org. SRV 0 0 49152 host.example.org.
update add _sip._udp.example.org. 120 SRV 0 0 $port host.example.org.
send"
	end
	[ "$(tail -n3 "$OUT")" = "${REMOVE/49152/$port}" ]
	[ "$(wc -l < "$OUT")" -eq 9 ]
}

@test "another address: only its record changes" {
	gateway "$SHORT"
	keep any:5060/udp --ttl 300 "${SRV[@]}"
	wait_until printed "300 A 44.128.10.7"
	gateway_tell external 44.128.10.9
	within 8 printed "update delete host.example.org. A 44.128.10.7"
	printed "update add host.example.org. 300 A 44.128.10.9"
	printed " SRV " 1
	end
}

@test "lost withdraws, silence before that does not; recovered publishes again" {
	gateway "$SHORT"
	keep any:5060/udp "${SRV[@]}"
	wait_until printed send
	printed "update add _sip._udp.example.org. 2 SRV" # a quarter of the lifetime
	gateway_add silent
	sleep 5.5
	printed send 1
	within 6 printed send 2
	[ "$(tail -n3 "$OUT")" = "$REMOVE" ]
	gateway_tell unmode silent
	within 12 printed send 3
	printed "update add _sip" 2
	end
	printed send 4
	[ "$(tail -n3 "$OUT")" = "$REMOVE" ]
}

@test "a private address with --keep: a warning, and what was published is withdrawn" {
	gateway "$SHORT"
	keep any:5060/udp "${SRV[@]}"
	wait_until printed send
	gateway_tell external 100.64.3.2
	within 8 said "_sip._udp.example.org: 100.64.3.2 is not public"
	wait_until printed send 2
	[ "$(tail -n3 "$OUT")" = "$REMOVE" ]
	within 12 has_sent 3
	said "is not public" # once, not at each renewal
	gateway_tell external 44.128.10.7
	within 8 printed send 3
	end
}

@test "a one-shot run: printed; a private address is exit 1 unless --publish-any" {
	gateway
	map any:5060/udp "${SRV[@]}"
	exits 0
	[ "$output" = "$ADD" ]
	gateway external=192.168.3.2
	map 5060/udp "${SRV[@]}"
	exits 1
	[ -z "$output" ]
	says "_sip._udp.example.org: 192.168.3.2 is not public (" "--publish-any does it all the same"
	gateway external=192.168.3.2
	map 5060/udp --publish-any "${SRV[@]}"
	exits 0
	prints "A 192.168.3.2"
	gateway map-result=2
	map 5060/udp "${SRV[@]}"
	exits 1
	[ -z "$output" ]
	says "refused: NOT_AUTHORIZED"
}

@test "what was published is in the state directory: the next run withdraws exactly that" {
	gateway
	keep any:5060/udp "${SRV[@]}"
	wait_until is_out "$ADD"
	kill -KILL "$pid"
	wait "$pid" || true
	grep -qr "_sip._udp.example.org. SRV 0 0 49152 host.example.org." "$PCPCTL_STATE_DIR"
	gateway_tell forget
	gateway_add taken=49152
	keep any:5060/udp "${SRV[@]}"
	wait_until printed send
	printed "update delete _sip._udp.example.org. SRV 0 0 49152 host.example.org."
	printed "update add _sip._udp.example.org. 120 SRV 0 0 49153 host.example.org."
	end
	[ "$(tail -n3 "$OUT")" = "${REMOVE/49152/49153}" ]
}

@test "-d --srv withdraws what was published; -d alone says that it stays" {
	gateway
	map any:5060/udp "${SRV[@]}"
	exits 0
	map -d 5060/udp "${SRV[@]}"
	exits 0
	[ "$output" = "$REMOVE" ]
	map any:5060/udp "${SRV[@]}"
	exits 0
	map -d 5060/udp
	exits 0
	says "its DNS records stay (delete with --srv to withdraw them): _sip._udp.example.org. SRV"
}

@test "--leave: the mapping stays, and so does its record" {
	gateway
	keep --leave any:5060/udp "${SRV[@]}"
	wait_until is_out "$ADD"
	end
	is_out "$ADD"
	map -d 5060/udp "${SRV[@]}"
	exits 0
	[ "$output" = "$REMOVE" ]
}

@test "--priority, --weight, --zone, --no-address, --replace" {
	gateway
	map any:5060/udp "${SRV[@]}" --priority 10 --weight 20 --zone example.org --no-address --replace
	exits 0
	[ "$output" = "zone example.org.
update delete _sip._udp.example.org. SRV
update add _sip._udp.example.org. 120 SRV 10 20 49152 host.example.org.
send" ]
}

@test "tcp+udp: two records of one name, the address once, gone with the last" {
	gateway
	keep any:5060/tcp+udp "${SRV[@]}"
	wait_until printed send 1+
	sleep 0.3
	printed "A 44.128.10.7" 1
	end
	printed "update delete host.example.org. A" 1
	holds 0
}

@test "refused: what the names and numbers may be, and what --srv does not go with" {
	gateway
	local row word
	for word in '' a..b 'a b' '"x"' $'a\nb' "$(printf 'a%.0s' {1..64}).org" '*.example.org'; do
		map 80 --srv "$word" --target host.example.org
		[ "$status" -eq 2 ]
		[ -z "$output" ]
		[ "${#stderr_lines[@]}" -eq 1 ]
	done
	for word in '' _host.example.org 'a b' a..b; do
		map 80 --srv _x._tcp.example.org --target "$word"
		[ "$status" -eq 2 ]
	done
	for word in 0 -1 x 500ms 2147483648; do
		map 80 "${SRV[@]}" --ttl "$word"
		is_usage_error "$word: TTL must be whole seconds from 1 to 2147483647"
	done
	for row in priority weight; do
		for word in 65536 -1 x ''; do
			map 80 "${SRV[@]}" "--$row=$word"
			is_usage_error "${word:-''}: $row must be 0-65535"
		done
	done
	map 80 --srv _x._tcp.example.org
	is_usage_error "--srv: needs --target, the host that the record points to"
	for row in "--target a.example.org" "--zone example.org" "--ttl 5" "--priority 1" "--weight 1" \
			--no-address --replace --publish-any; do
		# shellcheck disable=SC2086  # words
		map 80 $row
		is_usage_error "only with --srv"
	done
	map 80 "${SRV[@]}" --zone example.net
	is_usage_error "_sip._udp.example.org: the name lies outside of the zone"
	map 80 --srv _x._tcp.example.org --target host.example.net --zone example.org
	is_usage_error "the target lies outside of the zone"
	for row in --json --quiet --shell --dry-run; do
		map 80 "${SRV[@]}" $row
		is_usage_error "--srv: not with --json, --quiet, --shell, --dry-run or --list"
	done
	pcpctl map "${SRV[@]}" --list
	is_usage_error "--srv: not with"
	[ "$(sent)" -eq 0 ]
}
