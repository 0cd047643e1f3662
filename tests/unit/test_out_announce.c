/* SPDX-License-Identifier: MIT
 * Announcements in text, quiet form and JSON, and as variables, word by word.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>

#include "out/vars.h"
#include "printed.h"
#include "sample_events.h"

static struct event sample(const char *source, enum via via)
{
	struct event event = sample_event(EVENT_ANNOUNCE);

	event.announce = (struct event_announce){
		.source = { .address = sample_ip(source), .port = 5351 },
		.interface = "eth0",
		.via = via,
		.epoch = 3,
		.trusted = true,
		.count = 1,
	};
	return event;
}

static void prints(enum output_form form, unsigned verbose, const struct event *event,
	const char *out, const char *err)
{
	struct printed p;

	printed_begin(&p, form, verbose, false);
	output_event(p.output, event);
	printed_end(&p);
	assert_string_equal(p.out, out);
	assert_string_equal(p.err, err);
	printed_free(&p);
}

static void text(const struct event *event, const char *out)
{
	prints(OUTPUT_TEXT, 0, event, out, "");
}

#define TIME "13:03:10.123  "

static void test_meaning(void **state)
{
	struct event event = sample("192.168.1.254", VIA_PCP);
	struct event_announce *a = &event.announce;

	(void)state;
	text(&event, TIME "192.168.1.254%eth0  PCP ANNOUNCE  epoch 3 s\n");
	a->has_expected = a->restarted = true;
	a->previous = 3553200;
	a->expected = 3553230;
	text(&event, TIME "192.168.1.254%eth0  PCP ANNOUNCE  epoch 3 s  "
			  "restarted: was 3553200 s, expected 3553230 s\n");
	a->restarted = false;
	a->expected = 4;
	text(&event, TIME "192.168.1.254%eth0  PCP ANNOUNCE  epoch 3 s  no restart: expected 4 s\n");
	a->trusted = false;
	text(&event, TIME "192.168.1.254%eth0  PCP ANNOUNCE  epoch 3 s  "
			  "not a router of this host: clients must ignore it\n");
	a->source.port = 40000;
	text(&event, TIME "192.168.1.254:40000%eth0  PCP ANNOUNCE  epoch 3 s  "
			  "from port 40000, not 5351: clients must ignore it\n");
	event = sample("fe80::1", VIA_PCP);
	text(&event, TIME "fe80::1%eth0  PCP ANNOUNCE  epoch 3 s\n");
	event = sample("2001:db8::1", VIA_PCP);
	text(&event, TIME "2001:db8::1%eth0  PCP ANNOUNCE  epoch 3 s\n");
	event = sample("192.168.1.254", VIA_NAT_PMP);
	text(&event, TIME "192.168.1.254%eth0  NAT-PMP external address unknown  epoch 3 s\n");
	event.announce.has_external = true;
	event.announce.external_address = sample_ip("203.0.113.9");
	text(&event, TIME "192.168.1.254%eth0  NAT-PMP external address 203.0.113.9  epoch 3 s\n");
}

static void test_verified(void **state)
{
	struct event event = sample("192.168.1.254", VIA_PCP);
	struct event_announce *a = &event.announce;

	(void)state;
	a->asked = true;
	text(&event, TIME "192.168.1.254%eth0  PCP ANNOUNCE  epoch 3 s  "
			  "not confirmed: no answer by unicast\n");
	prints(OUTPUT_QUIET, 0, &event, "192.168.1.254 pcp 3 - unverified\n", "");
	a->answered = true;
	a->answer_epoch = 3553231;
	text(&event, TIME "192.168.1.254%eth0  PCP ANNOUNCE  epoch 3 s  "
			  "not confirmed: asked by unicast, it says epoch 3553231 s\n");
	a->verified = true;
	a->answer_epoch = 3;
	text(&event, TIME "192.168.1.254%eth0  PCP ANNOUNCE  epoch 3 s  confirmed by unicast\n");
	prints(OUTPUT_QUIET, 0, &event, "192.168.1.254 pcp 3 - verified\n", "");
	a->answer_epoch = 0;
	text(&event, TIME "192.168.1.254%eth0  PCP ANNOUNCE  epoch 3 s  "
			  "confirmed by unicast, which says epoch 0 s\n");
}

/* Only with -v, and not among the results. */
static void test_repeat(void **state)
{
	struct event event = sample("192.168.1.254", VIA_PCP);

	(void)state;
	event.announce.count = 4;
	text(&event, "");
	prints(OUTPUT_TEXT, 1, &event, "",
		"pcpctl: map: 192.168.1.254%eth0: PCP ANNOUNCE, epoch 3 s: repeat 3 of the same "
		"announcement\n");
}

