/* SPDX-License-Identifier: MIT
 * The text and the quiet form, word by word.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>

#include "printed.h"
#include "sample_events.h"

#define ROUTER	"192.168.1.254"
#define ROUTER6 "fe80::1"

/* What one mapping prints. */
static void prints(
	enum output_form form, const struct event *event, const char *out, const char *err)
{
	struct printed p;

	printed_begin(&p, form, 0, false);
	output_mapping(p.output, event);
	printed_end(&p);
	assert_string_equal(p.out, out);
	assert_string_equal(p.err, err);
	printed_free(&p);
}

static void text(const struct event *event, const char *out)
{
	prints(OUTPUT_TEXT, event, out, "");
}

static void problem(const struct event *event, const char *err)
{
	prints(OUTPUT_TEXT, event, "", err);
	prints(OUTPUT_QUIET, event, "-\n", err);
}

/* --- what was granted --- */

static void test_grant(void **state)
{
	struct event event = sample_grant(ROUTER);
	struct event_mapping *m = &event.mapping;

	(void)state;
	text(&event, "tcp  82.64.12.7:8080 -> 192.168.1.10:8080  2h, until 15:03:10  "
		     "(PCP, 192.168.1.254)\n");
	m->lifetime = 86399;
	text(&event, "tcp  82.64.12.7:8080 -> 192.168.1.10:8080  23h 59m, until 13:03:09  "
		     "(PCP, 192.168.1.254)\n");
	m->lifetime = 86400;
	text(&event, "tcp  82.64.12.7:8080 -> 192.168.1.10:8080  1d, until 2026-11-23 13:03:10  "
		     "(PCP, 192.168.1.254)\n");
	m->lifetime = UINT32_MAX;
	text(&event, "tcp  82.64.12.7:8080 -> 192.168.1.10:8080  for ever  (PCP, 192.168.1.254)\n");
	event = sample_grant(ROUTER6);
	m->server.server.port = 5352;
	m->protocol = 47;
	text(&event, "47  [2a01:e0a:1:2::10]:8080 -> [2a01:e0a:1:2::10]:8080  2h, until 15:03:10  "
		     "(PCP, [fe80::1%eth0]:5352)\n");
}

static void test_grant_unknown(void **state)
{
	struct event event = sample_grant(ROUTER);
	struct event_mapping *m = &event.mapping;

	(void)state;
	m->via = VIA_NAT_PMP;
	m->has_external_address = false;
	text(&event, "tcp  ?:8080 -> 192.168.1.10:8080  2h, until 15:03:10  "
		     "(NAT-PMP, 192.168.1.254)\n");
	/* a VPN's convention, not every port */
	m->internal_port = 0;
	m->zero_port = true;
	text(&event, "tcp  ?:8080 -> 192.168.1.10:0  2h, until 15:03:10  "
		     "(NAT-PMP, 192.168.1.254)\n");
	event = sample_grant(ROUTER);
	m->internal_port = m->external_port = 0;
	text(&event, "tcp  82.64.12.7:* -> 192.168.1.10:*  2h, until 15:03:10  "
		     "(PCP, 192.168.1.254)\n");
	m->protocol = PROTOCOL_ALL;
	text(&event, "all  82.64.12.7:* -> 192.168.1.10:*  2h, until 15:03:10  "
		     "(PCP, 192.168.1.254)\n");
}

static void test_peer(void **state)
{
	struct event event = sample_grant(ROUTER);

	(void)state;
	event.mapping.opcode = PCP_PEER;
	event.mapping.remote_address = sample_ip("198.51.100.5");
	event.mapping.remote_port = 22;
	text(&event, "tcp  82.64.12.7:8080 -> 192.168.1.10:8080  with 198.51.100.5:22  2h, until "
		     "15:03:10  (PCP, 192.168.1.254)\n");
}

