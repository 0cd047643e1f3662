# SPDX-License-Identifier: MIT
# Bad words: exit 2, one line with the word and what is allowed, nothing sent.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031  # bats' and helper's variables

load helper

setup_file() {
	gateway_start
}

teardown_file() {
	gateway_stop
}

setup() {
	gateway
}

# refuses TEXT ARG...: map with these words is a usage error that has TEXT.
refuses() {
	local text=$1
	shift
	map "$@"
	is_usage_error "$text"
}

# Whatever the test did, nothing was sent.
teardown() {
	[ "$(sent)" -eq 0 ]
}

@test "ports that are none" {
	for word in 70000 65536 1x 08 00 0x50 +80 ' 80' '80 ' 80-90 8.0 é '' - 99999999999999999999; do
		refuses "${word:-''}: " "$word"
	done
	for word in 70000 1x 08 0x50 +80 80-90; do
		refuses "map: $word: port must be 0-65535" "$word"
	done
	refuses "map: '': empty" ""
	refuses "map: -1: " -1
	refuses "map: -1: port must be 0-65535" -- -1
}

@test "specs that are none: the message has the whole word and the part" {
	refuses "map: 80:70000: 70000: port must be 0-65535" 80:70000
	refuses "map: 70000:80: 70000: external port must be 1-65535, or any" 70000:80
	refuses "map: 0:80: 0: external port must be 1-65535, or any" 0:80
	refuses "map: :80: '': external port must be" :80
	refuses "map: 80:: '': port must be" 80:
	refuses "map: any:any: any: port must be" any:any
	refuses "map: 80:80:80: more than one colon; a spec is [EXTERNAL:]INTERNAL[/PROTO]" 80:80:80
	refuses "map: 1:all: all takes no external port" 1:all
	refuses "map: all/tcp+udp: " all/tcp+udp
	refuses "too long" "$(printf '8%.0s' {1..100})"
}

@test "protocols that are none: the message lists those that are" {
	for word in 80/foo 80/256 80/06 80/ 80/tcp/udp 80/tcp+ 80/-1; do
		refuses "map: $word: " "$word"
		says "protocol must be tcp, udp, tcp+udp, sctp, dccp, udplite, a name of /etc/protocols or 0-255"
	done
	refuses "80/0: protocol 0 means all protocols" 80/0
	refuses "0/sctp: internal port 0 is NAT-PMP's" 0/sctp
}

@test "two specs of one internal port and protocol" {
	refuses "80: asks again for the internal port of 80" 80 80
	refuses "81:80: asks again for the internal port of 80" 80 81:80
	refuses "80/udp: asks again for the internal port of 80/tcp+udp" 80/tcp+udp 80/udp
	refuses "80/6: asks again" 80/tcp 81 80/6
}

@test "a word with a line break or an escape sequence stays one harmless line" {
	refuses 'map: 80\x0a90: port must be' $'80\n90'
	refuses 'map: \x1b[31m: port must be' $'\e[31m'
	refuses 'map: a\xff: port must be' $'a\xff'
	pcpctl $'ma\np'
	is_usage_error 'pcpctl: ma\x0ap: unknown command'
}

@test "an unknown option, with the nearest one" {
	refuses "map: --timeuot: unknown option, nearest is --timeout" --timeuot 5 80
	refuses "map: --quite: unknown option, nearest is --quiet" --quite 80
	refuses "map: --bogus: unknown option" --bogus 80
	refuses "map: -Z: unknown option" -Z 80
	refuses "map: --no: may be the beginning of --no-state, --nonce" --no 80
	refuses "map: --json=yes: --json takes no value" --json=yes 80
	pcpctl --jsno map 80
	is_usage_error "pcpctl: --jsno: unknown option, nearest is --json"
	pcpctl discover --no-externl
	is_usage_error "discover: --no-externl: unknown option, nearest is --no-external"
	pcpctl discover -P
	is_usage_error "discover: -P: unknown option"
}

@test "an unknown command, with the nearest one" {
	pcpctl mapp 80
	is_usage_error "pcpctl: mapp: unknown command, nearest is map"
	pcpctl dicsover
	is_usage_error "pcpctl: dicsover: unknown command, nearest is discover"
	pcpctl xyzzy
	is_usage_error "pcpctl: xyzzy: unknown command"
	pcpctl ""
	is_usage_error "pcpctl: '': unknown command"
	pcpctl help mpa
	is_usage_error "mpa: unknown command, nearest is map"
	pcpctl
	is_usage_error "no command; see pcpctl --help"
	pcpctl help map discover
	is_usage_error "help: discover: one topic"
}

