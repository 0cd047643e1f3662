# SPDX-License-Identifier: MIT
# pcpctl watch as a person uses it: on a terminal (that of tmux), in the lab, against the
# real miniupnpd; and as lines and records. Whatever happens, the terminal is left as it
# was found, and no mapping stays that was not asked to.
# shellcheck shell=bash disable=SC2154,SC2030,SC2031  # bats' and the helpers' variables

setup() {
	load lab
	load terminal
	terminal_ready
	WATCH="$(printf '%q ' "$LAB" client "$PCPCTL" watch)"
}

teardown() {
	[ -z "${pid-}" ] || kill -KILL "$pid" 2>/dev/null || true
	terminal_gone
	leave
}

# --- how it is run ---

# watch [ARG]...: on the terminal, which is made where there is none; what it ends with is
# shown behind it. The words are the shell's.
watch() {
	on has-session 2>/dev/null || terminal "${WIDTH-100}" 30
	run_line "clear; $WATCH$*; echo ended with \$?"
}

# ends STATUS: it does, and the terminal is as it was.
ends() {
	shows "ended with $1"
	is_restored
}

# start ARG...: without a terminal, in the background: $pid; out and err are files.
start() {
	out=$BATS_TEST_TMPDIR/out err=$BATS_TEST_TMPDIR/err
	"$LAB" client env --default-signal=INT,HUP,PIPE "$PCPCTL" watch "$@" >"$out" 2>"$err" 3>&- &
	pid=$!
}

# has FILE TEXT...: each is in it, within 10 s.
has() {
	local file=$1 text
	shift
	for text; do
		for _ in {1..200}; do
			! grep -qF -- "$text" "$file" || continue 2
			sleep 0.05
		done
		echo "not in $file: $text" >&2
		cat "$file" >&2
		return 1
	done
}

# hand_over ADDRESS: from there on the client has that one.
hand_over() {
	client ip addr del 192.168.1.10/24 dev eth0
	client ip addr add "$1/24" dev eth0
	client ip route replace default via "$ROUTER"
}

# grown: the server's Epoch is so far from 0 that a restart shows (RFC 6887, 8.5, allows
# for some seconds).
grown() {
	sleep 7
}

# maps N: the router has so many translation rules, within 10 s.
maps() {
	for _ in {1..200}; do
		[ "$(rules 192.168.1)" -ne "$1" ] || return 0
		sleep 0.05
	done
	echo "not $1 rules:" >&2
	router nft list chain inet miniupnpd prerouting_maps >&2
	return 1
}

# gateway_count [KEY=VALUE]...: how many such requests the gateway has seen.
gateway_count() {
	python3 "$FAKE_GATEWAY" --count "$LAB_DIR/gateway.log" dir=in "$@"
}

# asked N [KEY=VALUE]...: at least so many, within 20 s.
asked() {
	local number=$1
	shift
	for _ in {1..400}; do
		[ "$(gateway_count "$@")" -lt "$number" ] || return 0
		sleep 0.05
	done
	echo "not $number requests with $*" >&2
	return 1
}

# --- mappings ---

@test "mappings appear, r and R renew them, q deletes them" {
	home
	greet 192.168.1.10 8080
	watch -l 120 8080 any:5060/udp
	shows "2 mappings: 2 held"
	shows "> tcp  192.168.1.10:8080  $EXTERNAL:8080"
	shows "udp  192.168.1.10:5060  $EXTERNAL:5060"
	shows "tcp 8080: granted as $EXTERNAL:8080 for 2m"
	shows "192.168.1.254  PCP v2"
	maps 2
	reaches connect "$EXTERNAL" 8080 hello
	keys r
	shows "renewed"
	[ "$(screen_text | grep -c ' renewed$')" -eq 1 ]
	screen_text | grep -q '> tcp .* renewed$'
	keys R
	for _ in {1..200}; do
		[ "$(screen_text | grep -c ' renewed$')" -ne 2 ] || break
		sleep 0.05
	done
	[ "$(screen_text | grep -c ' renewed$')" -eq 2 ]
	maps 2
	keys q
	ends 0
	maps 0
	closed "$EXTERNAL" 8080
}

