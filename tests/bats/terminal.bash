# SPDX-License-Identifier: MIT
# A terminal for the bats files of the live screen: that of tmux, and a shell on it.
# shellcheck shell=bash disable=SC2034,SC2154  # bats' variables

# terminal_ready: for setup. Skips the test where there is no tmux.
terminal_ready() {
	command -v tmux >/dev/null || skip "tmux is not installed"
	export LC_ALL=C.UTF-8 TZ=UTC
	unset NO_COLOR TMUX
	SOCKET=$BATS_TEST_TMPDIR/tmux
}

# terminal_gone: for teardown.
terminal_gone() {
	tmux -S "$SOCKET" kill-server 2>/dev/null || true
}

on() {
	tmux -S "$SOCKET" "$@"
}

# terminal [WIDTH HEIGHT]: a shell on a terminal of that size, which prompts with "ready> ".
terminal() {
	on -f /dev/null new-session -d -x "${1-80}" -y "${2-24}" "env PS1='ready> ' bash --norc --noprofile"
	shows 'ready>'
	run_line "stty -a > '$BATS_TEST_TMPDIR/before'; echo sa''ved"
	shows saved
	run_line clear
	hides saved
}

run_line() {
	on send-keys -l "$1"
	on send-keys Enter
}

keys() {
	on send-keys "$@"
}

screen_text() {
	on capture-pane -p
}

# shows TEXT: within 10 s; shows_late TEXT: within 40 s, for valgrind; hides TEXT.
shows() {
	appears 200 "$1"
}

shows_late() {
	appears 800 "$1"
}

# appears N TEXT: it is on the screen at one of N looks, 20 a second.
appears() {
	local i
	for ((i = 0; i < $1; i++)); do
		screen_text | grep -qF -- "$2" && return 0
		sleep 0.05
	done
	echo "not shown: $2" >&2
	screen_text >&2
	return 1
}

hides() {
	local i
	for i in {1..200}; do
		screen_text | grep -qF -- "$1" || return 0
		sleep 0.05
	done
	echo "still shown: $1" >&2
	screen_text >&2
	return 1
}

# The shell is back, and the terminal as it was: the settings, and the screen from before.
is_restored() {
	run_line "stty -a > '$BATS_TEST_TMPDIR/after'; echo com''pared"
	shows compared
	diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
	[ "$(on display-message -p '#{alternate_on} #{cursor_flag}')" = '0 1' ]
}

# tool_pid: of the program that runs on the terminal.
tool_pid() {
	pgrep -P "$(on display-message -p '#{pane_pid}')" | tail -1
}
