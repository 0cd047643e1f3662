# SPDX-License-Identifier: MIT
# The live screen on a real terminal, that of tmux: tests/tools/screen_tool plays events
# and the keys work. Whatever happens, the terminal is left as it was found.
# shellcheck shell=bash disable=SC2034,SC2154  # bats' variables

bats_require_minimum_version 1.5.0

setup() {
	load terminal
	terminal_ready
	TOOL=$(realpath "$BATS_TEST_DIRNAME/../../${BUILD:-build}/tools/screen_tool")
}

teardown() {
	terminal_gone
}

@test "it shows mappings, a restart and what came back; q leaves the terminal as it was" {
	terminal
	run_line "$TOOL"
	shows "3 mappings: 3 held"
	shows "192.168.1.10:8080"
	shows "REGRESSION of 192.168.1.254"
	shows "recovered 3 of 3 mappings after"
	[ "$(on display-message -p '#{alternate_on} #{cursor_flag}')" = '1 0' ]
	keys q
	shows "screen_tool: ended, signal 0"
	is_restored
}

@test "keys: select, details, log, help, sort, filter" {
	terminal
	run_line "$TOOL --quiet"
	shows "> tcp 192.168.1.10:8080"
	keys Down
	shows "> udp 192.168.1.10:8081"
	keys j
	shows "> tcp 192.168.1.10:8082"
	keys k Enter
	shows "Nonce"
	shows "udp 8081"
	keys Escape
	shows "> udp 192.168.1.10:8081"
	keys '?'
	shows "KEYS"
	keys l
	shows "tcp 8082: granted as"
	hides "KEYS"
	keys l s
	shows "by time left"
	keys / u d p
	shows "filter: udp"
	shows "1-1 of 1 (3 in all)"
	keys Escape
	shows "1-3 of 3"
	keys q
	shows "screen_tool: ended"
}

@test "a prompt: the wrong word is shown in place, events go on below it" {
	terminal
	run_line "$TOOL"
	shows "3 mappings: 3 held"
	keys a 7 0 0 0 0
	shows "add SPEC: 70000"
	# nothing waits for the one who types
	shows "REGRESSION of"
	shows "add SPEC: 70000"
	keys Enter
	shows "70000: port must be 1-65535"
	shows "add SPEC: 70000"
	keys BSpace
	hides "port must be"
	keys Enter
	shows "192.168.1.10:7000"
	shows "4 mappings"
	hides "add SPEC"
	keys End d
	shows "? y/n"
	keys y
	shows "3 mappings"
	keys q
	shows "screen_tool: ended"
}

@test "resized at any moment: 40x10, 1x1, 2x2, 200x50 and back" {
	terminal
	run_line "$TOOL --rows 100"
	shows "100 mappings"
	on resize-window -x 40 -y 10
	shows "pcpctl watch"
	on resize-window -x 1 -y 1
	sleep 0.3
	keys Down
	on resize-window -x 2 -y 2
	keys '?' l Enter a
	keys Escape
	sleep 0.3
	on resize-window -x 200 -y 50
	shows "of 100, by state"
	on resize-window -x 80 -y 24
	shows "KEPT SINCE"
	keys q
	shows "screen_tool: ended, signal 0"
	is_restored
}

@test "born in 1x1" {
	terminal
	on resize-window -x 1 -y 1
	run_line "$TOOL"
	sleep 1
	on resize-window -x 80 -y 24
	shows "3 mappings"
	keys q
	shows "ended"
}

@test "TERM=vt100 and linux: the same, without what they lack" {
	for term in vt100 linux; do
		terminal
		run_line "TERM=$term $TOOL"
		shows "3 mappings: 3 held"
		shows "REGRESSION of 192.168.1.254"
		keys q
		shows "screen_tool: ended, signal 0"
		run_line "stty -a > '$BATS_TEST_TMPDIR/after'; echo com''pared"
		shows compared
		diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
		on kill-server
	done
}

@test "a locale without UTF-8: ASCII" {
	terminal
	run_line "LC_ALL=C $TOOL"
	shows "######"
	[ "$(screen_text | LC_ALL=C grep -c '[^ -~]')" -eq 0 ]
	keys q
	shows ended
}

@test "TERM=dumb, unknown, unset, and no terminal: refused with the reason" {
	terminal
	run_line "TERM=dumb $TOOL; echo status \$?"
	shows "TERM is 'dumb', which cannot place a cursor"
	shows "status 3"
	run_line "TERM=no-such-term $TOOL"
	shows "TERM is 'no-such-term', which is not known here"
	run_line "env -u TERM $TOOL"
	shows "TERM is not set"
	run_line "$TOOL | cat"
	shows "stdout is not a terminal"
	run_line "setsid -w $TOOL < /dev/null"
	shows "there is no terminal to read keys from"
	run_line clear
	is_restored
}

@test "stdin is not the terminal: the keys come from /dev/tty" {
	terminal
	run_line "echo text | $TOOL"
	shows "3 mappings"
	keys q
	shows "screen_tool: ended, signal 0"
	is_restored
}

