/* SPDX-License-Identifier: MIT
 * Addresses: both families in one type, prefixes bit by bit, text, and the
 * borders of every range that cannot be an external address.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/ip.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct ip ip(const char *text)
{
	struct ip out = ip_any6;

	if (!ip_parse(text, &out))
		fail_msg("not an address: %s", text);
	return out;
}

static void wildcards_differ(void **state)
{
	static const uint8_t any4[16] = { [10] = 0xff, [11] = 0xff };
	static const uint8_t any6[16] = { 0 };
	struct ip one = ip("0.0.0.1");

	(void)state;
	assert_memory_equal(ip_any4.octets, any4, 16);
	assert_memory_equal(ip_any6.octets, any6, 16);
	assert_false(ip_equal(&ip_any4, &ip_any6));
	assert_true(ip_is_any(&ip_any4));
	assert_true(ip_is_any(&ip_any6));
	assert_false(ip_is_any(&one));
	assert_memory_equal(ip_any(IP_FAMILY_4).octets, any4, 16);
	assert_memory_equal(ip_any(IP_FAMILY_6).octets, any6, 16);
}

static void ipv4_is_mapped(void **state)
{
	static const uint8_t expected[16] = { [10] = 0xff, 0xff, 192, 0, 2, 10 };
	static const uint8_t four[4] = { 192, 0, 2, 10 };
	struct ip a = ip_from_v4(four), b = ip_from_u32(0xc000020a);

	(void)state;
	assert_memory_equal(a.octets, expected, 16);
	assert_memory_equal(b.octets, expected, 16);
	assert_true(ip_is_v4(&a));
	assert_int_equal(ip_family(&a), IP_FAMILY_4);
	assert_int_equal(ip_family(&ip_any6), IP_FAMILY_6);
}

/* RFC 6887, 5: all of the first 96 bits. */
static void one_bit_less_is_ipv6(void **state)
{
	(void)state;
	for (unsigned bit = 0; bit < 96; bit++) {
		struct ip a = ip_from_u32(0xc000020a);

		a.octets[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
		assert_false(ip_is_v4(&a));
		assert_int_equal(ip_family(&a), IP_FAMILY_6);
	}
}

static void text_round_trip(void **state)
{
	static const char *const texts[] = { "0.0.0.0", "255.255.255.255", "203.0.113.7", "::",
		"::1", "2001:db8::1", "fe80::1", "2a10:1234:5678:9abc:def0:1234:5678:9abc",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" };
	char text[IP_TEXT_MAX];
	struct ip a;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		a = ip(texts[i]);
		assert_ptr_equal(ip_format(&a, text), text);
		assert_string_equal(text, texts[i]);
	}
	a = ip("::ffff:192.0.2.1");
	assert_string_equal(ip_format(&a, text), "192.0.2.1");
	a = ip("::192.0.2.1"); /* the old compatible form is IPv6 */
	assert_false(ip_is_v4(&a));
}

static void text_that_is_no_address(void **state)
{
	static const char *const texts[] = { "", " ", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256",
		"01.2.3.4", "1.2.3.4 ", " 1.2.3.4", "1.2.3.4:80", "1.2.3.-4", "0x1.2.3.4", "[::1]",
		"fe80::1%eth0", "::1%1", ":::", "1::2::3", "12345::", "1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7:8:9", "::/0", "host", "::g" };

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct ip a = ip("192.0.2.77"), before = a;

		if (ip_parse(texts[i], &a))
			fail_msg("taken for an address: %s", texts[i]);
		assert_true(ip_equal(&a, &before));
	}
}

