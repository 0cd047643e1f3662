/* SPDX-License-Identifier: MIT
 * Frames: text that is clipped, wide, broken or hostile, in cells.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tui/columns.h"
#include "tui/frame.h"
#include "tui/glyph.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void prints(const struct frame *frame, const char *expected)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_int_equal(frame_print(frame, out), 0);
	fclose(out);
	assert_string_equal(text, expected);
	free(text);
}

static struct frame empty(int width, int height, bool utf8)
{
	struct frame frame = { 0 };

	assert_true(frame_reset(&frame, width, height, utf8));
	return frame;
}

/* --- text --- */

static void test_put(void **state)
{
	struct frame frame = empty(10, 3, true);

	(void)state;
	assert_int_equal(frame_put(&frame, 0, 2, LOOK_BAD, "abc"), 5);
	assert_int_equal(frame_put(&frame, 1, 8, LOOK_NORMAL, "xyz"), 11); /* clipped */
	assert_int_equal(frame_put(&frame, 2, -2, LOOK_NORMAL, "uvwx"), 2);
	frame_put(&frame, -1, 0, LOOK_NORMAL, "nowhere");
	frame_put(&frame, 3, 0, LOOK_NORMAL, "nowhere");
	prints(&frame, "  abc\n        xy\nwx\n");
	assert_int_equal(frame_cell(&frame, 0, 2)->look, LOOK_BAD);
	assert_int_equal(frame_cell(&frame, 0, 5)->look, LOOK_NORMAL);
	assert_null(frame_cell(&frame, 0, 10));
	assert_null(frame_cell(&frame, 0, -1));
	assert_null(frame_cell(&frame, 3, 0));
	assert_int_equal(frame_printf(&frame, 0, 0, LOOK_NORMAL, "%d-%s", 7, "x"), 3);
	prints(&frame, "7-xbc\n        xy\nwx\n");
	frame_free(&frame);
}

static void test_fields(void **state)
{
	struct frame frame = empty(12, 1, true);

	(void)state;
	frame_put(&frame, 0, 0, LOOK_NORMAL, "............");
	frame_field(&frame, 0, 1, 5, false, LOOK_GOOD, "ab");
	prints(&frame, ".ab   ......\n");
	assert_int_equal(frame_cell(&frame, 0, 5)->look, LOOK_GOOD); /* the blanks too */
	assert_int_equal(frame_cell(&frame, 0, 6)->look, LOOK_NORMAL);
	frame_field(&frame, 0, 1, 5, true, LOOK_GOOD, "ab");
	prints(&frame, ".   ab......\n");
	frame_field(&frame, 0, 1, 5, false, LOOK_GOOD, "abcde");
	prints(&frame, ".abcde......\n");
	frame_field(&frame, 0, 1, 5, false, LOOK_GOOD, "abcdef");
	prints(&frame, ".abcd…......\n");
	frame_field(&frame, 0, 1, 1, false, LOOK_GOOD, "xy");
	prints(&frame, ".…bcd…......\n");
	frame_field(&frame, 0, 1, 0, false, LOOK_GOOD, "xy");
	frame_field(&frame, 0, 1, -3, false, LOOK_GOOD, "xy");
	prints(&frame, ".…bcd…......\n");
	frame.utf8 = false;
	frame_field(&frame, 0, 1, 5, false, LOOK_GOOD, "abcdef");
	prints(&frame, ".abcd~......\n");
	frame_fill(&frame, 0, 8, 100, LOOK_HEAD);
	prints(&frame, ".abcd~..\n");
	frame_free(&frame);
}

/* --- what may not reach a terminal --- */