@test "Ctrl-Z and fg, Ctrl-L, SIGSTOP and SIGCONT" {
	terminal
	run_line "$TOOL --quiet"
	shows "3 mappings"
	keys C-z
	shows "Stopped"
	is_restored
	run_line fg
	shows "3 mappings"
	hides "compared"
	keys C-l
	shows "3 mappings"
	# stopped and continued by somebody else
	pid=$(tool_pid)
	kill -STOP "$pid"
	shows "Stopped"
	run_line fg
	shows "3 mappings"
	keys Down
	shows "> udp 192.168.1.10:8081"
	keys q
	shows "screen_tool: ended, signal 0"
	is_restored
}

@test "Ctrl-Z where SIGTSTP is ignored: it goes on" {
	terminal
	run_line "(trap '' TSTP; exec $TOOL --quiet)"
	shows "3 mappings"
	keys C-z Down
	shows "> udp 192.168.1.10:8081"
	keys q
	shows "screen_tool: ended, signal 0"
	is_restored
}

@test "SIGTERM, SIGHUP, SIGINT: ended in order, the terminal restored" {
	terminal
	for signal in TERM:15 HUP:1 INT:2; do
		run_line "clear; $TOOL --quiet"
		shows "3 mappings"
		kill "-${signal%:*}" "$(tool_pid)"
		shows "screen_tool: ended, signal ${signal#*:},"
		is_restored
	done
	run_line "clear; $TOOL --quiet"
	shows "3 mappings"
	keys C-c
	shows "screen_tool: ended, signal 2,"
	is_restored
}

@test "a fatal signal: the terminal is restored, and it dies of it" {
	terminal
	for signal in SEGV:139 ABRT:134 BUS:135 FPE:136 ILL:132 QUIT:131; do
		case ${BUILD-},$signal in
		*sanitize*,SEGV* | *sanitize*,BUS* | *sanitize*,FPE* | *sanitize*,ILL* | *sanitize*,ABRT*) continue ;; # the sanitizer's own
		esac
		run_line "clear; ulimit -c 0; $TOOL --quiet; echo status \$?"
		shows "3 mappings"
		kill "-${signal%:*}" "$(tool_pid)"
		shows "status ${signal#*:}"
		is_restored
	done
}

@test "the terminal is lost: it ends" {
	terminal
	run_line "$TOOL --quiet; echo \$? > '$BATS_TEST_TMPDIR/status'"
	shows "3 mappings"
	pid=$(tool_pid)
	kill -0 "$pid"
	on kill-server
	for _ in {1..200}; do
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.05
	done
	run ! kill -0 "$pid"
}

# of SIGHUP nobody hears: what is read from the terminal says it
@test "the terminal is lost, and SIGHUP is ignored: it ends" {
	terminal
	run_line "trap '' HUP; $TOOL --quiet"
	shows "3 mappings"
	pid=$(tool_pid)
	kill -0 "$pid"
	on kill-server
	for _ in {1..200}; do
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.05
	done
	run ! kill -0 "$pid"
}

@test "idle, it draws once a second, and 10,000 mappings cost little" {
	terminal
	run_line "$TOOL --quiet --rows 10000"
	shows "10000 mappings: 10000 held"
	pid=$(tool_pid)
	read -r -a from < "/proc/$pid/stat"
	switches=$(awk '/^voluntary/ { print $2 }' "/proc/$pid/status")
	sleep 4
	read -r -a to < "/proc/$pid/stat"
	switches=$(($(awk '/^voluntary/ { print $2 }' "/proc/$pid/status") - switches))
	ticks=$((to[13] + to[14] - from[13] - from[14]))
	echo "# $switches wake-ups and $ticks ticks in 4 s"
	# one a second is expected, two are allowed; here ten times the former
	[ "$switches" -le 40 ]
	# 5 % of a core would be 20
	[ "$ticks" -le 20 ]
	keys End
	shows "of 10000"
	shows "192.168.1.10:18079"
	keys q
	shows ended
}

@test "valgrind finds no leak and no error" {
	command -v valgrind >/dev/null || skip "valgrind is not installed"
	case ${BUILD-} in *sanitize*) skip "the sanitizers do that" ;; esac
	terminal
	run_line "valgrind --leak-check=full --show-leak-kinds=definite,possible --errors-for-leak-kinds=definite,possible --error-exitcode=9 --log-file='$BATS_TEST_TMPDIR/valgrind' $TOOL; echo status \$?"
	shows_late "3 mappings"
	shows "recovered 3 of 3"
	keys a 7 7 Enter Down Enter
	shows "Nonce"
	keys '?' l Escape / u Enter
	on resize-window -x 40 -y 10
	on resize-window -x 80 -y 24
	shows "matching u"
	keys q
	shows "screen_tool: ended"
	for _ in {1..200}; do
		grep -q 'ERROR SUMMARY' "$BATS_TEST_TMPDIR/valgrind" && break
		sleep 0.05
	done
	cat "$BATS_TEST_TMPDIR/valgrind"
	shows 'status 0'
}