@test "the router crashes: the regression, what came back, and TCP works again" {
	home
	greet 192.168.1.10 8080
	watch --interval 2 -l 120 8080 any:5060/udp
	shows "2 mappings: 2 held"
	reaches connect "$EXTERNAL" 8080 hello
	grown
	"$LAB" server crash
	closed "$EXTERNAL" 8080
	"$LAB" server start
	shows "REGRESSION of 192.168.1.254: restarted; epoch"
	shows "recovered 2 of 2 mappings after"
	local seen
	seen=$(screen_text | grep -o 'restarted; epoch [0-9]* s, was [0-9]* s, expected [0-9]* s')
	echo "# $seen"
	[[ $seen =~ epoch\ ([0-9]+)\ s,\ was\ ([0-9]+)\ s,\ expected\ ([0-9]+)\ s ]]
	[ "${BASH_REMATCH[1]}" -lt "${BASH_REMATCH[3]}" ]
	[ "${BASH_REMATCH[2]}" -le "${BASH_REMATCH[3]}" ]
	screen_text | head -n 1 | grep -q '^ REGRESSION of 192.168.1.254   2 mappings: 2 held'
	screen_text | grep -q '^ ! [0-9:]* restarted: epoch'
	[ "$(screen_text | grep -c ' recovered$')" -eq 2 ]
	shows "tcp 8080 on port 8080, udp 5060"
	on capture-pane -ep | head -n 1 | grep -q $'\e\\[[0-9;]*41m' # red
	maps 2
	reaches connect "$EXTERNAL" 8080 hello
	# it stays in the log, and among the regressions of the server
	shows "1, $(screen_text | sed -n 's/^ ! \([0-9:]*\) .*/\1/p')"
	keys q
	ends 0
	maps 0
}

@test "a regression is shown within a second of the answer that tells of it" {
	home
	start --json -v --interval 1 8080
	has "$out" '"event":"granted"'
	grown
	"$LAB" server crash
	local before=$EPOCHREALTIME
	"$LAB" server start
	has "$out" '"event":"regressed"' '"event":"recovered"'
	kill -TERM "$pid"
	ends_with 0
	pid=
	python3 -S -E - "$out" "$before" <<-'END'
	import datetime, json, sys
	records = [json.loads(line) for line in open(sys.argv[1])]
	at = lambda r: datetime.datetime.fromisoformat(r["time"].rstrip("Z"))
	gone = next(r for r in records if r["type"] == "epoch" and r["event"] == "regressed")
	assert gone["kind"] == "restart" and gone["via"] == "pcp", gone
	assert gone["server"] == "192.168.1.254", gone
	assert gone["epoch"] < gone["expected_epoch"] and gone["previous_epoch"] <= gone["expected_epoch"], gone
	assert gone["elapsed"] >= 0, gone
	# the first answer of the new server: its Epoch is less than the one before
	answers = [r for r in records if r["type"] == "packet" and r["direction"] == "received"
	           and r["protocol"] == "pcp" and "epoch" in r]
	told = next(b for a, b in zip(answers, answers[1:]) if b["epoch"] < a["epoch"])
	took = (at(gone) - at(told)).total_seconds()
	assert 0 <= took < 1, took
	# and of the server, with an --interval of 1 s: ten times that and a second
	since = at(gone).replace(tzinfo=datetime.timezone.utc).timestamp() - float(sys.argv[2])
	print("# shown", since, "s after the server began to come back")
	assert 0 <= since < 20, since
	back = next(r for r in records if r["type"] == "mapping" and r["event"] == "recovered")
	assert 0 <= (at(back) - at(gone)).total_seconds() < 10, (gone, back)
	END
}

@test "another external address" {
	home
	greet 192.168.1.10 8080
	watch --interval 1 8080
	shows "$EXTERNAL:8080"
	grown
	"$LAB" external 44.128.7.9
	"$LAB" server signal USR1
	shows "tcp 8080: changed as 44.128.7.9:8080"
	shows "was $EXTERNAL:8080"
	shows "> tcp  192.168.1.10:8080  44.128.7.9:8080"
	reaches connect 44.128.7.9 8080 hello
	keys q
	ends 0
	maps 0
}

