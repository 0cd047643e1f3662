/* SPDX-License-Identifier: MIT
 * The JSON form: what is printed is read again, with its keys in their order.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>

#include "printed.h"
#include "sample_events.h"

#define ROUTER	"192.168.1.254"
#define ROUTER6 "fe80::1"

/* The only record that was printed. */
static json_t *record(struct printed *p)
{
	json_error_t error;
	json_t *object;

	printed_end(p);
	assert_true(p->out_size > 0);
	assert_int_equal(p->out[p->out_size - 1], '\n');
	assert_ptr_equal(strchr(p->out, '\n'), p->out + p->out_size - 1);
	object = json_loads(p->out, JSON_REJECT_DUPLICATES, &error);
	if (!object)
		fail_msg("%s: %s", error.text, p->out);
	return object;
}

static void keys_are(const json_t *object, const char *expected)
{
	char keys[1024] = "";
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, key, value)
	{
		if (keys[0])
			strcat(keys, " ");
		strcat(keys, key);
	}
	assert_string_equal(keys, expected);
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	if (!text)
		fail_msg("no text under %s", key);
	return text;
}

static long long number_of(const json_t *object, const char *key)
{
	assert_true(json_is_integer(json_object_get(object, key)));
	return json_integer_value(json_object_get(object, key));
}

static json_t *mapping(struct printed *p, const struct event *event)
{
	printed_begin(p, OUTPUT_JSON, 0, false);
	output_mapping(p->output, event);
	return record(p);
}

static void done(struct printed *p, json_t *object)
{
	json_decref(object);
	printed_free(p);
}

/* --- mapping --- */

static void test_grant(void **state)
{
	struct event event = sample_grant(ROUTER);
	struct printed p;
	json_t *r = mapping(&p, &event);

	(void)state;
	keys_are(r,
		"type schema time event protocol internal_address internal_port external_address "
		"external_port requested_lifetime lifetime expires_at server interface via version "
		"nonce epoch result result_code rtt_ms attempts suggested_port");
	assert_string_equal(text_of(r, "time"), "2026-11-22T12:03:10.123Z");
	assert_string_equal(text_of(r, "expires_at"), "2026-11-22T14:03:10.123Z");
	assert_string_equal(text_of(r, "event"), "granted");
	assert_string_equal(text_of(r, "protocol"), "tcp");
	assert_string_equal(text_of(r, "nonce"), "112233445566778899aabbcc");
	assert_string_equal(text_of(r, "via"), "pcp");
	assert_int_equal(number_of(r, "version"), 2);
	assert_int_equal(number_of(r, "schema"), 1);
	assert_non_null(strstr(p.out, "\"rtt_ms\":1.235,"));
	assert_string_equal(p.err, "");
	done(&p, r);
}

static void test_rtt_is_rounded(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} rows[] = { { 1200000, "1.2," }, { 499, "0.0," }, { 500, "0.001," },
		{ 999999499, "999.999," }, { 3 * SEC + 100 * USEC, "3000.1," },
		{ 1000 * SEC + USEC, "1000000.001," } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct event event = sample_grant(ROUTER);
		struct printed p;
		char expected[64];
		json_t *r;

		event.mapping.rtt = rows[i].ns;
		r = mapping(&p, &event);
		snprintf(expected, sizeof(expected), "\"rtt_ms\":%s", rows[i].text);
		if (!strstr(p.out, expected))
			fail_msg("%s is not in %s", expected, p.out);
		done(&p, r);
	}
}

static void test_all_that_was_asked(void **state)
{
	struct pcp_filter filters[] = {
		{ .prefix_length = 0 },
		{ .address = sample_ip("198.51.100.0"), .prefix_length = 120 },
		{ .address = sample_ip("2001:db8::"), .prefix_length = 32, .port = 53 },
	};
	struct pcp_options options = { .has_third_party = true,
		.third_party = sample_ip("192.168.1.20"),
		.filters = filters,
		.filter_count = 3,
		.description = "a \"b\"",
		.has_port_set = true,
		.port_set = { 16, 8080, false } };
	struct event event = sample_grant(ROUTER);
	struct printed p;
	json_t *r;

	(void)state;
	event.mapping.opcode = PCP_PEER;
	event.mapping.options = &options;
	event.mapping.suggested_address = sample_ip("82.64.12.7");
	event.mapping.remote_address = sample_ip("198.51.100.5");
	event.mapping.remote_port = 22;
	r = mapping(&p, &event);
	keys_are(r,
		"type schema time event protocol internal_address internal_port external_address "
		"external_port requested_lifetime lifetime expires_at server interface via version "
		"nonce epoch result result_code rtt_ms attempts suggested_address suggested_port "
		"remote_address remote_port third_party filters description port_set");
	assert_non_null(
		strstr(p.out, "\"filters\":[\"none\",\"198.51.100.0/24\",\"[2001:db8::/32]:53\"]"));
	assert_string_equal(text_of(r, "description"), "a \"b\"");
	assert_int_equal(number_of(r, "port_set"), 16);
	done(&p, r);
}

