/* SPDX-License-Identifier: MIT
 * The walk over PCP options against a second one, at every end it can have, and
 * 10,000 random messages: nothing is read beyond them, what is accepted is sane.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "pcp_read.h"
#include "vectors.h"

#define COUNT(array)  (sizeof(array) / sizeof((array)[0]))
#define RANDOM_INPUTS 10000

/* The walk of RFC 6887, 7.3, with plain offsets: how many options, and does
 * it end in a malformed one? */
static size_t plain_walk(const uint8_t *d, size_t n, bool *bad)
{
	size_t count = 0, at = 0;

	while (n - at >= 4) {
		size_t length = d[at + 2] * 256u + d[at + 3], all = 4 + (length + 3) / 4 * 4;

		if (all > n - at)
			break;
		at += all;
		count++;
	}
	*bad = at != n;
	return count;
}

static void check_bodies(const struct pcp_option *option)
{
	size_t length = 0;
	char text[9];
	struct pcp_prefix64 prefix;
	struct pcp_port_set set;
	struct pcp_filter filter;
	struct ip third_party;

	if (pcp_option_third_party(option, &third_party))
		assert_true(option->code == 1 && option->length == 16);
	if (pcp_option_filter(option, &filter)) {
		assert_true(option->code == 3 && option->length == 20);
		assert_in_range(pcp_filter_length(&filter), 0,
			ip_is_v4(&filter.address) ? 32 : 128);
	}
	if (pcp_option_prefix64(option, &prefix)) {
		assert_true(option->code == 129);
		assert_true(prefix.length == 96 || (prefix.length % 8 == 0 && prefix.length >= 32 &&
							   prefix.length <= 64));
		assert_true(option->length == 14 || option->length == 16 + 6 * prefix.ipv4_count);
	}
	if (pcp_option_port_set(option, &set))
		assert_true(option->code == 130 && option->length == 5 && set.size != 0);
	memset(text, 'x', sizeof(text));
	if (pcp_option_description(option, text, sizeof(text), &length)) {
		assert_true(option->code == 128 && length == option->length && length <= 1016);
		assert_int_equal(text[length < 8 ? length : 8], '\0');
		assert_memory_equal(text, option->body.p, length < 8 ? length : 8);
	}
}

/* Walks `n` octets; each option must lie in them, behind the one before. */
static size_t check_walk(const uint8_t *data, size_t n)
{
	struct rd r = rd_on(data, n);
	struct pcp_option option;
	size_t count = 0, wanted, at = 0;
	bool bad;

	wanted = plain_walk(data, n, &bad);
	while (pcp_option_next(&r, &option)) {
		assert_int_equal(option.code, data[at]);
		assert_int_equal(option.reserved_zero, data[at + 1] == 0);
		assert_int_equal(option.length, data[at + 2] * 256 + data[at + 3]);
		assert_ptr_equal(option.body.p, data + at + 4);
		assert_int_equal(rd_left(&option.body), option.length);
		check_bodies(&option);
		at += 4 + (option.length + 3u) / 4 * 4;
		assert_int_equal(n - at, rd_left(&r));
		count++;
	}
	assert_int_equal(count, wanted);
	assert_int_equal(r.bad, bad);
	assert_false(pcp_option_next(&r, &option));
	return count;
}

/* An option of 0 to 9 octets, in a window of every size, with every trailer. */
static void the_walk_at_its_ends(void **state)
{
	static const uint8_t none = 0;

	(void)state;
	assert_int_equal(check_walk(&none, 0), 0);
	for (uint8_t length = 0; length < 10; length++)
		for (size_t n = 0; n < 32; n++) {
			uint8_t *data = octets_new(n);
			const uint8_t head[4] = { 200, 1, 0, length };

			memcpy(data, head, n < 4 ? n : 4);
			check_walk(data, n);
			octets_free(data);
		}
}

