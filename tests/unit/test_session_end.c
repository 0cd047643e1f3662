/* SPDX-License-Identifier: MIT
 * How things end: -P and --require-public, deletes, signals at every moment, -t.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "virtual.h"

static struct mapping *open_asking(struct world *world, enum version_policy policy,
	const struct want *want)
{
	world_open(world, policy, 5 * SEC, 1);
	return world_want(world, want);
}

static int64_t elapsed_ms(const struct world *world)
{
	return mono_since(world->now, VIRTUAL_START) / MSEC;
}

static struct want preferring(void)
{
	struct want want = virtual_want(1, 8080);

	want.options.prefer_failure = true;
	return want;
}

/* --- -P --- */

/* Another port was granted: aside for a second, then deleted, for its nonce was new. */
static void a_wrong_grant_is_taken_back(void **state)
{
	struct world world;
	struct want want = preferring();
	const struct event_mapping *told;

	(void)state;
	open_asking(&world, VERSION_PCP_FIRST, &want);
	world.model.shift = 1;
	world_until_idle(&world, 60 * SEC);
	told = world_result(&world, 1);
	assert_int_equal(world_results(&world, 1), 1);
	assert_int_equal(told->outcome, OUTCOME_REFUSED);
	assert_int_equal(told->refusal, REFUSAL_OTHER_EXTERNAL);
	assert_int_equal(told->unwanted, UNWANTED_DELETED);
	assert_int_equal(told->unwanted_port, 8081);
	assert_false(told->has_external_port);
	assert_null(world_held(&world, PROTOCOL_TCP, 8080));
	assert_int_equal(elapsed_ms(&world), 1004);
	world_close(&world);
}

/* The delete: lifetime 0, port 0, the wildcard, the nonce, no PREFER_FAILURE. */
static void the_octets_of_a_delete(void **state)
{
	static const uint8_t octets[] = {
		0x02, 0x01, 0x00, 0x00, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 168, 1, 10,
		0xa0, 0xa0, 0xa0, 0xa0, 0xa0, 0xa0, 0xa0, 0xa0, 0, 0, 0, 1,
		6, 0, 0, 0, 0x1f, 0x90, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0,
	};
	struct world world;
	struct want want = preferring();

	(void)state;
	open_asking(&world, VERSION_PCP_FIRST, &want);
	world.model.shift = 1;
	world_until_idle(&world, 60 * SEC);
	assert_int_equal(world.sent_count, 2);
	assert_int_equal(world.sent[0].length, 64); /* the request has the option */
	assert_int_equal(world.sent[1].length, sizeof(octets));
	assert_memory_equal(world.sent[1].octets, octets, sizeof(octets));
	world_close(&world);
}

/* It may be another program's: then it is only named. */
static void a_given_nonce_is_left(void **state)
{
	struct world world;
	struct want want = preferring();

	(void)state;
	want.nonce_is_new = false;
	open_asking(&world, VERSION_PCP_FIRST, &want);
	world.model.shift = 1;
	world_until_idle(&world, 60 * SEC);
	assert_int_equal(world_result(&world, 1)->unwanted, UNWANTED_LEFT);
	assert_int_equal(world_result(&world, 1)->unwanted_port, 8081);
	assert_int_equal(world_result(&world, 1)->unwanted_lifetime, 7200);
	assert_int_equal(world.sent_count, 1);
	assert_non_null(world_held(&world, PROTOCOL_TCP, 8080));
	world_close(&world);
}

