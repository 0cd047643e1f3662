/* SPDX-License-Identifier: MIT
 * Words of the command line: what each takes, and above all what it refuses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/words.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void number_good(void **state)
{
	static const struct {
		const char *word;
		uint64_t min, max, value;
	} cases[] = {
		{ "0", 0, 65535, 0 },
		{ "1", 1, 1, 1 },
		{ "10", 0, 10, 10 },
		{ "65535", 0, 65535, 65535 },
		{ "18446744073709551615", 0, UINT64_MAX, UINT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint64_t value = 99;

		assert_true(words_number(cases[i].word, cases[i].min, cases[i].max, &value));
		assert_true(value == cases[i].value);
	}
}

static void number_refused(void **state)
{
	static const char *const words[] = { "", "08", "00", "-1", "+1", " 1", "1 ", "1x", "x1",
		"0x10", "1.5", "1,0", "70000", "65536", "9999999999999999999999999999",
		"18446744073709551616", "18446744073709551617", "\t1", "1\n", "1e3",
		"\xd9\xa1" /* an Arabic digit */ };
	uint64_t value = 42;

	(void)state;
	for (size_t i = 0; i < COUNT(words); i++) {
		if (words_number(words[i], 0, 65535, &value))
			fail_msg("taken: '%s'", words[i]);
		assert_true(value == 42);
	}
	assert_false(words_number("0", 1, 65535, &value));
	assert_false(words_number("4", 5, 9, &value));
	assert_false(words_number("9", 0, 8, &value));
	assert_false(words_number("5", 0, 0, &value));
	assert_false(words_number("18446744073709551616", 0, UINT64_MAX, &value));
	assert_true(value == 42);
}

static void time_good(void **state)
{
	static const struct {
		const char *word;
		int64_t ns;
	} cases[] = {
		{ "0", 0 },
		{ "0ms", 0 },
		{ "0d", 0 },
		{ "5", INT64_C(5000000000) },
		{ "5s", INT64_C(5000000000) },
		{ "500ms", INT64_C(500000000) },
		{ "2m", INT64_C(120000000000) },
		{ "1h", INT64_C(3600000000000) },
		{ "1d", INT64_C(86400000000000) },
		/* the largest of each unit */
		{ "9223372036854ms", INT64_C(9223372036854000000) },
		{ "9223372036", INT64_C(9223372036000000000) },
		{ "9223372036s", INT64_C(9223372036000000000) },
		{ "153722867m", INT64_C(9223372020000000000) },
		{ "2562047h", INT64_C(9223369200000000000) },
		{ "106751d", INT64_C(9223286400000000000) },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t ns = -1;

		assert_true(words_time(cases[i].word, &ns));
		assert_true(ns == cases[i].ns);
	}
}

static void time_refused(void **state)
{
	static const char *const words[] = { "", "s", "ms", "00", "00s", "08s", "-1", "+1s", " 5s",
		"5 s", "5s ", "1.5", "1.5s", "1h30m", "5S", "5M", "5sec", "5ss", "5us", "5w", "1m1",
		"9223372036855ms", "9223372037", "9223372037s", "153722868m", "2562048h", "106752d",
		"99999999999999999999999999d" };
	int64_t ns = 42;

	(void)state;
	for (size_t i = 0; i < COUNT(words); i++) {
		if (words_time(words[i], &ns))
			fail_msg("taken: '%s'", words[i]);
		assert_true(ns == 42);
	}
}

static void hex(void **state)
{
	static const uint8_t want[3] = { 0x0f, 0xA5, 0xff };
	static const char *const refused[] = { "", "0", "0fA5f", "0fA5", "0fA5ffff", "0fA5fg",
		"0x0fA5", " fA5ff", "0f:5ff", "0fA5f ", "-fA5ff", "0fA5f\xc3" };
	uint8_t out[3] = { 7, 7, 7 };

	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		if (words_hex(refused[i], out, sizeof(out)))
			fail_msg("taken: '%s'", refused[i]);
		assert_true(out[0] == 7 && out[1] == 7 && out[2] == 7);
	}
	assert_true(words_hex("0fA5fF", out, sizeof(out)));
	assert_memory_equal(out, want, sizeof(want));
	assert_true(words_hex("", out, 0));
}

static void looks_like_address(void **state)
{
	static const char *const yes[] = { "1.2.3", "192.168.1.1", "1", "....", "fe80::1",
		"::", "[::1", "host:80", "[x]", "192.168.1.1%eth0", "1.2.3.4:5351" };
	static const char *const no[] = { "", "router", "1a", "10.0.0.1.example", "a.b", "-1",
		"192.168.1.1/24" };

	(void)state;
	for (size_t i = 0; i < COUNT(yes); i++)
		if (!words_looks_like_address(yes[i]))
			fail_msg("not seen as an address: '%s'", yes[i]);
	for (size_t i = 0; i < COUNT(no); i++)
		if (words_looks_like_address(no[i]))
			fail_msg("seen as an address: '%s'", no[i]);
}

