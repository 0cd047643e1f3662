/* SPDX-License-Identifier: MIT
 * Thousands of seeded runs over a network that loses 30 % each way, repeats and
 * reorders; and ten thousand mappings at once.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <time.h>

#include "virtual.h"

#define SEEDS	 1000
#define MAPPINGS 6

/* A kind of server. */
struct kind {
	const char *name;
	bool pcp, natpmp, says_no;
	enum refusal_form form;
	int64_t map_delay, announce_delay;
};

static const struct kind kinds[] = {
	{ .name = "both", .pcp = true, .natpmp = true },
	{ .name = "PCP only", .pcp = true, .natpmp = false },
	{ .name = "slow proxy", .pcp = true, .natpmp = true, .map_delay = 400 * MSEC },
	{ .name = "slow in all", .pcp = true, .natpmp = true, .map_delay = 400 * MSEC,
		.announce_delay = 400 * MSEC },
	{ .name = "silent on version 2", .natpmp = true },
	{ .name = "NAT-PMP", .natpmp = true, .says_no = true, .form = FORM_0_R },
	{ .name = "NAT-PMP as printed", .natpmp = true, .says_no = true, .form = FORM_0 },
	{ .name = "NAT-PMP with opcode", .natpmp = true, .says_no = true, .form = FORM_0_OPCODE },
	{ .name = "NAT-PMP short", .natpmp = true, .says_no = true, .form = FORM_0_SHORT },
	{ .name = "NAT-PMP long", .natpmp = true, .says_no = true, .form = FORM_0_LONG },
	{ .name = "NAT-PMP in version 2", .natpmp = true, .says_no = true, .form = FORM_2 },
	{ .name = "nobody" },
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

struct tally {
	unsigned asked, granted, fell_back, said, later;
};

static void set_up(struct world *world, const struct kind *kind, uint64_t seed)
{
	world->model.pcp = kind->pcp;
	world->model.natpmp = kind->natpmp;
	world->model.form = kind->form;
	world->model.refuses_v0 = true;
	world->model.map_delay = kind->map_delay;
	world->model.announce_delay = kind->announce_delay;
	world->model.loss = 30;
	world->model.twice = seed % 4 < 2 ? 20 : 0;
	world->model.jitter = seed % 3 ? 20 * MSEC : 0;
}

/* What must hold of each result, whatever was lost. */
static void check_result(const struct world *world, const struct kind *kind, unsigned number,
	struct tally *tally)
{
	const struct event_mapping *told = world_result(world, number);

	assert_non_null(told);
	assert_int_equal(world_results(world, number), 1);
	assert_true(told->outcome == OUTCOME_GRANTED || told->outcome == OUTCOME_UNANSWERED);
	if (told->outcome == OUTCOME_UNANSWERED) {
		assert_false(told->has_external_port);
		return;
	}
	/* never a success without an answer, and it is there */
	assert_true(told->answered && told->has_external_port);
	assert_true(told->via == VIA_PCP ? kind->pcp : kind->natpmp);
	assert_int_equal(world_held(world, PROTOCOL_TCP, (uint16_t)(8000 + number))->external,
		told->external_port);
	tally->granted++;
}

static void one_run(const struct kind *kind, uint64_t seed, struct tally *tally)
{
	struct world world;
	unsigned count = seed % 2 ? 1 : MAPPINGS;

	tally->asked += count;
	world_open(&world, VERSION_PCP_FIRST, 30 * SEC, seed);
	set_up(&world, kind, seed);
	for (unsigned i = 1; i <= count; i++) {
		struct want want = virtual_want(i, (uint16_t)(8000 + i));

		world_want(&world, &want);
	}
	world_until_idle(&world, 600 * SEC);
	assert_true(world_idle(&world));
	assert_true(mono_since(world.now, VIRTUAL_START) <= 30 * SEC);
	assert_true(world.most <= WINDOW_MAX);
	assert_int_equal(world.v0_crowded, 0);
	assert_true(!world_changed(&world, VERSION_SAID_NAT_PMP) || kind->says_no);
	assert_true(!world_changed(&world, VERSION_PCP_LATER) || kind->pcp);
	assert_true(!world_changed(&world, VERSION_FELL_BACK) || kind->natpmp);
	tally->fell_back += world_changed(&world, VERSION_FELL_BACK);
	tally->said += world_changed(&world, VERSION_SAID_NAT_PMP);
	tally->later += world_changed(&world, VERSION_PCP_LATER);
	for (unsigned i = 1; i <= count; i++)
		check_result(&world, kind, i, tally);
	world_close(&world);
}

static void thirty_percent_both_ways(void **state)
{
	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		struct tally tally = { 0 };

		for (uint64_t seed = 0; seed < SEEDS; seed++)
			one_run(&kinds[i], seed, &tally);
		print_message("# %s: granted %u of %u, fell back %u, said no %u, PCP later %u\n",
			kinds[i].name, tally.granted, tally.asked, tally.fell_back, tally.said,
			tally.later);
		if (!kinds[i].pcp && !kinds[i].natpmp)
			assert_int_equal(tally.granted, 0);
		else
			assert_true(tally.granted >= tally.asked * 95 / 100);
		if (kinds[i].says_no)
			assert_true(tally.said >= SEEDS * 90 / 100);
	}
}