@test "another address of the client: the same row goes on" {
	home
	watch --interval 1 8080
	shows "192.168.1.10:8080"
	maps 1
	hand_over 192.168.1.11
	shows "> tcp  192.168.1.11:8080  $EXTERNAL:"
	shows "1 mapping: 1 held"
	hides "192.168.1.10:8080"
	[ "$(screen_text | grep -c '^ 192.168.1.254 ')" -eq 1 ]
	# its keys reach it where it is now
	keys r
	shows "renewed"
	router nft list chain inet miniupnpd prerouting_maps | grep -q 192.168.1.11
	keys d y
	shows "no mappings"
	router nft list chain inet miniupnpd prerouting_maps | grep -q 192.168.1.11 && false
	keys q
	ends 0
}

@test "the server goes, and comes back" {
	home
	watch --interval 1 8080
	shows "1 held"
	"$LAB" server crash
	shows "! "
	shows "192.168.1.254: "
	"$LAB" server start
	hides " ! " # it answers; a lost state does not show so near to Epoch 0
	shows "1 held"
	keys r
	shows "renewed"
	maps 1
	keys q
	ends 0
	maps 0
}

# --- the terminal ---

@test "resized: 40x10, 1x1 and back" {
	home
	watch 8080 8081 8082
	shows "3 mappings: 3 held"
	on resize-window -x 40 -y 10
	shows "pcpctl watch"
	shows "8080"
	on resize-window -x 1 -y 1
	sleep 0.3
	keys Down r
	sleep 0.3
	on resize-window -x 100 -y 30
	shows "> tcp  192.168.1.10:8081"
	shows "renewed"
	keys q
	ends 0
	maps 0
}

@test "Ctrl-Z and fg, Ctrl-L: nothing is lost" {
	home
	terminal 100 30
	run_line "$WATCH 8080"
	shows "1 held"
	keys C-z
	shows Stopped
	is_restored
	maps 1
	run_line fg
	shows "> tcp  192.168.1.10:8080"
	hides compared
	keys C-l r
	shows renewed
	keys q
	hides renewed
	run_line "echo ended with \$?"
	ends 0
	maps 0
}

@test "SIGTERM, SIGHUP, SIGINT and Ctrl-C: a sane terminal, and no mapping behind" {
	home
	for signal in TERM HUP INT; do
		watch 8080
		shows "1 held"
		maps 1
		kill "-$signal" "$(tool_pid)"
		ends 0
		maps 0
	done
	watch 8080
	shows "1 held"
	keys C-c
	ends 0
	maps 0
}

@test "the terminal is lost: the mappings are deleted all the same" {
	home
	watch 8080
	shows "1 held"
	maps 1
	on kill-server
	maps 0
}

@test "--leave and Q leave the mappings, for a later run to find" {
	home
	watch --leave 8080
	shows "1 held"
	keys q
	ends 0
	maps 1
	watch 8081
	shows "1 held"
	keys Q
	ends 0
	maps 2
	map --list -q
	exits 0
	prints "$EXTERNAL:8080" "$EXTERNAL:8081"
	map -d --all
	exits 0
	maps 0
}

# --- keys ---

@test "a adds, a wrong SPEC is shown in place; e takes a TIME; d asks first" {
	home
	watch -l 120 8080
	shows "1 held"
	keys a
	shows "add SPEC:"
	keys -l 70000
	keys Enter
	shows "70000: port must be 0-65535"
	shows "add SPEC: 70000"
	keys C-u
	keys -l 80/foo
	keys Enter
	shows "protocol must be"
	keys C-u
	keys -l any:5060/tcp+udp
	keys Enter
	shows "3 mappings: 3 held"
	hides "add SPEC"
	maps 3
	keys e
	shows "lifetime of"
	keys -l soon
	keys Enter
	shows "soon: "
	keys C-u
	keys -l 0
	keys Enter
	shows "lifetime 0 deletes: that is the key d"
	keys C-u
	keys -l 30m
	keys Enter
	hides "lifetime of"
	shows "29m"
	keys d
	shows "? y/n"
	keys n
	hides "? y/n"
	shows "3 mappings: 3 held"
	keys d y
	shows "2 mappings: 2 held"
	maps 2
	# what was typed is deleted at the end as well
	keys q
	ends 0
	maps 0
}

