# SPDX-License-Identifier: MIT
# map --keep --srv into a real name server: named in the lab's wan network, with a key
# that the test makes, fed by nsupdate; dig shows what became of it.
# shellcheck shell=bash disable=SC2034,SC2154  # bats' and lab.bash's variables

SRV=_sip._udp.example.org
HOST=host.example.org

setup() {
	load lab
	PATH=$PATH:/usr/sbin:$(realpath "$BATS_TEST_DIRNAME/../..")/build/packages/usr/sbin
	zone=$BATS_TEST_TMPDIR/named key=$BATS_TEST_TMPDIR/key
	out=$BATS_TEST_TMPDIR/commands err=$BATS_TEST_TMPDIR/err
	for tool in named nsupdate dig; do
		command -v "$tool" >/dev/null || skip "$tool is not there (tests/install-packages --for check)"
	done
	home
	name_server
}

teardown() {
	[ -z "${pid-}" ] || kill -KILL "$pid" 2>/dev/null || true
	leave # named and nsupdate run in its networks, and end with it
}

# name_server: on wan4, for example.org, in which another host offers SIP as well.
name_server() {
	local secret
	mkdir "$zone"
	secret=$(head -c 32 /dev/urandom | base64)
	printf 'key pcpctl. { algorithm hmac-sha256; secret "%s"; };\n' "$secret" >"$key"
	cat >"$zone/named.conf" <<-END
		include "$key";
		options {
			directory "$zone";
			pid-file none;
			session-keyfile none;
			listen-on port 53 { $WAN; };
			listen-on-v6 { none; };
			recursion no;
			notify no;
			dnssec-validation no;
		};
		controls { };
		zone "example.org" { type primary; file "zone"; allow-update { key pcpctl.; }; };
	END
	cat >"$zone/zone" <<-END
		\$TTL 300
		@ IN SOA ns.example.org. root.example.org. 1 3600 600 86400 60
		@ IN NS ns.example.org.
		ns IN A $WAN
		$SRV. 300 IN SRV 0 0 5060 other.example.org.
		other IN A 44.128.7.77
	END
	"$LAB" wan named -g -n 1 -c "$zone/named.conf" >"$zone/log" 2>&1 3>&- &
	wait_until asks_back SOA example.org || { cat "$zone/log"; return 1; }
}

WAN=44.128.7.1

# records TYPE NAME: its records, from the client, sorted.
records() {
	client dig +short +tries=1 +time=2 "@$WAN" "$2" "$1" | sort
}

asks_back() {
	local answer
	answer=$(client dig +short +tries=1 +time=2 "@$WAN" "$2" "$1") || return
	grep -q '^[^;]' <<<"$answer" # what dig says itself begins with ;
}

# holds TYPE NAME [RECORD]...: exactly these.
holds() {
	[ "$(records "$1" "$2")" = "$(printf '%s\n' "${@:3}" | sort)" ]
}

# shows TYPE NAME [RECORD]...: within some seconds.
shows() {
	local i
	for i in {1..100}; do
		holds "$@" && return
		sleep 0.1
	done
	echo "$2 has:" "$(records "$1" "$2")" >&2
	cat "$out" "$err" >&2
	return 1
}

# published ARG...: map --keep --srv | nsupdate; $pid is pcpctl, $feeder nsupdate.
published() {
	local pipe=$BATS_TEST_TMPDIR/pipe
	mkfifo -m 600 "$pipe"
	# A pipe of a shell would do, but its parts are to be ended one by one.
	"$LAB" client nsupdate -k "$key" <"$pipe" >"$BATS_TEST_TMPDIR/nsupdate" 2>&1 3>&- &
	feeder=$!
	exec 8>"$pipe"
	echo "server $WAN" >&8
	"$LAB" client "$PCPCTL" map --keep "$@" --srv "$SRV" --target "$HOST" >&8 2>"$err" 3>&- 8>&- &
	pid=$!
	exec 8>&-
	: >"$out"
}

ends() {
	kill -TERM "$pid"
	ends_with 0
	pid=
}

OTHER="0 0 5060 other.example.org."

@test "published, changed, withdrawn; another host's record stays" {
	holds SRV "$SRV" "$OTHER"
	published any:5060/udp
	shows A "$HOST" "$EXTERNAL"
	local port
	port=$(records SRV "$SRV" | sed -n "s/^0 0 \([0-9]*\) $HOST\.$/\1/p")
	[ -n "$port" ]
	holds SRV "$SRV" "$OTHER" "0 0 $port $HOST."
	# it is the port that leads here
	[ "$(rules "dport $port ")" -eq 1 ]

	# a restarted server that has no such port to give any more
	sleep 4.5 # an Epoch that is two seconds off would be in range
	"$LAB" server crash
	sed -i 's/^allow .*/allow 30000-65535 192.168.1.0\/24 1-65535/' "$LAB_DIR/miniupnpd.conf"
	[ "$port" -lt 30000 ]
	"$LAB" server start
	local from=${EPOCHREALTIME/./}
	shows SRV "$SRV" "$OTHER" "0 0 30000 $HOST."
	echo "# the changed port is published after $(((${EPOCHREALTIME/./} - from) / 1000)) ms" >&3
	holds A "$HOST" "$EXTERNAL"

	ends
	shows SRV "$SRV" "$OTHER"
	shows A "$HOST"
	[ ! -s "$BATS_TEST_TMPDIR/nsupdate" ]
}

@test "another external address: the A record follows" {
	published 5060/udp
	shows A "$HOST" "$EXTERNAL"
	sleep 4.5
	"$LAB" external 44.128.9.9
	shows A "$HOST" 44.128.9.9
	holds SRV "$SRV" "$OTHER" "0 0 5060 $HOST."
	ends
	shows A "$HOST"
	shows SRV "$SRV" "$OTHER"
}

@test "killed with -9: the next run withdraws what it published" {
	published 5060/udp
	shows A "$HOST" "$EXTERNAL"
	kill -KILL "$pid"
	wait "$pid" || true
	rm "$BATS_TEST_TMPDIR/pipe"
	holds SRV "$SRV" "$OTHER" "0 0 5060 $HOST."
	published 5060/udp
	wait_until grep -q . "$PCPCTL_STATE_DIR"/*/map-*
	sleep 1
	holds SRV "$SRV" "$OTHER" "0 0 5060 $HOST."
	ends
	shows SRV "$SRV" "$OTHER"
	shows A "$HOST"
}

@test "nsupdate killed: the mapping is deleted, exit 5" {
	published 5060/udp
	shows A "$HOST" "$EXTERNAL"
	[ "$(rules 'dport 5060')" -eq 1 ]
	kill -KILL "$feeder"
	ends_with 5
	pid=
	[ "$(rules 'dport 5060')" -eq 0 ]
	cat "$err"
}
