# SPDX-License-Identifier: MIT
# What of map's options does not go together: each rule of map_check.c and each message of
# the options that map --keep brought. Others are in usage.bats, those of --srv in srv.bats.
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

# Whatever the test did, nothing was sent.
teardown() {
	[ "$(sent)" -eq 0 ]
}

# refuses TEXT ARG...
refuses() {
	local text=$1
	shift
	map "$@"
	is_usage_error "$text"
}

@test "--keep, --leave, --exec" {
	refuses "map: --keep: not together with --delete" -d -k 80
	refuses "map: --keep: not together with --delete" -d --all -k
	refuses "map: --leave: only with --keep: else nothing is deleted at the end" --leave 80
	refuses "map: --keep: not together with --dry-run or --list" -k --dry-run 80
	refuses "map: --keep: not together with --dry-run or --list" -k --list
	refuses "map: --shell: prints one result: with --keep take --exec or --json" -k --shell 80
	refuses "map: --exec: there are no events with --dry-run or --list" -x true --dry-run 80
	refuses "map: --exec: there are no events with --dry-run or --list" -x true --list
	refuses "map: --exec: an empty command" -x "" 80
	refuses "map: -x: needs a value" 80 -x
	refuses "pcpctl: map: --leave=1: --leave takes no value" --leave=1 -k 80
}

@test "--force, --all, --list" {
	refuses "map: --force: only with --delete" --force 80
	refuses "map: --force: only with --delete" --force -k 80
	refuses "map: --all: only with --delete" --all
	refuses "map: --all: takes what is recorded: not with --no-state or --nonce" -d --all --no-state
	refuses "map: --all: takes what is recorded: not with --no-state or --nonce" -d --all \
		--nonce 0102030405060708090a0b0c
	refuses "map: --list: not together with --no-state" --list --no-state
	refuses "map: --list: asks nobody: not with --delete, --dry-run or --nonce" --list -d
	refuses "map: --list: asks nobody: not with --delete, --dry-run or --nonce" --list --dry-run
	refuses "map: 80: --list and --all take no spec" --list 80
	refuses "map: 80: --list and --all take no spec" -d --all 80
}

@test "--shell" {
	refuses "map: 80: --shell takes one spec of one protocol, and one server" --shell 80 81
	refuses "map: 80/tcp+udp: --shell takes one spec" --shell 80/tcp+udp
	refuses "map: 80: --shell takes one spec" --shell -s 127.0.0.2 80
	for form in -j -q --dry-run --list; do
		refuses "map: --shell: not with --json, --quiet, --dry-run or --list" --shell $form 80
	done
}

@test "usage errors come before the waiting of --keep" {
	refuses "map: 70000: port must be 0-65535" -k 70000
	refuses "map: 0: lifetime 0 deletes" -k -l 0 80
	refuses "map: --third-party: is this host's own address" -k -3 127.0.0.1 80
}
