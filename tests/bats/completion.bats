# SPDX-License-Identifier: MIT
# The bash completion as a user types it: an interactive bash on a terminal of its
# own, with bash-completion's helpers and without.
# shellcheck shell=bash

bats_require_minimum_version 1.5.0

setup_file() {
	local pcpctl=${PCPCTL:-build/pcpctl}

	pcpctl=$(realpath "$pcpctl")
	[[ -x $pcpctl ]] || { echo "$pcpctl is not there: run make first" >&2; return 1; }
	mkdir "$BATS_FILE_TMPDIR/bin" "$BATS_FILE_TMPDIR/other"
	cp "$pcpctl" "$BATS_FILE_TMPDIR/bin/pcpctl"
	printf '#!/bin/sh\nprintf "%%s\\n" one two\n' > "$BATS_FILE_TMPDIR/other/pcpctl"
	chmod +x "$BATS_FILE_TMPDIR/other/pcpctl"
	export PCPCTL=$BATS_FILE_TMPDIR/bin/pcpctl COMPLETION=$PWD/completion/pcpctl
	export PATH=$BATS_FILE_TMPDIR/bin:$PATH
}

setup() {
	load /usr/lib/bats/bats-support/load
	load /usr/lib/bats/bats-assert/load
}

teardown() {
	[[ -z ${LAB_DIR-} ]] || tests/lab down
}

# type_line LINE [COMMAND...]: LINE after "insert all completions" has been pressed
# at its end, in $line; what bash itself printed on the way, in $spilled. COMMAND
# runs the shell, somewhere else.
type_line() {
	local keys=$1 dir=$BATS_TEST_TMPDIR helpers=/usr/share/bash-completion/bash_completion
	shift

	rm -f "$dir/line" "$dir/spilled"
	cat > "$dir/rc" <<-END
		PS1= PS2= HISTFILE=
		exec 2>"$dir/spilled"
		[[ $mode = plain ]] || . $helpers
		. "$COMPLETION"
		cd "$BATS_FILE_TMPDIR" || exit
		answer() { printf '%s' "\$READLINE_LINE" > "$dir/line"; READLINE_LINE=; }
		bind 'set bell-style none' 'set enable-bracketed-paste off' 2>/dev/null
		bind '"\e1": insert-completions'
		bind -x '"\e2": answer'
		: > "$dir/spilled"
	END
	# Readline echoes on standard error: there are only the keys and what it completes.
	printf '%s\e1\e2exit\n' "$keys" |
		TERM=dumb timeout 20 python3 -c 'import pty, sys; pty.spawn(sys.argv[1:])' \
			"$@" bash --noprofile --rcfile "$dir/rc" -i > "$dir/terminal"
	line=$(cat "$dir/line")
	spilled=$(grep -iE 'pcpctl:|line [0-9]+:|bash:|not found|syntax' "$dir/spilled" "$dir/terminal") || true
}

# completes LINE EXPECTED [COMMAND...]: to EXPECTED, with the helpers and without.
completes() {
	local mode

	for mode in plain helpers; do
		type_line "$1" "${@:3}"
		assert_equal "$mode: $line" "$mode: $2"
		assert_equal "$mode: $spilled" "$mode: "
	done
}

# Nothing can be offered: the line stays what it was.
stays() {
	completes "$1" "$1"
}

# What a list of the program holds, on one line.
listed() {
	"$PCPCTL" complete "$@" | sed 's/ =$//' | LC_ALL=C sort | tr '\n' ' '
}