@test "x runs the hook of the selected mapping" {
	home
	watch 8080
	shows "1 held"
	keys x
	shows "there is no hook: start with --exec COMMAND"
	keys q
	ends 0
	watch "-x 'echo \$PCP_EVENT \$PCP_EXTERNAL_PORT >>$BATS_TEST_TMPDIR/hook; echo from the hook' 8080"
	shows "1 held"
	has "$BATS_TEST_TMPDIR/hook" "granted 8080"
	keys x
	shows "the hook is run"
	for _ in {1..200}; do
		[ "$(wc -l <"$BATS_TEST_TMPDIR/hook")" -lt 2 ] || break
		sleep 0.05
	done
	[ "$(cat "$BATS_TEST_TMPDIR/hook")" = $'granted 8080\ngranted 8080' ]
	# what it prints does not spoil the screen, it is a line of the log
	for _ in {1..200}; do
		[ "$(screen_text | grep -c '^ [0-9:]*  from the hook$')" -lt 2 ] || break
		sleep 0.05
	done
	[ "$(screen_text | grep -c '^ [0-9:]*  from the hook$')" -eq 2 ]
	[ "$(screen_text | grep -c 'from the hook')" -eq 2 ]
	[ "$(screen_text | grep -c '> tcp  192.168.1.10:8080')" -eq 1 ]
	keys q
	ends 0
	[ "$(tail -n 1 "$BATS_TEST_TMPDIR/hook")" = "deleted 8080" ]
}

@test "moving, details, sorting, the filter, the log, help" {
	home
	watch 8080 any:5060/udp $(seq 8100 8130)
	shows "33 mappings: 33 held"
	keys Home
	shows "> tcp  192.168.1.10:8080"
	keys Down
	shows "> udp  192.168.1.10:5060"
	keys k
	shows "> tcp  192.168.1.10:8080"
	keys j j
	shows "> tcp  192.168.1.10:8100"
	keys NPage
	hides "192.168.1.10:8080"
	keys PPage
	shows "> tcp  192.168.1.10:8100"
	keys End
	shows "> tcp  192.168.1.10:8130"
	keys Home Enter
	shows Nonce
	shows "1 (MAP), response"
	keys Escape
	hides Nonce
	keys s
	shows "sorted by time left"
	keys s
	shows "sorted by internal port"
	shows "udp  192.168.1.10:5060"
	keys /
	keys -l 5060
	shows "matching 5060: 1-1 of 1 (33 in all)"
	keys Enter
	hides "filter:"
	keys Escape
	shows "of 33"
	keys l
	shows "tcp 8130: granted as $EXTERNAL:8130"
	keys l
	hides "Esc back"
	keys '?'
	shows KEYS
	shows "delete the selected mapping"
	keys Escape
	hides KEYS
	keys q
	ends 0
	maps 0
}

@test "an open prompt holds up no renewal" {
	home --no-server
	"$LAB" gateway start lifetime=4
	watch 8080
	shows "1 held"
	keys a
	shows "add SPEC:"
	keys -l 90
	asked 4 kind=MAP lifetime=7200
	shows "add SPEC: 90"
	keys Escape
	keys q
	ends 0
	asked 1 kind=MAP lifetime=0
}

# --- without a SPEC ---

@test "no SPEC: the recorded mappings are kept; with none the Epoch is watched" {
	home
	watch --interval 1 --color never
	shows "no mappings: press a to add one"
	shows "192.168.1.254  PCP v2"
	shows "EPOCH"
	grown
	"$LAB" server crash
	"$LAB" server start
	shows "REGRESSION of 192.168.1.254: restarted; epoch"
	on capture-pane -ep | head -n 1 | grep -q $'^\e\\[7m REGRESSION'
	keys q
	ends 0
	map -l 10m 8080 any:5060/udp
	exits 0
	watch
	shows "2 mappings: 2 held"
	shows "192.168.1.10:5060"
	keys End r
	shows renewed
	keys q
	ends 0
	# they are not of this run
	maps 2
}

