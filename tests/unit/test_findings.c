/* SPDX-License-Identifier: MIT
 * Findings about servers: for each an event series that raises it, and a near miss.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>

#include "found.h"

/* A probe that nobody answered. */
static struct event quiet_probe(const char *server)
{
	struct event event = sample_probe(server);

	event.server.has_external = false;
	event.server.pcp = event.server.nat_pmp =
		(struct event_probe){ .status = PROBE_SILENT, .attempts = 4 };
	return event;
}

static struct event version(enum version_change change, const char *octets, size_t length)
{
	struct event event = sample_event(EVENT_VERSION);

	event.version.server = sample_server(ROUTER);
	event.version.change = change;
	memcpy(event.version.octets, octets, 4);
	event.version.length = length;
	event.version.waited = 750 * MSEC;
	event.version.attempts = 2;
	return event;
}

/* --- nothing to say --- */

static void test_all_is_well(void **state)
{
	struct event events[] = { sample_grant(ROUTER) };
	struct found all = look(events, 1, NULL);

	(void)state;
	assert_string_equal(all.ids, " ");
	all = look(NULL, 0, NULL);
	assert_int_equal(all.count, 0);
}

/* --- 1 to 4: no answer --- */

static void test_port_unreachable(void **state)
{
	struct event events[2] = {
		sample_error(ROUTER6, NET_ERROR_PORT_UNREACHABLE, 1, 4),
		sample_grant(ROUTER6),
	};
	struct finding f = found(events, 1, "no-server-port-unreachable");

	(void)state;
	assert_int_equal(f.severity, SEVERITY_ERROR);
	assert_string_equal(f.text, "fe80::1%eth0 refused UDP 5351 (ICMP port unreachable): no PCP "
				    "server listens there for IPv6.");
	assert_string_equal(f.advice, "Switch PCP on for IPv6 in the router, or use -4.");
	not_found(events, 1, "timeout");
	/* it answered in the end */
	not_found(events, 2, "no-server-port-unreachable");
	events[0] = sample_error("10.2.0.1", NET_ERROR_PORT_UNREACHABLE, 3, 3);
	says(found(events, 1, "no-server-port-unreachable").advice, "ProtonVPN");
	events[0] = sample_error(ROUTER, NET_ERROR_PORT_UNREACHABLE, 3, 3);
	f = found(events, 1, "no-server-port-unreachable");
	says(f.advice, "enable_natpmp=yes");
	silent(f.advice, "ProtonVPN");
	/* not the server's own word */
	events[0].error.error.offender = sample_ip("10.0.0.9");
	f = found(events, 1, "no-server-port-unreachable");
	says(f.text, "10.0.0.9, which is not the server");
	silent(f.text, "listens");
}

static void test_prohibited(void **state)
{
	struct event events[2] = {
		sample_error(ROUTER, NET_ERROR_PROHIBITED, 3, 13),
		sample_probe(ROUTER),
	};

	(void)state;
	events[0].error.error.offender = sample_ip("10.0.0.9");
	says(found(events, 1, "prohibited").text, "type 3 code 13 from 10.0.0.9");
	not_found(events, 1, "unreachable");
	not_found(events, 2, "prohibited");
	events[0] = sample_error(ROUTER, NET_ERROR_DENIED, 0, 0);
	events[0].error.error.local = true;
	events[0].error.error.error = EPERM;
	says(found(events, 1, "prohibited").text, "This host does not let");
	says(found(events, 1, "prohibited").advice, "Likely");
}

static void test_unreachable(void **state)
{
	struct event events[2] = {
		sample_error(ROUTER, NET_ERROR_UNREACHABLE, 3, 1),
		sample_error(ROUTER, NET_ERROR_PORT_UNREACHABLE, 3, 3),
	};

	(void)state;
	says(found(events, 1, "unreachable").text, "ICMP host unreachable");
	/* the worst kind counts */
	not_found(events, 2, "unreachable");
	events[0] = sample_error("192.0.0.9", NET_ERROR_TTL, 11, 0);
	says(found(events, 1, "unreachable").advice, "too many routers away");
	events[0].error.error.kind = NET_ERROR_TOO_BIG;
	not_found(events, 1, "unreachable");
}