/* Bit `length` - 1 decides, bit `length` does not. */
static void prefix_bits(const char *text, unsigned bits)
{
	struct ip prefix = ip(text);

	for (unsigned length = 0; length <= bits; length++)
		for (unsigned bit = 0; bit < bits; bit++) {
			struct ip a = prefix;
			unsigned at = 128 - bits + bit;

			a.octets[at / 8] ^= (uint8_t)(0x80 >> at % 8);
			assert_int_equal(ip_in_prefix(&a, &prefix, length), bit >= length);
			assert_true(ip_in_prefix(&prefix, &prefix, length));
		}
	assert_false(ip_in_prefix(&prefix, &prefix, bits + 1));
	assert_false(ip_in_prefix(&prefix, &prefix, 4294967295u));
}

static void prefixes(void **state)
{
	struct ip v4 = ip("192.0.2.1");

	(void)state;
	prefix_bits("198.51.100.77", 32);
	prefix_bits("2001:db8:1234:5678:9abc:def0:1357:2468", 128);
	assert_false(ip_in_prefix(&v4, &ip_any6, 0));
	assert_false(ip_in_prefix(&ip_any6, &ip_any4, 0));
	assert_true(ip_in_prefix(&v4, &ip_any4, 0));
}

/* The first and last address of each range, and their neighbours outside. */
static const struct border {
	const char *before, *first, *last, *after;
	enum ip_class class;
	const char *why;
} borders[] = {
	{ "9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0", IP_PRIVATE, "1918" },
	{ "172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0", IP_PRIVATE, "1918" },
	{ "192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0", IP_PRIVATE, "1918" },
	{ "100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0", IP_SHARED, "6598" },
	{ NULL, "0.0.0.0", "0.0.0.0", NULL, IP_BOGUS, "unspecified" },
	{ NULL, "0.0.0.1", "0.255.255.255", "1.0.0.0", IP_BOGUS, "this network" },
	{ "126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0", IP_BOGUS, "loopback" },
	{ "169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0", IP_BOGUS,
		"link-local" },
	{ "191.255.255.255", "192.0.0.0", "192.0.0.7", NULL, IP_BOGUS, "DS-Lite" },
	{ NULL, "192.0.0.8", "192.0.0.255", "192.0.1.0", IP_BOGUS, "protocols" },
	{ "192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0", IP_BOGUS, "documentation" },
	{ "198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0", IP_BOGUS,
		"documentation" },
	{ "203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0", IP_BOGUS,
		"documentation" },
	{ "192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0", IP_BOGUS, "6to4" },
	{ "198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0", IP_BOGUS, "benchmark" },
	{ "223.255.255.255", "224.0.0.0", "239.255.255.255", NULL, IP_BOGUS, "multicast" },
	{ NULL, "240.0.0.0", "255.255.255.254", NULL, IP_BOGUS, "reserved" },
	{ NULL, "255.255.255.255", "255.255.255.255", NULL, IP_BOGUS, "broadcast" },
	{ NULL, "::", "::", NULL, IP_BOGUS, "unspecified" },
	{ NULL, "::1", "::1", NULL, IP_BOGUS, "loopback" },
	{ NULL, "::2", "::ffff:ffff", "::1:0:0", IP_BOGUS, "compatible" },
	{ "fe7f:ffff::", "fe80::", "febf:ffff::1", NULL, IP_BOGUS, "link-local" },
	{ NULL, "fec0::", "feff:ffff::1", NULL, IP_BOGUS, "site-local" },
	{ "fbff:ffff::", "fc00::", "fdff:ffff::1", "fe00::", IP_BOGUS, "unique local" },
	{ NULL, "ff00::", "ffff:ffff::1", NULL, IP_BOGUS, "multicast" },
	{ "2001:db7:ffff::", "2001:db8::", "2001:db8:ffff::1", "2001:db9::", IP_BOGUS,
		"documentation" },
	{ "3ffe:ffff::", "3fff::", "3fff:fff:ffff::1", "3fff:1000::", IP_BOGUS, "documentation" },
	{ "2001:1:ffff::", "2001:2::", "2001:2:0:ffff::1", "2001:2:1::", IP_BOGUS, "benchmark" },
	{ "2001:f:ffff::", "2001:10::", "2001:1f:ffff::", NULL, IP_BOGUS, "ORCHID" },
	{ NULL, "2001:20::", "2001:2f:ffff::", "2001:30::", IP_BOGUS, "ORCHID" },
	{ "ff:ffff::", "100::", "100::ffff:0:0:1", "100:0:0:1::", IP_BOGUS, "discard" },
	{ "64:ff9a:ffff::", "64:ff9b::", "64:ff9b::c000:201", "64:ff9b::1:0:0", IP_BOGUS, "NAT64" },
	{ "64:ff9b:0:ffff::", "64:ff9b:1::", "64:ff9b:1:ffff::", "64:ff9b:2::", IP_BOGUS, "NAT64" },
};

