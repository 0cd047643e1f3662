/* SPDX-License-Identifier: MIT
 * Every key of the screen, and what is typed into its prompts.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "view_play.h"

#define W 80
#define H 24

/* Three mappings: tcp 8080, udp 5060, tcp 22; numbers 4, 5, 6 of server 0. */
static void begin(struct play *play, const struct view_settings *settings)
{
	struct event events[] = { play_grant(4, PROTOCOL_TCP, 8080, 8080, 7200),
		play_grant(5, PROTOCOL_UDP, 5060, 61200, 600),
		play_grant(6, PROTOCOL_TCP, 22, 2222, 3600) };

	play_begin_with(play, settings);
	for (size_t i = 0; i < 3; i++)
		play_event(play, &events[i]);
}

static void begin_plain(struct play *play)
{
	struct view_settings settings = play_settings(true);

	begin(play, &settings);
}

static void acts(struct play *play, int key, enum view_action_kind kind)
{
	play_key(play, key);
	assert_int_equal(play->action.kind, kind);
}

static void acts_on(struct play *play, int key, enum view_action_kind kind, unsigned want)
{
	acts(play, key, kind);
	assert_int_equal(play->action.server, 0);
	assert_int_equal(play->action.want, want);
}

/* --- actions --- */

static void test_actions(void **state)
{
	struct play play;

	(void)state;
	begin_plain(&play);
	acts_on(&play, 'r', VIEW_RENEW, 4);
	acts(&play, 'R', VIEW_RENEW_ALL);
	acts(&play, 'x', VIEW_NOTHING);
	play_shows(&play, W, H, "there is no hook: start with --exec COMMAND");
	acts(&play, 'z', VIEW_NOTHING); /* and the note goes */
	play_hides(&play, W, H, "there is no hook");
	acts(&play, PRESS_REDRAW, VIEW_REDRAW);
	acts(&play, PRESS_SUSPEND, VIEW_SUSPEND);
	acts(&play, PRESS_GONE, VIEW_GONE);
	acts(&play, PRESS_RESIZE, VIEW_NOTHING);
	acts(&play, PRESS_NONE, VIEW_NOTHING);
	acts(&play, 'q', VIEW_QUIT);
	acts(&play, 'Q', VIEW_QUIT_AND_LEAVE);
	play_end(&play);
}

static void test_settings(void **state)
{
	struct view_settings settings = play_settings(true);
	struct play play;

	(void)state;
	settings.leave = settings.has_hook = true;
	begin(&play, &settings);
	acts(&play, 'q', VIEW_QUIT_AND_LEAVE);
	acts_on(&play, 'x', VIEW_HOOK, 4);
	play_end(&play);
	settings.still = true;
	begin(&play, &settings);
	play_hides(&play, W, H, ">");
	play_hides(&play, W, H, "quit");
	play_end(&play);
}

static void test_nothing_selected(void **state)
{
	static const int keys[] = { 'r', 'd', 'e', PRESS_ENTER, PRESS_DOWN, PRESS_END };
	struct view_settings settings = play_settings(true);
	struct play play;

	(void)state;
	settings.has_hook = true;
	play_begin_with(&play, &settings);
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		acts(&play, keys[i], VIEW_NOTHING);
		if (i < 4)
			play_shows(&play, W, H, "no mapping is selected");
	}
	acts(&play, 'x', VIEW_NOTHING);
	play_shows(&play, W, H, "no mappings: press a to add one");
	play_end(&play);
}

/* --- moving --- */

static void test_moving(void **state)
{
	struct play play;

	(void)state;
	begin_plain(&play);
	for (unsigned i = 7; i < 100; i++) {
		struct event event = play_grant(i, PROTOCOL_TCP, (uint16_t)(1000 + i), 1, 600);

		play_event(&play, &event);
	}
	play_screen(&play, W, H); /* 13 rows */
	acts_on(&play, 'r', VIEW_RENEW, 4);
	play_key(&play, PRESS_DOWN);
	acts_on(&play, 'r', VIEW_RENEW, 5);
	play_key(&play, 'j');
	acts_on(&play, 'r', VIEW_RENEW, 6);
	play_key(&play, 'k');
	play_key(&play, PRESS_UP);
	play_key(&play, PRESS_UP); /* no further */
	acts_on(&play, 'r', VIEW_RENEW, 4);
	play_key(&play, PRESS_PAGE_DOWN);
	acts_on(&play, 'r', VIEW_RENEW, 4 + 12);
	play_shows(&play, W, H, "1-13 of 96");
	play_key(&play, PRESS_PAGE_DOWN);
	play_shows(&play, W, H, "13-25 of 96");
	play_key(&play, PRESS_END);
	acts_on(&play, 'r', VIEW_RENEW, 99);
	play_shows(&play, W, H, "84-96 of 96");
	play_key(&play, PRESS_PAGE_UP);
	acts_on(&play, 'r', VIEW_RENEW, 99 - 12);
	play_key(&play, PRESS_HOME);
	acts_on(&play, 'r', VIEW_RENEW, 4);
	play_shows(&play, W, H, "1-13 of 96");
	play_end(&play);
}