static void test_timeout(void **state)
{
	struct event events[3] = { sample_silence(ROUTER), sample_grant(ROUTER) };
	struct finding f = found(events, 1, "timeout");

	(void)state;
	assert_string_equal(f.text, "192.168.1.254 did not answer 5 requests for tcp 8080.");
	says(f.advice, "Likely");
	events[1].mapping.want = 1;
	f = found(events, 2, "timeout");
	says(f.advice, "It answers other requests");
	/* the last event of a mapping counts */
	events[1].mapping.want = 0;
	not_found(events, 2, "timeout");
	/* an ICMP error says more */
	events[1] = sample_error(ROUTER, NET_ERROR_PROHIBITED, 3, 13);
	not_found(events, 2, "timeout");
	events[1] = sample_drop(ROUTER, DROP_NONCE);
	says(found(events, 2, "timeout").advice, "1 datagram came that cannot be used");
	events[0] = quiet_probe(ROUTER);
	says(found(events, 1, "timeout").text, "4 PCP and 4 NAT-PMP requests");
	events[0] = sample_probe(ROUTER);
	events[0].server.nat_pmp.status = PROBE_SILENT;
	events[0].server.nat_pmp.answered = false;
	not_found(events, 1, "timeout");
}

static void test_timeout_beside_nat_pmp(void **state)
{
	struct event events[1] = { sample_silence(ROUTER) };
	struct finding f;

	(void)state;
	events[0].mapping.nat_pmp_answered = true;
	events[0].mapping.feature = "PEER";
	f = found(events, 1, "timeout");
	says(f.text, "cannot express PEER");
	says(f.advice, "Likely");
	not_found(events, 1, "nat-pmp-only");
}

static void test_timeout_with_answers(void **state)
{
	struct event events[2] = { quiet_probe(ROUTER), sample_drop(ROUTER, DROP_REQUEST) };

	(void)state;
	events[0].server.pcp.status = PROBE_MALFORMED;
	says(found(events, 2, "timeout").text, "gave no usable answer to 4 PCP and 4 NAT-PMP");
	says(found(events, 2, "timeout").advice, "1 datagram came that cannot be used");
	/* PCP answers other requests, and NAT-PMP could do it as well */
	events[0] = sample_silence(ROUTER);
	events[0].mapping.nat_pmp_answered = true;
	silent(found(events, 1, "timeout").text, "cannot express");
	says(found(events, 1, "timeout").advice, "It answers other requests");
	events[1] = version(VERSION_SAID_NAT_PMP, "\1\x81\0\1", 24);
	events[0].mapping.nat_pmp_answered = false;
	says(found(events, 2, "timeout").advice, "says that it speaks another version");
}

/* --- 5, 6, 8, 9, 10: which protocol, and how well --- */

static void test_late(void **state)
{
	struct event events[2] = { sample_grant(ROUTER), sample_grant(ROUTER) };

	(void)state;
	events[0].mapping.attempts = 3;
	events[0].mapping.rtt = 812 * MSEC;
	assert_string_equal(found(events, 1, "late-or-lossy").text,
		"192.168.1.254 answered only a repeated request (after 812 ms).");
	events[1].mapping.want = 1;
	assert_string_equal(found(events, 2, "late-or-lossy").text,
		"1 of 2 answers of 192.168.1.254 came only to a repeated request (answers took "
		"1.2 ms to 812 ms).");
	not_found(events + 1, 1, "late-or-lossy");
	/* the first attempt was in version 2, and was answered */
	events[0] = version(VERSION_SAID_NAT_PMP, "\0\x81\0\1", 8);
	events[1].mapping.via = VIA_NAT_PMP;
	events[1].mapping.attempts = 2;
	not_found(events, 2, "late-or-lossy");
	/* silence is a time-out, not a late answer */
	events[0] = sample_silence(ROUTER);
	not_found(events, 1, "late-or-lossy");
}

