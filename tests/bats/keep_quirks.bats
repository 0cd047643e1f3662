# SPDX-License-Identifier: MIT
# map --keep and what real servers do. Where each row is of what is known of them:
#   Q1 Q2 Q3 C8   fallback.bats; what is kept then: here, "the version"
#   Q4            map.bats "port unreachable"; kept: keep.bats, and story 1 here
#   Q5 Q6 Q28     map.bats "other source", "the low-byte fault"; kept: here, "lies"
#   Q7            here, "any port is refused"
#   Q8            map.bats "1:0"; here, story 1
#   Q9            map.bats "--nonce"; keep.bats has one nonce throughout
#   Q10           map.bats "delete with the right nonce"
#   Q11           map.bats "-F"
#   Q12 Q13       map.bats "-P ignored", "another external port"
#   Q14 Q17       tests/unit/test_keep_schedule.c (hours), and Q14: keep.bats "refused"
#   Q15           map.bats "lifetimes"
#   Q16           map.bats "NAT-PMP: an external address"; kept: here
#   Q18           here, "rules flushed"
#   Q19 Q20       keep.bats "another external address", "a restart with the port taken"
#   Q25 Q26       map.bats "all", "-3"
#   port sets     here, "a port set is answered in two parts" (RFC 7753, 5.3)
# The rest concerns discover, peer and announce-listen.
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

# A VPN provider's forwarded port into a torrent client, for days: here for half a minute,
# with a lease of 12 s for one of 60 s. The consumer is not up when the hook first runs;
# the gateway refuses now and then, loses datagrams, and gives another port once.
@test "story 1: a VPN's port, through losses and refusals" {
	gateway natpmp-only natpmp-internal-port-zero-ok natpmp-lifetime=12 loss=10 seed=7
	keep -l 60 1:0/tcp+udp -x '[ -e "$HOOKED.up" ] || { : > "$HOOKED.up"; exit 7; }
		echo "$PCP_EVENT $PCP_PROTOCOL $PCP_EXTERNAL_PORT" >> "$HOOKED"'
	within 20 printed " -> " 2+
	wait_until said "the hook failed with exit status 7; it is run again in 1 s"
	within 5 hooked "granted tcp "
	within 5 hooked "granted udp "
	local i end=$((SECONDS + 22))
	RANDOM=7
	for ((i = 0; SECONDS < end; i++)); do
		gateway_tell unreachable $((RANDOM % 400 + 100))
		sleep "1.$((RANDOM % 10))"
	done
	kill -0 "$pid"
	gateway_tell unmode loss
	local before
	before=$(port_of_udp)
	gateway_tell forget # the tunnel was made anew: another port
	within 25 holds 2
	[ "$(port_of_udp)" -ne "$before" ]
	within 20 printed "udp  44.128.10.7:$(port_of_udp) -> 127.0.0.1:0" 1+
	within 20 printed "tcp  44.128.10.7:$(port_of_udp) -> 127.0.0.1:0" 1+
	wait_until hooked " udp $(port_of_udp)" 1+
	wait_until hooked " tcp $(port_of_udp)" 1+
	end
	[ "$(sent version=2)" -eq 0 ]
	[ "$(sent version=0 opcode=1 lifetime=0)" -eq 0 ]
	[ "$(sent version=0 opcode=2 lifetime=0)" -eq 0 ]
	holds 2
}

port_of_udp() {
	gateway_tell mappings | sed -n 's/.*"protocol": 17.*"external_port": \([0-9]*\).*/\1/p; s/.*"external_port": \([0-9]*\).*"protocol": 17.*/\1/p' |
		head -n1
}

@test "the version: PCP goes, and comes back" {
	gateway "$SHORT" natpmp-lifetime=8
	keep 80
	held
	printed "(PCP, $S)"
	gateway_add natpmp-only
	within 16 has_sent 2 version=0 opcode=2
	holds 1
	gateway_tell unmode natpmp-only
	gateway_add natpmp-refuses
	local n
	n=$(sent version=2 kind=MAP)
	within 25 has_sent $((n + 1)) version=2 kind=MAP
	within 5 holds 1
	end
	holds 0
}