/* Behind the wrong grant comes the right one, or the refusal (RFC 6887, 13.2). */
static void what_comes_within_the_second(void **state)
{
	struct world world;
	struct want want = preferring();
	uint8_t octets[64] = { 0 };

	(void)state;
	for (int refused = 0; refused < 2; refused++) {
		open_asking(&world, VERSION_PCP_FIRST, &want);
		world.model.shift = 1;
		world_run(&world, 500 * MSEC);
		assert_int_equal(world_results(&world, 1), 0);
		memcpy(octets, world.sent[0].octets, 64);
		octets[1] |= 0x80;
		octets[3] = refused ? PCP_CANNOT_PROVIDE_EXTERNAL : 0;
		memset(octets + 8, 0, 16);
		assert_int_equal(world_answer(&world, octets, 64), DROP_NONE);
		world_until_idle(&world, 60 * SEC);
		assert_int_equal(world_results(&world, 1), 1);
		if (refused) {
			assert_int_equal(world_result(&world, 1)->result,
				PCP_CANNOT_PROVIDE_EXTERNAL);
			assert_int_equal(world_result(&world, 1)->refusal, REFUSAL_RESULT);
			assert_int_equal(world_result(&world, 1)->unwanted, UNWANTED_DELETED);
			assert_null(world_held(&world, PROTOCOL_TCP, 8080));
		} else {
			assert_int_equal(world_result(&world, 1)->outcome, OUTCOME_GRANTED);
			assert_int_equal(world_result(&world, 1)->external_port, 8080);
			assert_int_equal(world_result(&world, 1)->unwanted_port, 0);
		}
		world_close(&world);
	}
}

static void natpmp_emulates_it(void **state)
{
	struct world world;
	struct want want = preferring();
	static const uint8_t octets[] = { 0, 2, 0, 0, 0x1f, 0x90, 0, 0, 0, 0, 0, 0 };

	(void)state;
	open_asking(&world, VERSION_NAT_PMP_ONLY, &want);
	world.model.shift = 1;
	world_until_idle(&world, 60 * SEC);
	assert_int_equal(world_result(&world, 1)->refusal, REFUSAL_OTHER_EXTERNAL);
	assert_int_equal(world_result(&world, 1)->unwanted, UNWANTED_DELETED);
	assert_int_equal(world_result(&world, 1)->unwanted_port, 8081);
	assert_int_equal(world.sent_count, 2);
	assert_memory_equal(world.sent[1].octets, octets, sizeof(octets));
	assert_null(world_held(&world, PROTOCOL_TCP, 8080));
	world_close(&world);
}

static void only_a_public_address(void **state)
{
	static const struct {
		uint8_t external[4];
		bool deaf;
	} rows[] = {
		{ { 192, 168, 7, 7 }, false }, { { 100, 64, 0, 1 }, false },
		{ { 0, 0, 0, 0 }, false }, { { 127, 0, 0, 1 }, false },
		{ { 8, 8, 8, 8 }, false }, { { 8, 8, 8, 8 }, true },
	};
	struct world world;
	struct want want = virtual_want(1, 8080);

	(void)state;
	want.require_public = true;
	for (size_t i = 0; i < 6; i++) {
		for (int natpmp = 0; natpmp < 2; natpmp++) {
			bool good = i == 4 || (i == 5 && !natpmp);

			open_asking(&world, natpmp ? VERSION_NAT_PMP_ONLY : VERSION_PCP_ONLY, &want);
			memcpy(world.model.external, rows[i].external, 4);
			world.model.deaf_to_address = rows[i].deaf;
			world.model.twice = 100; /* every datagram comes twice */
			world_until_idle(&world, 60 * SEC);
			assert_int_equal(world_results(&world, 1), 1);
			assert_int_equal(world_result(&world, 1)->outcome,
				good ? OUTCOME_GRANTED : OUTCOME_REFUSED);
			assert_int_equal(world_held(&world, PROTOCOL_TCP, 8080) != NULL, good);
			if (!good) {
				assert_int_equal(world_result(&world, 1)->refusal,
					REFUSAL_NOT_PUBLIC);
				assert_int_equal(world_result(&world, 1)->unwanted,
					UNWANTED_DELETED);
			}
			world_close(&world);
		}
	}
}

/* --- deletes --- */

