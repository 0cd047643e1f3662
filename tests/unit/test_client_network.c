/* SPDX-License-Identifier: MIT
 * What is kept follows the network, hears of restarts, and comes to its end: a client in
 * virtual time.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "virtual.h"

#define HOUR (3600 * SEC)

/* What the callback of the client is asked, and what it says. */
struct record {
	unsigned asked;
	bool says_no;
	struct server_id last;
};

static bool give_nonce(void *context, const struct server_id *id, struct want *want)
{
	struct record *record = context;

	record->asked++;
	record->last = *id;
	if (record->says_no)
		return false;
	memset(want->nonce.octets, 0xb0, sizeof(want->nonce.octets));
	want->nonce_is_new = true;
	return true;
}

static void open_client(struct world *world, int64_t give_up, struct record *record)
{
	struct client_config config = {
		.policy = VERSION_PCP_FIRST,
		.pcp = &schedule_quick,
		.natpmp = &schedule_quick,
		.seed = 1,
		.keep = true,
		.prepare = give_nonce,
		.context = record,
	};

	world_open_client(world, VERSION_PCP_FIRST, 0, 1);
	client_free(world->client);
	config.give_up = give_up ? mono_after(world->now, give_up) : MONO_NEVER;
	world->client = client_new(&config);
	assert_non_null(world->client);
	world->id.network = 1;
	assert_int_equal(client_server(world->client, &world->id), 0);
	*record = (struct record){ .asked = 0 };
}

static void want_kept(struct world *world, unsigned number, uint16_t port)
{
	struct want want = virtual_want(number, port);

	want.keep = true;
	assert_true(client_want(world->client, 0, &want, world->now));
}

static size_t outcomes(const struct world *world, enum mapping_outcome outcome)
{
	size_t count = 0;

	for (size_t i = 0; i < world->event_count; i++)
		count += world->events[i].kind == EVENT_MAPPING &&
			world->events[i].mapping.outcome == outcome;
	return count;
}

static size_t events(const struct world *world, enum event_kind kind)
{
	size_t count = 0;

	for (size_t i = 0; i < world->event_count; i++)
		count += world->events[i].kind == kind;
	return count;
}

/* MAP requests, and those of them that delete. */
static size_t maps(const struct world *world, size_t from, bool deletes)
{
	size_t count = 0;

	for (size_t i = from; i < world->sent_count; i++) {
		const struct sent *sent = &world->sent[i];

		count += sent->length >= 60 && sent->octets[0] == 2 && sent->octets[1] == PCP_MAP &&
			(memcmp(sent->octets + 4, "\0\0\0\0", 4) == 0) == deletes;
	}
	return count;
}

static size_t questions(const struct world *world, size_t from)
{
	size_t count = 0;

	for (size_t i = from; i < world->sent_count; i++)
		count += world->sent[i].length == 24 && world->sent[i].octets[0] == 2;
	return count;
}

/* --- the network --- */

static void place(struct world *world, const struct client_place *now)
{
	client_network(world->client, now, world->now);
}

static void the_same_place_changes_nothing(void **state)
{
	struct world world;
	struct record record;
	struct client_place now = { .found = true, .old_is_ours = true };
	size_t sent;

	(void)state;
	open_client(&world, 0, &record);
	want_kept(&world, 1, 8080);
	world_run(&world, SEC);
	sent = world.sent_count;
	now.id = world.id;
	place(&world, &now);
	world_run(&world, SEC);
	assert_int_equal(world.sent_count, sent);
	assert_int_equal(record.asked, 0);
	now.id.network = 0; /* cannot be told right now */
	place(&world, &now);
	now.found = false;
	now.id.network = 7;
	place(&world, &now);
	world_run(&world, SEC);
	assert_int_equal(world.sent_count, sent);
	assert_int_equal(outcomes(&world, OUTCOME_LOST), 0);
	world_close(&world);
}

/* The cable is back: what has no answer does not wait for its turn of minutes. */
static void the_same_place_again_asks_at_once(void **state)
{
	struct world world;
	struct record record;
	struct client_place now = { .found = true, .old_is_ours = true };
	size_t sent;

	(void)state;
	open_client(&world, 0, &record);
	world.model.pcp = world.model.natpmp = false;
	want_kept(&world, 1, 8080);
	world_run(&world, 2 * HOUR + 100 * SEC);
	sent = world.sent_count;
	world.model.pcp = true;
	now.id = world.id;
	place(&world, &now);
	world_run(&world, 100 * MSEC);
	assert_int_equal(maps(&world, sent, false), 1);
	assert_int_equal(world_result(&world, 1)->outcome, OUTCOME_GRANTED);
	world_close(&world);
}

/* Another network number, another address of ours, another router: lost there, asked for
 * here at once with another nonce and the old port; what was made from an address that is
 * still ours is deleted there, else nothing is sent there. */
