/* SPDX-License-Identifier: MIT
 * How events become facts, and in which order and how often findings are told.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "found.h"

static void test_worst_first(void **state)
{
	struct event events[3] = { sample_grant(ROUTER), sample_grant("192.168.2.1"),
		sample_refusal(ROUTER, VIA_PCP, PCP_USER_EX_QUOTA) };

	(void)state;
	events[0].mapping.lifetime = 120;
	events[1].mapping.external_address = sample_ip("10.0.0.1");
	events[2].mapping.want = 2;
	assert_string_equal(look(events, 3, NULL).ids, " quota external-private lifetime-changed ");
}

static void test_others_are_counted(void **state)
{
	struct event events[20];
	struct found all;

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		events[i] = sample_refusal(ROUTER, VIA_PCP, PCP_NOT_AUTHORIZED);
		events[i].mapping.want = i;
		events[i].mapping.internal_port = (uint16_t)(8080 + i);
	}
	all = look(events, 20, "not-authorized");
	assert_int_equal(all.count, 1);
	says(all.last_of_wish.text, "refused to map tcp 8080: NOT_AUTHORIZED");
	says(all.last_of_wish.text, " (and 19 more mappings likewise).");
	events[0].mapping.server = sample_server("192.168.2.1");
	assert_int_equal(look(events, 20, NULL).count, 2);
}

static void test_facts(void **state)
{
	struct event events[3] = { sample_grant(ROUTER), sample_grant(ROUTER),
		sample_grant(ROUTER) };
	struct facts *facts = facts_new();

	(void)state;
	events[1].mapping.want = 1;
	events[2].mapping.server.local = sample_ip("192.168.1.11");
	for (size_t i = 0; i < 3; i++)
		assert_true(facts_add(facts, &events[i]));
	assert_true(facts_add(facts, &events[0]));
	assert_int_equal(facts_server_count(facts), 2);
	assert_int_equal(facts_mapping_count(facts), 3);
	assert_int_equal(facts_mapping_server(facts, 2), 1);
	assert_int_equal(facts_mapping(facts, 1)->want, 1);
	assert_int_equal(facts_server(facts, 0)->timed, 3);
	facts_free(facts);
	facts_free(NULL);
}

static void test_kinds(void **state)
{
	size_t n = 0;

	(void)state;
	for (const struct finding_kind *kind; (kind = findings_kind(n)); n++) {
		assert_true(kind->what[0]);
		for (size_t i = 0; i < n; i++)
			assert_string_not_equal(findings_kind(i)->id, kind->id);
	}
	assert_int_equal(n, 27);
	assert_null(findings_kind(n + 1));
	assert_string_equal(findings_severity_name(SEVERITY_WARNING), "warning");
}

/* What is known of this host's ports stands beside the mappings, however many come. */
static void test_listening(void **state)
{
	struct net_listening shared = { .kind = NET_LISTENING_SHARED, .sockets = 2 };
	struct facts *facts = facts_new();
	struct event event = sample_grant(ROUTER);

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		event.mapping.want = i;
		assert_true(facts_add(facts, &event));
	}
	assert_int_equal(facts_mapping_listening(facts, 1)->kind, NET_LISTENING_UNKNOWN);
	assert_true(facts_add_listening(facts, 1, &shared));
	for (unsigned i = 3; i < 100; i++) {
		event.mapping.want = i;
		assert_true(facts_add(facts, &event));
	}
	assert_int_equal(facts_mapping_listening(facts, 99)->kind, NET_LISTENING_UNKNOWN);
	assert_true(facts_add_listening(facts, 99, &shared));
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(facts_mapping_listening(facts, i)->sockets,
			i == 1 || i == 99 ? 2 : 0);
	facts_free(facts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_worst_first),
		cmocka_unit_test(test_others_are_counted),
		cmocka_unit_test(test_facts),
		cmocka_unit_test(test_listening),
		cmocka_unit_test(test_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