static void test_later(void **state)
{
	struct event event = sample_grant(ROUTER);
	struct event_mapping *m = &event.mapping;

	(void)state;
	m->outcome = OUTCOME_CHANGED;
	m->has_previous = true;
	m->previous_address = sample_ip("82.64.12.6");
	m->previous_port = 8081;
	text(&event, "tcp  82.64.12.7:8080 -> 192.168.1.10:8080  2h, until 15:03:10  "
		     "(PCP, 192.168.1.254)  changed, was 82.64.12.6:8081\n");
	m->outcome = OUTCOME_LOST;
	text(&event, "tcp  192.168.1.10:8080 lost  (PCP, 192.168.1.254)\n");
	m->outcome = OUTCOME_DELETED;
	m->deleting = true;
	m->lifetime = 0;
	text(&event, "tcp  192.168.1.10:8080 deleted  (PCP, 192.168.1.254)\n");
	m->lifetime = 120;
	text(&event, "tcp  192.168.1.10:8080 deleted, lives on for 2m  (PCP, 192.168.1.254)\n");
}

/* --- what was not --- */

static void test_refused(void **state)
{
	struct event event = sample_refusal(ROUTER, VIA_PCP, 66);
	struct event_mapping *m = &event.mapping;

	(void)state;
	m->error_lifetime = 0;
	problem(&event, "pcpctl: map: tcp 8080: 192.168.1.254 refused: unknown result 66\n");
	m->error_lifetime = 1800;
	problem(&event,
		"pcpctl: map: tcp 8080: 192.168.1.254 refused: unknown result 66; it asks to "
		"wait 30m\n");
	m->refusal = REFUSAL_NAT_PMP;
	m->feature = "FILTER (-F)";
	problem(&event,
		"pcpctl: map: tcp 8080: refused: 192.168.1.254 is asked in NAT-PMP, which cannot "
		"express FILTER (-F)\n");
	m->refusal = REFUSAL_OTHER_EXTERNAL;
	m->unwanted = UNWANTED_LEFT;
	m->unwanted_port = 8081;
	m->unwanted_lifetime = 7200;
	problem(&event,
		"pcpctl: map: tcp 8080: refused: 192.168.1.254 assigned port 8081 where 8080 "
		"was asked, and -P takes no other (CANNOT_PROVIDE_EXTERNAL); the unwanted "
		"mapping of port 8081 stays until 15:03:10\n");
	m->unwanted = UNWANTED_DELETED;
	m->refusal = REFUSAL_PAIR;
	problem(&event,
		"pcpctl: map: tcp 8080: refused: the other half of tcp+udp was refused, and "
		"-P takes both or neither; the unwanted mapping has been deleted again\n");
}

static void test_refused_result(void **state)
{
	struct printed p;
	struct event event = sample_refusal(ROUTER, VIA_PCP, PCP_NOT_AUTHORIZED);

	(void)state;
	printed_begin(&p, OUTPUT_TEXT, 0, true);
	output_mapping(p.output, &event);
	event = sample_refusal(ROUTER, VIA_NAT_PMP, NATPMP_NETWORK_FAILURE);
	event.mapping.deleting = true;
	output_mapping(p.output, &event);
	printed_end(&p);
	assert_non_null(
		strstr(p.err, "pcpctl: map: tcp 8080: 192.168.1.254 \033[1;31mrefused\033[0m: "
			      "NOT_AUTHORIZED (2): "));
	assert_non_null(strstr(p.err, "pcpctl: map: tcp 8080: not deleted: 192.168.1.254 "
				      "\033[1;31mrefused\033[0m: NETWORK_FAILURE (NAT-PMP 3): "));
	printed_free(&p);
}