/* --- screens --- */

static void test_screens(void **state)
{
	struct play play;

	(void)state;
	begin_plain(&play);
	play_key(&play, '?');
	play_shows(&play, W, H, "KEYS");
	play_hides(&play, W, H, "MAPPINGS");
	play_key(&play, PRESS_END);
	play_shows(&play, W, H, "MAPPINGS");
	play_key(&play, PRESS_HOME);
	play_shows(&play, W, H, "KEYS");
	play_key(&play, '?');
	play_hides(&play, W, H, "KEYS");
	play_key(&play, 'l');
	play_hides(&play, W, H, "EXTERNAL");
	play_shows(&play, W, H, "udp 5060: granted as 203.0.113.7:61200 for 10m");
	play_key(&play, PRESS_ESCAPE);
	play_shows(&play, W, H, "EXTERNAL");
	play_key(&play, PRESS_DOWN);
	play_key(&play, PRESS_ENTER);
	play_shows(&play, W, H, "112233445566778899aabbcc");
	play_shows(&play, W, H, "udp 5060");
	play_key(&play, PRESS_ENTER);
	play_shows(&play, W, H, "EXTERNAL");
	acts_on(&play, 'r', VIEW_RENEW, 5); /* scrolling elsewhere moved nothing here */
	play_end(&play);
}

/* A long log follows its end until one scrolls up. */
static void test_log_scrolls(void **state)
{
	struct play play;

	(void)state;
	begin_plain(&play);
	for (int i = 0; i < 100; i++) {
		char text[20];

		snprintf(text, sizeof(text), "line %d.", i);
		assert_true(view_log(play.view, play.wall_ms, LOOK_NORMAL, text));
	}
	play_key(&play, 'l');
	play_shows(&play, W, H, "line 99.");
	play_key(&play, PRESS_UP);
	play_hides(&play, W, H, "line 99.");
	view_log(play.view, play.wall_ms, LOOK_NORMAL, "one more");
	play_hides(&play, W, H, "one more");
	play_key(&play, PRESS_END);
	play_shows(&play, W, H, "one more");
	play_key(&play, PRESS_HOME);
	play_shows(&play, W, H, "tcp 8080: granted");
	play_end(&play);
}

/* --- sorting and filtering --- */

static void sorted(struct play *play, const char *by, unsigned first, unsigned second,
	unsigned third)
{
	const unsigned wants[] = { first, second, third };

	play_shows(play, W, H, by);
	play_key(play, PRESS_HOME);
	for (size_t i = 0; i < 3; i++) {
		acts_on(play, 'r', VIEW_RENEW, wants[i]);
		play_key(play, PRESS_DOWN);
	}
}

static void test_sort(void **state)
{
	struct play play;

	(void)state;
	begin_plain(&play);
	sorted(&play, "by state", 4, 5, 6);
	play_key(&play, 's');
	sorted(&play, "by time left", 5, 6, 4);
	play_key(&play, 's');
	sorted(&play, "by internal port", 6, 5, 4);
	play_key(&play, 's');
	sorted(&play, "by external port", 6, 4, 5);
	play_key(&play, PRESS_END); /* udp 5060 */
	play_key(&play, 's');
	acts_on(&play, 'r', VIEW_RENEW, 5); /* it stays selected, wherever it goes */
	sorted(&play, "by state", 4, 5, 6);
	play_end(&play);
}

static void test_filter(void **state)
{
	struct play play;

	(void)state;
	begin_plain(&play);
	play_key(&play, '/');
	play_shows(&play, W, H, "filter:");
	play_type(&play, "UDP");
	play_shows(&play, W, H, "1-1 of 1 (3 in all)");
	acts(&play, PRESS_ENTER, VIEW_NOTHING);
	play_hides(&play, W, H, "filter:");
	play_shows(&play, W, H, "matching UDP");
	acts_on(&play, 'r', VIEW_RENEW, 5);
	play_key(&play, PRESS_ESCAPE);
	play_shows(&play, W, H, "1-3 of 3,");
	play_key(&play, '/');
	play_type(&play, "tcp 2222"); /* both words */
	play_key(&play, PRESS_ENTER);
	acts_on(&play, 'r', VIEW_RENEW, 6);
	play_key(&play, '/');
	play_type(&play, "nowhere");
	play_shows(&play, W, H, "nothing matches the filter");
	play_key(&play, PRESS_ESCAPE);
	play_shows(&play, W, H, "1-3 of 3,");
	play_end(&play);
}

