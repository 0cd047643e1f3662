# SPDX-License-Identifier: MIT
# The state directory where a unit test does not reach: a full disk, a disk mounted
# read-only, several programs at once. Through tests/tools/store_tool.
# shellcheck shell=bash disable=SC2016  # scripts for the namespace are quoted whole

bats_require_minimum_version 1.5.0

setup_file() {
	local top=$BATS_TEST_DIRNAME/../..
	export STORE_TOOL=${STORE_TOOL:-$(cd "$top" && realpath -m "${BUILD:-build}/tools/store_tool")}
	if unshare -Urm true 2>/dev/null; then
		export MOUNT_FLAGS=-Urm
	elif [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
		export MOUNT_FLAGS=-m
	else
		export MOUNT_FLAGS=
	fi
}

setup() {
	load /usr/lib/bats/bats-support/load
	load /usr/lib/bats/bats-assert/load
	[ -x "$STORE_TOOL" ] || skip "no $STORE_TOOL: make units"
}

# on_disk SIZE SCRIPT: runs it where $disk is a tmpfs of that size.
on_disk() {
	[ -n "$MOUNT_FLAGS" ] || skip "neither unshare -Urm nor unshare -m is permitted here"
	run --separate-stderr env disk="$BATS_TEST_TMPDIR" size="$1" unshare "$MOUNT_FLAGS" \
		bash -euo pipefail -c '
		mount -t tmpfs -o size=$size,mode=700 none "$disk" || { echo "# no tmpfs"; exit 0; }
		tool=$STORE_TOOL state=$disk/state
		'"$2"
	[ "$output" != "# no tmpfs" ] || skip "no tmpfs can be mounted here"
}

@test "a full disk: what was there stays whole, nothing is left behind, it is told once" {
	on_disk 64k '
		$tool $state put 8080 16
		dd if=/dev/zero of=$disk/fill bs=4k 2>/dev/null || true
		status=0; $tool $state put 8080 16 || status=$?
		echo "put: $status"
		status=0; $tool $state put 20000 3 || status=$?
		echo "another: $status"
		$tool $state check 8080 16 && echo "all there"
		find $state -type f | wc -l
		rm $disk/fill
		$tool $state put 20000 3 && $tool $state check 20000 3 && echo "on it goes"'
	assert_success
	assert_output - <<-END
		put: 1
		another: 1
		all there
		2
		on it goes
	END
	# shellcheck disable=SC2154 # run sets it
	assert_equal "$(grep -c 'No space left on device' <<<"$stderr")" 2 # two runs
	assert_equal "$(wc -l <<<"$stderr")" 2
}

@test "no inode left: the same" {
	on_disk 1m,nr_inodes=12 '
		$tool $state put 8080 4
		i=0; while : 2>/dev/null >$disk/$i; do i=$((i + 1)); done
		status=0; $tool $state put 8080 4 || status=$?
		echo "put: $status"
		$tool $state check 8080 4 && echo "all there"'
	assert_success
	assert_line "put: 1"
	assert_line "all there"
	assert_equal "$(wc -l <<<"$stderr")" 1
}

@test "a disk mounted read-only: read, warned once when written" {
	on_disk 1m '
		$tool $state put 8080 4
		mount -o remount,ro none $disk
		$tool $state check 8080 4 && echo "all there"
		$tool $state list | wc -l
		status=0; $tool $state put 8080 40 || status=$?
		echo "put: $status"
		status=0; $tool $state keep || status=$?
		echo "keep: $status"
		status=0; $tool $disk/elsewhere put 8080 40 || status=$?
		echo "elsewhere: $status"'
	assert_success
	assert_output - <<-END
		all there
		4
		put: 1
		keep: 1
		elsewhere: 1
	END
	assert_equal "$(grep -c 'Read-only file system' <<<"$stderr")" 3
	assert_equal "$(wc -l <<<"$stderr")" 3
}

@test "four programs at once, each with its 200 ports: all 800 are there" {
	local state=$BATS_TEST_TMPDIR/state i jobs=()
	for i in 0 1 2 3; do
		"$STORE_TOOL" "$state" put $((1000 + 200 * i)) 200 &
		jobs+=($!)
	done
	for i in "${jobs[@]}"; do wait "$i"; done
	run "$STORE_TOOL" "$state" check 1000 800
	assert_success
	refute_output
	"$STORE_TOOL" "$state" remove 1000 800
	assert_equal "$(find "$state" -type f)" "$state/lock"
}

@test "a program that is killed at any moment never leaves what the next cannot read" {
	local state=$BATS_TEST_TMPDIR/state i pid
	"$STORE_TOOL" "$state" put 1000 32
	for i in $(seq 50); do
		"$STORE_TOOL" "$state" hammer &
		pid=$!
		sleep "0.0$((i % 3))$i"
		kill -9 $pid
		wait $pid || true
		run --separate-stderr "$STORE_TOOL" "$state" check 1000 32
		assert_success
		assert_equal "$stderr" ""
	done
	assert_equal "$(find "$state" -name '*damaged*')" ""
}

@test "a keeper is known by others, until it is killed" {
	local state=$BATS_TEST_TMPDIR/state pid
	"$STORE_TOOL" "$state" keep >"$BATS_TEST_TMPDIR/keeps" &
	pid=$!
	for _ in $(seq 100); do
		[ -s "$BATS_TEST_TMPDIR/keeps" ] && break
		sleep 0.05
	done
	run "$STORE_TOOL" "$state" alive "$pid"
	assert_success
	kill -9 "$pid"
	wait "$pid" || true
	run "$STORE_TOOL" "$state" alive "$pid"
	assert_failure 1
	assert_equal "$(find "$state" -type f)" "$state/lock"
}

@test "nobody else can read it, whatever the umask" {
	local state=$BATS_TEST_TMPDIR/deep/er/state
	(umask 000 && "$STORE_TOOL" "$state" put 1000 3 && "$STORE_TOOL" "$state" epoch 7)
	assert_equal "$(find "$BATS_TEST_TMPDIR/deep" -type d ! -perm 0700)" ""
	assert_equal "$(find "$state" -type f ! -perm 0600)" ""
	run "$STORE_TOOL" "$state" epoch
	assert_output 7
}