static void another_place(void **state)
{
	struct world world;
	struct record record;

	(void)state;
	for (int what = 0; what < 3; what++) {
		for (int ours = 0; ours < 2; ours++) {
			struct client_place now = { .found = true, .old_is_ours = ours };
			size_t sent;

			open_client(&world, 0, &record);
			world.model.shift = 11;
			want_kept(&world, 1, 8080);
			world_run(&world, SEC);
			world.model.shift = 0;
			sent = world.sent_count;
			now.id = world.id;
			if (what == 0)
				now.id.network = 2;
			else if (what == 1)
				now.id.local = ip_from_u32(0xc0a8010b);
			else
				now.id.server.address = ip_from_u32(0xc0a801fd);
			place(&world, &now);
			world_step(&world);
			assert_int_equal(record.asked, 1);
			assert_true(ip_equal(&record.last.local, &now.id.local));
			assert_int_equal(outcomes(&world, OUTCOME_LOST), 1);
			assert_int_equal(maps(&world, sent, false), 1);
			for (size_t i = sent; i < world.sent_count; i++) {
				const uint8_t *octets = world.sent[i].octets;
				bool deletes = memcmp(octets + 4, "\0\0\0\0", 4) == 0;

				assert_int_equal(octets[24], deletes ? 0xa0 : 0xb0);
				if (!deletes)
					assert_int_equal(octets[42] << 8 | octets[43], 8091);
				assert_int_equal(octets[23], !deletes && what == 1 ? 0x0b : 0x0a);
			}
			world_run(&world, 20 * SEC);
			assert_int_equal(maps(&world, sent, true) > 0, ours);
			assert_true(ip_equal(&client_server_id(world.client, 0)->server.address,
				&now.id.server.address));
			world_close(&world);
		}
	}
}

/* No nonce to ask with: nothing is asked, and nobody goes on as if it were kept. */
static void a_place_that_cannot_be_prepared(void **state)
{
	struct world world;
	struct record record;
	struct client_place now = { .found = true };
	size_t sent;

	(void)state;
	open_client(&world, 0, &record);
	want_kept(&world, 1, 8080);
	world_run(&world, SEC);
	sent = world.sent_count;
	record.says_no = true;
	now.id = world.id;
	now.id.network = 2;
	place(&world, &now);
	world_run(&world, 10 * SEC);
	assert_int_equal(maps(&world, sent, false), 0);
	assert_true(client_failed(world.client));
	world_close(&world);
}

/* --- announcements --- */

static void announce(struct world *world, uint32_t epoch, bool spoofed)
{
	uint8_t octets[24] = { 2, 0x80 };
	struct endpoint from = world->id.server;

	octets[8] = (uint8_t)(epoch >> 24), octets[9] = (uint8_t)(epoch >> 16);
	octets[10] = (uint8_t)(epoch >> 8), octets[11] = (uint8_t)epoch;
	if (spoofed)
		from.address = ip_from_u32(0xc0a801fc);
	client_announced(world->client, &from, octets, sizeof(octets), world->now);
}

static uint32_t epoch_of(const struct world *world)
{
	return (uint32_t)(mono_since(world->now, world->model.boot) / SEC);
}

static void open_announced(struct world *world, struct record *record)
{
	open_client(world, 0, record);
	want_kept(world, 1, 8080);
	want_kept(world, 2, 8081);
	world_run(world, 600 * SEC);
	assert_int_equal(outcomes(world, OUTCOME_GRANTED), 2);
}

/* In range, or of nobody that is asked: nothing is sent for it. */
static void no_news(void **state)
{
	struct world world;
	struct record record;
	size_t sent;

	(void)state;
	open_announced(&world, &record);
	sent = world.sent_count;
	announce(&world, epoch_of(&world), false);
	announce(&world, epoch_of(&world) + 1, false);
	announce(&world, 0, true);
	world_run(&world, 20 * SEC);
	assert_int_equal(world.sent_count, sent);
	assert_int_equal(events(&world, EVENT_ANNOUNCE), 0);
	world_close(&world);
}

/* Ten packets of one restart: one question within 5 s, and the mappings come back. */
static void a_restart_is_confirmed_by_one_question(void **state)
{
	struct world world;
	struct record record;
	size_t sent;

	(void)state;
	open_announced(&world, &record);
	for (size_t i = 0; i < world.held_count; i++)
		world.held[i].there = false;
	world.model.boot = world.now;
	sent = world.sent_count;
	for (int i = 0; i < 10; i++) {
		announce(&world, epoch_of(&world), false);
		world_run(&world, 20 * MSEC);
	}
	world_run(&world, 6 * SEC);
	assert_int_equal(questions(&world, sent), 1);
	assert_int_equal(events(&world, EVENT_ANNOUNCE), 1);
	assert_int_equal(events(&world, EVENT_EPOCH), 1);
	assert_int_equal(maps(&world, sent, false), 2);
	assert_int_equal(outcomes(&world, OUTCOME_RECOVERED), 2);
	world_close(&world);
}