@test "lies about a renewal: dropped, lost in time, recovered by the first true answer" {
	gateway "$SHORT"
	keep 80
	held
	gateway_add wrong-nonce
	within 8 has_sent 2
	within 8 printed " lost"
	[ "$(events)" = "granted lost" ]
	wait_until said "carried another nonce than was sent: dropped"
	gateway_tell unmode wrong-nonce
	within 12 printed "  recovered"
	end
	holds 0
}

@test "any port is refused (MikroTik): it stays, and another spec is granted" {
	gateway any-port-refused error-lifetime=0
	keep any:80 81
	wait_until said "tcp 80: $S refused: NO_RESOURCES"
	wait_until printed "44.128.10.7:81 -> 127.0.0.1:81"
	end
	holds 0
}

@test "rules flushed and nobody told (OpenWrt): the next renewal makes it again" {
	gateway "$SHORT"
	keep 80
	held
	gateway_tell forget
	holds 0
	within 8 holds 1
	[ "$(events)" = granted ]
	end
}

@test "NAT-PMP cannot say the address (NETWORK_FAILURE): the port is kept, the address is ?" {
	gateway natpmp-only natpmp-lifetime=8 natpmp-address-result=3
	keep 80
	held
	printed "tcp  ?:80 -> 127.0.0.1:80"
	gateway_tell unmode natpmp-address-result
	within 12 printed "44.128.10.7:80 -> 127.0.0.1:80"
	end
	holds 0
}

@test "the delete at the end is answered by a residual life: said" {
	gateway lifetime-on-delete=30
	keep 80
	held
	end
	printed "deleted, lives on for 30s"
}

@test "a port set is answered in two parts: each is told, renewed and deleted" {
	gateway "$SHORT" port-set-several
	keep --port-set 4 8080
	wait_until printed " -> " 2
	printed "tcp  44.128.10.7:8080 -> 127.0.0.1:8080  8s"
	printed "tcp  44.128.10.7:8082 -> 127.0.0.1:8082  8s"
	holds 2 size=2
	within 8 has_sent 1 kind=MAP lifetime=7200 internal_port=8082
	within 8 has_sent 2 kind=MAP lifetime=7200 internal_port=8080
	[ "$(sent_fields port_set internal_port=8082 | tr ' ' '\n' | sort -u)" = 2@8082/0 ]
	[ "$(sent_fields port_set internal_port=8080 | tr ' ' '\n' | sort -u)" = 4@8080/0 ]
	holds 2 size=2
	end
	holds 0
	[ "$(sent kind=MAP lifetime=0 internal_port=8080)" -eq 1 ]
	[ "$(sent kind=MAP lifetime=0 internal_port=8082)" -eq 1 ]
	[ "$(events)" = "granted granted deleted deleted" ]
	[ "$(sent_fields nonce | tr ' ' '\n' | sort -u | wc -l)" -eq 1 ]
}

@test "a port set of two is answered in two parts of one port" {
	gateway port-set-several
	keep -j --port-set 2 8080
	wait_until has_lines "$OUT" '"event":"granted"' 2
	output=$(< "$OUT")
	[ "$(json mapping internal_port | paste -sd' ')" = "8080 8081" ]
	[ "$(json mapping external_port | paste -sd' ')" = "8080 8081" ]
	holds 2 size=1
	end
	holds 0
	has_lines "$OUT" '"event":"deleted"' 2
	has_lines "$OUT" '"type":"mapping"' 4
}

@test "late, repeated and swapped answers are one event each" {
	local mode
	for mode in duplicate=3 duplicate-reply late reorder stale-first forged-first; do
		gateway $mode
		keep 80 81/udp
		wait_until printed " -> " 2
		end
		printed deleted 2
		[ "$(wc -l < "$OUT")" -eq 4 ]
		holds 0
	done
}
