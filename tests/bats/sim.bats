# SPDX-License-Identifier: MIT
# The simulation as a developer runs it: what fails says so, and can be run again. What
# it checks, and that each check can fail, it shows itself (tests/sim/main.c).
# shellcheck shell=bash

bats_require_minimum_version 1.5.0

setup() {
	load /usr/lib/bats/bats-support/load
	load /usr/lib/bats/bats-assert/load
	sim=${BUILD:-build}/sim
	[[ -x $sim ]] || skip "$sim is not built (make units)"
}

@test "a seed that passes" {
	run -0 "$sim" --family reboot --seed 3 --days 5
	assert_line 'ok - reboot, seeds 3-3'
}

@test "a seed that fails: what, when, the last events, and the command to see it again" {
	local again

	run -1 "$sim" --family drift --seeds 1-9 --plant deaf
	assert_line --regexp '^#   seed 1, day 2 [0-9:.]+$'
	assert_line --regexp '^#   settled: want [0-9]+ \((tcp|udp) 20[0-9]+\): '
	assert_line --regexp '^#   day 2 [0-9:.]+  event: want [0-9]+ lost'
	assert_line 'not ok - drift, seeds 1-9'
	again=$(sed -n 's/^#   again: //p' <<<"$output")
	[[ $again = 'build/sim --family drift --seed 1 --plant deaf --verbose' ]]
	grep '^#   settled:' <<<"$output" > "$BATS_TEST_TMPDIR/first"
	# shellcheck disable=SC2086
	run -1 "$sim" ${again#* }
	assert_line "$(<"$BATS_TEST_TMPDIR/first")"
}

@test "words that it does not know" {
	local words

	for words in '--family none' '--seeds 5-1' '--seed x' '--plant none' '--days' 'word'; do
		# shellcheck disable=SC2086
		run -2 "$sim" $words
		assert_output --partial 'usage: sim'
	done
}
