/* SPDX-License-Identifier: MIT
 * Mappings that are kept: renewals, expiry and what comes after it, Epoch resets,
 * refusals and silence that end nothing. Days pass in milliseconds.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "virtual.h"

#define HOUR (3600 * SEC)

static struct want kept(unsigned number, uint16_t port)
{
	struct want want = virtual_want(number, port);

	want.keep = true;
	return want;
}

static struct mapping *open_kept(struct world *world, enum version_policy policy, uint64_t seed)
{
	struct want want = kept(1, 8080);
	struct mapping *mapping;

	world_open(world, policy, 0, seed);
	mapping = world_want(world, &want);
	world_run(world, SEC);
	return mapping;
}

static size_t outcomes(const struct world *world, enum mapping_outcome outcome)
{
	size_t count = 0;

	for (size_t i = 0; i < world->event_count; i++) {
		if (world->events[i].kind == EVENT_MAPPING &&
			world->events[i].mapping.outcome == outcome)
			count++;
	}
	return count;
}

/* The instants of what is sent about port 8080, in both versions. */
static size_t sends(const struct world *world, struct mono at[], size_t room)
{
	size_t count = 0;

	for (size_t i = 0; i < world->sent_count && count < room; i++) {
		if (world->sent[i].length == 60 || world->sent[i].length == 12)
			at[count++] = world->sent[i].at;
	}
	return count;
}

/* The first renewal between 1/2 and 5/8 of the lifetime, answered: one packet each. */
static void renewed_in_time(void **state)
{
	struct world world;
	struct mono at[64];
	size_t count;

	(void)state;
	for (int natpmp = 0; natpmp < 2; natpmp++) {
		for (uint64_t seed = 0; seed < 20; seed++) {
			open_kept(&world, natpmp ? VERSION_NAT_PMP_ONLY : VERSION_PCP_FIRST, seed);
			world_run(&world, 24 * HOUR);
			count = sends(&world, at, 64);
			assert_in_range(count, 20, 25);
			for (size_t i = 1; i < count; i++) {
				int64_t apart = mono_since(at[i], at[i - 1]);

				assert_in_range(apart, 3600 * SEC, 4500 * SEC + 3 * MSEC);
			}
			assert_int_equal(outcomes(&world, OUTCOME_GRANTED), 1);
			assert_int_equal(outcomes(&world, OUTCOME_RENEWED), count - 1);
			assert_int_equal(world_results(&world, 1), count);
			assert_non_null(world_held(&world, PROTOCOL_TCP, 8080));
			world_close(&world);
		}
	}
}

/* Renewals that nobody answers: at [1/2, 5/8], [3/4, 13/16], ... of the lifetime, never
 * less than 4 s apart; lost at its end; then asked for until it is back. */
static void renewals_in_silence(void **state)
{
	struct world world;
	struct mono at[512], granted;
	size_t count;

	(void)state;
	for (uint64_t seed = 0; seed < 100; seed++) {
		size_t renewals = 0;

		open_kept(&world, VERSION_PCP_FIRST, seed);
		granted = mono_after(VIRTUAL_START, 2 * MSEC);
		world.model.pcp = world.model.natpmp = false;
		world_run(&world, 7198 * SEC);
		count = sends(&world, at, 512);
		for (size_t i = 1; i < count; i++, renewals++) {
			double part = (double)mono_since(at[i], granted) / (7200.0 * SEC);
			double low = 1 - 1.0 / (double)(1 << i);

			assert_true(mono_since(at[i], at[i - 1]) >= 4 * SEC);
			if (i <= 8) /* then the 4 s come into play */
				assert_true(part >= low - 1e-6 &&
					part <= low + 1.0 / (double)(1 << (i + 2)) + 1e-6);
		}
		assert_in_range(renewals, 9, 14);
		assert_int_equal(outcomes(&world, OUTCOME_LOST), 0);
		world_run(&world, 3 * SEC);
		assert_int_equal(outcomes(&world, OUTCOME_LOST), 1);
		assert_int_equal(world_result(&world, 1)->external_port, 8080);
		world_run(&world, HOUR);
		assert_int_equal(outcomes(&world, OUTCOME_LOST), 1);
		world.model.pcp = true;
		world_run(&world, 1200 * SEC);
		assert_int_equal(outcomes(&world, OUTCOME_RECOVERED), 1);
		assert_non_null(world_held(&world, PROTOCOL_TCP, 8080));
		world_close(&world);
	}
}

