/* SPDX-License-Identifier: MIT
 * What all forms share: a failed write is never lost, spans of time, servers.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "printed.h"
#include "sample_events.h"

#define ROUTER	"192.168.1.254"
#define ROUTER6 "fe80::1"

/* --- failed writes --- */

static void test_failed_write(void **state)
{
	static const enum output_form forms[] = { OUTPUT_TEXT, OUTPUT_JSON, OUTPUT_QUIET };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct output_settings settings = { .form = forms[i], .command = "map" };
		struct event event = sample_grant(ROUTER);
		struct output *output;

		settings.out = fopen("/dev/full", "w");
		settings.err = fopen("/dev/null", "w");
		output = output_new(&settings);
		output_mapping(output, &event);
		/* a note flushes stdout, and must not lose the error */
		output_note(output, "a note");
		assert_int_equal(output_end(output), -1);
		assert_int_equal(output_end(output), -1);
		output_free(output);
		fclose(settings.out);
		fclose(settings.err);
	}
}

static void test_helpers(void **state)
{
	static const struct {
		uint64_t seconds;
		const char *text;
	} rows[] = { { 0, "0s" }, { 45, "45s" }, { 60, "1m" }, { 90, "1m 30s" }, { 5400, "1h 30m" },
		{ 7200, "2h" }, { 7201, "2h" }, { 3553200, "41d 3h" }, { 86399, "23h 59m" },
		{ UINT32_MAX, "49710d 6h" } };
	struct server_id id = sample_server(ROUTER);
	char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_string_equal(
			output_duration(rows[i].seconds, text, sizeof(text)), rows[i].text);
	assert_string_equal(output_server(&id, text, sizeof(text)), ROUTER);
	id.server.port = 5352;
	assert_string_equal(output_server(&id, text, sizeof(text)), ROUTER ":5352");
	id = sample_server(ROUTER6);
	assert_string_equal(output_server(&id, text, sizeof(text)), "fe80::1%eth0");
	id.interface[0] = '\0';
	assert_string_equal(output_server(&id, text, sizeof(text)), "fe80::1%2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_failed_write),
		cmocka_unit_test(test_helpers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
