# SPDX-License-Identifier: MIT
# --srv and the state directory: what was published is withdrawn, by this run or by a later
# one, whatever has become of the mapping or of nsupdate.

setup_file() {
	load helper
	gateway_start
}

teardown_file() {
	load helper
	gateway_stop
}

setup() {
	load helper
	gateway
	printed=$BATS_TEST_TMPDIR/printed
}

# publish [ARG]...: map --keep --srv in the background, until it has published; $pid.
publish() {
	"$PCPCTL" map -s "$S" --keep --srv _sip._udp.example.org --target host.example.org "$@" \
		> "$printed" 2> "$printed.err" 3>&- &
	pid=$!
	wait_until grep -q "^send" "$printed"
}

@test "what a killed run published is withdrawn by the next, long after the mapping's end" {
	gateway min-lifetime=1 lifetime=2
	publish any:5060/udp
	grep -q "SRV 0 0 49152 " "$printed"
	kill -9 "$pid"
	ends_with 137
	sleep 3.5 # the record has ended
	gateway_add external-port=7777
	publish any:5060/udp
	grep -q "^update delete _sip._udp.example.org. SRV 0 0 49152 host.example.org.$" "$printed"
	kill "$pid"
	ends_with 0
}

@test "what nsupdate did not live to withdraw is withdrawn by the next run" {
	local reader=0
	{
		"$PCPCTL" map -s "$S" --keep any:5060/udp --srv _sip._udp.example.org \
			--target host.example.org 2> /dev/null
		echo "$?" > "$printed.status"
	} 3>&- | { read -r line && [ -n "$line" ]; } || reader=$?
	[ "$reader" -eq 0 ]
	[ "$(< "$printed.status")" -eq 5 ]
	[ "$(mappings)" -eq 0 ]
	map --list
	[ -z "$output" ]
	gateway_add external-port=7777
	publish any:5060/udp
	grep -q "^update delete _sip._udp.example.org. SRV 0 0 49152 host.example.org.$" "$printed"
	kill "$pid"
	ends_with 0
	run ! grep -rq SRV "$PCPCTL_STATE_DIR"
}

@test "a mapping that cannot be deleted at the end is withdrawn all the same, and listed" {
	publish any:5060/udp
	gateway_add silent
	kill "$pid"
	ends_with 0
	grep -q "^update delete _sip._udp.example.org. SRV 0 0 49152 " "$printed"
	grep -q "udp 5060: not deleted: .* may still be there until " "$printed.err"
}

@test "internal port 0 is never deleted: withdrawn and listed" {
	gateway natpmp-only natpmp-internal-port-zero-ok natpmp-lifetime=60
	publish 1:0/udp
	kill "$pid"
	ends_with 0
	grep -q "^update delete _sip._udp.example.org. SRV " "$printed"
	grep -q "udp 0: not deleted: .* may still be there until " "$printed.err"
}

@test "--leave leaves the records, too" {
	publish --leave any:5060/udp
	kill "$pid"
	ends_with 0
	run ! grep -q "^update delete" "$printed"
	grep -rq SRV "$PCPCTL_STATE_DIR"
}

@test "a second signal ends at once, and says what is left" {
	publish any:5060/udp
	gateway_add silent
	kill "$pid"
	sleep 0.3
	kill "$pid"
	ends_with 0
	grep -q "udp 5060: not deleted, stays until " "$printed.err"
}

@test "--require-public: what is public no more is lost, and withdrawn" {
	gateway min-lifetime=1 lifetime=9
	publish --require-public any:5060/udp
	gateway_tell external 10.0.0.1
	wait_until_long grep -q "^update delete _sip._udp.example.org. SRV 0 0 49152 " "$printed"
	grep -q "udp 5060: refused: the external address 10.0.0.1 is not public" "$printed.err"
	kill "$pid"
	ends_with 0
}

@test "--require-public: the same for those that a restart has asked for anew" {
	gateway min-lifetime=1 lifetime=9
	publish --require-public any:5060/udp any:5061/udp
	wait_until grep -q "SRV 0 0 49153 " "$printed"
	gateway_tell reboot
	gateway_add external=10.0.0.1
	wait_until_long grep -q "^update delete _sip._udp.example.org. SRV 0 0 49152 " "$printed"
	wait_until_long grep -q "^update delete _sip._udp.example.org. SRV 0 0 49153 " "$printed"
	kill "$pid"
	ends_with 0
}

# As wait_until, for what takes a renewal.
wait_until_long() {
	wait_until "$@" 2>/dev/null || wait_until "$@"
}