static void lengths_that_overrun(void **state)
{
	static const uint16_t lengths[] = { 13, 16, 255, 256, 1100, 0x7fff, 0x8000, 0xfffc, 0xfffd,
		0xffff };
	struct pcp_option option;

	(void)state;
	for (size_t i = 0; i < COUNT(lengths); i++) {
		uint8_t *data = octets_new(20);
		struct rd r = rd_on(data, 20);

		data[4] = 128;
		data[6] = (uint8_t)(lengths[i] >> 8);
		data[7] = (uint8_t)lengths[i];
		assert_true(pcp_option_next(&r, &option)); /* four zeros are an option */
		assert_int_equal(option.code, 0);
		assert_false(pcp_option_next(&r, &option));
		assert_true(r.bad);
		assert_int_equal(option.code, 0);
		octets_free(data);
	}
}

static void every_truncation_of_a_walk(void **state)
{
	uint8_t all[256];
	size_t n = 0, options = 0;
	const struct vector *v;

	(void)state;
	for (size_t i = 0; (v = vector_at(i)) != NULL; i++) {
		if (strcmp(v->kind, "pcp-option") != 0)
			continue;
		memcpy(all + n, v->data, v->length);
		n += v->length;
		options++;
	}
	assert_int_equal(check_walk(all, n), options);
	for (size_t cut = 0; cut < n; cut++) {
		uint8_t *data = octets_copy(all, cut);

		check_walk(data, cut);
		octets_free(data);
	}
}

static void check_message(const uint8_t *data, size_t n, size_t *options)
{
	struct rd r = rd_on(data, n);
	struct pcp_version_answer answer;
	struct pcp_mapping mapping;
	struct pcp_header header;
	size_t fixed;
	bool whole;

	assert_true(!pcp_version_answer(data, n, &answer) || n >= 4);
	assert_int_equal(pcp_header_decode(&r, &header), n >= PCP_HEADER);
	if (n < PCP_HEADER)
		return;
	assert_int_equal(header.response, data[1] >= 128);
	fixed = header.opcode == PCP_PEER ? PCP_PEER_LENGTH : PCP_MAP_LENGTH;
	whole = pcp_mapping_decode(&r, header.opcode, &mapping);
	assert_int_equal(whole, n >= fixed && (header.opcode == 1 || header.opcode == 2));
	if (whole)
		*options += check_walk(data + fixed, n - fixed);
}

static void random_inputs(void **state)
{
	struct random_source source = { 6887 };
	size_t n, options = 0;

	(void)state;
	for (int i = 0; i < RANDOM_INPUTS; i++) {
		uint8_t *data = random_octets(&source, "pcp-", &n);

		check_message(data, n, &options);
		octets_free(data);
		data = random_octets(&source, "pcp-option", &n);
		options += check_walk(data, n);
		octets_free(data);
	}
	assert_true(options > 5000); /* else the generator tests nothing */
}

/* What reads as a request and may be sent is written as it was read. */
static void random_requests(void **state)
{
	struct random_source source = { 20110 };
	static struct pcp_read first, second;
	static uint8_t out[PCP_MAX], again[PCP_MAX];
	size_t n, length, length2, sent = 0;

	(void)state;
	for (int i = 0; i < RANDOM_INPUTS; i++) {
		uint8_t *data = random_octets(&source, "pcp-", &n);

		if (pcp_read(data, n, &first) &&
			pcp_encode(&first.request, out, &length) == PCP_ENCODE_OK) {
			sent++;
			assert_int_equal(length, n);
			assert_true(pcp_read(out, length, &second));
			assert_int_equal(pcp_encode(&second.request, again, &length2),
				PCP_ENCODE_OK);
			assert_int_equal(length2, length);
			assert_memory_equal(again, out, length);
		}
		octets_free(data);
	}
	assert_true(sent > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_walk_at_its_ends),
		cmocka_unit_test(lengths_that_overrun),
		cmocka_unit_test(every_truncation_of_a_walk),
		cmocka_unit_test(random_inputs),
		cmocka_unit_test(random_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