static void delete_in_both_versions(void **state)
{
	struct world world;
	struct want want = virtual_want(1, 8080), ask = want;

	(void)state;
	want.lifetime = 0;
	want.external_port = 0;
	for (int natpmp = 0; natpmp < 2; natpmp++) {
		open_asking(&world, VERSION_PCP_FIRST, &ask);
		world.model.pcp = !natpmp;
		world.model.form = FORM_0_R;
		world_until_idle(&world, 60 * SEC);
		assert_non_null(world_held(&world, PROTOCOL_TCP, 8080));
		want.number = 2;
		world_want(&world, &want);
		world_until_idle(&world, 60 * SEC);
		assert_int_equal(world_result(&world, 2)->outcome, OUTCOME_DELETED);
		assert_true(world_result(&world, 2)->deleting);
		assert_int_equal(world_result(&world, 2)->via, natpmp ? VIA_NAT_PMP : VIA_PCP);
		assert_null(world_held(&world, PROTOCOL_TCP, 8080));
		world_close(&world);
	}
}

/* The answer of `map`, come twice or late, is not the answer of the delete. */
static void a_late_grant_is_no_deletion(void **state)
{
	struct world world;
	struct want want = virtual_want(1, 8080);
	struct mapping *mapping;

	(void)state;
	for (int natpmp = 0; natpmp < 2; natpmp++) {
		mapping = open_asking(&world, natpmp ? VERSION_NAT_PMP_ONLY : VERSION_PCP_ONLY,
			&want);
		world_until_idle(&world, 60 * SEC);
		assert_int_equal(world_result(&world, 1)->outcome, OUTCOME_GRANTED);
		world.model.deaf_to_deletes = true;
		session_delete(world.session, mapping, world.now);
		world_step(&world);
		if (natpmp) {
			static const uint8_t again[] = { 0, 0x82, 0, 0, 0, 0, 3, 0xe8, 0x1f, 0x90,
				0x1f, 0x90, 0, 0, 0x1c, 0x20 };

			assert_int_equal(world_answer(&world, again, 16), DROP_DUPLICATE);
		} else {
			uint8_t again[60];

			memcpy(again, world.sent[0].octets, 60);
			again[1] |= 0x80;
			memset(again + 8, 0, 16);
			again[10] = 3, again[11] = 0xe8;
			assert_int_equal(world_answer(&world, again, 60), DROP_DUPLICATE);
		}
		assert_int_equal(world_results(&world, 1), 1);
		world.model.deaf_to_deletes = false;
		world_until_idle(&world, 60 * SEC);
		assert_int_equal(world_result(&world, 1)->outcome, OUTCOME_DELETED);
		assert_null(world_held(&world, PROTOCOL_TCP, 8080));
		world_close(&world);
	}
}

static bool leave_a_rest(struct model *model, uint8_t *octets, size_t *length)
{
	(void)model;
	(void)length;
	if (octets[0] == 2 && octets[4] == 0 && octets[5] == 0 && octets[6] == 0 && octets[7] == 0)
		octets[7] = 120; /* live traffic keeps it so long: RFC 6887, 15 */
	return true;
}

static void a_rest_of_life_is_told(void **state)
{
	struct world world;
	struct want want = virtual_want(1, 8080), delete = virtual_want(1, 8080);
	struct mapping *mapping;

	(void)state;
	delete.lifetime = 0;
	delete.external_port = 0;
	open_asking(&world, VERSION_PCP_FIRST, &delete); /* of another run */
	world.model.edit = leave_a_rest;
	world_until_idle(&world, 60 * SEC);
	assert_int_equal(world_result(&world, 1)->outcome, OUTCOME_DELETED);
	assert_int_equal(world_result(&world, 1)->lifetime, 120);
	assert_int_equal(world.sent_count, 1);
	world_close(&world);

	mapping = open_asking(&world, VERSION_PCP_FIRST, &want); /* of this one */
	world.model.edit = leave_a_rest;
	world_until_idle(&world, 60 * SEC);
	session_delete(world.session, mapping, world.now);
	world_until_idle(&world, 60 * SEC);
	assert_int_equal(world_result(&world, 1)->outcome, OUTCOME_DELETED);
	assert_int_equal(world_result(&world, 1)->lifetime, 120);
	assert_true(elapsed_ms(&world) < 400);
	world_close(&world);
}