static void test_address_unanswered(void **state)
{
	struct event events[1] = { sample_grant(ROUTER) };

	(void)state;
	events[0].mapping.via = VIA_NAT_PMP;
	events[0].mapping.has_external_address = false;
	says(found(events, 1, "late-or-lossy").text, "did not tell its external address");
	events[0].mapping.has_address_result = true;
	events[0].mapping.address_result = NATPMP_NETWORK_FAILURE;
	not_found(events, 1, "late-or-lossy");
	says(found(events, 1, "network-failure").text, "NETWORK_FAILURE (NAT-PMP 3)");
}

/* Silence on version 2 proves nothing: only UNSUPP_VERSION makes nat-pmp-only. */
static void test_nat_pmp_only(void **state)
{
	struct event events[2] = { version(VERSION_SAID_NAT_PMP, "\0\x81\0\1", 8) };
	struct finding f = found(events, 1, "nat-pmp-only");

	(void)state;
	assert_int_equal(f.severity, SEVERITY_INFO);
	says(f.text, "8 octets, octet 1 is 0x81");
	silent(f.text, "erratum");
	not_found(events, 1, "version-odd");
	events[0] = version(VERSION_SAID_NAT_PMP, "\0\0\0\1", 8);
	says(found(events, 1, "nat-pmp-only").text, "erratum 3618");
	events[0] = sample_probe(ROUTER);
	events[0].server.pcp = (struct event_probe){ .status = PROBE_UNSUPPORTED, .attempts = 1 };
	events[0].server.version_octet1 = 0x80;
	events[0].server.version_length = 4;
	says(found(events, 1, "nat-pmp-only").text, "4 octets, octet 1 is 0x80");
}

static void test_no_false_nat_pmp_only(void **state)
{
	struct event events[3] = { version(VERSION_FELL_BACK, "\0\0\0\0", 0),
		sample_grant(ROUTER) };
	struct finding f;

	(void)state;
	events[1].mapping.via = VIA_NAT_PMP;
	not_found(events, 2, "nat-pmp-only");
	f = found(events, 2, "late-or-lossy");
	assert_string_equal(f.text, "192.168.1.254 left 2 version-2 requests without an answer for "
				    "750 ms and answered NAT-PMP, which is used where it can express what is asked.");
	says(f.advice, "Either");
	/* discover, with a router that is silent on PCP */
	events[0] = sample_probe(ROUTER);
	events[0].server.pcp = (struct event_probe){ .status = PROBE_SILENT, .attempts = 4 };
	not_found(events, 1, "nat-pmp-only");
	says(found(events, 1, "late-or-lossy").text, "left 4 PCP requests without an answer");
	/* --nat-pmp: version 2 was not asked at all */
	events[0].server.pcp = (struct event_probe){ .status = PROBE_SKIPPED };
	not_found(events, 1, "nat-pmp-only");
	not_found(events, 1, "late-or-lossy");
	/* PCP answered after all */
	events[0] = version(VERSION_FELL_BACK, "\0\0\0\0", 0);
	events[2] = version(VERSION_PCP_LATER, "\2\x81\0\0", 60);
	events[2].version.external_port = 8081;
	f = found(events, 3, "late-or-lossy");
	says(f.text, "only after NAT-PMP had been used");
	says(f.advice, "external port 8081");
	not_found(events, 3, "nat-pmp-only");
}

static void test_pcp_only(void **state)
{
	struct event events[2] = { sample_probe(ROUTER), sample_drop(ROUTER, DROP_VERSION) };

	(void)state;
	not_found(events, 1, "pcp-only");
	events[0].server.nat_pmp = (struct event_probe){ .status = PROBE_UNSUPPORTED };
	says(found(events, 1, "pcp-only").text, "refused NAT-PMP");
	events[1].dropped.length = 2;
	says(found(events, 2, "pcp-only").text, "version 2 in 2 octets");
	events[0].server.nat_pmp.status = PROBE_MALFORMED;
	events[1].dropped.reason = DROP_SHORT;
	says(found(events, 2, "pcp-only").text, "version 2 in 2 octets");
	not_found(events, 1, "pcp-only");
	/* silence is no refusal */
	events[0].server.nat_pmp.status = PROBE_SILENT;
	not_found(events, 1, "pcp-only");
}

