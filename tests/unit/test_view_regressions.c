/* SPDX-License-Identifier: MIT
 * Regressions on the screen, and what comes back after them.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "tui/view_state.h"
#include "view_play.h"

#define W      132
#define H      40
#define ROUTER "192.168.1.254"

static void test_regression_words(void **state)
{
	static const struct {
		enum epoch_kind kind;
		const char *words, *name;
	} rows[] = {
		{ EPOCH_RESTART, "restarted;", "restart" },
		{ EPOCH_EXTERNAL, "restarted with another external address;", "external-address" },
		{ EPOCH_RATE, "its clock runs at the wrong rate;", "rate" },
		{ EPOCH_FROZEN, "its clock stands still;", "frozen" },
		{ EPOCH_WALL_CLOCK, "its clock tells the time of day;", "wall-clock" },
		{ EPOCH_NOT_SECONDS, "its clock does not count seconds;", "not-seconds" },
		{ EPOCH_UNKNOWN, "its clock is out of range;", "unknown" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct event epoch = play_epoch(rows[i].kind, 5000, 70, 5030);
		char line[300];
		struct play play;

		play_begin(&play, true);
		play_sample(&play, 5000);
		play_wait(&play, 30 * SEC);
		play_event(&play, &epoch);
		snprintf(line, sizeof(line),
			"REGRESSION of 192.168.1.254: %s epoch 70 s, was 5000 s, expected 5030 s",
			rows[i].words);
		play_shows(&play, W, H, line);
		assert_int_equal(play_look(&play, "REGRESSION of 192.168.1.254:"), LOOK_BAD);
		/* the title and the server, by word and look; then the word stays alone */
		assert_int_equal(frame_cell(&play.frame, 0, 0)->look, LOOK_BAD);
		assert_int_equal(frame_cell(&play.frame, 2, 1)->look, LOOK_BAD);
		snprintf(line, sizeof(line), "1, 13:03:40 %s", rows[i].name);
		play_shows(&play, W, H, line);
		play_wait(&play, 59 * SEC);
		play_shows(&play, W, H, "! 13:03:40 ");
		play_wait(&play, 2 * SEC);
		play_hides(&play, W, H, "! 13:03:40 ");
		assert_int_equal(frame_cell(&play.frame, 0, 0)->look, LOOK_TITLE);
		play_shows(&play, W, H, line);
		play_wait(&play, 86400 * SEC);
		snprintf(line, sizeof(line), "1, 2026-11-22 13:03 %s", rows[i].name);
		play_shows(&play, W, H, line);
		play_end(&play);
	}
}

/* All that was held comes back, or not: then one line says so. */
static void test_recovery(void **state)
{
	struct event refused = sample_refusal(ROUTER, VIA_PCP, 8);
	struct play play;

	(void)state;
	play_begin(&play, true);
	for (unsigned i = 0; i < 4; i++)
		play_mapping(&play, i, OUTCOME_GRANTED);
	play_mapping(&play, 4, OUTCOME_UNANSWERED); /* was not held: not waited for */
	play_regress(&play);
	play_shows(&play, W, H, "0 of 4 back");
	play_shows(&play, W, H, "5 mappings: 0 held, 1 unanswered, 4 recovering");
	play_wait(&play, 1234 * MSEC);
	play_mapping(&play, 0, OUTCOME_RECOVERED);
	play_mapping(&play, 1, OUTCOME_RENEWED); /* by the answer that gave the restart away */
	play_mapping(&play, 4, OUTCOME_GRANTED);
	play_shows(&play, W, H, "2 of 4 back");
	refused.mapping.want = 2;
	refused.mapping.internal_port = 8002;
	play_event(&play, &refused);
	play_hides(&play, W, H, "recovered 2 of");
	play_wait(&play, 100 * SEC); /* still set off: it is not over */
	play_shows(&play, W, H, "REGRESSION of 192.168.1.254  ");
	play_mapping(&play, 3, OUTCOME_LOST);
	play_shows(&play, W, H,
		"192.168.1.254 recovered 2 of 4 mappings after 1m 41s: tcp 8002 refused, "
		"tcp 8003 lost, tcp 8000 on port");
	assert_int_equal(play_look(&play, "192.168.1.254 recovered"), LOOK_WARN);
	assert_int_equal(frame_cell(&play.frame, 0, 0)->look, LOOK_TITLE);
	play_mapping(&play, 3, OUTCOME_RECOVERED); /* later: its own line */
	play_shows(&play, W, H, "tcp 8003: recovered as 203.0.113.7:9003");
	play_end(&play);
}