static void class_is(const char *text, enum ip_class class, const char *phrase)
{
	const char *why = "untouched";
	struct ip a;

	if (!text)
		return;
	a = ip(text);
	if (ip_classify(&a, &why) != class)
		fail_msg("%s is in class %d", text, ip_classify(&a, NULL));
	if (!phrase)
		assert_null(why);
	else if (!strstr(why, phrase))
		fail_msg("%s is called %s", text, why);
}

static void classes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(borders); i++) {
		class_is(borders[i].before, IP_PUBLIC, NULL);
		class_is(borders[i].first, borders[i].class, borders[i].why);
		class_is(borders[i].last, borders[i].class, borders[i].why);
		class_is(borders[i].after, IP_PUBLIC, NULL);
	}
	class_is("1.2.3.4", IP_PUBLIC, NULL);
	class_is("2a10:1234::1", IP_PUBLIC, NULL);
}

static void kinds(void **state)
{
	static const struct {
		const char *text;
		bool loopback, multicast, link_local, ula;
	} rows[] = {
		{ "127.0.0.1", true, false, false, false },
		{ "127.255.255.255", true, false, false, false },
		{ "126.0.0.1", false, false, false, false },
		{ "128.0.0.1", false, false, false, false },
		{ "::1", true, false, false, false },
		{ "::2", false, false, false, false },
		{ "223.255.255.255", false, false, false, false },
		{ "224.0.0.1", false, true, false, false },
		{ "239.255.255.255", false, true, false, false },
		{ "240.0.0.0", false, false, false, false },
		{ "ff02::1", false, true, false, false },
		{ "fe80::1", false, false, true, false },
		{ "febf::1", false, false, true, false },
		{ "fec0::1", false, false, false, false },
		{ "169.254.1.1", false, false, true, false },
		{ "169.255.1.1", false, false, false, false },
		{ "fc00::1", false, false, false, true },
		{ "fdff::1", false, false, false, true },
		{ "fbff::1", false, false, false, false },
		{ "fe00::1", false, false, false, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ip a = ip(rows[i].text);

		assert_int_equal(ip_is_loopback(&a), rows[i].loopback);
		assert_int_equal(ip_is_multicast(&a), rows[i].multicast);
		assert_int_equal(ip_is_link_local(&a), rows[i].link_local);
		assert_int_equal(ip_is_ula(&a), rows[i].ula);
	}
}

static void endpoints(void **state)
{
	struct endpoint a = { ip("fe80::1"), 2, 5351 }, b = a;

	(void)state;
	assert_true(endpoint_equal(&a, &b));
	b.scope = 3;
	assert_false(endpoint_equal(&a, &b));
	b = a;
	b.port = 5350;
	assert_false(endpoint_equal(&a, &b));
	b = a;
	b.address.octets[15] = 2;
	assert_false(endpoint_equal(&a, &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wildcards_differ),
		cmocka_unit_test(ipv4_is_mapped),
		cmocka_unit_test(one_bit_less_is_ipv6),
		cmocka_unit_test(text_round_trip),
		cmocka_unit_test(text_that_is_no_address),
		cmocka_unit_test(prefixes),
		cmocka_unit_test(classes),
		cmocka_unit_test(kinds),
		cmocka_unit_test(endpoints),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