static void test_hostile(void **state)
{
	static const struct {
		const char *text, *utf8, *ascii;
	} rows[] = {
		{ "\033[2J", "\\x1b[2J", "\\x1b[2J" },
		{ "a\nb\tc\r\x7f", "a\\x0ab\\x09c\\x0d\\x7f", "a\\x0ab\\x09c\\x0d\\x7f" },
		{ "\xc2\x9b", "\\u009b", "\\u009b" }, /* CSI of 8 bits */
		{ "\xff\xfe", "\\xff\\xfe", "\\xff\\xfe" },
		{ "e\xcc\x81", "e\\u0301", "e\\u0301" }, /* combining */
		{ "\xe2\x80\xae!", "\\u202e!", "\\u202e!" }, /* right to left */
		{ "\xe2\x80\x8b", "\\u200b", "\\u200b" }, /* no width */
		{ "\xc3\xa4", "ä", "\\u00e4" },
		{ "\xd7\x90", "\\u05d0", "\\u05d0" },
		{ "\xc0\xaf", "\\xc0\\xaf", "\\xc0\\xaf" }, /* overlong */
		{ "\xe0\x80\xaf", "\\xe0\\x80\\xaf", "\\xe0\\x80\\xaf" },
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80", "\\xed\\xa0\\x80" }, /* half a pair */
		{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", "\\xf4\\x90\\x80\\x80" },
		{ "\xf5\x80\x80\x80", "\\xf5\\x80\\x80\\x80", "\\xf5\\x80\\x80\\x80" },
		{ "\xe2\x82", "\\xe2\\x82", "\\xe2\\x82" }, /* cut short */
		{ "\xf0\x9f", "\\xf0\\x9f", "\\xf0\\x9f" },
		{ "\xf4\x8f\xbf\xbf", "\\U0010ffff", "\\U0010ffff" },
		{ "\xe6\x97\xa5", "日", "\\u65e5" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char line[100];
		struct frame frame = empty(40, 1, true);

		frame_put(&frame, 0, 0, LOOK_NORMAL, rows[i].text);
		snprintf(line, sizeof(line), "%s\n", rows[i].utf8);
		prints(&frame, line);
		assert_true(frame_reset(&frame, 40, 1, false));
		frame_put(&frame, 0, 0, LOOK_NORMAL, rows[i].text);
		snprintf(line, sizeof(line), "%s\n", rows[i].ascii);
		prints(&frame, line);
		frame_free(&frame);
	}
}

/* Whatever octets come, every cell is a character of a known width. */
static void test_any_octets(void **state)
{
	uint32_t random = 1;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct frame frame = empty(1 + round % 7, 1, round % 2);
		char text[9] = { 0 };

		for (size_t i = 0; i < 8; i++) {
			random = random * 1664525 + 1013904223;
			text[i] = (char)(random >> 24);
		}
		frame_field(&frame, 0, round % 3 - 1, frame.width, round % 5 == 0, LOOK_BAD, text);
		for (int x = 0; x < frame.width; x++) {
			uint32_t c = frame_cell(&frame, 0, x)->c;

			if (c == 0) { /* the right half of what stands before it */
				assert_true(x > 0);
				assert_int_equal(glyph_width(frame_cell(&frame, 0, x - 1)->c), 2);
			} else {
				assert_true(glyph_width(c) > 0);
				if (glyph_width(c) == 2)
					assert_int_equal(frame_cell(&frame, 0, x + 1)->c, 0);
			}
		}
		frame_free(&frame);
	}
}

static void test_wide(void **state)
{
	struct frame frame = empty(6, 1, true);

	(void)state;
	assert_int_equal(frame_put(&frame, 0, 0, LOOK_NORMAL, "日本語"), 6);
	prints(&frame, "日本語\n");
	/* a half of one is no character */
	frame_put(&frame, 0, 1, LOOK_NORMAL, "x");
	prints(&frame, " x本語\n");
	frame_put(&frame, 0, 2, LOOK_NORMAL, "y");
	prints(&frame, " xy 語\n");
	assert_int_equal(frame_put(&frame, 0, 5, LOOK_NORMAL, "日"), 7);
	prints(&frame, " xy\n");
	frame_put(&frame, 0, 0, LOOK_NORMAL, "日日日");
	frame_put(&frame, 0, 1, LOOK_NORMAL, "本");
	prints(&frame, " 本 日\n");
	frame_put(&frame, 0, -1, LOOK_NORMAL, "日");
	assert_int_equal(frame_cell(&frame, 0, 0)->c, ' ');
	frame_field(&frame, 0, 0, 4, false, LOOK_NORMAL, "日本語");
	assert_int_equal(frame_cell(&frame, 0, 3)->c, 0x2026);
	prints(&frame, "日 …日\n");
	assert_int_equal(glyph_columns("日本x", true), 5);
	assert_int_equal(glyph_columns("日", false), 6);
	frame_free(&frame);
}

/* --- sizes --- */

static void test_sizes(void **state)
{
	struct frame frame = empty(0, -5, true);

	(void)state;
	assert_int_equal(frame.width, 1);
	assert_int_equal(frame.height, 1);
	frame_put(&frame, 0, 0, LOOK_NORMAL, "abc");
	prints(&frame, "a\n");
	assert_true(frame_reset(&frame, 3, 2, true));
	prints(&frame, "\n\n"); /* nothing stays */
	frame_put(&frame, 1, 0, LOOK_NORMAL, "abc");
	assert_true(frame_reset(&frame, 2, 2, true));
	prints(&frame, "\n\n");
	assert_true(frame_reset(&frame, 100000, 100000, true));
	assert_int_equal(frame.width, FRAME_SIDE_MAX);
	assert_int_equal(frame.height, FRAME_SIDE_MAX);
	assert_int_equal(frame.cursor_x, -1);
	frame_free(&frame);
	assert_null(frame_cell(&frame, 0, 0));
}

static void test_full_disk(void **state)
{
	struct frame frame = empty(10, 1000, true);
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(full);
	setvbuf(full, NULL, _IONBF, 0);
	assert_int_equal(frame_print(&frame, full), -1);
	fclose(full);
	frame_free(&frame);
}

/* --- columns --- */

static void test_columns(void **state)
{
	static const struct column columns[] = {
		{ 5, 9, 2, 2, true },
		{ 3, 3, 1, 1, true },
		{ 6, 20, 3, 1, false },
		{ 0, 9, 4, 1, true },
	};
	static const struct {
		int width, gap, widths[4];
	} rows[] = {
		{ 0, 1, { 0, 3, 0, 0 } }, /* the first one always */
		{ 8, 1, { 0, 3, 0, 0 } },
		{ 9, 1, { 5, 3, 0, 0 } },
		{ 15, 1, { 9, 3, 0, 0 } }, /* no third: room to grow */
		{ 16, 1, { 5, 3, 6, 0 } },
		{ 18, 2, { 5, 3, 6, 0 } },
		{ 25, 1, { 5, 3, 15, 0 } }, /* the third grows first */
		{ 30, 1, { 5, 3, 20, 0 } },
		{ 33, 1, { 5, 3, 20, 0 } }, /* 3 more: not enough for the whole */
		{ 34, 1, { 9, 3, 20, 0 } },
		{ 99, 1, { 9, 3, 20, 0 } },
	};
	int widths[4];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		columns_fit(columns, 4, rows[i].width, rows[i].gap, widths);
		for (size_t c = 0; c < 4; c++) {
			if (widths[c] != rows[i].widths[c])
				fail_msg("row %zu: column %zu is %d wide", i, c, widths[c]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_any_octets),
		cmocka_unit_test(test_wide),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