/* It comes back with another port: told as a change, with the old one. */
static void another_port_afterwards(void **state)
{
	struct world world;

	(void)state;
	open_kept(&world, VERSION_PCP_FIRST, 1);
	world.model.pcp = world.model.natpmp = false;
	world_run(&world, 3 * HOUR);
	world.held[0].there = false;
	world.model.pcp = true;
	world.model.shift = 5;
	world_run(&world, HOUR);
	assert_int_equal(outcomes(&world, OUTCOME_CHANGED), 1);
	for (size_t i = 0; i < world.event_count; i++) {
		const struct event_mapping *told = &world.events[i].mapping;

		if (world.events[i].kind != EVENT_MAPPING || told->outcome != OUTCOME_CHANGED)
			continue;
		assert_int_equal(told->external_port, 8085);
		assert_true(told->has_previous);
		assert_int_equal(told->previous_port, 8080);
	}
	world_close(&world);
}

/* Granted for seconds: never more than one request in 4 s, whatever the server. */
static void tiny_lifetimes(void **state)
{
	struct world world;
	struct mono at[512];
	size_t count;

	(void)state;
	for (uint32_t lifetime = 1; lifetime <= 12; lifetime++) {
		for (int natpmp = 0; natpmp < 2; natpmp++) {
			struct want want = kept(1, 8080);

			world_open(&world, natpmp ? VERSION_NAT_PMP_ONLY : VERSION_PCP_FIRST, 0,
				lifetime);
			world.model.lifetime_max = lifetime;
			world_want(&world, &want);
			world_run(&world, 600 * SEC);
			count = sends(&world, at, 512);
			assert_in_range(count, 60, 152);
			for (size_t i = 1; i < count; i++)
				assert_true(mono_since(at[i], at[i - 1]) >= 4 * SEC);
			world_close(&world);
		}
	}
}

/* Over before the address is known: granted first, lost after it, never without. */
static void over_before_the_address_is_known(void **state)
{
	struct world world;
	struct want want = kept(1, 8080);
	bool held = false;

	(void)state;
	world_open(&world, VERSION_NAT_PMP_ONLY, 0, 1);
	world.model.lifetime_max = 1;
	world.model.deaf_to_address = true;
	world_want(&world, &want);
	world_run(&world, 60 * SEC);
	for (size_t i = 0; i < world.event_count; i++) {
		const struct event_mapping *told = &world.events[i].mapping;

		if (world.events[i].kind != EVENT_MAPPING)
			continue;
		assert_true(told->has_external_port);
		assert_int_equal(told->outcome == OUTCOME_LOST, held);
		held = !held;
	}
	assert_in_range(outcomes(&world, OUTCOME_LOST), 10, 16);
	world_close(&world);
}

static void a_lifetime_of_years_is_a_day(void **state)
{
	struct world world;

	(void)state;
	open_kept(&world, VERSION_PCP_FIRST, 1);
	world.model.lifetime_max = UINT32_MAX;
	world_run(&world, 100 * HOUR);
	assert_in_range(outcomes(&world, OUTCOME_RENEWED), 6, 96);
	assert_non_null(world_held(&world, PROTOCOL_TCP, 8080));
	world_close(&world);
}

/* --- the server forgets --- */

static void forget(struct world *world)
{
	for (size_t i = 0; i < world->held_count; i++)
		world->held[i].there = false;
	world->model.boot = world->now;
}

/* One answer with an Epoch that went back: all the others are re-made, PCP at once,
 * NAT-PMP within 5 s and one after the other (RFC 6887, 8.5; RFC 6886, 3.7). */
