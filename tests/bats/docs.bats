# SPDX-License-Identifier: MIT
# Help, manual page, completion, README and NEWS tell the same story as the program.
# shellcheck shell=bash

bats_require_minimum_version 1.5.0
export LC_ALL=C

setup_file() {
	local pcpctl=${PCPCTL:-build/pcpctl}

	[[ -x $pcpctl ]] || { echo "$pcpctl is not there: run make first" >&2; return 1; }
	# A copy, so that a build at the same time is not in the way.
	mkdir "$BATS_FILE_TMPDIR/bin"
	cp "$pcpctl" "$BATS_FILE_TMPDIR/bin/pcpctl"
	export PCPCTL=$BATS_FILE_TMPDIR/bin/pcpctl
	export MAN=man/pcpctl.1
}

setup() {
	load /usr/lib/bats/bats-support/load
	load /usr/lib/bats/bats-assert/load
}

teardown() {
	[[ -z ${LAB_DIR-} ]] || tests/lab down
}

# --- what each of them says, one thing a line, sorted ---

# help_options [COMMAND]: -l, --lifetime TIME ... of --help: `-l =`, `--lifetime =`.
help_options() {
	"$PCPCTL" "$@" --help | awk '
		/^  (-.|    --)/ {
			line = substr($0, 3, 32); gsub(/^ +| +$/, "", line)
			value = line ~ / [A-Z]+$/ ? " =" : ""
			sub(/ [A-Z]+$/, "", line)
			n = split(line, names, ", ")
			for (i = 1; i <= n; i++) print names[i] value
		}' | sort
}

listed_options() {
	"$PCPCTL" complete options "$@" | sort
}

# man_section SECTION|SUBSECTION: its lines.
man_section() {
	awk -v title="$1" '
		/^\.S[hs] / { on = substr($0, 5) == title; next }
		on' "$MAN"
}

# The options that a section of the manual describes: those of its list.
man_options() {
	man_section "$1" | sed -n 's/^\.It //p' | awk '/^Fl / {
		value = / Ar [A-Z]+$/ ? " =" : ""
		sub(/ Ar [A-Z]+$/, "")
		n = split($0, names, " , ")
		for (i = 1; i <= n; i++) {
			gsub(/Fl Fl /, "--", names[i]); gsub(/Fl /, "-", names[i])
			print names[i] value
		}
	}' | sort
}

# commands: of the program.
commands() {
	"$PCPCTL" complete commands | sort
}

# The command lines of a text: `$ pcpctl ...`, `name$ pcpctl ...`, and those of README's
# list of uses, which have an explanation behind them.
examples() {
	sed -n 's/^\(\.Dl \| *\)[a-z]*\$ \(pcpctl .*\)/\2/p; s/^    \(pcpctl .*[a-z0-9]\)   .*/\1/p' "$1"
}

same() {
	assert_equal "$(diff <(echo "$1") <(echo "$2"))" ""
}

# --- options ---

@test "--help and completion: the same options" {
	local command

	same "$(help_options)" "$(listed_options)"
	for command in $(commands); do
		same "$(help_options "$command")" "$(listed_options "$command")"
	done
}

@test "--help and manual: the same options, with values where those are" {
	local command

	same "$(man_options OPTIONS)" "$(listed_options)"
	for command in $(commands); do
		same "$(man_options "$command")" \
			"$(comm -13 <(listed_options) <(listed_options "$command"))"
	done
}

@test "--help and manual: the same commands" {
	same "$(man_section COMMANDS; sed -n '/^\.Sh COMMANDS/,/^\.Sh OPTIONS/s/^\.Ss //p' "$MAN" | sort)" "$(commands)"
	same "$("$PCPCTL" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p' | sort)" "$(commands)"
}

@test "every option that README and NEWS name exists" {
	local known option

	known=$(for command in $(commands); do listed_options "$command"; done | sed 's/ =//')
	# -vv is -v twice.
	while read -r option; do
		grep -qxF -- "$option" <<<"$known" || fail "$option: in no --help"
	done < <(grep -ohE '(^|[ (`])--?[a-zA-Z0-9][a-z-]*' README.md NEWS |
		sed 's/^[ (`]*//' | grep -vxF -- -vv | sort -u)
}

@test "every option that the manual names exists" {
	local known option

	known=$(for command in $(commands); do listed_options "$command"; done | sed 's/ =//')
	# docker -p and sh -c are other programs'.
	while read -r option; do
		grep -qxF -- "$option" <<<"$known" || fail "$option: in no --help"
	done < <(mandoc -T ascii -O width=200 "$MAN" | col -b | sed -n '/^DESCRIPTION/,$p' |
		grep -oE "(^|[ (\`])--?[a-zA-Z0-9][a-z-]*" | sed 's/^[ (`]*//' | grep -vxE -- '-vv|-p|-c' | sort -u)
}

# --- what else has a list ---

@test "findings: the program's list and the manual's, with their severity" {
	same "$(man_section FINDINGS | sed -n 's/^\.It Cm \([a-z0-9-]*\) Pq \(.*\)/\1 \2/p' | sort)" \
		"$("$PCPCTL" help findings | awk '/^  / { print $1, $2 }' | sort)"
}

@test "exit statuses: the program's and the manual's" {
	same "$(man_section 'EXIT STATUS' | sed -n 's/^\.It \([0-9]\)$/\1/p')" \
		"$(sed -n 's/^	EXIT_[A-Z_]* = \([0-9]*\),.*/\1/p' src/cmd/exit.h)"
}

