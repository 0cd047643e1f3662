/* SPDX-License-Identifier: MIT
 * The bodies of PCP options as they arrive: the sample options, every length of
 * every body, every value at the ends of its range.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "vectors.h"
#include "wire/pcp.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct pcp_option first_option(const uint8_t *data, size_t n)
{
	struct rd r = rd_on(data, n);
	struct pcp_option option;

	assert_true(pcp_option_next(&r, &option));
	return option;
}

static struct pcp_option option_of(const char *id)
{
	const struct vector *v = vector_of(id);

	return first_option(v->data, v->length);
}

static void sample_options(void **state)
{
	struct pcp_option option = option_of("O1");
	struct pcp_prefix64 prefix;
	struct pcp_port_set set;
	struct pcp_filter filter;
	struct ip third_party, wanted;

	(void)state;
	assert_true(pcp_option_third_party(&option, &third_party));
	assert_true(ip_parse("10.0.0.1", &wanted) && ip_equal(&wanted, &third_party));
	option = option_of("C6");
	assert_true(pcp_option_filter(&option, &filter));
	assert_true(ip_parse("198.51.100.0", &wanted) && ip_equal(&wanted, &filter.address));
	assert_int_equal(filter.prefix_length, 120);
	assert_int_equal(filter.port, 0);
	assert_int_equal(pcp_filter_length(&filter), 24);
	option = option_of("C7");
	assert_true(pcp_option_filter(&option, &filter));
	assert_int_equal(filter.prefix_length, 0);
	assert_true(ip_equal(&filter.address, &ip_any6));
	option = option_of("C9");
	assert_true(pcp_option_prefix64(&option, &prefix));
	assert_int_equal(prefix.length, 96);
	assert_true(ip_equal(&prefix.prefix, &ip_any6));
	assert_int_equal(prefix.ipv4_count, 0);
	option = option_of("C10");
	assert_true(pcp_option_port_set(&option, &set));
	assert_int_equal(set.size, 16);
	assert_int_equal(set.first_internal_port, 50000);
	assert_true(set.parity);
}

static void sample_options_without_data(void **state)
{
	static const char *const ids[] = { "C5", "C11" };

	(void)state;
	for (size_t i = 0; i < COUNT(ids); i++) {
		struct pcp_option option = option_of(ids[i]);

		assert_int_equal(option.code, i == 0 ? 2 : 192);
		assert_int_equal(option.length, 0);
		assert_int_equal(rd_left(&option.body), 0);
	}
}

static void description_is_cut_to_the_room(void **state)
{
	struct pcp_option option = option_of("C8B");
	size_t length;
	char text[8];

	(void)state;
	for (size_t size = 1; size <= sizeof(text); size++) {
		memset(text, '#', sizeof(text));
		assert_true(pcp_option_description(&option, text, size, &length));
		assert_int_equal(length, 5);
		assert_int_equal(strlen(text), size > 5 ? 5 : size - 1);
		assert_memory_equal(text, "probe", strlen(text));
		for (size_t i = strlen(text) + 1; i < sizeof(text); i++)
			assert_int_equal(text[i], '#');
	}
	assert_false(pcp_option_description(&option, text, 0, &length));
	option = first_option((const uint8_t *)"\x80\0\0\3a\0b", 8);
	assert_true(pcp_option_description(&option, text, sizeof(text), &length));
	assert_int_equal(length, 3);
	assert_memory_equal(text, "a\0b", 4);
}

/* A body of `n` octets, the first ones from `start`, the rest zero. */
static bool accepts(uint8_t code, const uint8_t *start, size_t have, size_t n)
{
	size_t all = 4 + (n + 3) / 4 * 4, length;
	uint8_t *data = octets_new(all);
	struct pcp_option option;
	struct pcp_prefix64 prefix;
	struct pcp_port_set set;
	struct pcp_filter filter;
	struct ip third_party;
	char text[4];
	bool ok;

	data[0] = code;
	data[2] = (uint8_t)(n >> 8);
	data[3] = (uint8_t)n;
	memcpy(data + 4, start, have < n ? have : n);
	option = first_option(data, all);
	/* Only the function of this code may take it. */
	ok = pcp_option_third_party(&option, &third_party);
	assert_true(!ok || code == 1);
	ok |= pcp_option_filter(&option, &filter) && code == 3;
	ok |= pcp_option_prefix64(&option, &prefix) && code == 129;
	ok |= pcp_option_port_set(&option, &set) && code == 130;
	ok |= pcp_option_description(&option, text, sizeof(text), &length) && code == 128;
	octets_free(data);
	return ok;
}