static void an_epoch_reset_recovers_all(void **state)
{
	struct world world;

	(void)state;
	for (int natpmp = 0; natpmp < 2; natpmp++) {
		world_open(&world, natpmp ? VERSION_NAT_PMP_ONLY : VERSION_PCP_FIRST, 0, 5);
		for (unsigned i = 1; i <= 50; i++) {
			struct want want = kept(i, (uint16_t)(8000 + i));

			world_want(&world, &want);
		}
		world_run(&world, 600 * SEC);
		assert_int_equal(outcomes(&world, OUTCOME_GRANTED), 50);
		forget(&world);
		while (!world_event(&world, EVENT_EPOCH))
			world_run(&world, 10 * MSEC);
		world_run(&world, natpmp ? 6 * SEC : SEC);
		for (unsigned i = 1; i <= 50; i++) {
			enum mapping_outcome outcome = world_result(&world, i)->outcome;

			assert_non_null(world_held(&world, PROTOCOL_TCP, (uint16_t)(8000 + i)));
			assert_true(outcome == OUTCOME_RECOVERED || outcome == OUTCOME_RENEWED);
		}
		assert_true(outcomes(&world, OUTCOME_RECOVERED) >= 48);
		assert_int_equal(world.v0_crowded, 0);
		assert_int_equal(outcomes(&world, OUTCOME_LOST), 0);
		world_run(&world, 10 * SEC); /* one reset, one alarm */
		{
			size_t alarms = 0;

			for (size_t i = 0; i < world.event_count; i++)
				alarms += world.events[i].kind == EVENT_EPOCH;
			assert_int_equal(alarms, 1);
		}
		world_close(&world);
	}
}

/* The external address changed with the reset: NAT-PMP asks for it anew. */
static void a_new_address_after_a_reset(void **state)
{
	struct world world;
	struct ip now_it_is = ip_from_u32(0xcb007109);

	(void)state;
	open_kept(&world, VERSION_NAT_PMP_ONLY, 1);
	forget(&world);
	world.model.external[3] = 9;
	world_run(&world, 2 * HOUR);
	assert_true(ip_equal(&world_result(&world, 1)->external_address, &now_it_is));
	assert_int_equal(outcomes(&world, OUTCOME_CHANGED), 1);
	world_close(&world);
}

/* --- no answer, or no --- */

static void a_refused_renewal_ends_nothing(void **state)
{
	struct world world;

	(void)state;
	open_kept(&world, VERSION_PCP_FIRST, 1);
	world.model.result = PCP_NO_RESOURCES;
	world.model.error_lifetime = 1800;
	world_run(&world, 7201 * SEC);
	assert_in_range(outcomes(&world, OUTCOME_REFUSED), 1, 3);
	assert_int_equal(outcomes(&world, OUTCOME_LOST), 1); /* in time, though it was refused */
	world_run(&world, HOUR);
	assert_int_equal(outcomes(&world, OUTCOME_LOST), 1);
	world.model.result = 0;
	world_run(&world, HOUR);
	assert_int_equal(outcomes(&world, OUTCOME_RECOVERED), 1);
	world_close(&world);
}

static void refused_at_the_start_and_then_granted(void **state)
{
	struct world world;
	struct want want = kept(1, 8080);
	struct mono at[64];

	(void)state;
	for (int natpmp = 0; natpmp < 2; natpmp++) {
		world_open(&world, natpmp ? VERSION_NAT_PMP_ONLY : VERSION_PCP_FIRST, 0, 1);
		world.model.result = natpmp ? NATPMP_NO_RESOURCES : PCP_NO_RESOURCES;
		world_want(&world, &want);
		world_run(&world, 300 * SEC);
		assert_in_range(sends(&world, at, 64), 9, 11); /* every 30 s */
		world.model.result = 0;
		world_run(&world, 31 * SEC);
		assert_int_equal(world_result(&world, 1)->outcome, OUTCOME_GRANTED);
		world_close(&world);
	}
}