# --- one frame, lines, records ---

@test "--once: a frame as text, and its exit statuses" {
	home
	pcpctl watch --once 8080 any:5060/udp
	exits 0
	prints " pcpctl watch   2 mappings: 2 held" "192.168.1.254 PCP v2" \
		"tcp 192.168.1.10:8080 $EXTERNAL:8080" "KEPT SINCE" "tcp 8080: granted as"
	[[ $output != *$'\e'* ]]
	while IFS= read -r line; do
		[ "${#line}" -le 80 ]
	done <<<"$output"
	maps 2
	pcpctl watch --once
	exits 0
	prints "2 mappings: 2 held"
	maps 2
	pcpctl watch --once -e 44.128.7.77 -P 8081
	exits 1
	prints CANNOT_PROVIDE_EXTERNAL "1 refused"
	"$LAB" silence on
	pcpctl watch --once -t 1 8083
	exits 3
	"$LAB" silence off
	"$LAB" server stop
	pcpctl watch --once -t 2 8083
	exits 4
}

@test "--plain, and stdout that is no terminal: a line per event" {
	home
	start --plain --interval 1 8080
	has "$out" "tcp  $EXTERNAL:8080 -> 192.168.1.10:8080"
	grown
	"$LAB" server crash
	"$LAB" server start
	has "$out" "192.168.1.254 lost its state: epoch" recovered
	kill -TERM "$pid"
	ends_with 0
	pid=
	has "$out" deleted
	maps 0
	terminal 100 30
	run_line "$WATCH 8080 | tee $BATS_TEST_TMPDIR/log"
	has "$BATS_TEST_TMPDIR/log" "tcp  $EXTERNAL:8080 -> 192.168.1.10:8080"
	[ "$(on display-message -p '#{alternate_on}')" = 0 ]
	keys C-c
	maps 0
}

@test "--json, and a server of NAT-PMP: the Epoch is that of the external address" {
	home --no-server
	"$LAB" gateway start natpmp-only
	start --json --interval 1
	has "$out" '"type":"epoch"'
	asked 2 version=0 opcode=0
	for _ in {1..200}; do
		[ "$(grep -c '"type":"epoch"' "$out")" -lt 3 ] || break
		sleep 0.05
	done
	kill -TERM "$pid"
	ends_with 0
	pid=
	status=0 output=$(<"$out")
	[ "$(json epoch event | grep -cx ok)" -ge 3 ]
	[ "$(json epoch event | sort -u)" = ok ]
	[ "$(json epoch via | sort -u)" = nat-pmp ]
	[ "$(json epoch server | sort -u)" = 192.168.1.254 ]
	# each is of an answer of its own, and nothing is mapped for it
	[ "$(gateway_count version=0 opcode=0)" -ge "$(json epoch event | wc -l)" ]
	[ "$(gateway_count kind=MAP)" -eq 0 ]
	[ "$(gateway_count version=0 opcode=1)" -eq 0 ]
	[ "$(gateway_count version=0 opcode=2)" -eq 0 ]
}

@test "| head -n 1: it cleans up, and ends with 5" {
	home
	terminal 100 30
	run_line "$WATCH --interval 1 8080 8081 | head -n 1; echo ended with \${PIPESTATUS[0]}"
	shows "ended with 5"
	maps 0
}

@test "--json: mapping and epoch records" {
	home
	start --json --interval 1 8080
	has "$out" '"event":"granted"' '"type":"epoch"'
	grown
	"$LAB" server crash
	"$LAB" server start
	has "$out" '"event":"regressed"' '"event":"recovered"'
	kill -INT "$pid"
	ends_with 0
	pid=
	status=0 output=$(<"$out")
	json mapping event | grep -qx deleted
	[ "$(json mapping event | head -n 1)" = granted ]
	json epoch event | grep -qx ok
	[ "$(json epoch kind | grep -c restart)" -eq 1 ]
	[ "$(json epoch server | sort -u)" = 192.168.1.254 ]
	# one each --interval: of 7 s and more
	[ "$(json epoch event | grep -cx ok)" -ge 3 ]
	maps 0
}