/* discover: what is called unsupported was said so by the server. */
static void discover_under_loss(void **state)
{
	struct world world;
	const struct event_server *told;

	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		unsigned unsupported = 0;

		for (uint64_t seed = 0; seed < SEEDS; seed++) {
			world_open(&world, VERSION_PCP_FIRST, 3 * SEC, seed);
			set_up(&world, &kinds[i], seed);
			session_probe(world.session, world.now);
			world_until_idle(&world, 600 * SEC);
			assert_true(world_idle(&world));
			assert_true(mono_since(world.now, VIRTUAL_START) <= 3 * SEC);
			told = &world_event(&world, EVENT_SERVER)->server;
			assert_true(told->pcp.status != PROBE_UNSUPPORTED || kinds[i].says_no);
			assert_true(told->nat_pmp.status != PROBE_UNSUPPORTED || !kinds[i].natpmp);
			assert_true(told->pcp.status != PROBE_OK || kinds[i].pcp);
			assert_true(told->nat_pmp.status != PROBE_OK || kinds[i].natpmp);
			unsupported += told->pcp.status == PROBE_UNSUPPORTED;
			world_close(&world);
		}
		if (kinds[i].says_no)
			assert_true(unsupported > SEEDS * 80 / 100);
	}
}

/* A signal in the middle of it. */
static void cancelled_under_loss(void **state)
{
	struct world world;

	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		for (uint64_t seed = 0; seed < SEEDS; seed++) {
			struct mono then;

			world_open(&world, VERSION_PCP_FIRST, 5 * SEC, seed);
			set_up(&world, &kinds[i], seed);
			for (unsigned n = 1; n <= MAPPINGS; n++) {
				struct want want = virtual_want(n, (uint16_t)(8000 + n));

				want.options.prefer_failure = n == 1;
				world_want(&world, &want);
			}
			world_run(&world, (int64_t)(seed * 7) * MSEC);
			session_cancel(world.session, world.now);
			then = world.now;
			world_until_idle(&world, 600 * SEC);
			assert_true(world_idle(&world));
			assert_true(mono_since(world.now, then) <= 10 * SEC);
			world_close(&world);
		}
	}
}

/* Kept for a day: it is held again within the first sends after each loss. */
static void kept_under_loss(void **state)
{
	struct world world;

	(void)state;
	for (size_t i = 0; i < KINDS - 1; i++) {
		for (uint64_t seed = 0; seed < 20; seed++) {
			unsigned lost = 0;

			world_open(&world, VERSION_PCP_FIRST, 0, seed);
			set_up(&world, &kinds[i], seed);
			world.keeps_no_packets = true;
			for (unsigned n = 1; n <= MAPPINGS; n++) {
				struct want want = virtual_want(n, (uint16_t)(8000 + n));

				want.keep = true;
				world_want(&world, &want);
			}
			world_run(&world, 24 * 3600 * SEC);
			for (unsigned n = 1; n <= MAPPINGS; n++) {
				enum mapping_outcome outcome = world_result(&world, n)->outcome;

				assert_true(outcome == OUTCOME_GRANTED || outcome == OUTCOME_RENEWED ||
					outcome == OUTCOME_RECOVERED || outcome == OUTCOME_CHANGED);
				assert_non_null(
					world_held(&world, PROTOCOL_TCP, (uint16_t)(8000 + n)));
			}
			for (size_t n = 0; n < world.event_count; n++)
				lost += world.events[n].kind == EVENT_MAPPING &&
					world.events[n].mapping.outcome == OUTCOME_LOST;
			assert_true(lost < 10); /* eleven renewals in a row lost: rare */
			world_close(&world);
		}
	}
}