/* The columns stay below each other once a wide source has come. */
static void test_columns(void **state)
{
	struct event first = sample("192.168.1.66", VIA_PCP), wide = sample("fe80::1:2:3:4", VIA_PCP);
	struct printed p;

	(void)state;
	printed_begin(&p, OUTPUT_TEXT, 0, false);
	output_event(p.output, &wide);
	output_event(p.output, &first);
	printed_end(&p);
	assert_string_equal(p.out, TIME "fe80::1:2:3:4%eth0  PCP ANNOUNCE  epoch 3 s\n" TIME
					"192.168.1.66%eth0   PCP ANNOUNCE  epoch 3 s\n");
	printed_free(&p);
}

/* An interface may have any name. */
static void test_foreign(void **state)
{
	struct event event = sample("fe80::1", VIA_PCP);

	(void)state;
	strcpy(event.announce.interface, "\033[2J\n");
	text(&event, TIME "fe80::1%\\x1b[2J\\x0a  PCP ANNOUNCE  epoch 3 s\n");
	prints(OUTPUT_QUIET, 0, &event, "fe80::1%\\x1b[2J\\x0a pcp 3 -\n", "");
}

static void record(const struct event *event, const char *keys)
{
	struct printed p;
	json_t *got, *wanted = json_loads(keys, 0, NULL);

	printed_begin(&p, OUTPUT_JSON, 0, false);
	output_event(p.output, event);
	printed_end(&p);
	got = json_loads(p.out, 0, NULL);
	assert_non_null(got);
	assert_non_null(wanted);
	assert_int_equal(json_object_del(got, "time"), 0);
	if (!json_equal(got, wanted))
		fail_msg("%s is not %s", p.out, keys);
	json_decref(got);
	json_decref(wanted);
	printed_free(&p);
}

static void test_record(void **state)
{
	struct event event = sample("fe80::1", VIA_PCP);
	struct event_announce *a = &event.announce;

	(void)state;
	record(&event, "{\"type\": \"announce\", \"schema\": 1, \"source\": \"fe80::1%eth0\","
		       "\"interface\": \"eth0\", \"protocol\": \"pcp\", \"epoch\": 3,"
		       "\"trusted\": true, \"count\": 1}");
	event = sample("192.168.1.254", VIA_NAT_PMP);
	a->has_external = a->has_expected = a->restarted = a->asked = true;
	a->external_address = sample_ip("203.0.113.9");
	a->expected = INT64_C(4294967300); /* past 32 bits: it is none of the server's numbers */
	a->trusted = false;
	a->count = 10;
	record(&event, "{\"type\": \"announce\", \"schema\": 1, \"source\": \"192.168.1.254\","
		       "\"interface\": \"eth0\", \"protocol\": \"nat-pmp\", \"epoch\": 3,"
		       "\"external_address\": \"203.0.113.9\", \"trusted\": false,"
		       "\"verified\": false, \"expected_epoch\": 4294967300, \"restarted\": true,"
		       "\"count\": 10}");
}

static void test_variables(void **state)
{
	struct event event = sample("fe80::1", VIA_PCP);
	struct event_announce *a = &event.announce;
	struct vars vars;

	(void)state;
	vars_of_announce(&event, &vars);
	assert_int_equal(vars.count, 8);
	assert_string_equal(vars_value(&vars, "PCP_EVENT"), "announce");
	assert_string_equal(vars_value(&vars, "PCP_SERVER"), "fe80::1%eth0");
	assert_string_equal(vars_value(&vars, "PCP_VIA"), "pcp");
	assert_string_equal(vars_value(&vars, "PCP_EPOCH"), "3");
	assert_string_equal(vars_value(&vars, "PCP_EXTERNAL_ADDRESS"), "");
	assert_string_equal(vars_value(&vars, "PCP_TRUSTED"), "true");
	assert_string_equal(vars_value(&vars, "PCP_RESTARTED"), "");
	assert_string_equal(vars_value(&vars, "PCP_VERIFIED"), "");
	a->has_external = a->has_expected = a->asked = true;
	a->external_address = sample_ip("203.0.113.9");
	a->trusted = false;
	vars_of_announce(&event, &vars);
	assert_string_equal(vars_value(&vars, "PCP_EXTERNAL_ADDRESS"), "203.0.113.9");
	assert_string_equal(vars_value(&vars, "PCP_TRUSTED"), "false");
	assert_string_equal(vars_value(&vars, "PCP_RESTARTED"), "false");
	assert_string_equal(vars_value(&vars, "PCP_VERIFIED"), "false");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_meaning),
		cmocka_unit_test(test_verified),
		cmocka_unit_test(test_repeat),
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_record),
		cmocka_unit_test(test_variables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
