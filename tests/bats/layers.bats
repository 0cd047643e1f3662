# SPDX-License-Identifier: MIT
# The build refuses what architecture and purity forbid. Each test plants one offence
# in a copy of the tree and expects the refusal, by name.
# shellcheck shell=bash

bats_require_minimum_version 1.5.0

# A copy that make has built, for every test to copy.
setup_file() {
	local tree=$BATS_FILE_TMPDIR/tree build=${BUILD:-build}

	mkdir -p "$tree/tests" "$tree/build"
	cp -a src Makefile "$tree"
	cp -a tests/check-layers "$tree/tests"
	# The objects of a plain build save time; those of a sanitizer build are not checked.
	[[ $build = *sanitize* || ! -d $build/src ]] || cp -a "$build/src" "$tree/build"
	make_layers "$tree" > "$BATS_FILE_TMPDIR/log" 2>&1 || {
		tail -n 20 "$BATS_FILE_TMPDIR/log"
		return 1
	}
}

setup() {
	load /usr/lib/bats/bats-support/load
	load /usr/lib/bats/bats-assert/load
	tree=$BATS_TEST_TMPDIR/tree
	cp -a "$BATS_FILE_TMPDIR/tree" "$tree"
}

make_layers() {
	env -u SANITIZE -u MAKEFLAGS -u MAKELEVEL -u BUILD make -j2 -C "$1" build/layers.ok
}

# plant FILE TEXT: at its end.
plant() {
	printf '%s\n' "$2" >> "$tree/src/$1"
}

# refused REGEX...: the build fails, and has a line for each of these.
refused() {
	local regex

	rm "$tree/build/layers.ok"
	run make_layers "$tree"
	assert_failure
	for regex; do
		assert_line --regexp "$regex"
	done
	assert [ ! -e "$tree/build/layers.ok" ]
}

@test "the untouched tree passes" {
	rm "$tree/build/layers.ok"
	run make_layers "$tree"
	assert_success
	assert [ -e "$tree/build/layers.ok" ]
	run "$tree/tests/check-layers" "$tree/src"
	assert_success
	assert_output ''
	run "$tree/tests/check-layers" --objects "$tree/build"
	assert_success
	assert_output ''
}

@test "an include that runs upwards" {
	plant proto/epoch.c '#include "engine/engine.h"'
	refused 'proto/epoch\.c:[0-9]+: proto may not include engine/engine\.h'
}

@test "an include that runs upwards, in a header" {
	plant base/ip.h '#include "wire/pcp.h"'
	refused 'base/ip\.h:[0-9]+: base may not include wire/pcp\.h'
}

@test "an include that leaves out the layers in between" {
	plant main.c '#include "wire/pcp.h"'
	refused 'main\.c:[0-9]+: main\.c may not include wire/pcp\.h'
}

@test "of proto, diag and out may have the events only" {
	plant out/text.c '#include "proto/session.h"'
	plant diag/facts.c '#include "proto/client.h"'
	refused 'out/text\.c:[0-9]+: out may not include proto/session\.h' \
		'diag/facts\.c:[0-9]+: diag may not include proto/client\.h'
}

@test "out and cmd ask no host" {
	plant out/text.c '#include "host/clock.h"'
	plant cmd/map.c '#	include   "host/udp.h"'
	refused 'out/text\.c:[0-9]+: out may not include host/clock\.h' \
		'cmd/map\.c:[0-9]+: cmd may not include host/udp\.h'
}

@test "system headers away from their home" {
	plant cmd/map.c '#include <jansson.h>'
	plant out/text.c '#include <curses.h>'
	plant engine/engine.c '#include <sys/socket.h>'
	plant proto/client.c '#include <libmnl/libmnl.h>'
	run "$tree/tests/check-layers" "$tree/src"
	assert_failure
	assert_output --regexp 'cmd/map\.c:[0-9]+: <jansson\.h> only in '
	assert_output --regexp 'out/text\.c:[0-9]+: <curses\.h> only in tui/term\.c'
	assert_output --regexp 'engine/engine\.c:[0-9]+: <sys/socket\.h> only in host/'
	assert_output --regexp 'proto/client\.c:[0-9]+: <libmnl/libmnl\.h> only in host/'
}

@test "a folder that is not in the table" {
	mkdir "$tree/src/misc"
	printf '#include "base/ip.h"\n' > "$tree/src/misc/help.c"
	run "$tree/tests/check-layers" "$tree/src"
	assert_failure
	assert_output --regexp 'misc/help\.c:1: misc may not include base/ip\.h'
}

@test "a clock in proto/" {
	plant proto/epoch.c '#include <time.h>
long planted(void);
long planted(void)
{
	return (long)time(NULL);
}'
	refused '^time$' 'the pure archive calls what is named above'
}

@test "printing in wire/" {
	plant wire/codes.c '#include <stdio.h>
void planted(void);
void planted(void)
{
	puts("planted");
}'
	refused '^puts$' 'the pure archive calls what is named above'
}

@test "exit, the environment and a file in diag/ and base/" {
	plant diag/facts.c '#include <stdlib.h>
void planted(void);
void planted(void)
{
	if (!getenv("PLANTED"))
		exit(1);
}'
	plant base/ip.c '#include <stdio.h>
void also_planted(void);
void also_planted(void)
{
	FILE *file = fopen("planted", "r");

	if (file)
		fclose(file);
}'
	refused '^exit$' '^getenv$' '^fopen$'
}

@test "a variable of file scope" {
	plant cmd/map.c 'int planted_count;'
	refused 'cmd/map\.o: planted_count' 'a mutable variable'
}

@test "a variable of file scope with a value, a pointer to a constant" {
	plant cmd/spec.c 'extern const char *planted_text;
const char *planted_text = "planted";'
	refused 'cmd/spec\.o: planted_text' 'a mutable variable'
}

@test "a static variable inside a function" {
	plant engine/engine.c 'unsigned planted(void);
unsigned planted(void)
{
	static unsigned calls;

	return ++calls;
}'
	refused 'engine/engine\.o: calls' 'a mutable variable'
}

@test "a static variable in the pure archive" {
	plant wire/codes.c 'unsigned planted(void);
unsigned planted(void)
{
	static unsigned calls = 7;

	return ++calls;
}'
	refused 'wire/codes\.o: calls' 'a mutable variable'
}

@test "constants and tables of constants are no variables" {
	plant cmd/spec.c 'extern const char *const planted_table[2];
const char *const planted_table[2] = { "one", "two" };
static const int planted_numbers[] = { 1, 2 };
int planted(unsigned i);
int planted(unsigned i)
{
	return planted_numbers[i & 1];
}'
	run make_layers "$tree"
	assert_success
}

@test "a tool that is missing is an error, not a pass" {
	local tool bin

	for tool in nm ld objdump; do
		bin=$BATS_TEST_TMPDIR/without-$tool
		mkdir "$bin"
		for name in sh awk nm ld objdump mktemp rm find sort xargs grep cat; do
			[[ $name = "$tool" ]] || ln -s "$(type -P "$name")" "$bin/$name"
		done
		run env PATH="$bin" "$(type -P sh)" "$tree/tests/check-layers" --objects "$tree/build"
		assert_failure
		assert_output --partial "$tool is missing"
	done
}

@test "an archive that is missing is an error, not a pass" {
	rm "$tree/build/libpure.a"
	run "$tree/tests/check-layers" --objects "$tree/build"
	assert_failure
}