/* --- ten thousand --- */

static double cpu_seconds(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

static void ten_thousand(void **state)
{
	struct world world;
	double start, took;

	(void)state;
	for (int natpmp = 0; natpmp < 2; natpmp++) {
		start = cpu_seconds();
		world_open(&world, natpmp ? VERSION_NAT_PMP_ONLY : VERSION_PCP_FIRST, 0, 1);
		world.keeps_no_packets = true;
		world.model.deaf_to_maps = true; /* counted, not served: the model is slow */
		for (unsigned i = 1; i <= 10000; i++) {
			struct want want = virtual_want(i, (uint16_t)i);

			want.keep = true;
			assert_non_null(world_want(&world, &want));
		}
		world_step(&world);
		/* every answer comes at once, by hand */
		for (unsigned i = 1; i <= 10000; i++) {
			uint8_t octets[60] = { 2, 0x81, 0, 0, 0, 0, 0x1c, 0x20 };
			struct want want = virtual_want(i, (uint16_t)i);
			uint8_t short_octets[16] = { 0, 0x82 };
			static const uint8_t address[] = { 0, 0x80, 0, 0, 0, 0, 0, 0, 8, 8, 8, 8 };

			if (natpmp) {
				short_octets[8] = short_octets[10] = (uint8_t)(i >> 8);
				short_octets[9] = short_octets[11] = (uint8_t)i;
				short_octets[14] = 0x1c;
				assert_int_equal(world_answer(&world, short_octets, 16), DROP_NONE);
				world_step(&world);
				if (i == 1)
					world_answer(&world, address, sizeof(address));
			} else {
				memcpy(octets + 24, want.nonce.octets, 12);
				octets[36] = PROTOCOL_TCP;
				octets[40] = octets[42] = (uint8_t)(i >> 8);
				octets[41] = octets[43] = (uint8_t)i;
				memset(octets + 54, 0xff, 2);
				memset(octets + 56, 8, 4);
				assert_int_equal(world_answer(&world, octets, 60), DROP_NONE);
			}
			world_step(&world);
		}
		assert_false(world_idle(&world)); /* what is kept is never done */
		for (unsigned i = 1; i <= 10000; i++)
			assert_int_equal(world_result(&world, i)->outcome, OUTCOME_GRANTED);
		took = cpu_seconds() - start;
		print_message("# %s: 10,000 granted in %.3f s\n", natpmp ? "NAT-PMP" : "PCP", took);
		assert_true(took < 3);
		assert_true(world.most <= WINDOW_MAX);
		assert_int_equal(natpmp ? world.v0_sent : world.v2_sent, natpmp ? 10001 : 10000);
		world_close(&world);
	}
}

/* And a silent server: the window closes, nothing is asked in a burst. */
static void ten_thousand_in_silence(void **state)
{
	struct world world;
	double start = cpu_seconds();

	(void)state;
	world_open(&world, VERSION_PCP_FIRST, 60 * SEC, 1);
	world.model.pcp = world.model.natpmp = false;
	for (unsigned i = 1; i <= 10000; i++) {
		struct want want = virtual_want(i, (uint16_t)i);

		world_want(&world, &want);
	}
	world_until_idle(&world, 600 * SEC);
	assert_true(world_idle(&world));
	assert_true(world.v2_sent < 100);
	assert_true(cpu_seconds() - start < 3);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(thirty_percent_both_ways),
		cmocka_unit_test(discover_under_loss),
		cmocka_unit_test(cancelled_under_loss),
		cmocka_unit_test(kept_under_loss),
		cmocka_unit_test(ten_thousand),
		cmocka_unit_test(ten_thousand_in_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