static void test_unanswered(void **state)
{
	struct event event = sample_silence(ROUTER);
	struct event_mapping *m = &event.mapping;

	(void)state;
	problem(&event,
		"pcpctl: map: tcp 8080: no answer from 192.168.1.254 to 5 requests; a mapping "
		"may have been made all the same: delete it with pcpctl map -d -s 192.168.1.254 --nonce "
		"112233445566778899aabbcc 8080\n");
	m->server.found_by = FOUND_OPTION;
	m->protocol = PROTOCOL_UDP;
	m->attempts = 1;
	problem(&event,
		"pcpctl: map: udp 8080: no answer from 192.168.1.254 to 1 request; a mapping "
		"may have been made all the same: delete it with pcpctl map -d -s "
		"192.168.1.254 --nonce 112233445566778899aabbcc 8080/udp\n");
	m->nat_pmp_answered = true;
	m->feature = "PEER";
	problem(&event,
		"pcpctl: map: udp 8080: no answer from 192.168.1.254 to 1 request; it answers "
		"NAT-PMP, which cannot express PEER\n");
}

static void test_unreachable(void **state)
{
	struct event event = sample_silence(ROUTER);
	struct event_mapping *m = &event.mapping;

	(void)state;
	m->outcome = OUTCOME_UNREACHABLE;
	m->has_error = true;
	m->error = sample_error(ROUTER, NET_ERROR_PORT_UNREACHABLE, 3, 3).error.error;
	problem(&event,
		"pcpctl: map: tcp 8080: 192.168.1.254 is unreachable: ICMP port unreachable "
		"from 192.168.1.254: nothing listens on UDP 5351 there\n");
	m->error.offender = sample_ip("10.0.0.9");
	problem(&event,
		"pcpctl: map: tcp 8080: 192.168.1.254 is unreachable: ICMP port unreachable "
		"from 10.0.0.9\n");
	m->error = (struct net_error){
		.kind = NET_ERROR_UNREACHABLE, .local = true, .error = EHOSTUNREACH
	};
	problem(&event, "pcpctl: map: tcp 8080: 192.168.1.254 is unreachable: No route to host\n");
}

static void test_quiet(void **state)
{
	struct event event = sample_grant(ROUTER);
	struct event servers[2] = { sample_probe(ROUTER), sample_probe(ROUTER6) };
	struct printed p;

	(void)state;
	prints(OUTPUT_QUIET, &event, "82.64.12.7:8080\n", "");
	event = sample_grant(ROUTER6);
	prints(OUTPUT_QUIET, &event, "[2a01:e0a:1:2::10]:8080\n", "");
	event.mapping.has_external_address = false;
	prints(OUTPUT_QUIET, &event, "?:8080\n", "");
	servers[1].server.pcp.status = PROBE_REFUSED;
	printed_begin(&p, OUTPUT_QUIET, 0, false);
	output_servers(p.output, servers, 2);
	output_note(p.output, "a note");
	printed_end(&p);
	assert_string_equal(p.out, "192.168.1.254 pcp 82.64.12.7\n");
	assert_string_equal(p.err, "");
	printed_free(&p);
}

/* --- the table --- */

static void test_table(void **state)
{
	struct event events[4] = { sample_probe(ROUTER), sample_probe(ROUTER6),
		sample_probe(ROUTER), sample_probe(ROUTER) };
	struct printed p;

	(void)state;
	events[1].server.pcp = (struct event_probe){ .status = PROBE_REFUSED, .rtt = 900000 };
	events[2].server.pcp = (struct event_probe){ .status = PROBE_SILENT };
	events[2].server.server.found_by = FOUND_OPTION;
	events[3].server.pcp.status = PROBE_ERROR;
	events[3].server.pcp.result = PCP_NOT_AUTHORIZED;
	events[3].server.nat_pmp = (struct event_probe){ .status = PROBE_UNSUPPORTED };
	events[3].server.has_external = false;
	printed_begin(&p, OUTPUT_TEXT, 0, false);
	output_servers(p.output, events, 2);
	output_servers(p.output, events + 2, 2);
	output_servers(p.output, NULL, 0);
	printed_end(&p);
	assert_string_equal(p.out,
		"SERVER         VIA                  PCP               NAT-PMP  EXTERNAL    RTT\n"
		"192.168.1.254  default route, eth0  v2, epoch 41d 3h  yes      82.64.12.7  1.2 "
		"ms\n"
		"fe80::1%eth0   default route, eth0  port unreachable  -        -           0.9 "
		"ms\n"
		"SERVER         VIA                  PCP                   NAT-PMP      EXTERNAL   "
		" RTT\n"
		"192.168.1.254  -s                   silent                yes          82.64.12.7 "
		" 1.2 ms\n"
		"192.168.1.254  default route, eth0  error NOT_AUTHORIZED  unsupported  -          "
		" 1.2 ms\n");
	printed_free(&p);
}