static void test_unknown_is_absent(void **state)
{
	struct event event = sample_grant(ROUTER);
	struct printed p;
	json_t *r;

	(void)state;
	event.mapping.via = VIA_NAT_PMP;
	event.mapping.has_external_address = false;
	r = mapping(&p, &event);
	keys_are(r,
		"type schema time event protocol internal_address internal_port external_port "
		"requested_lifetime lifetime expires_at server interface via version epoch result "
		"result_code rtt_ms attempts suggested_port");
	done(&p, r);
	event = sample_silence(ROUTER6);
	event.mapping.server.interface[0] = '\0';
	r = mapping(&p, &event);
	keys_are(r, "type schema time event protocol internal_address internal_port "
		    "requested_lifetime server nonce attempts suggested_port reason");
	assert_string_equal(text_of(r, "event"), "unanswered");
	assert_string_equal(text_of(r, "server"), "fe80::1%2");
	done(&p, r);
}

static void test_refusal(void **state)
{
	struct event event = sample_refusal(ROUTER, VIA_NAT_PMP, NATPMP_NETWORK_FAILURE);
	struct printed p;
	json_t *r = mapping(&p, &event);

	(void)state;
	assert_string_equal(text_of(r, "result"), "NETWORK_FAILURE");
	assert_int_equal(number_of(r, "result_code"), 3);
	done(&p, r);
	event = sample_refusal(ROUTER, VIA_PCP, 66);
	r = mapping(&p, &event);
	assert_string_equal(text_of(r, "result"), "result 66");
	assert_int_equal(number_of(r, "error_lifetime"), 1800);
	assert_null(json_object_get(r, "lifetime"));
	done(&p, r);
	event = sample_refusal(ROUTER, VIA_PCP, PCP_SUCCESS);
	event.mapping.refusal = REFUSAL_OTHER_EXTERNAL;
	r = mapping(&p, &event);
	assert_string_equal(text_of(r, "result"), "CANNOT_PROVIDE_EXTERNAL");
	assert_int_equal(number_of(r, "result_code"), 11);
	done(&p, r);
}

/* --- hostile text --- */