@test "an option without its value, or with an option in its place" {
	for option in -s -i -b -t -l -e -F -3 --server --timeout --mark --color --nonce --port-set --description; do
		refuses "map: $option: needs a value" 80 "$option"
	done
	refuses "map: --json: is an option where --server needs ADDR" -s --json 80
	refuses "map: -j: is an option where --server needs ADDR" -s -j 80
	refuses "map: --quiet: is an option where --lifetime needs TIME" --lifetime --quiet 80
	says "--lifetime=--quiet"
	pcpctl -s
	is_usage_error "pcpctl: -s: needs a value"
	pcpctl discover --wait
	is_usage_error "discover: --wait: needs a value"
}

@test "map without a spec, discover with a word" {
	refuses "map: nothing to map: name a port"
	refuses "map: nothing to map" -t 80
	pcpctl discover -s "$S" 80
	is_usage_error "discover: 80: "
}

@test "times" {
	for word in '' 5x -1 1.5 08 0 s ms 1h30m 99999999999999999999; do
		refuses "${word:-''}: time must be a number above 0 and one unit: 500ms, 5" -t "$word" 80
	done
	for word in abc 500ms 4294967296 08 '' -5; do
		refuses "${word:-''}: lifetime must be whole seconds up to 4294967295" -l "$word" 80
	done
	refuses "0: lifetime 0 deletes: that is map --delete" -l 0 80
	pcpctl discover -s "$S" --wait 0
	is_usage_error "discover: 0: time must be"
}

@test "addresses of servers" {
	for word in 300.1.1.1 1.2.3 127.1 1 127.0.0.1:99999 127.0.0.1:0 127.0.0.1: 127.0.0.1:x '[::1]:x' \
			'[::1' ::g 127.0.0.1:5351:1 '[127.0.0.1' '::1%'; do
		pcpctl map -s "$word" 80
		is_usage_error "$word: not an address; write 192.168.1.254, 192.168.1.254:5351"
	done
	pcpctl map -s "" 80
	is_usage_error "'': not an address or host name"
	pcpctl map -s fe80::1 80
	is_usage_error "fe80::1: a link-local address needs its interface"
	pcpctl map -s fe80::1%nosuch0 80
	is_usage_error "nosuch0: no such interface"
	pcpctl map -i nosuch0 -s "$S" 80
	is_usage_error "nosuch0: no such interface"
}

@test "our own address, the mark, the colour" {
	for word in nosuch 1.2.3 300.1.1.1 ''; do
		refuses "${word:-''}: not an address of this host" -b "$word" 80
	done
	refuses "0.0.0.0: names no address" -b 0.0.0.0 80
	for word in 0 x -1 4294967296; do
		refuses "$word: mark must be 1-4294967295" --mark "$word" 80
	done
	refuses "sometimes: color must be auto, always or never" --color sometimes 80
}

@test "addresses of mappings, filters, nonces, port sets" {
	refuses "foo: not an IPv4 or IPv6 address" -e foo 80
	for word in foo 0.0.0.0 ::; do
		refuses "$word: not the IPv4 or IPv6 address of a host" -3 "$word" 80
	done
	refuses "--third-party: is this host's own address" -3 127.0.0.1 80
	for word in foo '' 1.2.3.4:80 '[1.2.3.4]' '[1.2.3.4' 1.2.3; do
		refuses "${word:-''}: a filter is ADDR, ADDR/LEN, [ADDR/LEN]:PORT or none" -F "$word" 80
	done
	for word in 1.2.3.4/33 1.2.3.0/08 1.2.3.4/ 1.2.3.4/-1; do
		refuses "$word: prefix length must be 1-32" -F "$word" 80
	done
	for word in 0.0.0.0/0 1.2.3.4/0 ::/0 '[1.2.3.4/0]:5'; do
		refuses "$word: /0 would remove every filter (RFC 6887, 13.3): if that is meant, write -F none" \
			-F "$word" 80
	done
	refuses "1.2.3.4/24: 1.2.3.4 has bits set behind its first 24" -F 1.2.3.4/24 80
	refuses "[1.2.3.4]:0: port must be 1-65535" -F '[1.2.3.4]:0' 80
	refuses "none: would remove the filters given before it" -F 1.2.3.4 -F none 80
	refuses "--filter: an address of another family" -F 2001:db8::1 80
	for word in 01 0102030405060708090a0b0z 0102030405060708090a0b0c0d ''; do
		refuses "${word:-''}: nonce must be 24 hex digits" --nonce "$word" 80
	done
	for word in 0 1 65536 x; do
		refuses "$word: port set size must be 2-65535" --port-set "$word" 80
	done
	refuses "--description: at most 1016 octets" --description "$(printf 'a%.0s' {1..1017})" 80
	refuses "--description: " --description $'\xff' 80
}