/* With another port, and another address. */
static void test_recovery_moved(void **state)
{
	struct event event = play_grant(0, PROTOCOL_UDP, 5060, 61234, 7200);
	struct play play;

	(void)state;
	for (int address = 0; address < 2; address++) {
		play_begin(&play, true);
		play_mapping(&play, 0, OUTCOME_GRANTED);
		play_regress(&play);
		play_wait(&play, 4200 * MSEC);
		event.mapping.outcome = OUTCOME_CHANGED;
		event.mapping.has_previous = true;
		event.mapping.previous_address = sample_ip(address ? "203.0.113.6" : "203.0.113.7");
		event.mapping.previous_port = 61200;
		play_event(&play, &event);
		play_shows(&play, W, H,
			address ? "recovered 1 of 1 mapping after 4.2 s: udp 5060 on port 61234 "
				  "(was 203.0.113.6:61200)" :
				  "recovered 1 of 1 mapping after 4.2 s: udp 5060 on port 61234 "
				  "(was 61200)");
		play_shows(&play, W, H, "changed, was port 61200");
		play_end(&play);
	}
}

/* A second restart before all is back: the account begins anew. */
static void test_recovery_twice(void **state)
{
	struct play play;

	(void)state;
	play_begin(&play, true);
	for (unsigned i = 0; i < 3; i++)
		play_mapping(&play, i, OUTCOME_GRANTED);
	play_regress(&play);
	play_wait(&play, SEC);
	play_mapping(&play, 0, OUTCOME_RECOVERED);
	play_regress(&play);
	play_shows(&play, W, H, "0 of 3 back");
	play_shows(&play, W, H, "2, 13:03:11 restart");
	for (unsigned i = 0; i < 3; i++)
		play_mapping(&play, i, OUTCOME_RECOVERED);
	play_shows(&play, W, H, "recovered 3 of 3 mappings after 0.0 s");
	play_end(&play);
}

/* Many that come back do not fit into a line; those that moved are named first. */
static void test_recovery_of_many(void **state)
{
	struct play play;

	(void)state;
	play_begin(&play, true);
	for (unsigned i = 0; i < 500; i++)
		play_mapping(&play, i, OUTCOME_GRANTED);
	play_regress(&play);
	for (unsigned i = 0; i < 499; i++)
		play_mapping(&play, i, OUTCOME_RECOVERED);
	{
		struct event event = play_grant(499, PROTOCOL_TCP, 8499, 1, 600);

		event.mapping.outcome = OUTCOME_CHANGED;
		event.mapping.has_previous = true;
		event.mapping.previous_address = sample_ip("203.0.113.7");
		event.mapping.previous_port = 9499;
		play_event(&play, &event);
	}
	play_shows(&play, 200, H,
		"recovered 500 of 500 mappings after 0.0 s: tcp 8499 on port 1 (was 9499), tcp "
		"8000 on port 9000, ");
	play_shows(&play, 200, H, " more\n");
	play_end(&play);
}

/* A deleted mapping is no longer waited for; nor does its row come back. */
static void test_deleted_in_recovery(void **state)
{
	struct play play;

	(void)state;
	play_begin(&play, true);
	play_mapping(&play, 0, OUTCOME_GRANTED);
	play_regress(&play);
	play_mapping(&play, 0, OUTCOME_DELETED);
	play_shows(&play, W, H, "recovered 0 of 1 mapping after 0.0 s: tcp 8000 deleted");
	play_shows(&play, W, H, "0 mappings");
	play_end(&play);
}

/* It is asked elsewhere before all is back: the regression stays, the wait is over. */
static void test_moved_in_recovery(void **state)
{
	struct server_id elsewhere = sample_server("192.168.9.1");
	struct event granted = play_grant(0, PROTOCOL_TCP, 8000, 9000, 7200);
	struct event epoch = play_epoch(EPOCH_RESTART, 900, 5, 930);
	struct play play;

	(void)state;
	play_begin(&play, true);
	for (unsigned i = 0; i < 2; i++)
		play_mapping(&play, i, OUTCOME_GRANTED);
	play_regress(&play);
	play_shows(&play, W, H, "0 of 2 back");
	play_wait(&play, 61 * SEC);
	view_server_moved(play.view, 0, &elsewhere);
	play_shows(&play, W, H, "1, 13:03:10 restart");
	play_hides(&play, W, H, " back");
	assert_int_equal(frame_cell(&play.frame, 0, 0)->look, LOOK_TITLE);
	granted.mapping.server = epoch.epoch.server = elsewhere;
	play_event(&play, &granted);
	play_shows(&play, W, H, "2 mappings: 1 held, 1 recovering");
	play_hides(&play, W, H, "192.168.9.1 recovered");
	assert_int_equal(play.view->servers[0].recovery.waiting, 0); /* no screen shows it */
	/* the next account is of the new place alone */
	play_event(&play, &epoch);
	play_shows(&play, W, H, "0 of 2 back");
	play_event(&play, &granted);
	play_shows(&play, W, H, "1 of 2 back");
	granted.mapping.want = 1;
	play_event(&play, &granted);
	play_shows(&play, W, H, "192.168.9.1 recovered 2 of 2 mappings");
	play_end(&play);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_regression_words),
		cmocka_unit_test(test_recovery),
		cmocka_unit_test(test_recovery_moved),
		cmocka_unit_test(test_recovery_twice),
		cmocka_unit_test(test_recovery_of_many),
		cmocka_unit_test(test_deleted_in_recovery),
		cmocka_unit_test(test_moved_in_recovery),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