/* Internal port 0 would wipe all of this host's mappings (RFC 6886, 3.4). */
static void port_0_is_never_deleted(void **state)
{
	struct world world;
	struct want want = virtual_want(1, 0);
	struct mapping *mapping;

	(void)state;
	want.zero_port = true;
	want.external_port = 1;
	for (int how = 0; how < 3; how++) {
		mapping = open_asking(&world, VERSION_PCP_FIRST, &want);
		world_until_idle(&world, 60 * SEC);
		assert_int_equal(world_result(&world, 1)->outcome, OUTCOME_GRANTED);
		assert_int_equal(world.v2_sent, 0);
		if (how == 0)
			session_delete(world.session, mapping, world.now);
		else if (how == 1)
			session_rollback(world.session, mapping, REFUSAL_PAIR, world.now);
		else
			session_cancel(world.session, world.now);
		world_until_idle(&world, 60 * SEC);
		assert_true(world_idle(&world));
		assert_int_equal(world_result(&world, 1)->outcome, OUTCOME_REFUSED);
		assert_int_equal(world_result(&world, 1)->unwanted, UNWANTED_LEFT);
		assert_int_equal(world.sent_count, 2); /* the mapping and the address */
		assert_non_null(world_held(&world, PROTOCOL_TCP, 0));
		world_close(&world);
	}
}

/* The same key again, after its end: the answer is for the one that is asked. */
static void asked_again_with_the_same_nonce(void **state)
{
	struct world world;
	struct want want = virtual_want(1, 8080);
	struct mapping *mapping;

	(void)state;
	world_open(&world, VERSION_PCP_FIRST, 0, 1);
	for (unsigned i = 1; i < 200; i++) {
		want.number = i;
		mapping = world_want(&world, &want);
		world_until_idle(&world, SEC);
		assert_int_equal(world_result(&world, i)->outcome, OUTCOME_GRANTED);
		session_delete(world.session, mapping, world.now);
		world_until_idle(&world, SEC);
		assert_int_equal(world_result(&world, i)->outcome, OUTCOME_DELETED);
	}
	world_close(&world);
}

/* --- a signal --- */

/* At every moment of an exchange, whoever answers: it ends within seconds, and what
 * was made is gone, where the server can be told. */
static void cancelled_at(int64_t after, enum version_policy policy, int what)
{
	struct world world;
	struct want want = virtual_want(1, 8080), other = virtual_want(2, 8081);
	int64_t took;

	want.options.prefer_failure = what & 1;
	want.require_public = what & 2;
	world_open(&world, policy, 5 * SEC, (uint64_t)what);
	world.model.shift = what & 1;
	world.model.map_delay = world.model.natpmp_delay = (what & 4) ? 300 * MSEC : 0;
	world.model.pcp = !(what & 8);
	world.model.form = (what & 16) ? FORM_0_R : FORM_SILENT;
	world.model.natpmp = !(what & 32);
	world.model.deaf_to_address = what & 64;
	world_want(&world, &want);
	world_want(&world, &other);
	world_run(&world, after);
	session_cancel(world.session, world.now);
	took = world.now.ns;
	world_until_idle(&world, 60 * SEC);
	took = world.now.ns - took;
	assert_true(world_idle(&world));
	assert_true(took <= 10 * SEC);
	/* What the server was asked to make may still be on its way; then let it land. */
	world_run(&world, 2 * SEC);
	for (unsigned i = 1; i <= 2; i++) {
		const struct event_mapping *told = world_result(&world, i);

		assert_true(!told || told->outcome == OUTCOME_REFUSED ||
			told->outcome == OUTCOME_UNANSWERED);
		if (told && told->refusal == REFUSAL_CANCELLED &&
			told->unwanted == UNWANTED_DELETED)
			if (world_held(&world, PROTOCOL_TCP, (uint16_t)(8079 + i)))
				fail_msg("after %ld ms, policy %d, what %d: %u is there",
					(long)(after / MSEC), policy, what, i);
	}
	world_close(&world);
}