@test "--json without a mapping: each record is written at once, and its reader missed" {
	home
	start --json --interval 1
	for number in 1 2 3; do
		for _ in {1..200}; do
			[ "$(wc -l <"$out")" -lt "$number" ] || break
			sleep 0.05
		done
		[ "$(wc -l <"$out")" -ge "$number" ]
	done
	kill -TERM "$pid"
	ends_with 0
	pid=
	status=0 output=$(<"$out")
	[ "$(json epoch event | sort -u)" = ok ]
	[ "$(json epoch previous_epoch | grep -c -- -)" -eq 0 ]
	terminal 100 30
	run_line "$WATCH --json --interval 1 | head -n 1; echo ended with \${PIPESTATUS[0]}"
	shows "ended with 5"
}

@test "TERM=dumb, unknown and unset: lines, with the reason" {
	home
	terminal 100 30
	# ncurses does not give back what it has when it does not know the terminal
	case ${BUILD-} in *sanitize*) run_line "export ASAN_OPTIONS=detect_leaks=0" ;; esac
	for term in "TERM=dumb" "TERM=no-such-term" "-u TERM"; do
		run_line "clear; env $term $WATCH 8080; echo ended with \$?"
		shows "goes on with a line per event"
		shows "tcp  $EXTERNAL:8080 -> 192.168.1.10:8080"
		maps 1
		keys C-c
		shows "ended with 0"
		maps 0
	done
	is_restored
}

# --- usage ---

# refuses TEXT ARG...
refuses() {
	local text=$1
	shift
	run --separate-stderr timeout 10 "$PCPCTL" watch -s 127.0.0.1:9 "$@"
	is_usage_error "$text"
}

@test "what watch does not take: exit 2, the option and the reason" {
	refuses "watch: --delete: watch deletes with the key d" -d 80
	refuses "watch: --list: that is map --list" --list
	refuses "watch: --all, --force: only with map --delete" --all
	refuses "watch: --all, --force: only with map --delete" --force
	refuses "watch: --dry-run: that is map --dry-run" --dry-run 80
	refuses "watch: --shell: that is map --shell" --shell 80
	refuses "watch: --srv: its lines and the screen exclude each other" --srv _a._tcp.example.org --target h.example.org 80
	refuses "watch: --once: prints a frame: not with --plain or --json" --once --plain
	refuses "watch: --once: prints a frame: not with --plain or --json" --once --json
	refuses "watch: --quiet: not with --once" --once -q
	refuses "watch: --keep: not with --once" --once -k 80
	for word in 0 500ms -1 1x 999ms; do
		refuses "$word: " "--interval=$word"
	done
	refuses "watch: 0: interval must be 1s or more, as 5, 30s or 2m" --interval 0
	refuses "watch: 70000: port must be 0-65535" 70000
	refuses "watch: --quiet: not together with --json" -j -q
	refuses "--leave: " --once --leave 80
	refuses "unknown" --no-such-option
}

@test "help and completion offer nothing that watch refuses" {
	for option in --delete --all --force --list --dry-run --shell; do
		run -0 "$PCPCTL" map --help
		[[ $output == *" $option "* ]]
		run -0 "$PCPCTL" watch --help
		[[ $output != *" $option "* && $output == *" --leave "*" --interval "* ]]
		run -0 "$PCPCTL" complete options watch
		[[ $output != *"$option"* && $output == *--leave* && $output == *--interval* ]]
	done
}

# --- where no loop draws ---

@test "what is wrong before the screen has anything to show is said after it" {
	home
	watch --established :2222
	shows "pcpctl: watch: no established TCP connection with :2222"
	ends 4
	watch "--description \$'\\xff' 8080"
	shows "--description: DESCRIPTION is for MAP and PEER, UTF-8 of at most 1016 octets"
	ends 2
	maps 0
}