/* A forged one, from the server's own address: the answer is in range, which calls it off. */
static void an_answer_in_range_calls_it_off(void **state)
{
	struct world world;
	struct record record;
	size_t sent;

	(void)state;
	open_announced(&world, &record);
	sent = world.sent_count;
	announce(&world, 0, false);
	world_run(&world, 20 * SEC);
	assert_int_equal(questions(&world, sent), 1);
	assert_int_equal(maps(&world, sent, false), 0);
	assert_int_equal(outcomes(&world, OUTCOME_RECOVERED), 0);
	world_close(&world);
}

/* No answer to the question in 2 s counts as a restart. */
static void a_question_without_an_answer(void **state)
{
	struct world world;
	struct record record;
	size_t sent;

	(void)state;
	open_announced(&world, &record);
	world.model.pcp = world.model.natpmp = false;
	sent = world.sent_count;
	announce(&world, 0, false);
	world_run(&world, 8 * SEC);
	assert_true(questions(&world, sent) >= 1);
	assert_true(maps(&world, sent, false) >= 2);
	world.model.pcp = true;
	world_run(&world, 20 * SEC);
	assert_int_equal(outcomes(&world, OUTCOME_RECOVERED), 2);
	assert_int_equal(outcomes(&world, OUTCOME_LOST), 0);
	world_close(&world);
}

/* --- the end --- */

static void the_end(void **state)
{
	struct world world;
	struct record record;

	(void)state;
	for (int leave = 0; leave < 2; leave++) {
		struct want stood = virtual_want(3, 8082);
		size_t sent;

		open_announced(&world, &record);
		stood.keep = stood.leave = true;
		assert_true(client_want(world.client, 0, &stood, world.now));
		world_run(&world, SEC);
		sent = world.sent_count;
		assert_false(client_idle(world.client));
		client_close(world.client, leave, world.now);
		world_until_idle(&world, 20 * SEC);
		assert_true(client_idle(world.client));
		assert_int_equal(outcomes(&world, OUTCOME_DELETED), leave ? 0 : 2);
		assert_int_equal(maps(&world, sent, true), leave ? 0 : 2);
		assert_int_equal(maps(&world, sent, false), 0);
		assert_non_null(world_held(&world, PROTOCOL_TCP, 8082));
		assert_false(client_gave_up(world.client));
		world_run(&world, HOUR); /* nothing is kept any more */
		assert_int_equal(maps(&world, sent, false), 0);
		world_close(&world);
	}
}

/* However silent it is: 2 s after the last answer, and every one of them is told. */
static void the_end_in_silence(void **state)
{
	struct world world;
	struct record record;
	struct mono then;

	(void)state;
	open_announced(&world, &record);
	world.model.pcp = world.model.natpmp = false;
	then = world.now;
	client_close(world.client, false, world.now);
	world_until_idle(&world, 60 * SEC);
	assert_true(client_idle(world.client));
	assert_true(mono_since(world.now, then) <= 2 * SEC + 10 * MSEC);
	for (unsigned i = 1; i <= 2; i++) {
		assert_int_equal(world_result(&world, i)->outcome, OUTCOME_UNANSWERED);
		assert_true(world_result(&world, i)->deleting);
		/* what is left of 7200 s after 600 */
		assert_in_range(world_result(&world, i)->unwanted_lifetime, 6590, 6600);
	}
	world_close(&world);
}

/* -t: not all granted ends it, cleaned up; all granted once, and it has no meaning. */
static void given_up(void **state)
{
	struct world world;
	struct record record;

	(void)state;
	open_client(&world, 5 * SEC, &record);
	want_kept(&world, 1, 8080);
	world_run(&world, SEC);
	world.model.pcp = world.model.natpmp = false;
	want_kept(&world, 2, 8081);
	world_run(&world, 3 * SEC);
	assert_false(client_gave_up(world.client));
	world_run(&world, SEC + 100 * MSEC);
	assert_true(client_gave_up(world.client));
	world.model.pcp = true;
	world_until_idle(&world, 20 * SEC);
	assert_true(client_idle(world.client));
	assert_null(world_held(&world, PROTOCOL_TCP, 8080));
	assert_null(world_held(&world, PROTOCOL_TCP, 8081));
	world_close(&world);

	open_client(&world, 5 * SEC, &record);
	want_kept(&world, 1, 8080);
	world_run(&world, SEC);
	world.model.result = PCP_NO_RESOURCES;
	world.model.error_lifetime = 30;
	world_run(&world, 5 * HOUR);
	assert_int_equal(outcomes(&world, OUTCOME_LOST), 1);
	assert_false(client_gave_up(world.client));
	world.model.result = 0;
	world_run(&world, HOUR);
	assert_non_null(world_held(&world, PROTOCOL_TCP, 8080));
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_place_changes_nothing),
		cmocka_unit_test(the_same_place_again_asks_at_once),
		cmocka_unit_test(another_place),
		cmocka_unit_test(a_place_that_cannot_be_prepared),
		cmocka_unit_test(no_news),
		cmocka_unit_test(a_restart_is_confirmed_by_one_question),
		cmocka_unit_test(an_answer_in_range_calls_it_off),
		cmocka_unit_test(a_question_without_an_answer),
		cmocka_unit_test(the_end),
		cmocka_unit_test(the_end_in_silence),
		cmocka_unit_test(given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