static void cancelled_at_every_moment(void **state)
{
	static const int64_t moments[] = { 0, 1, 2, 3, 4, 5, 100, 249, 275, 280, 302, 303, 304, 500,
		550, 700, 900, 1001, 1003, 1500, 2200, 4900 };
	static const enum version_policy policies[] = { VERSION_PCP_FIRST, VERSION_PCP_ONLY,
		VERSION_NAT_PMP_ONLY };

	(void)state;
	for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
		for (size_t j = 0; j < 3; j++) {
			for (int what = 0; what < 128; what++)
				cancelled_at(moments[i] * MSEC, policies[j], what);
		}
	}
}

static void cancel_takes_back_what_is_held(void **state)
{
	struct world world;

	(void)state;
	for (int natpmp = 0; natpmp < 2; natpmp++) {
		world_open(&world, natpmp ? VERSION_NAT_PMP_ONLY : VERSION_PCP_FIRST, 0, 1);
		for (unsigned i = 1; i <= 100; i++) {
			struct want want = virtual_want(i, (uint16_t)(8000 + i));

			want.nonce_is_new = i != 7;
			world_want(&world, &want);
		}
		world_until_idle(&world, 60 * SEC);
		session_cancel(world.session, world.now);
		world_until_idle(&world, 60 * SEC);
		for (unsigned i = 1; i <= 100; i++) {
			assert_int_equal(world_result(&world, i)->unwanted,
				i == 7 ? UNWANTED_LEFT : UNWANTED_DELETED);
			assert_int_equal(world_held(&world, PROTOCOL_TCP, (uint16_t)(8000 + i)) != NULL,
				i == 7);
		}
		world_close(&world);
	}
}

/* While the address is asked in vain, the line is free for the delete. */
static void cancelled_while_the_address_is_asked(void **state)
{
	struct world world;
	struct want want = virtual_want(1, 8080);

	(void)state;
	open_asking(&world, VERSION_NAT_PMP_ONLY, &want);
	world.model.deaf_to_address = true;
	world_run(&world, 100 * MSEC);
	assert_non_null(world_held(&world, PROTOCOL_TCP, 8080));
	session_cancel(world.session, world.now);
	world_until_idle(&world, 60 * SEC);
	assert_int_equal(world_result(&world, 1)->unwanted, UNWANTED_DELETED);
	assert_null(world_held(&world, PROTOCOL_TCP, 8080));
	assert_int_equal(elapsed_ms(&world), 102);
	world_close(&world);
}

/* Thousands of them and a server that has gone: 2 s after the last answer. */
static void cancel_with_a_dead_server(void **state)
{
	struct world world;
	struct mono then;

	(void)state;
	for (int natpmp = 0; natpmp < 2; natpmp++) {
		world_open(&world, natpmp ? VERSION_NAT_PMP_ONLY : VERSION_PCP_FIRST, 0, 1);
		for (unsigned i = 1; i <= 2000; i++) {
			struct want want = virtual_want(i, (uint16_t)(8000 + i));

			world_want(&world, &want);
		}
		world_until_idle(&world, 600 * SEC);
		world.model.pcp = world.model.natpmp = false;
		then = world.now;
		session_cancel(world.session, world.now);
		world_until_idle(&world, 60 * SEC);
		assert_true(world_idle(&world));
		assert_int_equal(mono_since(world.now, then), 2 * SEC);
		for (unsigned i = 1; i <= 2000; i += 100)
			assert_int_equal(world_result(&world, i)->unwanted, UNWANTED_LEFT);
		world_close(&world);
	}
}