static void test_hostile_text(void **state)
{
	static const struct {
		const char *given, *shown;
	} rows[] = {
		{ "\"}\n{\"type\":\"mapping\"", "\"}\\x0a{\"type\":\"mapping\"" },
		{ "\033]0;title\007", "\\x1b]0;title\\x07" },
		{ "\xff\xc3", "\\xff\\xc3" },
		{ "\xe2\x80\xae"
		  "abc",
			"\\xe2\\x80\\xae"
			"abc" },
		{ "Zürich \\ é", "Zürich \\ é" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct pcp_options options = { .description = rows[i].given };
		struct event event = sample_grant(ROUTER);
		struct printed p;
		json_t *r;

		event.mapping.options = &options;
		strcpy(event.mapping.server.interface, "e\033\"\xff");
		r = mapping(&p, &event);
		assert_string_equal(text_of(r, "description"), rows[i].shown);
		assert_string_equal(text_of(r, "interface"), "e\\x1b\"\\xff");
		done(&p, r);
	}
}

/* --- the other records --- */

static void test_server(void **state)
{
	struct event event = sample_probe(ROUTER);
	struct printed p;
	json_t *r;

	(void)state;
	event.server.server.found_by = FOUND_ROUTE | FOUND_DHCP;
	printed_begin(&p, OUTPUT_JSON, 0, false);
	output_servers(p.output, &event, 1);
	r = record(&p);
	keys_are(r, "type schema time server port interface found_by client_address verdict "
		    "external_address pcp nat_pmp");
	keys_are(json_object_get(r, "pcp"),
		"status version epoch result result_code rtt_ms attempts");
	keys_are(json_object_get(r, "nat_pmp"),
		"status version epoch result result_code rtt_ms attempts external_address");
	assert_non_null(strstr(p.out, "\"found_by\":[\"route\",\"dhcp\"]"));
	assert_string_equal(text_of(r, "verdict"), "pcp");
	done(&p, r);
	event = sample_probe(ROUTER6);
	event.server.pcp = (struct event_probe){ .status = PROBE_REFUSED, .attempts = 1 };
	printed_begin(&p, OUTPUT_JSON, 0, false);
	output_servers(p.output, &event, 1);
	r = record(&p);
	keys_are(json_object_get(r, "pcp"), "status attempts");
	assert_string_equal(text_of(r, "verdict"), "none");
	assert_string_equal(text_of(r, "server"), "fe80::1%eth0");
	assert_int_equal(number_of(r, "port"), 5351);
	done(&p, r);
}

static void test_finding(void **state)
{
	struct finding finding = { .id = "state-kept-since",
		.server = sample_server(ROUTER),
		.since_ms = SAMPLE_NOW - INT64_C(3553200000),
		.text = "Since " FINDING_WHEN "." };
	struct event when = sample_event(EVENT_SERVER);
	struct printed p;
	json_t *r;

	(void)state;
	printed_begin(&p, OUTPUT_JSON, 0, false);
	output_finding(p.output, &finding, &when);
	r = record(&p);
	keys_are(r, "type schema time id severity server text");
	assert_string_equal(text_of(r, "text"), "Since 2026-10-12T09:03:10.123Z.");
	done(&p, r);
	strcpy(finding.advice, "Do \033 this.");
	printed_begin(&p, OUTPUT_JSON, 0, false);
	output_finding(p.output, &finding, &when);
	r = record(&p);
	assert_string_equal(text_of(r, "advice"), "Do \\x1b this.");
	done(&p, r);
}

static void test_error_and_epoch(void **state)
{
	struct event epoch = sample_event(EVENT_EPOCH);
	struct printed p;
	json_t *r;

	(void)state;
	printed_begin(&p, OUTPUT_JSON, 0, false);
	output_error(p.output, SAMPLE_NOW, 4, "%s: no such host", "a\nb");
	r = record(&p);
	keys_are(r, "type schema time text exit");
	assert_string_equal(text_of(r, "text"), "a\\x0ab: no such host");
	assert_int_equal(number_of(r, "exit"), 4);
	assert_string_equal(p.err, "pcpctl: map: a\\x0ab: no such host\n");
	done(&p, r);
	epoch.epoch = (struct event_epoch){ sample_server(ROUTER), VIA_PCP, true, 100, 3, 130, 30,
		.kind = EPOCH_UNKNOWN };
	printed_begin(&p, OUTPUT_JSON, 0, false);
	output_event(p.output, &epoch);
	r = record(&p);
	keys_are(
		r, "type schema time server via event epoch previous_epoch expected_epoch elapsed");
	done(&p, r);
	epoch.epoch.kind = EPOCH_EXTERNAL;
	printed_begin(&p, OUTPUT_JSON, 0, false);
	output_event(p.output, &epoch);
	r = record(&p);
	keys_are(r, "type schema time server via event kind epoch previous_epoch expected_epoch "
		    "elapsed");
	assert_string_equal(text_of(r, "kind"), "external-address");
	done(&p, r);
}

static void test_packet(void **state)
{
	struct event event = sample_packet(ROUTER, false,
		"028100000000000000029bed000000000000000000000000" /* header */
		"81700918f1d0fb2d9d4c0abc1100000004d204d2"
		"00000000000000000000ffff87b4aff6" /* map */
		"800000055c22ff1b41000000"); /* DESCRIPTION: \ " 0xff ESC A */
	struct printed p;
	json_t *r;

	(void)state;
	printed_begin(&p, OUTPUT_JSON, 1, false);
	output_event(p.output, &event);
	r = record(&p);
	keys_are(r,
		"type schema time direction peer length protocol version opcode response result "
		"result_code lifetime epoch nonce mapping_protocol internal_port external_port "
		"external_address options hex");
	assert_string_equal(text_of(json_array_get(json_object_get(r, "options"), 0), "value"),
		"\\\\\"\\xff\\x1bA");
	assert_int_equal(strlen(text_of(r, "hex")), 2 * event.packet.length);
	done(&p, r);
	printed_begin(&p, OUTPUT_JSON, 0, false);
	output_event(p.output, &event); /* not without -v */
	printed_end(&p);
	assert_string_equal(p.out, "");
	printed_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grant),
		cmocka_unit_test(test_rtt_is_rounded),
		cmocka_unit_test(test_all_that_was_asked),
		cmocka_unit_test(test_unknown_is_absent),
		cmocka_unit_test(test_refusal),
		cmocka_unit_test(test_hostile_text),
		cmocka_unit_test(test_server),
		cmocka_unit_test(test_finding),
		cmocka_unit_test(test_error_and_epoch),
		cmocka_unit_test(test_packet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