@test "JSON: every key that the program can print is in the manual, and no other" {
	local printed described

	# The key is the second argument of what writes one; there may be two to choose from.
	printed=$(cat src/out/*.c | tr '\n' ' ' |
		grep -oE '(json_put_[a-z]+|record_put_protocol)\([^,;]*,[^,;]*' |
		grep -oE '"[a-z_]+"' | tr -d '"' | sort -u)
	described=$(man_section 'JSON RECORDS' | sed -n 's/^\.Va //p' | tr ' ' '\n' | grep -xE '[a-z_]+' | sort -u)
	same "$described" "$(linked <<<"$printed")"
}

@test "JSON: every type of record, and every word of event and status" {
	local types described word

	types=$(cat src/out/*.c | tr '\n' ' ' | grep -oE 'json_begin\([^,]*, "[a-z]+"' | grep -oE '"[a-z]+"' | tr -d '"' | sort -u)
	described=$(man_section 'JSON RECORDS' | sed -n 's/^\.It Cm //p' | sort)
	same "$described" "$types"
	while read -r word; do
		man_section 'JSON RECORDS' | grep -qE "^\.Ql \(? ?$word( |\$)" || fail "status $word"
	done < <(sed -n 's/^	\[PROBE_[A-Z]*\] = "\(.*\)",/\1/p' src/proto/event.c)
}

# Of these words those that are in the program: what is in the archives and not called
# for has not been linked.
linked() {
	local word

	while read -r word; do
		! grep -qawF -- "$word" "$PCPCTL" || echo "$word"
	done
}

@test "environment: every variable that is read is in the manual" {
	local read

	read=$(grep -ohE '\b(getenv|set)\("[A-Z_]+"' src/*.c src/*/*.c | grep -oE '[A-Z_]+' | sort -u | linked)
	same "$(man_section ENVIRONMENT | sed -n 's/^\.It Ev //p' | sort)" "$read"
}

@test "the manual is clean" {
	run mandoc -T lint -W warning "$MAN"
	assert_success
	assert_output ''
}

@test "NEWS begins with this version" {
	assert_equal "$(head -n 1 NEWS)" "$("$PCPCTL" --version)"
}

# --- examples ---

# example WORD...: runs it; what stays is ended after 2 s, as a service manager does: by one
# signal (without --foreground timeout sends two, and the second one ends it at once). What
# it is piped into is not run.
example() {
	local -a words=()

	while [ $# -gt 0 ] && [ "$1" != '|' ]; do
		words+=("$1")
		shift
	done
	case " ${words[*]} " in
	*\ --once*) # of watch: it leaves by itself
		run tests/lab client "$PCPCTL" "${words[@]:1}"
		;;
	*\ --keep\ * | *' pcpctl watch '*)
		run timeout --foreground --preserve-status -s TERM 2 tests/lab client "$PCPCTL" "${words[@]:1}"
		;;
	*)
		run tests/lab client "$PCPCTL" "${words[@]:1}"
		;;
	esac
}

# connected: an SSH connection, so to speak, from the client to wan. It ends with the lab.
connected() {
	local i

	mkfifo "$BATS_TEST_TMPDIR/words"
	tests/lab wan python3 tests/lab.d/flow.py listen 44.128.7.1 22 > "$BATS_TEST_TMPDIR/at-wan" 3>&- &
	for i in {1..250}; do
		grep -qx ready "$BATS_TEST_TMPDIR/at-wan" && break
		sleep 0.02
	done
	tests/lab client python3 tests/lab.d/flow.py connect 44.128.7.1 22 \
		< "$BATS_TEST_TMPDIR/words" > "$BATS_TEST_TMPDIR/at-client" 3>&- &
	exec {words}> "$BATS_TEST_TMPDIR/words"
	for i in {1..250}; do
		grep -q '^up ' "$BATS_TEST_TMPDIR/at-client" && return 0
		sleep 0.02
	done
	fail "no connection to wan, after $i looks"
}

# works FILE: every example of it, one after the other, in a lab of their own.
works() {
	local -a words

	LAB_DIR=$BATS_TEST_TMPDIR/lab
	mkdir "$LAB_DIR"
	export LAB_DIR LAB_OWNER=$$ PCPCTL_STATE_DIR=$BATS_TEST_TMPDIR/state
	run --separate-stderr tests/lab up
	if ((status == 77)); then
		unset LAB_DIR
		# shellcheck disable=SC2154 # from run
		skip "no lab here: $stderr"
	fi
	assert_success
	assert [ "$(examples "$1" | wc -l)" -ge 10 ]
	connected
	while read -ra words; do
		example "${words[@]}"
		[[ $status -eq 0 ]] || fail "${words[*]}: exit status $status: $output"
	done < <(examples "$1")
}

@test "every example of the README works in the lab" {
	works README.md
}

@test "every example of the manual works in the lab" {
	works "$MAN"
}

# --- installation ---

install_into() {
	# What is built is installed, without building it again.
	env -u MAKEFLAGS -u MAKELEVEL make -o all BUILD="${BUILD:-build}" "$@" \
		DESTDIR="$BATS_TEST_TMPDIR/root" PREFIX=/usr
}

@test "make install puts these files, make uninstall takes them away" {
	local root=$BATS_TEST_TMPDIR/root

	run install_into -n install
	assert_success
	assert [ ! -e "$root" ]
	run install_into install
	assert_success
	run bash -c 'cd "$1" && find . -type f -printf "%m %p\n" | sort' - "$root"
	assert_output "644 ./usr/share/bash-completion/completions/pcpctl
644 ./usr/share/man/man1/pcpctl.1
755 ./usr/bin/pcpctl"
	run "$root/usr/bin/pcpctl" --version
	assert_success
	run install_into uninstall
	assert_success
	assert_equal "$(find "$root" -type f)" ""
}