# The words that were put in the place of the last one.
words_offered() {
	local mode=helpers

	type_line "$1"
	# shellcheck disable=SC2086 # the words
	printf '%s\n' ${line#"${1% *}"} | LC_ALL=C sort | tr '\n' ' '
}

@test "commands" {
	completes 'pcpctl ' "pcpctl $(listed commands)"
	completes 'pcpctl d' 'pcpctl discover '
	completes 'pcpctl ma' 'pcpctl map '
	stays 'pcpctl x'
}

@test "commands after options, with values and without" {
	completes 'pcpctl -j ma' 'pcpctl -j map '
	completes 'pcpctl -s 192.0.2.1 ma' 'pcpctl -s 192.0.2.1 map '
	completes 'pcpctl -s 192.0.2.1:5351 ma' 'pcpctl -s 192.0.2.1:5351 map '
	completes 'pcpctl --server=192.0.2.1 ma' 'pcpctl --server=192.0.2.1 map '
	completes 'pcpctl -s192.0.2.1 ma' 'pcpctl -s192.0.2.1 map '
	completes 'pcpctl -vjs 192.0.2.1 ma' 'pcpctl -vjs 192.0.2.1 map '
	completes 'pcpctl --timeout 5s --pcp ma' 'pcpctl --timeout 5s --pcp map '
	completes 'pcpctl -s map ma' 'pcpctl -s map map '
	stays 'pcpctl -t ma'
}

@test "options: those of the program before the command, those of the command after it" {
	local command

	assert_equal "$(words_offered 'pcpctl -')" "$(listed options)"
	while read -r command; do
		assert_equal "$(words_offered "pcpctl $command -")" "$(listed options "$command")"
		assert_equal "$(words_offered "pcpctl -s ::1 $command -")" "$(listed options "$command")"
	done < <("$PCPCTL" complete commands)
	completes 'pcpctl --js' 'pcpctl --json '
	completes 'pcpctl map 8080 --pref' 'pcpctl map 8080 --prefer-failure '
	completes 'pcpctl watch --interv' 'pcpctl watch --interval '
	stays 'pcpctl watch --interval '
	completes 'pcpctl discover --no-e' 'pcpctl discover --no-external '
	stays 'pcpctl --pref'
	stays 'pcpctl discover --pref'
	stays 'pcpctl map -- --pref'
}

@test "values: colours" {
	completes 'pcpctl --color ' 'pcpctl --color always auto never '
	completes 'pcpctl --color n' 'pcpctl --color never '
	completes 'pcpctl --color=' 'pcpctl --color=always auto never '
	completes 'pcpctl map --color=al' 'pcpctl map --color=always '
	completes 'pcpctl map 8080 --color al' 'pcpctl map 8080 --color always '
}

@test "values: nothing is offered where the program knows no list" {
	stays 'pcpctl -t '
	stays 'pcpctl map --description '
	stays 'pcpctl map --nonce='
	stays 'pcpctl map -l '
	stays 'pcpctl discover '
}

@test "protocols after the slash of a SPEC" {
	completes 'pcpctl map 8080/t' 'pcpctl map 8080/tcp 8080/tcp+udp '
	completes 'pcpctl map 80:8080/s' 'pcpctl map 80:8080/sctp '
	completes 'pcpctl map any:8080/dc' 'pcpctl map any:8080/dccp '
	completes 'pcpctl map -P 8080 81/sc' 'pcpctl map -P 8080 81/sctp '
	completes 'pcpctl map -- 81/sc' 'pcpctl map -- 81/sctp '
	assert_equal "$(words_offered 'pcpctl map 9/')" \
		"$("$PCPCTL" complete protocols | sed 's|^|9/|' | LC_ALL=C sort | tr '\n' ' ')"
	stays 'pcpctl map 8080/x'
}

# hosting LISTENER...: a network of its own with addresses, and these programs in it, then
# what follows `--`. A LISTENER is tcp|udp,ADDRESS,PORT; tcp has a connection to it too.
hosting() {
	local net

	for net in -Urn -n; do
		unshare "$net" true 2>/dev/null && break || net=
	done
	[[ -n $net ]] || skip "neither unshare -Urn nor unshare -n is permitted here"
	HOST=(unshare "$net" python3 -S -E -c '
import socket, subprocess, sys, time
at = sys.argv.index("--")
for command in ("link set lo up", "address add 192.0.2.7/32 dev lo", "address add 2001:db8::7/128 dev lo nodad"):
    subprocess.run(["ip"] + command.split(), check=True)
def connect(address, port):
    # the kernel makes the route to an address of its own a moment later
    for _ in range(250):
        try:
            return socket.create_connection((address, port))
        except OSError:
            time.sleep(0.02)
    sys.exit(f"no connection to {address} port {port}")
kept = []
for word in sys.argv[1:at]:
    protocol, address, port = word.split(",")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    s = socket.socket(family, socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    s.bind((address, int(port)))
    kept.append(s)
    if protocol == "tcp":
        s.listen()
        kept.append(connect(address, int(port)))
sys.exit(subprocess.run(sys.argv[at + 1:]).returncode)' "$@" --)
}

@test "ports that listen, each once, in the order of numbers" {
	hosting tcp,192.0.2.7,8080 tcp,2001:db8::7,8080 udp,0.0.0.0,8080 udp,::,5060 tcp,::,443 \
		tcp,127.0.0.1,631 tcp,::1,632
	run "${HOST[@]}" "$PCPCTL" complete ports
	assert_success
	assert_output "443
5060/udp
8080
8080/udp"
	completes 'pcpctl map 8' 'pcpctl map 8080 8080/udp ' "${HOST[@]}"
	completes 'pcpctl map ' 'pcpctl map 443 5060/udp 8080 8080/udp ' "${HOST[@]}"
	completes 'pcpctl map -l 1h 80:4' 'pcpctl map -l 1h 80:443 ' "${HOST[@]}"
	completes 'pcpctl map any:5' 'pcpctl map any:5060/udp ' "${HOST[@]}"
	completes 'pcpctl map 8080/tcp+' 'pcpctl map 8080/tcp+udp ' "${HOST[@]}"
	completes 'pcpctl watch --interval 5 any:5' 'pcpctl watch --interval 5 any:5060/udp ' "${HOST[@]}"
	completes 'pcpctl watch 8080/tcp+' 'pcpctl watch 8080/tcp+udp ' "${HOST[@]}"
}

@test "nobody listens: no port is offered" {
	hosting
	completes 'pcpctl map ' 'pcpctl map ' "${HOST[@]}"
	run --separate-stderr "${HOST[@]}" "$PCPCTL" complete ports
	assert_success
	assert_output ''
	run --separate-stderr "${HOST[@]}" "$PCPCTL" complete remotes
	assert_success
	assert_output ''
}

@test "remotes of established connections, as --established takes them" {
	hosting tcp,192.0.2.7,8080 tcp,2001:db8::7,443 udp,0.0.0.0,8080 tcp,127.0.0.1,631
	run "${HOST[@]}" "$PCPCTL" complete remotes
	assert_success
	# Both ends are on this host: the other one is that of the client's port.
	assert_equal "$(grep -cE '^192\.0\.2\.7:[0-9]+$' <<< "$output")" 2
	assert_equal "$(grep -cE '^\[2001:db8::7\]:[0-9]+$' <<< "$output")" 2
	assert_equal "$(grep -cxE '192.0.2.7:8080|\[2001:db8::7\]:443' <<< "$output")" 2
	assert_equal "$(wc -l <<< "$output")" 4
}

@test "peer: remotes for --established and for REMOTE" {
	hosting tcp,192.0.2.7,8080 tcp,2001:db8::7,443
	completes 'pcpctl peer --established 192.0.2.7:8080' 'pcpctl peer --established 192.0.2.7:8080 ' "${HOST[@]}"
	completes 'pcpctl peer --established [2001:db8::7]:443' \
		'pcpctl peer --established [2001:db8::7]:443 ' "${HOST[@]}"
	completes 'pcpctl peer 50000 192.0.2.7:8080' 'pcpctl peer 50000 192.0.2.7:8080 ' "${HOST[@]}"
	completes 'pcpctl peer -l 1h 50000 192.0.2.7:8080' 'pcpctl peer -l 1h 50000 192.0.2.7:8080 ' "${HOST[@]}"
	completes 'pcpctl peer 1' 'pcpctl peer 1' "${HOST[@]}"
	completes 'pcpctl peer 50000 192.0.2.7:8080 1' 'pcpctl peer 50000 192.0.2.7:8080 1' "${HOST[@]}"
}

@test "topics of help" {
	assert_equal "$(words_offered 'pcpctl help ')" \
		"$({ "$PCPCTL" complete commands; echo findings; } | LC_ALL=C sort | tr '\n' ' ')"
	completes 'pcpctl help fi' 'pcpctl help findings '
}

@test "interfaces and routers" {
	LAB_DIR=$BATS_TEST_TMPDIR/lab
	mkdir "$LAB_DIR"
	export LAB_DIR LAB_OWNER=$$
	run --separate-stderr tests/lab up --no-server
	if ((status == 77)); then
		unset LAB_DIR
		# shellcheck disable=SC2154 # from run
		skip "no lab here: $stderr"
	fi
	assert_success
	completes 'pcpctl -i ' 'pcpctl -i eth0 lo ' tests/lab client
	completes 'pcpctl map --interface=e' 'pcpctl map --interface=eth0 ' tests/lab client
	completes 'pcpctl map -vi e' 'pcpctl map -vi eth0 ' tests/lab client
	completes 'pcpctl -s ' 'pcpctl -s 192.168.1.254 fe80::1%eth0 ' tests/lab client
	completes 'pcpctl map --server 1' 'pcpctl map --server 192.168.1.254 ' tests/lab client
	completes 'pcpctl map -s fe80::' 'pcpctl map -s fe80::1%eth0 ' tests/lab client
	completes 'pcpctl map --server=fe80:' 'pcpctl map --server=fe80::1%eth0 ' tests/lab client
}

@test "no list is got from the network" {
	local topic

	strace -o /dev/null true 2>/dev/null || skip "strace does not work here"
	for topic in commands options interfaces routers protocols ports remotes; do
		strace -f -e trace=sendto,sendmsg,sendmmsg -o "$BATS_TEST_TMPDIR/calls" \
			"$PCPCTL" complete "$topic" > /dev/null
		run grep -E 'sa_family=AF_INET|NULL, 0\)' "$BATS_TEST_TMPDIR/calls"
		assert_failure 1
	done
}

@test "the program is the one that is typed" {
	completes 'bin/pcpctl ma' 'bin/pcpctl map '
	completes './bin/pcpctl ma' './bin/pcpctl map '
	completes 'other/pcpctl ' 'other/pcpctl one two '
	completes "$BATS_FILE_TMPDIR/other/pcpctl o" "$BATS_FILE_TMPDIR/other/pcpctl one "
}

@test "a program that is missing or fails: nothing is offered, nothing is spilled" {
	stays 'nowhere/pcpctl ma'
	stays 'nowhere/pcpctl --color '
	stays 'nowhere/pcpctl map 9/'
	printf '#!/bin/sh\necho pcpctl: spilled >&2\nexit 1\n' > "$BATS_FILE_TMPDIR/other/pcpctl"
	stays 'other/pcpctl '
	stays 'other/pcpctl map --'
}