@test "no router yet: the screen says so and heeds keys; then there is one" {
	home
	client ip -6 route del default || true
	client ip route del default
	watch -4 8080
	shows "waits until there is somebody to ask"
	keys a
	shows "add SPEC:"
	keys -l 90
	keys Enter
	shows "90: nobody is there to ask yet"
	keys Escape
	keys q
	ends 0
	watch -4 8080
	shows "waits until there is somebody to ask"
	client ip route add default via "$ROUTER"
	shows "1 held"
	keys q
	ends 0
	maps 0
}

@test "what could not be deleted is listed after the screen" {
	home
	watch 8080
	shows "1 held"
	"$LAB" silence on
	keys q
	shows "not deleted, stays until" || shows "not deleted, stays until"
	ends 0
	"$LAB" silence off
}

# --- beside others ---

@test "what watch keeps is not deleted by map -d, which names its pid" {
	home
	watch 8080
	shows "1 held"
	local keeper
	keeper=$(tool_pid)
	map -d 8080
	exits 1
	says "$keeper"
	maps 1
	map -d --force 8080
	exits 0
	maps 0
	keys q
	ends 0
}

@test "what a running map --keep keeps is shown, and left to it" {
	home
	"$LAB" client env --default-signal=INT "$PCPCTL" map --keep 8080 >"$BATS_TEST_TMPDIR/keep" 2>&1 3>&- &
	pid=$!
	has "$BATS_TEST_TMPDIR/keep" "$EXTERNAL:8080"
	for spec in "" 8080; do
		watch "$spec"
		shows "> tcp  192.168.1.10:8080  $EXTERNAL:8080"
		maps 1
		keys q
		ends 0
		[ "$(rules 192.168.1)" -eq 1 ]
	done
	kill -0 "$pid"
	map -d 8080
	exits 1
	says "$pid"
	kill -INT "$pid"
	ends_with 0
	pid=
	maps 0
}

@test "--plain --srv: for nsupdate; -q: external addresses and ports" {
	home
	start --plain any:5060/udp --srv _sip._udp.example.org --target host.example.org
	has "$out" "update add _sip._udp.example.org. 120 SRV 0 0 5060 host.example.org." send
	kill -TERM "$pid"
	ends_with 0
	has "$out" "update delete _sip._udp.example.org. SRV 0 0 5060 host.example.org."
	start -q 8080
	has "$out" "$EXTERNAL:8080"
	kill -TERM "$pid"
	ends_with 0
	pid=
	[ "$(head -n 1 "$out")" = "$EXTERNAL:8080" ]
	maps 0
}

# --- memory ---

@test "valgrind finds no leak and no error" {
	command -v valgrind >/dev/null || skip "valgrind is not installed"
	case ${BUILD-} in *sanitize*) skip "the sanitizers do that" ;; esac
	home
	terminal 100 30
	local log=$BATS_TEST_TMPDIR/valgrind
	run_line "$LAB client valgrind --leak-check=full --show-leak-kinds=definite,possible --errors-for-leak-kinds=definite,possible --error-exitcode=9 --log-file='$log' $PCPCTL watch --interval 1 -x true 8080 any:5060/udp; echo ended with \$?"
	shows_late "2 held"
	keys a
	shows "add SPEC:"
	keys -l 70000
	keys Enter
	shows "port must be"
	keys C-u
	keys -l 8090/tcp+udp
	keys Enter
	shows "4 held"
	keys Home Enter
	shows Nonce
	keys Escape r R x
	keys e
	keys -l 1h
	keys Enter
	keys d y
	shows "3 mappings"
	keys '?' l Escape s / u Enter
	on resize-window -x 40 -y 10
	on resize-window -x 100 -y 30
	grown
	"$LAB" server crash
	"$LAB" server start
	keys Escape
	shows_late "recovered 3 of 3"
	hand_over 192.168.1.11
	shows_late "192.168.1.11:"
	keys q
	shows_late "ended with"
	has "$log" 'ERROR SUMMARY'
	cat "$log"
	shows "ended with 0"
}
