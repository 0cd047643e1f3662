/* SPDX-License-Identifier: MIT
 * Findings about what was granted or refused: for each an event series that raises
 * it, and a near miss.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "found.h"

/* --- 15, 17, 18: lifetimes and ports --- */

static void test_lifetime(void **state)
{
	struct event events[1] = { sample_grant(ROUTER) };
	struct event_mapping *m = &events[0].mapping;

	(void)state;
	m->lifetime = 120;
	says(found(events, 1, "lifetime-changed").text, "for 2m, where 2h was asked");
	m->lifetime = UINT32_MAX;
	says(found(events, 1, "lifetime-changed").text, "without an end");
	/* PEER asks for little to learn what is left */
	m->opcode = PCP_PEER;
	m->lifetime = 7201;
	not_found(events, 1, "lifetime-changed");
	m->lifetime = 7199;
	found(events, 1, "lifetime-changed");
	m->outcome = OUTCOME_DELETED;
	not_found(events, 1, "lifetime-changed");
	events[0] = sample_grant("10.2.0.1");
	m->lifetime = 60;
	says(found(events, 1, "lifetime-changed").advice, "ProtonVPN");
}

static void test_error_lifetime(void **state)
{
	struct event events[1] = { sample_refusal(ROUTER, VIA_PCP, PCP_NOT_AUTHORIZED) };
	struct event_mapping *m = &events[0].mapping;

	(void)state;
	not_found(events, 1, "error-lifetime-odd");
	m->error_lifetime = 0;
	says(found(events, 1, "error-lifetime-odd").text,
		"of 0s, where RFC 6887 (7.4) recommends 30m");
	m->error_lifetime = 59;
	found(events, 1, "error-lifetime-odd");
	m->error_lifetime = 86401;
	found(events, 1, "error-lifetime-odd");
	m->result = PCP_NO_RESOURCES;
	m->error_lifetime = 30;
	not_found(events, 1, "error-lifetime-odd");
	/* NAT-PMP errors have none */
	events[0] = sample_refusal(ROUTER, VIA_NAT_PMP, NATPMP_NOT_AUTHORIZED);
	not_found(events, 1, "error-lifetime-odd");
}

static void test_port_differs(void **state)
{
	struct event events[1] = { sample_grant(ROUTER) };
	struct event_mapping *m = &events[0].mapping;

	(void)state;
	m->external_port = 8081;
	says(found(events, 1, "port-differs").text,
		"assigned external port 8081 to tcp 8080, where 8080 was suggested");
	m->suggested_port = 0; /* any */
	not_found(events, 1, "port-differs");
	m->suggested_port = 80;
	m->external_port = 1024;
	says(found(events, 1, "port-differs").advice, "only ports from 1024");
	m->outcome = OUTCOME_REFUSED;
	not_found(events, 1, "port-differs");
}

/* --- 19 to 21, 42: addresses --- */

static void external_is(const char *address, const char *id, const char *advice)
{
	static const char *const all[] = { "external-private", "external-cgn", "external-bogus" };
	struct event events[2] = { sample_grant(ROUTER), sample_probe(ROUTER) };

	for (size_t e = 0; e < 2; e++) {
		events[0].mapping.external_address = sample_ip(address);
		events[1].server.external_address = sample_ip(address);
		for (size_t i = 0; i < 3; i++)
			if (!id || strcmp(all[i], id) != 0)
				not_found(events + e, 1, all[i]);
		if (!id)
			continue;
		says(found(events + e, 1, id).text, address);
		says(found(events + e, 1, id).advice, advice);
	}
	/* the same finding of one server is said once */
	if (id)
		assert_int_equal(look(events, 2, NULL).count, 2); /* and state-kept-since */
}

static void test_external(void **state)
{
	(void)state;
	external_is("192.168.0.7", "external-private", "bridge mode");
	external_is("172.31.255.255", "external-private", "bridge mode");
	external_is("172.32.0.1", NULL, NULL);
	external_is("100.64.0.1", "external-cgn", "public IPv4 address");
	external_is("100.128.0.1", NULL, NULL);
	external_is("192.0.0.2", "external-bogus", "DS-Lite");
	external_is("169.254.3.4", "external-bogus", "uplink");
	external_is("198.18.0.1", "external-bogus", "Likely");
}

static void test_external_wildcard(void **state)
{
	struct event events[1] = { sample_grant(ROUTER) };

	(void)state;
	events[0].mapping.has_external_address = false;
	not_found(events, 1, "external-bogus");
	events[0].mapping.external_wildcard = true;
	says(found(events, 1, "external-bogus").text, "all zeros");
}