/* --- prompts --- */

static void test_add(void **state)
{
	struct play play;

	(void)state;
	begin_plain(&play);
	acts(&play, 'a', VIEW_NOTHING);
	play_type(&play, "  80:8080/tcpq "); /* no key means anything else here */
	play_shows(&play, W, H, "add SPEC:   80:8080/tcpq");
	acts(&play, PRESS_ENTER, VIEW_ADD);
	assert_string_equal(play.action.text, "80:8080/tcpq");
	view_prompt_answer(play.view, "tcpq: no such protocol");
	play_shows(&play, W, H, "tcpq: no such protocol\nadd SPEC:   80:8080/tcpq\n");
	assert_int_equal(play_look(&play, "tcpq: no"), LOOK_BAD);
	assert_int_equal(frame_cell(&play.frame, H - 1, 20)->look, LOOK_BAD); /* the word */
	assert_int_equal(frame_cell(&play.frame, H - 1, 18)->look, LOOK_NORMAL);
	assert_int_equal(play.frame.cursor_x, 24); /* and one can go on behind it */
	acts(&play, PRESS_BACKSPACE, VIEW_NOTHING);
	play_hides(&play, W, H, "no such protocol");
	acts(&play, PRESS_ENTER, VIEW_ADD);
	assert_string_equal(play.action.text, "80:8080/tcp");
	view_prompt_answer(play.view, NULL);
	play_hides(&play, W, H, "add SPEC");
	acts(&play, 'a', VIEW_NOTHING);
	acts(&play, PRESS_ENTER, VIEW_NOTHING); /* nothing typed: nothing asked */
	play_hides(&play, W, H, "add SPEC");
	play_end(&play);
}

