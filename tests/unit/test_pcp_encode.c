/* SPDX-License-Identifier: MIT
 * PCP requests: every kind with every option there and back or refused, the
 * options on the wire, texts of every length, and the room of 1100 octets.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "pcp_sample.h"
#include "vectors.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { THIRD = 1, FAIL = 2, FILTERS = 4, TEXT = 8, PREFIX = 16, PORTS = 32, ALL = 64 };

static void set_options(struct pcp_request *request, unsigned which)
{
	struct pcp_options *options = &request->options;

	options->has_third_party = which & THIRD;
	if (which & THIRD)
		options->third_party = sample_ip("192.0.2.77");
	options->prefer_failure = which & FAIL;
	options->filters = sample_filters;
	options->filter_count = which & FILTERS ? SAMPLE_FILTERS : 0;
	options->description = which & TEXT ? "caf\xc3\xa9" : NULL;
	options->prefix64 = which & PREFIX;
	options->has_port_set = which & PORTS;
	if (which & PORTS)
		options->port_set = (struct pcp_port_set){ 16, request->mapping.internal_port,
			true };
}

/* What the RFCs allow with each kind: an own statement of them. */
static enum pcp_encode expected(unsigned kind, unsigned which)
{
	static const unsigned allowed[] = { PREFIX, ALL - 1, THIRD | TEXT,
		THIRD | TEXT | PREFIX | PORTS };
	unsigned wrong = which & ~allowed[kind];

	if (kind == 3 && wrong)
		return PCP_ENCODE_DELETE;
	if (wrong & FAIL || (which & FAIL && which & PORTS))
		return PCP_ENCODE_PREFER_FAILURE;
	if (wrong & THIRD)
		return PCP_ENCODE_THIRD_PARTY;
	if (wrong & FILTERS)
		return PCP_ENCODE_FILTER;
	if (wrong & TEXT)
		return PCP_ENCODE_DESCRIPTION;
	if (wrong & PREFIX)
		return PCP_ENCODE_PREFIX64;
	return wrong & PORTS ? PCP_ENCODE_PORT_SET : PCP_ENCODE_OK;
}

static void every_kind_with_every_option(void **state)
{
	struct pcp_request (*const kinds[])(void) = { sample_announce, sample_map, sample_peer,
		sample_deletion };
	size_t fine = 0;

	(void)state;
	for (unsigned kind = 0; kind < COUNT(kinds); kind++)
		for (unsigned which = 0; which < ALL; which++) {
			struct pcp_request request = kinds[kind]();

			set_options(&request, which);
			if (expected(kind, which) != PCP_ENCODE_OK) {
				sample_refused(&request, expected(kind, which));
				continue;
			}
			sample_there_and_back(&request);
			fine++;
		}
	assert_int_equal(fine, 2 + 48 + 4 + 16);
}

/* Option by option the octets of the sample packets, in the order of codes. */
static void options_on_the_wire(void **state)
{
	static const char *const ids[] = { "O1", "C7", "C6", "C8B", "C9", "C10" };
	struct pcp_request request = sample_map();
	size_t length, at = PCP_MAP_LENGTH;
	uint8_t out[PCP_MAX];

	(void)state;
	request.mapping.internal_port = 50000;
	request.options = (struct pcp_options){ .has_third_party = true,
		.third_party = sample_ip("10.0.0.1"),
		.filters = sample_filters,
		.filter_count = 2,
		.description = "probe",
		.prefix64 = true,
		.has_port_set = true,
		.port_set = { 16, 50000, true } };
	length = sample_accepted(&request, out);
	for (size_t i = 0; i < COUNT(ids); i++) {
		const struct vector *v = vector_of(ids[i]);

		assert_memory_equal(out + at, v->data, v->length);
		at += v->length;
	}
	assert_int_equal(length, at);
	request = sample_map();
	request.options.prefer_failure = true;
	length = sample_accepted(&request, out);
	assert_int_equal(length, PCP_MAP_LENGTH + 4);
	assert_memory_equal(out + PCP_MAP_LENGTH, vector_of("C5")->data, 4);
}