static void test_version_odd(void **state)
{
	struct event events[1] = { version(VERSION_SAID_NAT_PMP, "\1\x81\0\1", 24) };

	(void)state;
	says(found(events, 1, "version-odd").text, "offers version 1");
	not_found(events, 1, "nat-pmp-only");
	events[0] = version(VERSION_SAID_NAT_PMP, "\2\x81\0\1", 24);
	says(found(events, 1, "version-odd").text, "contradicts itself");
	events[0] = sample_drop(ROUTER, DROP_VERSION);
	events[0].dropped.octets[0] = 3;
	says(found(events, 1, "version-odd").text, "version 3");
	events[0].dropped.octets[0] = 2;
	not_found(events, 1, "version-odd");
}

static void test_wrong_source(void **state)
{
	struct event events[2] = { sample_drop(ROUTER, DROP_WRONG_ADDRESS),
		sample_drop(ROUTER, DROP_WRONG_ADDRESS) };
	struct finding f;

	(void)state;
	events[0].dropped.from.address = sample_ip("192.168.1.2");
	f = found(events, 2, "wrong-source");
	says(f.text, "2 answers came from 192.168.1.2:5351");
	says(f.advice, "-s 192.168.1.2");
	events[0].dropped.reason = events[1].dropped.reason = DROP_STRANGER;
	not_found(events, 2, "wrong-source");
	events[0] = sample_drop(ROUTER, DROP_WRONG_PORT);
	events[0].dropped.from.port = 1024;
	says(found(events, 1, "wrong-source").text, "192.168.1.254:1024");
}

/* --- 12, 14: fields --- */

static void test_fields(void **state)
{
	struct event events[1] = { sample_drop(ROUTER, DROP_NONCE) };
	struct finding f;

	(void)state;
	says(found(events, 1, "nonce-not-copied").text, "1 answer of 192.168.1.254");
	not_found(events, 1, "fields-not-copied");
	events[0] = sample_drop(ROUTER, DROP_INTERNAL_PORT);
	events[0].dropped.got = 242;
	events[0].dropped.expected = 22002;
	f = found(events, 1, "fields-not-copied");
	says(f.text, "internal port 242 where 22002 was asked");
	says(f.advice, "miniupnpd 1.8");
	events[0].dropped.expected = 22003;
	silent(found(events, 1, "fields-not-copied").advice, "miniupnpd 1.8");
	events[0] = sample_drop(ROUTER, DROP_DUPLICATE);
	not_found(events, 1, "fields-not-copied");
	not_found(events, 1, "nonce-not-copied");
}

/* --- state-kept-since --- */

static void test_state_kept(void **state)
{
	struct event events[1] = { sample_probe(ROUTER) };
	struct finding f = found(events, 1, "state-kept-since");

	(void)state;
	assert_true(f.since_ms == SAMPLE_NOW - INT64_C(3553200000));
	assert_string_equal(f.text,
		"192.168.1.254 has kept its state since " FINDING_WHEN " (epoch 3553200 s).");
	assert_string_equal(f.advice, "");
	/* an epoch that is a wall clock */
	events[0].server.pcp.epoch = (uint32_t)(SAMPLE_NOW / 1000);
	not_found(events, 1, "state-kept-since");
	/* NAT-PMP has one as well */
	events[0].server.pcp = (struct event_probe){ .status = PROBE_SILENT };
	found(events, 1, "state-kept-since");
	events[0].server.nat_pmp.has_epoch = false;
	not_found(events, 1, "state-kept-since");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_is_well),
		cmocka_unit_test(test_port_unreachable),
		cmocka_unit_test(test_prohibited),
		cmocka_unit_test(test_unreachable),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_timeout_beside_nat_pmp),
		cmocka_unit_test(test_timeout_with_answers),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_address_unanswered),
		cmocka_unit_test(test_nat_pmp_only),
		cmocka_unit_test(test_no_false_nat_pmp_only),
		cmocka_unit_test(test_pcp_only),
		cmocka_unit_test(test_version_odd),
		cmocka_unit_test(test_wrong_source),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_state_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