/* Answers that trickle do not hold it for ever either. */
static void cancel_takes_ten_seconds_at_most(void **state)
{
	struct world world;
	struct mono then;

	(void)state;
	world_open(&world, VERSION_NAT_PMP_ONLY, 0, 1);
	for (unsigned i = 1; i <= 100; i++) {
		struct want want = virtual_want(i, (uint16_t)(8000 + i));

		world_want(&world, &want);
	}
	world_until_idle(&world, 600 * SEC);
	world.model.natpmp_delay = 200 * MSEC;
	then = world.now;
	session_cancel(world.session, world.now);
	world_until_idle(&world, 60 * SEC);
	assert_true(world_idle(&world));
	assert_int_equal(mono_since(world.now, then), 10 * SEC);
	world_close(&world);
}

/* A grant that comes after the signal is taken back, and not taken for the delete's
 * answer. */
static void a_grant_after_the_signal(void **state)
{
	struct world world;
	struct want want = virtual_want(1, 8080);

	(void)state;
	for (int natpmp = 0; natpmp < 2; natpmp++) {
		open_asking(&world, natpmp ? VERSION_NAT_PMP_ONLY : VERSION_PCP_ONLY, &want);
		world.model.map_delay = world.model.natpmp_delay = 100 * MSEC;
		world_run(&world, 50 * MSEC);
		world.model.deaf_to_deletes = true; /* the delete is lost */
		session_cancel(world.session, world.now);
		world_run(&world, 100 * MSEC);
		assert_int_equal(world_results(&world, 1), 0);
		world.model.deaf_to_deletes = false;
		world_until_idle(&world, 60 * SEC);
		assert_int_equal(world_result(&world, 1)->unwanted, UNWANTED_DELETED);
		assert_int_equal(world_result(&world, 1)->refusal, REFUSAL_CANCELLED);
		assert_null(world_held(&world, PROTOCOL_TCP, 8080));
		world_close(&world);
	}
}

/* --- the end of -t --- */

static void each_has_a_result_at_the_end(void **state)
{
	struct world world;

	(void)state;
	world_open(&world, VERSION_PCP_FIRST, 5 * SEC, 1);
	world.model.pcp = world.model.natpmp = false;
	for (unsigned i = 1; i <= 500; i++) {
		struct want want = virtual_want(i, (uint16_t)(8000 + i));

		world_want(&world, &want);
	}
	world_until_idle(&world, 60 * SEC);
	assert_true(world_idle(&world));
	assert_int_equal(elapsed_ms(&world), 5000);
	for (unsigned i = 1; i <= 500; i++) {
		assert_int_equal(world_results(&world, i), 1);
		assert_int_equal(world_result(&world, i)->outcome, OUTCOME_UNANSWERED);
	}
	assert_int_equal(world.most, 9); /* the window, and the address probe */
	world_close(&world);
}

/* What is wanted after it has its result at once: nobody would end it any more. */
static void too_late_to_ask(void **state)
{
	struct world world;
	struct want want = virtual_want(1, 8080), late = virtual_want(2, 9090);

	(void)state;
	open_asking(&world, VERSION_PCP_FIRST, &want);
	world.model.pcp = world.model.natpmp = false;
	world_until_idle(&world, 60 * SEC);
	world_want(&world, &late);
	world_until_idle(&world, 60 * SEC);
	assert_int_equal(elapsed_ms(&world), 5000);
	assert_int_equal(world_result(&world, 2)->outcome, OUTCOME_UNANSWERED);
	assert_int_equal(world_result(&world, 2)->attempts, 0);
	session_probe(world.session, world.now);
	world_step(&world);
	assert_true(world_idle(&world));
	assert_int_equal(world_event(&world, EVENT_SERVER)->server.pcp.status, PROBE_SILENT);
	world_close(&world);
}

/* -P: the wrong grant came, the second is not over at -t, and then the server dies. */
static void a_rollback_past_the_end_is_bounded(void **state)
{
	struct world world;
	struct want want = preferring();

	(void)state;
	world_open(&world, VERSION_PCP_FIRST, 500 * MSEC, 1);
	world.model.shift = 1;
	world_want(&world, &want);
	world_run(&world, 100 * MSEC);
	world.model.pcp = false;
	world_until_idle(&world, 60 * SEC);
	assert_in_range(elapsed_ms(&world), 500, 2500);
	assert_int_equal(world_result(&world, 1)->refusal, REFUSAL_OTHER_EXTERNAL);
	assert_int_equal(world_result(&world, 1)->unwanted, UNWANTED_LEFT);
	world_close(&world);
}