/* The router boots: port unreachable, then it is there. */
static void port_unreachable_ends_nothing(void **state)
{
	struct world world;
	struct want want = kept(1, 8080);

	(void)state;
	world_open(&world, VERSION_PCP_FIRST, 0, 1);
	world.model.pcp = world.model.natpmp = false;
	world_want(&world, &want);
	for (int i = 0; i < 3; i++) {
		world_step(&world);
		world_error(&world, NET_ERROR_PORT_UNREACHABLE, true);
		world_run(&world, 30 * SEC);
	}
	assert_int_equal(outcomes(&world, OUTCOME_UNREACHABLE), 3);
	world.model.pcp = true;
	world_run(&world, 200 * SEC); /* by now it is asked every other minute */
	assert_int_equal(world_result(&world, 1)->outcome, OUTCOME_GRANTED);
	world_close(&world);
}

static void nine_tries_end_nothing(void **state)
{
	struct session_config config = {
		.id = virtual_id(),
		.policy = VERSION_NAT_PMP_ONLY,
		.pcp = &schedule_pcp,
		.natpmp = &schedule_natpmp,
		.give_up = MONO_NEVER,
	};
	struct world world;
	struct want want = kept(1, 8080);

	(void)state;
	world_open(&world, VERSION_NAT_PMP_ONLY, 0, 1);
	session_free(world.session);
	world.session = session_new(&config);
	world.model.natpmp = false;
	world_want(&world, &want);
	world_run(&world, 150 * SEC);
	assert_int_equal(world_result(&world, 1)->outcome, OUTCOME_UNANSWERED);
	world.model.natpmp = true;
	world_run(&world, 300 * SEC);
	assert_int_equal(world_result(&world, 1)->outcome, OUTCOME_GRANTED);
	world_close(&world);
}

static void not_public_now_public_later(void **state)
{
	struct world world;
	struct want want = kept(1, 8080);

	(void)state;
	want.require_public = true;
	world_open(&world, VERSION_PCP_FIRST, 0, 1);
	world.model.external[0] = 10;
	world_want(&world, &want);
	world_run(&world, SEC);
	assert_int_equal(world_result(&world, 1)->refusal, REFUSAL_NOT_PUBLIC);
	assert_null(world_held(&world, PROTOCOL_TCP, 8080));
	memcpy(world.model.external, "\x08\x08\x08\x08", 4);
	world_run(&world, 301 * SEC);
	assert_int_equal(world_result(&world, 1)->outcome, OUTCOME_GRANTED);
	world_close(&world);
}

/* The signal comes while it is taken back: then it is not asked for again. */
static void cancelled_while_taken_back(void **state)
{
	struct world world;
	struct want want = kept(1, 8080);
	size_t sent;

	(void)state;
	want.require_public = true;
	world_open(&world, VERSION_PCP_FIRST, 0, 1);
	world.model.external[0] = 10;
	world_want(&world, &want);
	world_run(&world, 2500 * USEC); /* granted, and the delete is out */
	session_cancel(world.session, world.now);
	world_run(&world, SEC);
	sent = world.sent_count;
	world_run(&world, HOUR);
	assert_true(world_idle(&world));
	assert_int_equal(world.sent_count, sent);
	assert_null(world_held(&world, PROTOCOL_TCP, 8080));
	world_close(&world);
}

/* A mapping update (RFC 6887, 14.2): the server says it by itself. */
static void an_update_is_a_change(void **state)
{
	struct world world;
	uint8_t octets[60];

	(void)state;
	open_kept(&world, VERSION_PCP_FIRST, 1);
	memcpy(octets, world.sent[0].octets, 60);
	octets[1] |= 0x80;
	memset(octets + 8, 0, 16);
	octets[10] = 0x03, octets[11] = 0xe9;
	octets[42] = 0x20;
	memcpy(octets + 56, "\xcb\x00\x71\x07", 4);
	assert_int_equal(world_answer(&world, octets, 60), DROP_NONE);
	assert_int_equal(outcomes(&world, OUTCOME_CHANGED), 1);
	assert_int_equal(world_result(&world, 1)->external_port, 0x2090);
	assert_int_equal(world_answer(&world, octets, 60), DROP_DUPLICATE);
	octets[3] = 8; /* an error that answers nothing */
	assert_int_equal(world_answer(&world, octets, 60), DROP_DUPLICATE);
	assert_int_equal(world_results(&world, 1), 2);
	world_close(&world);
}