static void test_ipv6_source(void **state)
{
	struct event events[1] = { sample_grant(ROUTER6) };
	struct event_mapping *m = &events[0].mapping;

	(void)state;
	not_found(events, 1, "ipv6-source");
	m->internal_address = m->external_address = sample_ip("fd00::10");
	says(found(events, 1, "ipv6-source").text, "a unique local address");
	not_found(events, 1, "external-bogus");
	m->internal_address = sample_ip("fe80::10");
	says(found(events, 1, "ipv6-source").text, "a link-local address");
	m->deleting = true;
	m->outcome = OUTCOME_DELETED;
	not_found(events, 1, "ipv6-source");
}

/* --- 46: where it leads --- */

static struct found look_here(const struct event *events, size_t n,
	const struct net_listening *listening, const char *wish)
{
	struct facts *facts = facts_new();
	struct found found = { .ids = " ", .wish = wish };

	assert_non_null(facts);
	for (size_t i = 0; i < n; i++)
		assert_true(facts_add(facts, &events[i]));
	for (size_t i = 0; i < n; i++)
		assert_true(facts_add_listening(facts, i, &listening[i]));
	findings_each(facts, take, &found);
	facts_free(facts);
	return found;
}

static void test_listening(void **state)
{
	struct event events[2] = { sample_grant(ROUTER), sample_grant(ROUTER) };
	struct net_listening listening[2] = { { .kind = NET_LISTENING_NOBODY },
		{ .kind = NET_LISTENING_NOBODY } };
	struct found all;

	(void)state;
	events[0].mapping.external_port = events[0].mapping.suggested_port = 80;
	events[1].mapping.want = 1;
	all = look_here(events, 1, listening, "port-unbound");
	assert_string_equal(all.ids, " port-unbound ");
	assert_int_equal(all.last_of_wish.severity, SEVERITY_WARNING);
	assert_true(all.last_of_wish.of_mapping);
	says(all.last_of_wish.text,
		"Nothing listens on tcp 8080 at 192.168.1.10, where external port 80 leads.");
	all = look_here(events, 2, listening, "port-unbound");
	assert_int_equal(all.count, 1);
	says(all.last_of_wish.text, "leads (and 1 more mapping likewise).");
	/* what is not mapped leads nowhere */
	events[0].mapping.outcome = OUTCOME_REFUSED;
	assert_int_equal(look_here(events, 1, listening, NULL).count, 0);
	events[0].mapping.outcome = OUTCOME_DELETED;
	assert_int_equal(look_here(events, 1, listening, NULL).count, 0);
	events[0] = sample_grant(ROUTER);
	listening[0].kind = NET_LISTENING_ONE;
	assert_int_equal(look_here(events, 1, listening, NULL).count, 0);
	listening[0].kind = NET_LISTENING_UNKNOWN;
	assert_int_equal(look_here(events, 1, listening, NULL).count, 0);
	not_found(events, 1, "port-unbound"); /* nor where nobody was asked */
}

static void test_listening_elsewhere(void **state)
{
	struct event events[1] = { sample_grant(ROUTER) };
	struct net_listening listening[1] = { { .kind = NET_LISTENING_ELSEWHERE } };
	struct found all;

	(void)state;
	listening[0].elsewhere = sample_ip("127.0.0.1");
	all = look_here(events, 1, listening, "port-unbound");
	says(all.last_of_wish.text,
		"On tcp 8080 a program listens at 127.0.0.1 only, not at 192.168.1.10, where "
		"external port 8080 leads.");
	says(all.last_of_wish.advice,
		"Let it listen at 192.168.1.10, or at every address (0.0.0.0).");
	events[0] = sample_grant(ROUTER6);
	all = look_here(events, 1, listening, "port-unbound");
	says(all.last_of_wish.advice, "every address (::).");
}

static void test_listening_shared(void **state)
{
	struct event events[1] = { sample_grant(ROUTER) };
	struct net_listening listening[1] = { { .kind = NET_LISTENING_SHARED, .sockets = 3 } };
	struct found all;

	(void)state;
	events[0].mapping.protocol = PROTOCOL_UDP;
	all = look_here(events, 1, listening, "port-shared");
	assert_string_equal(all.ids, " port-shared ");
	assert_int_equal(all.last_of_wish.severity, SEVERITY_WARNING);
	says(all.last_of_wish.text,
		"3 sockets of several programs listen on udp 8080 at 192.168.1.10,");
	says(all.last_of_wish.advice, "`ss -lnpu 'sport = :8080'`");
	events[0].mapping.protocol = PROTOCOL_UDPLITE;
	all = look_here(events, 1, listening, "port-shared");
	says(all.last_of_wish.advice, "`ss -lnp 'sport = :8080'`");
}