static void test_editing(void **state)
{
	static const struct {
		int keys[12];
		const char *text;
	} rows[] = {
		{ { 'a', 'b', 'c', PRESS_LEFT, PRESS_LEFT, 'x' }, "axbc" },
		{ { 'a', 'b', 'c', PRESS_HOME, 'x', PRESS_END, 'y' }, "xabcy" },
		{ { 'a', 'b', PRESS_HOME, PRESS_LEFT, PRESS_DELETE }, "b" },
		{ { 'a', 'b', PRESS_RIGHT, PRESS_DELETE }, "ab" },
		{ { 'a', PRESS_HOME, PRESS_BACKSPACE, 'b' }, "ba" },
		{ { 'a', 'b', ' ', 'c', 'd', PRESS_ERASE_WORD, 'x' }, "ab x" },
		{ { 'a', 'b', ' ', ' ', PRESS_ERASE_WORD, 'x' }, "x" },
		{ { 'a', 'b', 'c', PRESS_LEFT, PRESS_ERASE_LINE }, "c" },
		{ { 'a', 0x65e5, PRESS_LEFT, 0xe4 }, "aä日" },
		{ { 'a', PRESS_UP, PRESS_OTHER, PRESS_PAGE_DOWN, 1, 0x7f, 0x202e, 'b' }, "ab" },
		{ { 'a', '\t', 'b' }, "ab" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct play play;

		begin_plain(&play);
		play_key(&play, 'a');
		for (size_t k = 0; rows[i].keys[k]; k++)
			acts(&play, rows[i].keys[k], VIEW_NOTHING);
		acts(&play, PRESS_ENTER, VIEW_ADD);
		assert_string_equal(play.action.text, rows[i].text);
		play_end(&play);
	}
}

/* More than fits into the prompt, and into the screen: the cursor stays in sight. */
static void test_long_text(void **state)
{
	struct play play;

	(void)state;
	begin_plain(&play);
	play_key(&play, 'a');
	for (int i = 0; i < 1000; i++)
		play_key(&play, i % 2 ? 'x' : 0x65e5);
	for (int width = 1; width < 100; width++) {
		play_screen(&play, width, 4);
		assert_in_range(play.frame.cursor_x, 0, width - 1);
		assert_int_equal(play.frame.cursor_y, 3);
	}
	acts(&play, PRESS_ENTER, VIEW_ADD);
	assert_true(strlen(play.action.text) < VIEW_TEXT_MAX);
	assert_true(strlen(play.action.text) > VIEW_TEXT_MAX - 5);
	view_prompt_answer(play.view, "日: the words that are wrong may be foreign \033[2J");
	play_shows(&play, W, H, "may be foreign \\x1b[2J");
	acts(&play, PRESS_ESCAPE, VIEW_NOTHING);
	play_hides(&play, W, H, "add SPEC");
	assert_int_equal(play.frame.cursor_y, -1);
	play_end(&play);
}

static void test_lifetime(void **state)
{
	struct play play;

	(void)state;
	begin_plain(&play);
	play_key(&play, PRESS_DOWN);
	acts(&play, 'e', VIEW_NOTHING);
	play_shows(&play, W, H, "lifetime of udp 5060 (now 10m):");
	play_type(&play, "1h");
	acts_on(&play, PRESS_ENTER, VIEW_LIFETIME, 5);
	assert_string_equal(play.action.text, "1h");
	view_prompt_answer(play.view, NULL);
	play_hides(&play, W, H, "lifetime of");
	play_end(&play);
}

/* The mapping that is asked about is the one that was selected when asking began. */
static void test_delete(void **state)
{
	struct event gone = play_grant(4, PROTOCOL_TCP, 8080, 8080, 0);
	struct play play;

	(void)state;
	begin_plain(&play);
	gone.mapping.outcome = OUTCOME_DELETED;
	gone.mapping.deleting = true;
	acts(&play, 'd', VIEW_NOTHING);
	play_shows(&play, W, H, "delete tcp 8080? y/n");
	acts(&play, 'n', VIEW_NOTHING);
	play_hides(&play, W, H, "y/n");
	acts(&play, PRESS_DELETE, VIEW_NOTHING);
	acts(&play, PRESS_ENTER, VIEW_NOTHING); /* no yes */
	play_hides(&play, W, H, "y/n");
	acts(&play, 'd', VIEW_NOTHING);
	play_event(&play, &gone); /* meanwhile it goes */
	play_shows(&play, W, H, "delete tcp 8080? y/n");
	acts_on(&play, 'y', VIEW_DELETE, 4);
	acts_on(&play, 'r', VIEW_RENEW, 5); /* the next one is selected */
	play_end(&play);
}

/* Prompts and events do not hinder each other. */
static void test_prompt_and_events(void **state)
{
	struct event epoch = play_epoch(EPOCH_RESTART, 3553200, 3, 3553230);
	struct play play;

	(void)state;
	begin_plain(&play);
	play_key(&play, 'a');
	play_type(&play, "80");
	play_event(&play, &epoch);
	play_shows(&play, W, H, "REGRESSION");
	play_shows(&play, W, H, "add SPEC: 80");
	play_end(&play);
}

/* Any keys at any size: nothing breaks, and nothing is drawn outside. */
static void test_any_keys(void **state)
{
	static const int keys[] = { 'a', 'd', 'e', 'r', 'x', 's', '/', 'l', '?', 'y', '7',
		PRESS_ENTER, PRESS_ESCAPE, PRESS_UP, PRESS_DOWN, PRESS_PAGE_UP, PRESS_PAGE_DOWN,
		PRESS_HOME, PRESS_END, PRESS_BACKSPACE, PRESS_DELETE, PRESS_ERASE_LINE, '<', '>',
		PRESS_LEFT, PRESS_RIGHT };
	uint32_t random = 7;
	struct play play;

	(void)state;
	begin_plain(&play);
	for (int i = 0; i < 20000; i++) {
		random = random * 1664525 + 1013904223;
		play_key(&play, keys[(random >> 16) % (sizeof(keys) / sizeof(*keys))]);
		if (play.action.kind == VIEW_ADD || play.action.kind == VIEW_LIFETIME)
			view_prompt_answer(play.view, random & 1 << 20 ? "7: no" : NULL);
		if (i % 3 == 0)
			play_screen(&play, 1 + (int)(random >> 8) % 90,
				1 + (int)(random >> 4) % 30);
		if (random >> 28 == 0) {
			struct event event =
				play_grant(random >> 16 & 15, PROTOCOL_TCP, 8080, 8080, 600);

			event.mapping.outcome = (random >> 20) % (OUTCOME_UNREACHABLE + 1);
			play_event(&play, &event);
		}
	}
	play_end(&play);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_actions),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_nothing_selected),
		cmocka_unit_test(test_moving),
		cmocka_unit_test(test_screens),
		cmocka_unit_test(test_log_scrolls),
		cmocka_unit_test(test_sort),
		cmocka_unit_test(test_filter),
		cmocka_unit_test(test_add),
		cmocka_unit_test(test_editing),
		cmocka_unit_test(test_long_text),
		cmocka_unit_test(test_lifetime),
		cmocka_unit_test(test_delete),
		cmocka_unit_test(test_prompt_and_events),
		cmocka_unit_test(test_any_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