/* --- findings and messages --- */

static void test_finding(void **state)
{
	struct finding since = { .id = "state-kept-since",
		.server = sample_server(ROUTER),
		.since_ms = SAMPLE_NOW - INT64_C(3553200000),
		.text = "R has kept its state since " FINDING_WHEN " (epoch 3553200 s)." };
	struct finding bad = { .id = "timeout",
		.severity = SEVERITY_ERROR,
		.text = "It \033[2J is bad.",
		.advice = "Do \xff this." };
	struct event when = sample_event(EVENT_SERVER);
	struct printed p;

	(void)state;
	printed_begin(&p, OUTPUT_TEXT, 0, false);
	output_finding(p.output, &bad, &when);
	output_finding(p.output, &since, &when);
	output_error(p.output, SAMPLE_NOW, 2, "%s: port must be 1-65535", "7\n0");
	output_note(p.output, "%d of %d", 1, 2);
	printed_end(&p);
	assert_string_equal(p.out, "");
	assert_string_equal(p.err,
		"! It \\x1b[2J is bad. Do \\xff this.\n"
		"* R has kept its state since 2026-10-12 11:03 (epoch 3553200 s).\n"
		"pcpctl: map: 7\\x0a0: port must be 1-65535\n"
		"pcpctl: map: 1 of 2\n");
	printed_free(&p);
	printed_begin(&p, OUTPUT_TEXT, 0, true);
	output_finding(p.output, &bad, &when);
	printed_end(&p);
	assert_string_equal(p.err, "\033[1;31m!\033[0m It \\x1b[2J is bad. Do \\xff this.\n");
	printed_free(&p);
}

static void test_events(void **state)
{
	struct event packet = sample_packet(ROUTER, true, "0000");
	struct event drop = sample_drop(ROUTER, DROP_SHORT);
	struct event epoch = sample_event(EVENT_EPOCH);
	struct printed p;

	(void)state;
	epoch.epoch = (struct event_epoch){ sample_server(ROUTER), VIA_PCP, true, 3553200, 3,
		3553230, 30, .kind = EPOCH_RESTART };
	for (unsigned verbose = 0; verbose < 3; verbose++) {
		printed_begin(&p, OUTPUT_TEXT, verbose, false);
		output_event(p.output, &packet);
		output_event(p.output, &drop);
		output_event(p.output, &epoch);
		printed_end(&p);
		assert_string_equal(p.out, "");
		assert_int_equal(
			strstr(p.err, "13:03:10.123 > 192.168.1.254  NAT-PMP external address "
				      "request, 2 octets\n") != NULL,
			verbose > 0);
		assert_int_equal(strstr(p.err, "    0000  00 00") != NULL, verbose > 1);
		assert_int_equal(strstr(p.err, "dropped 60 octets from 192.168.1.254:5351 "
					       "(02810000...): too short\n") != NULL,
			verbose > 1);
		assert_non_null(
			strstr(p.err, "pcpctl: map: 192.168.1.254 lost its state: epoch 3 s, was "
				      "3553200 s, expected 3553230 s; restarted\n"));
		printed_free(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grant),
		cmocka_unit_test(test_grant_unknown),
		cmocka_unit_test(test_peer),
		cmocka_unit_test(test_later),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_refused_result),
		cmocka_unit_test(test_unanswered),
		cmocka_unit_test(test_unreachable),
		cmocka_unit_test(test_quiet),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_finding),
		cmocka_unit_test(test_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