@test "combinations that are refused: forms and families" {
	refuses "--quiet: not together with --json" -j -q 80
	refuses "--dry-run: not together with --quiet" --dry-run -q 80
	refuses "--nat-pmp: not together with --pcp" --pcp --nat-pmp 80
	pcpctl --json map -q -s "$S" 80
	is_usage_error "--quiet: not together with --json"
	pcpctl map --nat-pmp -6 80
	is_usage_error "--nat-pmp: not together with -6"
	pcpctl map --nat-pmp -s ::1 80
	is_usage_error "::1: an IPv6 address, not together with --nat-pmp"
	refuses "$S: an address of a family that -4 or -6 excludes" -6 80
	pcpctl map -4 -s ::1 80
	is_usage_error "::1: an address of a family that -4 or -6 excludes"
	refuses "of another family than the address of -b" -b ::1 80
	pcpctl map -4 -b ::1 80
	is_usage_error "-b: its address is of a family that -4 or -6 excludes"
	for address in :: 2001:db8::1; do
		refuses "--external-address: an IPv6 address for an IPv4 mapping would ask for NAT46" \
			-e "$address" 80
	done
	refuses "--nonce: for one server only" -s 127.0.0.2 --nonce 0102030405060708090a0b0c 80
}

@test "combinations that are refused: -P, --port-set, port 0" {
	for spec in any:80 all all/tcp 80/sctp; do
		refuses "$spec: --prefer-failure needs a port" -P "$spec"
	done
	refuses "--prefer-failure: not together with --port-set" -P --port-set 4 80
	refuses "80/tcp+udp: --port-set takes one protocol" --port-set 4 80/tcp+udp
	refuses "all: --port-set needs an internal port" --port-set 4 all
	refuses "65533: --port-set reaches past port 65535" --port-set 4 65533
	refuses "0/udp: internal port 0 is NAT-PMP's convention: not with --pcp" --pcp 0/udp
	refuses "1:0/udp: internal port 0 is never deleted" -d 1:0/udp
}

@test "combinations that are refused: what --delete does not take" {
	refuses "--lifetime: not together with --delete" -d -l 5 80
	refuses "--external-address: not together with --delete" -d -e 1.2.3.4 80
	refuses "--prefer-failure: not together with --delete" -d -P 80
	refuses "--filter: not together with --delete" -d -F none 80
	refuses "--description: not together with --delete" -d --description a 80
	refuses "--require-public: not together with --delete" -d --require-public 80
	for spec in all all/sctp; do
		refuses "$spec: NAT-PMP deletes all mappings of one protocol: all/tcp or all/udp" \
			-d --nat-pmp "$spec"
	done
}

@test "usage errors are plain lines with --json and --quiet as well" {
	refuses "map: 70000: port must be" --json 70000
	refuses "map: 70000: port must be" --quiet 70000
}

@test "one bad word among good ones: nothing is asked" {
	refuses "map: 9x: port must be" 80 81/udp 9x 82
	refuses "map: 84/udp: --port-set reaches" --port-set 65500 1 84/udp
}

@test "help and version" {
	for args in --help -h "--help map" "map -h" "map 70000 --help" "help map" "help" "help findings" \
			"discover --help"; do
		# shellcheck disable=SC2086  # words
		pcpctl $args
		exits 0
		[ -n "$output" ]
		[ -z "$stderr" ]
	done
	for args in -V --version "map --version" "--version discover"; do
		# shellcheck disable=SC2086
		pcpctl $args
		exits 0
		[[ $output =~ ^pcpctl\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
	done
	pcpctl help map
	help=$output
	pcpctl map --help
	[ "$output" = "$help" ]
	prints "[EXTERNAL:]INTERNAL[/PROTO]" --prefer-failure --timeout
}

@test "-s and -b: addresses that are nobody's to ask" {
	local word
	for word in 224.0.0.1 0.0.0.0 :: ff02::1%lo 255.255.255.255; do
		refuses "$word: not the address of one host" -s "$word" 80
	done
	refuses "fe80::1%lo: a link-local address opens nothing: give a global one" -b fe80::1%lo 80
}