/* --- 7, 39, 40: result codes --- */

static void test_results(void **state)
{
	static const struct {
		enum via via;
		unsigned result;
		const char *id;
	} rows[] = {
		{ VIA_PCP, PCP_NOT_AUTHORIZED, "not-authorized" },
		{ VIA_NAT_PMP, NATPMP_NOT_AUTHORIZED, "not-authorized" },
		{ VIA_PCP, PCP_NETWORK_FAILURE, "network-failure" },
		{ VIA_NAT_PMP, NATPMP_NETWORK_FAILURE, "network-failure" },
		{ VIA_PCP, PCP_NO_RESOURCES, "no-resources" },
		{ VIA_NAT_PMP, NATPMP_NO_RESOURCES, "no-resources" },
		{ VIA_PCP, PCP_USER_EX_QUOTA, "quota" },
		{ VIA_PCP, PCP_ADDRESS_MISMATCH, "address-mismatch" },
		{ VIA_PCP, PCP_AUTHENTICATION_REQUIRED, "auth-required" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct event events[1] = { sample_refusal(ROUTER, rows[i].via, rows[i].result) };

		assert_int_equal(found(events, 1, rows[i].id).severity, SEVERITY_ERROR);
		/* each code is one finding only, but for its lifetime */
		events[0].mapping.error_lifetime = 1800;
		assert_int_equal(look(events, 1, NULL).count, 1);
		/* the same number in the other protocol is another result */
		if (rows[i].result != 2) {
			events[0].mapping.via = rows[i].via == VIA_PCP ? VIA_NAT_PMP : VIA_PCP;
			not_found(events, 1, rows[i].id);
		}
	}
}

static void test_result_details(void **state)
{
	struct event events[2] = { sample_refusal(ROUTER, VIA_PCP, PCP_NO_RESOURCES) };
	struct event_mapping *m = &events[0].mapping;
	struct pcp_options third = { .has_third_party = true };

	(void)state;
	m->error_lifetime = 30;
	says(found(events, 1, "no-resources").text,
		"NO_RESOURCES (8), to be asked again after 30s");
	m->suggested_port = 0;
	says(found(events, 1, "no-resources").advice, "MikroTik");
	m->deleting = true;
	not_found(events, 1, "no-resources");
	events[0] = sample_refusal(ROUTER, VIA_PCP, PCP_NOT_AUTHORIZED);
	says(found(events, 1, "not-authorized").advice, "--nonce");
	m->options = &third;
	says(found(events, 1, "not-authorized").advice, "pcp_allow_thirdparty");
	events[0] = sample_refusal(ROUTER, VIA_PCP, PCP_ADDRESS_MISMATCH);
	m->server.local = sample_ip("172.17.0.2");
	says(found(events, 1, "address-mismatch").advice, "Docker");
	/* a refusal of our own is not the server's word */
	events[0] = sample_refusal(ROUTER, VIA_PCP, PCP_NOT_AUTHORIZED);
	m->refusal = REFUSAL_PAIR;
	not_found(events, 1, "not-authorized");
}

static void test_result_of_probe(void **state)
{
	struct event events[1] = { sample_probe(ROUTER) };

	(void)state;
	events[0].server.pcp.status = PROBE_ERROR;
	events[0].server.pcp.result = PCP_NOT_AUTHORIZED;
	says(found(events, 1, "not-authorized").text, "a PCP ANNOUNCE with NOT_AUTHORIZED (2)");
	/* miniupnpd's NAT-PMP says 3 for a private address, which PCP then tells */
	events[0] = sample_probe(ROUTER);
	events[0].server.nat_pmp.status = PROBE_ERROR;
	events[0].server.nat_pmp.result = NATPMP_NETWORK_FAILURE;
	events[0].server.has_external = false;
	found(events, 1, "network-failure");
	events[0].server.has_external = true;
	events[0].server.external_address = sample_ip("10.1.2.3");
	not_found(events, 1, "network-failure");
	found(events, 1, "external-private");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lifetime),
		cmocka_unit_test(test_error_lifetime),
		cmocka_unit_test(test_port_differs),
		cmocka_unit_test(test_external),
		cmocka_unit_test(test_external_wildcard),
		cmocka_unit_test(test_ipv6_source),
		cmocka_unit_test(test_listening),
		cmocka_unit_test(test_listening_elsewhere),
		cmocka_unit_test(test_listening_shared),
		cmocka_unit_test(test_results),
		cmocka_unit_test(test_result_details),
		cmocka_unit_test(test_result_of_probe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
