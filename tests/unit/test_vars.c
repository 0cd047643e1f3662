/* SPDX-License-Identifier: MIT
 * The PCP_* variables, value by value.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "out/vars.h"
#include "sample_events.h"
#include "wire/codes.h"

#define ROUTER	"192.168.1.254"
#define ROUTER6 "fe80::1"

/* The order of pcpctl(1). */
static const char *const names[] = { "PCP_EVENT", "PCP_PROTOCOL", "PCP_INTERNAL_ADDRESS",
	"PCP_INTERNAL_PORT", "PCP_EXTERNAL_ADDRESS", "PCP_EXTERNAL_PORT", "PCP_LIFETIME",
	"PCP_EXPIRES", "PCP_SERVER", "PCP_VIA", "PCP_EPOCH", "PCP_RESULT", "PCP_REMOTE_ADDRESS",
	"PCP_REMOTE_PORT", "PCP_PREVIOUS_EXTERNAL_ADDRESS", "PCP_PREVIOUS_EXTERNAL_PORT" };

#define NAMES (sizeof(names) / sizeof(names[0]))

/* All values of an event, in order, set off by a blank; `-` for an empty one. */
static void has(const struct event *event, const char *expected)
{
	struct vars vars;
	char text[1024] = "";

	/* what was in the list before is gone */
	memset(&vars, 'x', sizeof(vars));
	vars_of_mapping(event, &vars);
	assert_int_equal(vars.count, NAMES);
	for (size_t i = 0; i < NAMES; i++) {
		assert_string_equal(vars.list[i].name, names[i]);
		if (i)
			strcat(text, " ");
		strcat(text, vars.list[i].value[0] ? vars.list[i].value : "-");
	}
	assert_string_equal(text, expected);
}

static const char *value(const struct event *event, const char *name)
{
	static struct vars vars;

	vars_of_mapping(event, &vars);
	return vars_value(&vars, name);
}

/* SAMPLE_NOW is 1795348990.123 */
static void test_grant(void **state)
{
	struct event event = sample_grant(ROUTER);

	(void)state;
	has(&event, "granted tcp 192.168.1.10 8080 82.64.12.7 8080 7200 1795356190 192.168.1.254 "
		    "pcp 3553200 SUCCESS - - - -");
	event = sample_grant(ROUTER6);
	has(&event, "granted tcp 2a01:e0a:1:2::10 8080 2a01:e0a:1:2::10 8080 7200 1795356190 "
		    "fe80::1%eth0 pcp 3553200 SUCCESS - - - -");
}

static void test_outcomes(void **state)
{
	static const struct {
		enum mapping_outcome outcome;
		const char *name;
	} rows[] = { { OUTCOME_GRANTED, "granted" }, { OUTCOME_RENEWED, "renewed" },
		{ OUTCOME_CHANGED, "changed" }, { OUTCOME_REFUSED, "refused" },
		{ OUTCOME_LOST, "lost" }, { OUTCOME_RECOVERED, "recovered" },
		{ OUTCOME_DELETED, "deleted" }, { OUTCOME_UNANSWERED, "unanswered" },
		{ OUTCOME_UNREACHABLE, "unreachable" } };
	struct event event = sample_grant(ROUTER);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		event.mapping.outcome = rows[i].outcome;
		assert_string_equal(value(&event, "PCP_EVENT"), rows[i].name);
	}
}

static void test_unknown(void **state)
{
	struct event event = sample_grant(ROUTER);
	struct event_mapping *m = &event.mapping;

	(void)state;
	m->via = VIA_NAT_PMP;
	m->has_external_address = false;
	m->has_epoch = false;
	has(&event, "granted tcp 192.168.1.10 8080 - 8080 7200 1795356190 192.168.1.254 nat-pmp - "
		    "SUCCESS - - - -");
	m->lifetime = UINT32_MAX;
	m->protocol = PROTOCOL_ALL;
	assert_string_equal(value(&event, "PCP_LIFETIME"), "4294967295");
	assert_string_equal(value(&event, "PCP_EXPIRES"), "");
	assert_string_equal(value(&event, "PCP_PROTOCOL"), "all");
	m->protocol = 77;
	assert_string_equal(value(&event, "PCP_PROTOCOL"), "77");
}

static void test_gone(void **state)
{
	struct event event = sample_grant(ROUTER);
	struct event_mapping *m = &event.mapping;

	(void)state;
	m->outcome = OUTCOME_LOST;
	m->answered = false;
	has(&event, "lost tcp 192.168.1.10 8080 82.64.12.7 8080 - - 192.168.1.254 pcp - - - - - -");
	m->outcome = OUTCOME_DELETED;
	m->answered = true;
	m->lifetime = 0;
	has(&event, "deleted tcp 192.168.1.10 8080 82.64.12.7 8080 0 - 192.168.1.254 pcp 3553200 "
		    "SUCCESS - - - -");
}

/* Milliseconds do not make a second later or earlier than the mapping ends. */
static void test_expires(void **state)
{
	struct event event = sample_grant(ROUTER);

	(void)state;
	event.wall_ms = 1795348990999;
	event.mapping.lifetime = 1;
	assert_string_equal(value(&event, "PCP_EXPIRES"), "1795348991");
	event.wall_ms = 1795348991000;
	assert_string_equal(value(&event, "PCP_EXPIRES"), "1795348992");
	event.mapping.lifetime = UINT32_MAX - 1;
	assert_string_equal(value(&event, "PCP_EXPIRES"), "6090316285");
}