/* -t is for what is not granted; what is held is kept on. */
static void the_end_of_t_is_not_for_the_held(void **state)
{
	struct world world;
	struct want want = kept(1, 8080);

	(void)state;
	world_open(&world, VERSION_PCP_FIRST, 5 * SEC, 1);
	world_want(&world, &want);
	world_run(&world, 24 * HOUR);
	assert_in_range(outcomes(&world, OUTCOME_RENEWED), 18, 25);
	assert_int_equal(world_results(&world, 1), 1 + outcomes(&world, OUTCOME_RENEWED));
	world.model.result = PCP_NO_RESOURCES; /* nor does it end by a refusal */
	world_run(&world, 2 * HOUR);
	world.model.result = 0;
	world_run(&world, 2 * HOUR);
	assert_non_null(world_held(&world, PROTOCOL_TCP, 8080));
	world_close(&world);
}

/* A router that was replaced by one that speaks only the other version. */
static void the_version_changes(void **state)
{
	struct world world;

	(void)state;
	open_kept(&world, VERSION_PCP_FIRST, 1);
	world.model.pcp = false;
	world.model.form = FORM_0_R;
	world_run(&world, 2 * HOUR);
	assert_non_null(world_held(&world, PROTOCOL_TCP, 8080));
	assert_int_equal(world_result(&world, 1)->via, VIA_NAT_PMP);
	assert_int_equal(outcomes(&world, OUTCOME_LOST), 0);
	world_close(&world);
}

/* Deleted at the end, at any moment of its life: also while it is being renewed, and
 * after its time. */
static void deleted_at_any_moment(void **state)
{
	static const int64_t after[] = { 0, 10, 3600, 4500, 5400, 7000, 7195, 7199, 7201, 7230 };
	struct world world;
	struct mapping *mapping;

	(void)state;
	for (size_t i = 0; i < sizeof(after) / sizeof(after[0]); i++) {
		for (int silent = 0; silent < 3; silent++) {
			struct mono then;

			mapping = open_kept(&world, VERSION_PCP_FIRST, i);
			world.model.pcp = world.model.natpmp = silent == 0;
			world_run(&world, after[i] * SEC);
			world.model.pcp = silent != 2;
			then = world.now;
			session_delete(world.session, mapping, world.now);
			session_cancel(world.session, world.now);
			world_until_idle(&world, 60 * SEC);
			assert_true(world_idle(&world));
			assert_true(mono_since(world.now, then) <= 2 * SEC + 10 * MSEC);
			assert_int_equal(world_result(&world, 1)->outcome,
				silent == 2 ? OUTCOME_UNANSWERED : OUTCOME_DELETED);
			world_close(&world);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(renewed_in_time),
		cmocka_unit_test(renewals_in_silence),
		cmocka_unit_test(another_port_afterwards),
		cmocka_unit_test(tiny_lifetimes),
		cmocka_unit_test(over_before_the_address_is_known),
		cmocka_unit_test(a_lifetime_of_years_is_a_day),
		cmocka_unit_test(an_epoch_reset_recovers_all),
		cmocka_unit_test(a_new_address_after_a_reset),
		cmocka_unit_test(a_refused_renewal_ends_nothing),
		cmocka_unit_test(refused_at_the_start_and_then_granted),
		cmocka_unit_test(port_unreachable_ends_nothing),
		cmocka_unit_test(nine_tries_end_nothing),
		cmocka_unit_test(not_public_now_public_later),
		cmocka_unit_test(cancelled_while_taken_back),
		cmocka_unit_test(an_update_is_a_change),
		cmocka_unit_test(the_end_of_t_is_not_for_the_held),
		cmocka_unit_test(the_version_changes),
		cmocka_unit_test(deleted_at_any_moment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