static void utf8(void **state)
{
	static const char *const fine[] = { "", "a", "\x7f", "\xc2\x80", "\xdf\xbf",
		"\xe0\xa0\x80", "\xec\xbf\xbf", "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf",
		"\xf0\x90\x80\x80", "\xf3\xbf\xbf\xbf", "\xf4\x8f\xbf\xbf", "a\xc3\xa9z" };
	static const char *const broken[] = { "\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2",
		"\xc2\x7f", "\xc2\xc0", "\xe0\x9f\xbf", "\xe0\xa0", "\xe1\x80", "\xe1\x80\x7f",
		"\xe1\x80\xc0", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf", "\xf0\x90\x80",
		"\xf1\x80\x80\x7f", "\xf1\x80\x7f\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
		"\xff", "\xfe", "fine so far \xe2\x82" };
	struct pcp_request request = sample_map();

	(void)state;
	for (size_t i = 0; i < COUNT(fine); i++) {
		request.options.description = fine[i];
		sample_there_and_back(&request);
	}
	for (size_t i = 0; i < COUNT(broken); i++) {
		request.options.description = broken[i];
		sample_refused(&request, PCP_ENCODE_DESCRIPTION);
	}
}

/* Text of every length: padded with zeros, without its NUL. */
static void description_lengths(void **state)
{
	char text[PCP_DESCRIPTION_MAX + 2];
	uint8_t out[PCP_MAX];
	size_t length = 0;
	struct pcp_request request = sample_peer();

	(void)state;
	request.options.description = text;
	for (size_t n = 0; n <= PCP_DESCRIPTION_MAX; n++) {
		memset(text, 'x', n);
		text[n] = '\0';
		sample_there_and_back(&request);
		length = sample_accepted(&request, out);
		assert_int_equal(length, PCP_PEER_LENGTH + 4 + (n + 3) / 4 * 4);
		assert_int_equal(out[PCP_PEER_LENGTH + 2] * 256 + out[PCP_PEER_LENGTH + 3], n);
		for (size_t i = PCP_PEER_LENGTH + 4 + n; i < length; i++)
			assert_int_equal(out[i], 0);
	}
	assert_int_equal(length, PCP_MAX); /* the longest request there is */
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	sample_refused(&request, PCP_ENCODE_DESCRIPTION);
}

static void too_long(void **state)
{
	struct pcp_filter many[PCP_FILTERS_MAX + 1];
	char text[PCP_DESCRIPTION_MAX + 1];
	struct pcp_request request = sample_map();

	(void)state;
	for (size_t i = 0; i < COUNT(many); i++)
		many[i] = sample_filters[1];
	request.options.filters = many;
	request.options.filter_count = PCP_FILTERS_MAX;
	assert_int_equal(sample_there_and_back(&request), 1092);
	request.options.prefer_failure = true;
	assert_int_equal(sample_there_and_back(&request), 1096);
	request.options.description = "";
	assert_int_equal(sample_there_and_back(&request), 1100);
	request.options.description = "1";
	sample_refused(&request, PCP_ENCODE_TOO_LONG);
	request = sample_map();
	request.options.filters = many;
	request.options.filter_count = PCP_FILTERS_MAX + 1;
	sample_refused(&request, PCP_ENCODE_TOO_LONG);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	request = sample_peer();
	request.options.description = text;
	sample_there_and_back(&request);
	request.options.has_third_party = true;
	request.options.third_party = sample_ip("192.0.2.77");
	sample_refused(&request, PCP_ENCODE_TOO_LONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_with_every_option),
		cmocka_unit_test(options_on_the_wire),
		cmocka_unit_test(utf8),
		cmocka_unit_test(description_lengths),
		cmocka_unit_test(too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