static void test_change(void **state)
{
	struct event event = sample_grant(ROUTER);
	struct event_mapping *m = &event.mapping;

	(void)state;
	m->outcome = OUTCOME_CHANGED;
	m->has_previous = true;
	m->previous_address = sample_ip("82.64.12.6");
	m->previous_port = 8081;
	has(&event, "changed tcp 192.168.1.10 8080 82.64.12.7 8080 7200 1795356190 192.168.1.254 "
		    "pcp 3553200 SUCCESS - - 82.64.12.6 8081");
	m->previous_address = ip_any4;
	assert_string_equal(value(&event, "PCP_PREVIOUS_EXTERNAL_ADDRESS"), "");
	assert_string_equal(value(&event, "PCP_PREVIOUS_EXTERNAL_PORT"), "8081");
}

static void test_peer(void **state)
{
	struct event event = sample_grant(ROUTER);
	struct event_mapping *m = &event.mapping;

	(void)state;
	m->opcode = PCP_PEER;
	m->remote_address = sample_ip("2001:db8::5");
	m->remote_port = 22;
	assert_string_equal(value(&event, "PCP_REMOTE_ADDRESS"), "2001:db8::5");
	assert_string_equal(value(&event, "PCP_REMOTE_PORT"), "22");
	m->opcode = PCP_MAP;
	assert_string_equal(value(&event, "PCP_REMOTE_ADDRESS"), "");
	assert_string_equal(value(&event, "PCP_REMOTE_PORT"), "");
}

static void test_results(void **state)
{
	struct event event = sample_refusal(ROUTER, VIA_PCP, 2);

	(void)state;
	has(&event, "refused tcp 192.168.1.10 8080 - - - - 192.168.1.254 pcp 3553200 "
		    "NOT_AUTHORIZED - - - -");
	event = sample_refusal(ROUTER, VIA_PCP, 200);
	assert_string_equal(value(&event, "PCP_RESULT"), "200");
	/* the same number is another result in NAT-PMP */
	event = sample_refusal(ROUTER, VIA_NAT_PMP, 3);
	assert_string_equal(value(&event, "PCP_RESULT"), "NETWORK_FAILURE");
	event = sample_refusal(ROUTER, VIA_PCP, 3);
	assert_string_equal(value(&event, "PCP_RESULT"), "MALFORMED_REQUEST");
	event = sample_refusal(ROUTER, VIA_NAT_PMP, 0);
	event.mapping.refusal = REFUSAL_OTHER_EXTERNAL;
	assert_string_equal(value(&event, "PCP_RESULT"), "CANNOT_PROVIDE_EXTERNAL");
}

/* No result code says why: a word does. */
static void test_reasons(void **state)
{
	struct event event = sample_silence(ROUTER);

	(void)state;
	has(&event, "unanswered tcp 192.168.1.10 8080 - - - - 192.168.1.254 - - timeout - - - -");
	event.mapping.nat_pmp_answered = true;
	assert_string_equal(value(&event, "PCP_RESULT"), "nat-pmp-only");
	event.mapping.outcome = OUTCOME_UNREACHABLE;
	assert_string_equal(value(&event, "PCP_RESULT"), "unreachable");
	event.mapping.has_error = true;
	event.mapping.error.kind = NET_ERROR_PORT_UNREACHABLE;
	assert_string_equal(value(&event, "PCP_RESULT"), "no-server-port-unreachable");
	event.mapping.error.kind = NET_ERROR_TTL;
	assert_string_equal(value(&event, "PCP_RESULT"), "unreachable");
	event = sample_refusal(ROUTER, VIA_PCP, 0);
	for (enum refusal r = REFUSAL_RESULT; r <= REFUSAL_EMPTY; r++) {
		event.mapping.refusal = r;
		assert_string_not_equal(value(&event, "PCP_RESULT"), "");
	}
}

static void test_environment(void **state)
{
	struct event event = sample_grant(ROUTER);
	struct vars vars;
	struct vars_environment environment;
	const char *const *list;

	(void)state;
	vars_of_mapping(&event, &vars);
	memset(vars.list[3].value, 'y', VARS_VALUE_MAX - 1);
	vars.list[3].value[VARS_VALUE_MAX - 1] = '\0';
	list = vars_environment(&vars, &environment);
	assert_string_equal(list[0], "PCP_EVENT=granted");
	assert_int_equal(strlen(list[3]), strlen("PCP_INTERNAL_PORT=") + VARS_VALUE_MAX - 1);
	assert_string_equal(list[14], "PCP_PREVIOUS_EXTERNAL_ADDRESS=");
	assert_null(list[NAMES]);
}

static void test_add(void **state)
{
	struct vars vars = { .count = 0 };

	(void)state;
	vars_add(&vars, "PCP_EVENT", "announce");
	vars_add(&vars, "PCP_TRUSTED", "1");
	assert_int_equal(vars.count, 2);
	assert_string_equal(vars_value(&vars, "PCP_TRUSTED"), "1");
	assert_null(vars_value(&vars, "PCP_PORT"));
	for (size_t i = 0; i < VARS_MAX; i++)
		vars_add(&vars, "PCP_MORE", "1");
	assert_int_equal(vars.count, VARS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grant),
		cmocka_unit_test(test_outcomes),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_expires),
		cmocka_unit_test(test_change),
		cmocka_unit_test(test_peer),
		cmocka_unit_test(test_results),
		cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_add),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