static void every_length_of_every_body(void **state)
{
	static const uint8_t filter[4] = { 0, 128 }, prefix[2] = { 0, 8 }, set[2] = { 0, 1 };

	(void)state;
	for (size_t n = 0; n <= 1100; n++) {
		assert_int_equal(accepts(1, filter, 0, n), n == 16);
		assert_int_equal(accepts(3, filter, 4, n), n == 20);
		assert_int_equal(accepts(128, filter, 0, n), n <= 1016);
		assert_int_equal(accepts(129, prefix, 2, n), n == 14 || n == 16);
		assert_int_equal(accepts(130, set, 2, n), n == 5);
		assert_false(accepts(2, filter, 4, n));
		assert_false(accepts(192, filter, 4, n));
	}
}

static void prefix64_lists(void **state)
{
	uint8_t body[18] = { 0, 12 };

	(void)state;
	for (unsigned count = 0; count < 8; count++)
		for (size_t n = 14; n < 80; n++) {
			body[15] = (uint8_t)count;
			assert_int_equal(accepts(129, body, 16, n),
				n == 14 || n == 16 + 6 * count);
		}
	body[14] = 0xff; /* 0xff00 prefixes do not fit any message */
	body[15] = 0;
	assert_false(accepts(129, body, 16, 16));
	assert_false(accepts(129, body, 16, 1072));
}

static void prefix64_lengths(void **state)
{
	(void)state;
	for (unsigned octets = 0; octets < 0x10000; octets += octets < 300 ? 1 : 255) {
		uint8_t data[20] = { 129, 0, 0, 14, (uint8_t)(octets >> 8), (uint8_t)octets };
		struct pcp_option option = first_option(data, sizeof(data));
		struct pcp_prefix64 out = { .length = 77 };
		bool valid = (octets >= 4 && octets <= 8) || octets == 12;

		for (uint8_t i = 0; i < 12; i++)
			data[6 + i] = (uint8_t)(0xa0 + i);
		assert_int_equal(pcp_option_prefix64(&option, &out), valid);
		assert_int_equal(out.length, valid ? octets * 8 : 77);
		if (!valid)
			continue;
		assert_memory_equal(out.prefix.octets, data + 6, octets);
		for (unsigned i = octets; i < 16; i++)
			assert_int_equal(out.prefix.octets[i], 0);
		assert_memory_equal(out.suffix, data + 6 + octets, 12 - octets);
		for (unsigned i = 12 - octets; i < 12; i++)
			assert_int_equal(out.suffix[i], 0);
	}
}

static void values_out_of_range(void **state)
{
	static const uint8_t ipv4[16] = { [10] = 0xff, 0xff, 192, 0, 2, 0 };
	uint8_t filter[20] = { 0xee, 0 }, set[5] = { 0, 0, 0, 80, 0xfe };
	struct pcp_port_set out = { .size = 77 };
	uint8_t wire[12] = { 130, 0, 0, 5 };
	struct pcp_option option;

	(void)state;
	for (unsigned prefix = 0; prefix < 256; prefix++) {
		filter[1] = (uint8_t)prefix;
		memset(filter + 4, 0, 16);
		assert_int_equal(accepts(3, filter, 20, 20), prefix <= 128);
		memcpy(filter + 4, ipv4, 16);
		assert_int_equal(accepts(3, filter, 20, 20),
			prefix == 0 || (prefix >= 96 && prefix <= 128));
	}
	assert_false(accepts(130, set, 5, 5));
	memcpy(wire + 4, set, 5);
	option = first_option(wire, sizeof(wire));
	assert_false(pcp_option_port_set(&option, &out));
	assert_int_equal(out.size, 77);
	wire[5] = 1;
	assert_true(pcp_option_port_set(&option, &out));
	assert_int_equal(out.first_internal_port, 80);
	assert_false(out.parity); /* 7 reserved bits beside it */
}

static void filter_lengths(void **state)
{
	struct pcp_filter filter = { .prefix_length = 0 };

	(void)state;
	for (unsigned prefix = 0; prefix < 256; prefix++) {
		int ip6 = prefix <= 128 ? (int)prefix : -1;

		filter.prefix_length = (uint8_t)prefix;
		filter.address = ip_any6;
		assert_int_equal(pcp_filter_length(&filter), ip6);
		filter.address = ip_any4;
		assert_int_equal(pcp_filter_length(&filter),
			prefix == 0 ? 0 : ip6 < 96 ? -1 : ip6 - 96);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sample_options),
		cmocka_unit_test(sample_options_without_data),
		cmocka_unit_test(description_is_cut_to_the_room),
		cmocka_unit_test(every_length_of_every_body),
		cmocka_unit_test(prefix64_lists),
		cmocka_unit_test(prefix64_lengths),
		cmocka_unit_test(values_out_of_range),
		cmocka_unit_test(filter_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