/* The same, begun before -t by one whose round trips are slow: its waits are long. */
static void a_slow_rollback_past_the_end_is_bounded(void **state)
{
	struct world world;
	struct want slow = virtual_want(1, 9090), want = preferring();

	(void)state;
	world_open(&world, VERSION_PCP_ONLY, 3 * SEC, 1);
	world.model.map_delay = 220 * MSEC;
	world_want(&world, &slow);
	world_until_idle(&world, SEC);
	want.number = 2;
	world.model.shift = 1;
	world_want(&world, &want);
	world.model.deaf_to_deletes = true; /* sends at about 1.5, 2.4, 4.2 s */
	world_until_idle(&world, 60 * SEC);
	assert_in_range(elapsed_ms(&world), 3000, 5000);
	assert_int_equal(world_result(&world, 2)->refusal, REFUSAL_OTHER_EXTERNAL);
	world_close(&world);
}

static void the_address_is_not_waited_for_past_the_end(void **state)
{
	struct world world;
	struct want want = virtual_want(1, 8080);

	(void)state;
	world_open(&world, VERSION_NAT_PMP_ONLY, 500 * MSEC, 1);
	world.model.deaf_to_address = true;
	world_want(&world, &want);
	world_until_idle(&world, 60 * SEC);
	assert_int_equal(elapsed_ms(&world), 500);
	assert_int_equal(world_result(&world, 1)->outcome, OUTCOME_GRANTED);
	world_close(&world);
}

/* What is to be taken back waits behind another's address, and -t is over. */
static void taken_back_behind_an_address(void **state)
{
	struct world world;
	struct want first = preferring(), second = virtual_want(2, 9090);

	(void)state;
	world_open(&world, VERSION_NAT_PMP_ONLY, 500 * MSEC, 1);
	world.model.deaf_to_address = true;
	world.model.shift = 1;
	world_want(&world, &first);
	world_want(&world, &second);
	world_until_idle(&world, 60 * SEC);
	assert_int_equal(world_result(&world, 2)->outcome, OUTCOME_GRANTED);
	assert_int_equal(world_result(&world, 1)->unwanted, UNWANTED_DELETED);
	assert_null(world_held(&world, PROTOCOL_TCP, 8080));
	assert_int_equal(elapsed_ms(&world), 502);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wrong_grant_is_taken_back),
		cmocka_unit_test(the_octets_of_a_delete),
		cmocka_unit_test(a_given_nonce_is_left),
		cmocka_unit_test(what_comes_within_the_second),
		cmocka_unit_test(natpmp_emulates_it),
		cmocka_unit_test(only_a_public_address),
		cmocka_unit_test(delete_in_both_versions),
		cmocka_unit_test(a_late_grant_is_no_deletion),
		cmocka_unit_test(a_rest_of_life_is_told),
		cmocka_unit_test(port_0_is_never_deleted),
		cmocka_unit_test(asked_again_with_the_same_nonce),
		cmocka_unit_test(cancelled_at_every_moment),
		cmocka_unit_test(cancel_takes_back_what_is_held),
		cmocka_unit_test(cancelled_while_the_address_is_asked),
		cmocka_unit_test(taken_back_behind_an_address),
		cmocka_unit_test(cancel_with_a_dead_server),
		cmocka_unit_test(cancel_takes_ten_seconds_at_most),
		cmocka_unit_test(a_grant_after_the_signal),
		cmocka_unit_test(each_has_a_result_at_the_end),
		cmocka_unit_test(too_late_to_ask),
		cmocka_unit_test(a_rollback_past_the_end_is_bounded),
		cmocka_unit_test(a_slow_rollback_past_the_end_is_bounded),
		cmocka_unit_test(the_address_is_not_waited_for_past_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