static void address_good(void **state)
{
	static const struct {
		const char *word, *ip, *scope;
		uint16_t port;
	} cases[] = {
		{ "192.168.1.254", "192.168.1.254", "", 0 },
		{ "192.168.1.254:5351", "192.168.1.254", "", 5351 },
		{ "192.168.1.254:1", "192.168.1.254", "", 1 },
		{ "192.168.1.254:65535", "192.168.1.254", "", 65535 },
		{ "::1", "::1", "", 0 },
		{ "::", "::", "", 0 },
		{ "2001:db8::5351", "2001:db8::5351", "", 0 },
		{ "fe80::1%eth0", "fe80::1", "eth0", 0 },
		{ "fe80::1%3", "fe80::1", "3", 0 },
		{ "fe80::1%br-lan.100", "fe80::1", "br-lan.100", 0 },
		{ "fe80::1%fifteen-letters", "fe80::1", "fifteen-letters", 0 },
		{ "[fe80::1%eth0]:5351", "fe80::1", "eth0", 5351 },
		{ "[fe80::1%eth0]", "fe80::1", "eth0", 0 },
		{ "[2001:db8::1]:80", "2001:db8::1", "", 80 },
		{ "[::ffff:192.0.2.1]:80", "192.0.2.1", "", 80 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct words_address got;
		struct ip want;

		assert_true(ip_parse(cases[i].ip, &want));
		if (!words_address(cases[i].word, &got))
			fail_msg("refused: '%s'", cases[i].word);
		assert_true(ip_equal(&got.ip, &want));
		assert_string_equal(got.scope, cases[i].scope);
		assert_int_equal(got.port, cases[i].port);
	}
}

static void address_refused(void **state)
{
	static const char *const words[] = { "", ":", "::1%", "1.2.3", "1.2.3.4.5", "1.2.3.256",
		"01.2.3.4", "router", "192.168.1.254:", "192.168.1.254:0", "192.168.1.254:00",
		"192.168.1.254:70000", "192.168.1.254:65536", "192.168.1.254:+1",
		"192.168.1.254: 1", "192.168.1.254:5351 ", " 192.168.1.254", "192.168.1.254 ",
		"192.168.1.254:5351:1", "192.168.1.254%eth0", "192.168.1.254%eth0:5351",
		"::ffff:192.0.2.1%eth0", "[192.168.1.254]:5351", "[192.168.1.254]", "[::1", "::1]",
		"[::1]]", "[[::1]]", "[]", "[]:5351", "[::1]5351", "[::1]:", "[::1]:0",
		"[::1]:70000", "[::1]:x", "[::1]:80:80", "[fe80::1%]:5351", "fe80::1%eth0:5351",
		"fe80::1%sixteen-letters.", "fe80::1%a%b", "fe80::1%eth 0", "fe80::1%a/b",
		"fe80::1%a\x1b[m", "%eth0", "[%eth0]", "fe80:::1", "1:2:3:4:5:6:7:8:9", "g::1",
		"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0001" };
	struct words_address got, before;

	(void)state;
	memset(&got, 0x5a, sizeof(got));
	before = got;
	for (size_t i = 0; i < COUNT(words); i++) {
		if (words_address(words[i], &got))
			fail_msg("taken: '%s'", words[i]);
		assert_memory_equal(&got, &before, sizeof(got));
	}
}

static void nearest(void **state)
{
	static const char *const commands[] = { "discover", "map", "peer", "watch",
		"announce-listen", "decode", "help", NULL };
	static const char *const none[] = { NULL };
	static const struct {
		const char *word, *want;
	} cases[] = {
		{ "discvoer", "discover" },
		{ "discover", "discover" },
		{ "dicsover", "discover" },
		{ "mpa", "map" },
		{ "maps", "map" },
		{ "wach", "watch" },
		{ "pear", "peer" },
		{ "announce", "announce-listen" },
		{ "annouce-listen", "announce-listen" },
		{ "disc", "discover" },
		{ "xyz", NULL },
		{ "", NULL },
		{ "m", NULL },
		{ "kubernetes", NULL },
		{ "0123456789012345678901234567890123456789012345678901234567890123456789", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *got = words_nearest(cases[i].word, commands);

		if (!cases[i].want)
			assert_null(got);
		else if (!got)
			fail_msg("nothing is near '%s'", cases[i].word);
		else
			assert_string_equal(got, cases[i].want);
	}
	assert_null(words_nearest("map", none));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(number_good),
		cmocka_unit_test(number_refused),
		cmocka_unit_test(time_good),
		cmocka_unit_test(time_refused),
		cmocka_unit_test(hex),
		cmocka_unit_test(looks_like_address),
		cmocka_unit_test(address_good),
		cmocka_unit_test(address_refused),
		cmocka_unit_test(nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
