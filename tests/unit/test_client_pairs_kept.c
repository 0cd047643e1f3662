/* SPDX-License-Identifier: MIT
 * tcp+udp with -P and --keep: both or neither, and neither is given up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "virtual.h"

static void open_kept(struct world *world)
{
	struct want tcp = virtual_want(1, 8080), udp = virtual_want(2, 8080);

	udp.protocol = PROTOCOL_UDP;
	tcp.options.prefer_failure = udp.options.prefer_failure = true;
	tcp.keep = udp.keep = true;
	world_open_client(world, VERSION_PCP_FIRST, 0, 1);
	assert_true(client_want_pair(world->client, 0, &tcp, &udp, world->now));
}

static bool there(const struct world *world, uint8_t protocol)
{
	return world_held(world, protocol, 8080) != NULL;
}

static size_t told(const struct world *world, unsigned number, enum mapping_outcome outcome)
{
	size_t count = 0;

	for (size_t i = 0; i < world->event_count; i++) {
		const struct event *event = &world->events[i];

		count += event->kind == EVENT_MAPPING && event->mapping.want == number &&
			event->mapping.outcome == outcome;
	}
	return count;
}

static void both_after_a_passing_refusal_of_the_first(void **state)
{
	struct world world;

	(void)state;
	open_kept(&world);
	world.model.result = PCP_NO_RESOURCES;
	world_run(&world, SEC);
	assert_int_equal(world_result(&world, 1)->outcome, OUTCOME_REFUSED);
	assert_null(world_result(&world, 2)); /* not asked, and not given up */
	world.model.result = 0;
	world_run(&world, 60 * SEC);
	assert_true(there(&world, PROTOCOL_TCP) && there(&world, PROTOCOL_UDP));
	world_close(&world);
}

static void neither_while_the_second_is_refused_then_both(void **state)
{
	struct world world;

	(void)state;
	open_kept(&world);
	world.model.result_udp = PCP_NO_RESOURCES;
	world_run(&world, 60 * SEC);
	assert_false(there(&world, PROTOCOL_TCP) || there(&world, PROTOCOL_UDP));
	assert_int_equal(told(&world, 1, OUTCOME_LOST), 1); /* as it was told as granted */
	assert_int_equal(world_result(&world, 1)->refusal, REFUSAL_PAIR);
	world_run(&world, 3600 * SEC); /* again and again, and never one alone for long */
	assert_false(there(&world, PROTOCOL_TCP) || there(&world, PROTOCOL_UDP));
	assert_true(told(&world, 1, OUTCOME_LOST) > 5);
	assert_int_equal(told(&world, 1, OUTCOME_LOST), told(&world, 2, OUTCOME_REFUSED));
	world.model.result_udp = 0;
	world_run(&world, 400 * SEC);
	assert_true(there(&world, PROTOCOL_TCP) && there(&world, PROTOCOL_UDP));
	assert_int_equal(world_result(&world, 2)->outcome, OUTCOME_GRANTED);
	world_close(&world);
}

static void silence_for_the_second_takes_nothing_back(void **state)
{
	struct world world;

	(void)state;
	open_kept(&world);
	world.model.deaf_to_udp = true;
	world_run(&world, 60 * SEC);
	assert_true(there(&world, PROTOCOL_TCP));
	assert_int_equal(world_result(&world, 2)->outcome, OUTCOME_UNANSWERED);
	world.model.deaf_to_udp = false;
	world_run(&world, 1100 * SEC);
	assert_true(there(&world, PROTOCOL_TCP) && there(&world, PROTOCOL_UDP));
	assert_int_equal(told(&world, 1, OUTCOME_LOST), 0);
	world_close(&world);
}

/* -P, kept, and at a renewal the server has another port: what was held is told as lost. */
static void another_port_later_is_lost_first(void **state)
{
	struct want want = virtual_want(1, 8080);
	struct world world;

	(void)state;
	want.options.prefer_failure = want.keep = true;
	world_open_client(&world, VERSION_PCP_FIRST, 0, 1);
	assert_true(client_want(world.client, 0, &want, world.now));
	world_run(&world, SEC);
	assert_int_equal(world_result(&world, 1)->outcome, OUTCOME_GRANTED);
	world.held_count = 0; /* forgotten */
	world.model.shift = 1;
	world_run(&world, 5000 * SEC);
	assert_int_equal(told(&world, 1, OUTCOME_LOST), 1);
	assert_int_equal(world_result(&world, 1)->outcome, OUTCOME_REFUSED);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_after_a_passing_refusal_of_the_first),
		cmocka_unit_test(neither_while_the_second_is_refused_then_both),
		cmocka_unit_test(silence_for_the_second_takes_nothing_back),
		cmocka_unit_test(another_port_later_is_lost_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
