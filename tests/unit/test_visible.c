/* SPDX-License-Identifier: MIT
 * Foreign octets are made safe: every octet, every way to break UTF-8, every size.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "out/visible.h"

static void becomes(const char *text, size_t n, const char *shown)
{
	char out[256];

	assert_int_equal(visible(text, n, out, sizeof(out)), n);
	assert_string_equal(out, shown);
}

#define BECOMES(text, shown) becomes(text, sizeof(text) - 1, shown)

static void test_every_octet(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		char octet = (char)c, expected[8];

		if (c == '\\')
			snprintf(expected, sizeof(expected), "\\\\");
		else if (c >= 0x20 && c < 0x7f)
			snprintf(expected, sizeof(expected), "%c", octet);
		else
			snprintf(expected, sizeof(expected), "\\x%02x", c);
		becomes(&octet, 1, expected);
	}
	BECOMES("", "");
	BECOMES("a\0b", "a\\x00b");
}

static void test_valid_utf8_stays(void **state)
{
	(void)state;
	BECOMES("Café à Zürich", "Café à Zürich");
	BECOMES("\xc2\xa0", "\xc2\xa0");
	BECOMES("\xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80", "\xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80");
	BECOMES("\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf", "\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf");
	BECOMES("\"'<>$`", "\"'<>$`");
}

static void test_broken_utf8(void **state)
{
	(void)state;
	BECOMES("\xc3", "\\xc3"); /* cut short */
	BECOMES("\xc3(", "\\xc3("); /* no second octet */
	BECOMES("\xe2\x82", "\\xe2\\x82");
	BECOMES("\xe2\x82x", "\\xe2\\x82x");
	BECOMES("\xc0\xaf", "\\xc0\\xaf"); /* overlong */
	BECOMES("\xe0\x80\xaf", "\\xe0\\x80\\xaf");
	BECOMES("\xf0\x80\x80\xaf", "\\xf0\\x80\\x80\\xaf");
	BECOMES("\xed\xa0\x80", "\\xed\\xa0\\x80"); /* a surrogate */
	BECOMES("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); /* too large */
	BECOMES("\xf5\x80\x80\x80", "\\xf5\\x80\\x80\\x80");
	BECOMES("\xff\xfe", "\\xff\\xfe");
}

static void test_controls_and_directions(void **state)
{
	(void)state;
	BECOMES("\033[31mred\r\n", "\\x1b[31mred\\x0d\\x0a");
	BECOMES("\xc2\x80\xc2\x9f", "\\xc2\\x80\\xc2\\x9f"); /* C1: U+0080, U+009F */
	BECOMES("\xd8\x9c", "\\xd8\\x9c"); /* U+061C */
	BECOMES("\xe2\x80\x8e\xe2\x80\x8f", "\\xe2\\x80\\x8e\\xe2\\x80\\x8f");
	BECOMES("\xe2\x80\xa8\xe2\x80\xa9", "\\xe2\\x80\\xa8\\xe2\\x80\\xa9"); /* separators */
	BECOMES("\xe2\x80\xaa\xe2\x80\xae", "\\xe2\\x80\\xaa\\xe2\\x80\\xae"); /* LRE, RLO */
	BECOMES("\xe2\x81\xa6\xe2\x81\xa9", "\\xe2\\x81\\xa6\\xe2\\x81\\xa9"); /* LRI, PDI */
	BECOMES("\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5", "\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5");
}

/* At any size: ends with a NUL, inside no unit, and the rest can go on from there. */
static void test_every_size(void **state)
{
	static const char text[] = "a\x1b\\\xc3\xa9\xf0\x9f\x98\x80\xff.";
	char whole[64], out[64], joined[128];
	size_t n = sizeof(text) - 1;

	(void)state;
	assert_int_equal(visible(text, n, whole, sizeof(whole)), n);
	for (size_t size = 1; size <= sizeof(out); size++) {
		size_t used;

		memset(out, 'X', sizeof(out));
		used = visible(text, n, out, size);
		assert_true(strlen(out) < size);
		assert_memory_equal(out, whole, strlen(out));
		assert_int_equal(used == n, strlen(out) == strlen(whole));
		strcpy(joined, out);
		visible(text + used, n - used, out, sizeof(out));
		strcat(joined, out);
		assert_string_equal(joined, whole);
	}
	out[0] = 'X';
	assert_int_equal(visible(text, n, out, 0), 0);
	assert_int_equal(out[0], 'X');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_octet),
		cmocka_unit_test(test_valid_utf8_stays),
		cmocka_unit_test(test_broken_utf8),
		cmocka_unit_test(test_controls_and_directions),
		cmocka_unit_test(test_every_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
