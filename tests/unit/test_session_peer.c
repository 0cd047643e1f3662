/* SPDX-License-Identifier: MIT
 * Flows that are kept (PEER): the old external port is asked back after a restart, and
 * once the NAT has given the flow another one, that is learned and told.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "virtual.h"

#define HOUR	  (3600 * SEC)
#define PORT	  40000
#define FLOW_PORT 23456 /* what the NAT made of it first */

/* The NAT: which external port the flow has, and how a server answers a suggestion that
 * is not that. */
struct nat {
	struct world world; /* the first member: model.context */
	uint16_t port;
	bool ignores; /* SUCCESS all the same */
	bool deaf_to_queries;
	unsigned asked, bare; /* PEER requests, and those without a suggestion */
	uint16_t suggested; /* last */
};

/* Of the request that is being answered the model shows the last one sent. */
static const uint8_t *request_of(const struct world *world)
{
	for (size_t i = world->sent_count; i-- > 0;) {
		if (world->sent[i].length == PCP_PEER_LENGTH)
			return world->sent[i].octets;
	}
	return NULL;
}

static bool translate(struct model *model, uint8_t *octets, size_t *length)
{
	struct nat *nat = model->context;
	const uint8_t *in;

	if (*length != PCP_PEER_LENGTH)
		return true;
	in = request_of(&nat->world);
	nat->suggested = (uint16_t)(in[42] << 8 | in[43]);
	nat->asked++;
	nat->bare += nat->suggested == 0;
	if (nat->suggested == 0 && nat->deaf_to_queries)
		return false;
	if (nat->suggested && nat->suggested != nat->port && !nat->ignores) {
		octets[3] = PCP_CANNOT_PROVIDE_EXTERNAL;
		memset(octets + 4, 0, 4);
		memcpy(octets + 42, in + 42, 18);
		return true;
	}
	octets[42] = (uint8_t)(nat->port >> 8);
	octets[43] = (uint8_t)nat->port;
	return true;
}

static struct want flow(bool keep)
{
	struct want want = virtual_want(1, PORT);

	want.opcode = PCP_PEER;
	want.external_port = 0;
	want.remote_address = ip_from_u32(0x08080808);
	want.remote_port = 22;
	want.keep = keep;
	return want;
}

static struct mapping *open_flow(struct nat *nat, const struct want *want)
{
	struct mapping *mapping;

	*nat = (struct nat){ .port = FLOW_PORT };
	world_open(&nat->world, VERSION_PCP_FIRST, 0, 7);
	nat->world.model.edit = translate;
	nat->world.model.context = nat;
	mapping = world_want(&nat->world, want);
	world_run(&nat->world, SEC);
	return mapping;
}

static size_t outcomes(const struct nat *nat, enum mapping_outcome outcome)
{
	size_t count = 0;

	for (size_t i = 0; i < nat->world.event_count; i++)
		count += nat->world.events[i].kind == EVENT_MAPPING &&
			nat->world.events[i].mapping.outcome == outcome;
	return count;
}

/* The server has lost its state: an answer with an Epoch of 0 says so. */
static void restart(struct nat *nat)
{
	nat->world.model.boot = nat->world.now;
	session_sample(nat->world.session);
	world_run(&nat->world, SEC);
}

static void assert_told(const struct nat *nat, enum mapping_outcome outcome, uint16_t port,
	uint16_t previous)
{
	const struct event_mapping *told = world_result(&nat->world, 1);

	assert_int_equal(told->outcome, outcome);
	assert_int_equal(told->external_port, port);
	assert_int_equal(told->has_previous, previous != 0);
	assert_int_equal(told->has_previous ? told->previous_port : 0, previous);
}

static void first_bare_then_renewed(void **state)
{
	struct want want = flow(true);
	struct nat nat;

	(void)state;
	open_flow(&nat, &want);
	assert_int_equal(nat.bare, 1);
	assert_told(&nat, OUTCOME_GRANTED, FLOW_PORT, 0);
	world_run(&nat.world, 24 * HOUR);
	assert_in_range(nat.asked, 18, 26);
	assert_int_equal(nat.suggested, FLOW_PORT);
	assert_int_equal(nat.bare, 1);
	assert_int_equal(outcomes(&nat, OUTCOME_RENEWED), nat.asked - 1);
	world_close(&nat.world);
}

static void asked_back_after_a_restart(void **state)
{
	struct want want = flow(true);
	struct nat nat;

	(void)state;
	open_flow(&nat, &want);
	restart(&nat);
	assert_int_equal(nat.asked, 2);
	assert_int_equal(nat.suggested, FLOW_PORT);
	assert_told(&nat, OUTCOME_RECOVERED, FLOW_PORT, FLOW_PORT);
	world_close(&nat.world);
}

/* 11: asked once more without a suggestion, and told as a change from the old port. */
static void moved_by_the_nat(void **state)
{
	struct want want = flow(true);
	struct nat nat;

	(void)state;
	for (int ignores = 0; ignores < 2; ignores++) {
		open_flow(&nat, &want);
		nat.port = 50123;
		nat.ignores = ignores;
		restart(&nat);
		assert_int_equal(nat.asked, ignores ? 2 : 3);
		assert_int_equal(nat.bare, ignores ? 1 : 2);
		assert_told(&nat, OUTCOME_CHANGED, 50123, FLOW_PORT);
		assert_int_equal(outcomes(&nat, OUTCOME_REFUSED), 0);
		/* From now on it is this one that is kept. */
		world_run(&nat.world, 3 * HOUR);
		assert_int_equal(outcomes(&nat, OUTCOME_CHANGED), 1);
		assert_int_equal(nat.suggested, 50123);
		world_close(&nat.world);
	}
}

/* The same at a renewal: no restart was seen. */
static void moved_before_a_renewal(void **state)
{
	struct want want = flow(true);
	struct nat nat;

	(void)state;
	open_flow(&nat, &want);
	nat.port = 50123;
	world_run(&nat.world, 2 * HOUR);
	assert_told(&nat, OUTCOME_CHANGED, 50123, FLOW_PORT);
	world_close(&nat.world);
}

/* Another restart before the answer: it is the old port that is worth asking for. */
static void restarted_while_asking(void **state)
{
	struct want want = flow(true);
	struct nat nat;

	(void)state;
	open_flow(&nat, &want);
	nat.port = 50123;
	nat.deaf_to_queries = true;
	restart(&nat);
	assert_int_equal(outcomes(&nat, OUTCOME_CHANGED), 0);
	world_run(&nat.world, 600 * SEC);
	nat.port = FLOW_PORT;
	restart(&nat);
	world_run(&nat.world, 600 * SEC);
	assert_told(&nat, OUTCOME_RECOVERED, FLOW_PORT, FLOW_PORT);
	world_close(&nat.world);
}

/* -e: what was to be restored counts as what it had. */
static void not_restored(void **state)
{
	struct want want = flow(true);
	struct nat nat;

	(void)state;
	want.external_port = 11111;
	want.external_address = ip_from_u32(0xcb007107);
	open_flow(&nat, &want);
	assert_int_equal(nat.asked, 2);
	assert_told(&nat, OUTCOME_CHANGED, FLOW_PORT, 11111);
	world_close(&nat.world);
	/* Not kept: that is the answer. */
	want.keep = false;
	open_flow(&nat, &want);
	assert_int_equal(nat.asked, 1);
	assert_int_equal(world_result(&nat.world, 1)->outcome, OUTCOME_REFUSED);
	assert_int_equal(world_result(&nat.world, 1)->result, PCP_CANNOT_PROVIDE_EXTERNAL);
	world_close(&nat.world);
	/* But if only we remembered it: what the flow has now is the answer. */
	want.hint = true;
	open_flow(&nat, &want);
	assert_int_equal(nat.asked, 2);
	assert_told(&nat, OUTCOME_CHANGED, FLOW_PORT, 11111);
	assert_true(world_idle(&nat.world));
	world_close(&nat.world);
}

/* The last answer once more, unasked (RFC 6887, 14.2), as an update says it. */
static void update(struct nat *nat, unsigned result, uint16_t port)
{
	uint8_t octets[PCP_PEER_LENGTH];
	const uint8_t *in = request_of(&nat->world);

	memcpy(octets, in, sizeof(octets));
	octets[1] |= 0x80;
	octets[3] = (uint8_t)result;
	memset(octets + 8, 0, 16);
	octets[10] = (uint8_t)((nat->world.now.ns - nat->world.model.boot.ns) / SEC >> 8);
	octets[11] = (uint8_t)((nat->world.now.ns - nat->world.model.boot.ns) / SEC);
	octets[42] = (uint8_t)(port >> 8);
	octets[43] = (uint8_t)port;
	memset(octets + 44, 0, 10);
	memset(octets + 54, 0xff, 2);
	memcpy(octets + 56, nat->world.model.external, 4);
	world_answer(&nat->world, octets, sizeof(octets));
	world_run(&nat->world, SEC);
}

static void mapping_updates(void **state)
{
	struct want want = flow(true);
	struct nat nat;

	(void)state;
	open_flow(&nat, &want);
	world_run(&nat.world, 600 * SEC);
	nat.port = 50123;
	update(&nat, PCP_SUCCESS, 50123);
	assert_int_equal(nat.asked, 1);
	assert_told(&nat, OUTCOME_CHANGED, 50123, FLOW_PORT);
	world_run(&nat.world, 600 * SEC);
	nat.port = 50124;
	update(&nat, PCP_CANNOT_PROVIDE_EXTERNAL, 50123);
	assert_int_equal(nat.bare, 2);
	assert_told(&nat, OUTCOME_CHANGED, 50124, 50123);
	/* Its repetitions, so soon after: nothing is asked for them. */
	update(&nat, PCP_CANNOT_PROVIDE_EXTERNAL, 50123);
	assert_int_equal(nat.bare, 2);
	assert_int_equal(world_drops(&nat.world, DROP_DUPLICATE), 1);
	world_close(&nat.world);
}

static void another_remote_is_no_answer(void **state)
{
	struct want want = flow(false);
	uint8_t octets[PCP_PEER_LENGTH];
	struct nat nat;

	(void)state;
	nat = (struct nat){ .port = FLOW_PORT };
	world_open(&nat.world, VERSION_PCP_ONLY, 5 * SEC, 7);
	world_want(&nat.world, &want);
	world_step(&nat.world);
	memcpy(octets, request_of(&nat.world), sizeof(octets));
	octets[1] |= 0x80;
	memset(octets + 8, 0, 16);
	octets[61] ^= 1;
	assert_int_equal(world_answer(&nat.world, octets, sizeof(octets)), DROP_REMOTE);
	octets[61] ^= 1;
	octets[79] ^= 1;
	assert_int_equal(world_answer(&nat.world, octets, sizeof(octets)), DROP_REMOTE);
	assert_int_equal(world_results(&nat.world, 1), 0);
	world_close(&nat.world);
}

/* Nothing is ever sent to end it (12.1). */
static void let_go(void **state)
{
	struct want want = flow(true);
	struct mapping *mapping;
	struct nat nat;

	(void)state;
	mapping = open_flow(&nat, &want);
	world_run(&nat.world, 100 * SEC);
	session_delete(nat.world.session, mapping, nat.world.now);
	world_step(&nat.world);
	assert_true(world_idle(&nat.world));
	assert_int_equal(world_result(&nat.world, 1)->outcome, OUTCOME_DELETED);
	assert_in_range(world_result(&nat.world, 1)->lifetime, 7000, 7199);
	world_run(&nat.world, 24 * HOUR);
	assert_int_equal(nat.asked, 1);
	world_close(&nat.world);

	open_flow(&nat, &want);
	session_finish(nat.world.session, false, nat.world.now);
	world_step(&nat.world);
	assert_true(world_idle(&nat.world));
	assert_int_equal(nat.asked, 1);
	world_close(&nat.world);
	/* and of a run that is interrupted before the answer */
	want.keep = false;
	nat = (struct nat){ .port = FLOW_PORT };
	world_open(&nat.world, VERSION_PCP_ONLY, 5 * SEC, 7);
	nat.world.model.deaf_to_maps = true;
	world_want(&nat.world, &want);
	world_run(&nat.world, 100 * MSEC);
	session_cancel(nat.world.session, nat.world.now);
	world_step(&nat.world);
	assert_true(world_idle(&nat.world));
	assert_int_equal(world_result(&nat.world, 1)->refusal, REFUSAL_CANCELLED);
	assert_int_equal(world_result(&nat.world, 1)->unwanted, UNWANTED_LEFT);
	world_close(&nat.world);
}

/* Continued at another server: a flow lives with the old address and port, or not. */
static void adopted_with_its_address(void **state)
{
	struct want want = flow(true);
	struct grant previous = { .external_port = FLOW_PORT,
		.external_address = ip_from_u32(0xcb007109) };
	struct nat nat = { .port = FLOW_PORT };
	const uint8_t *in;

	(void)state;
	world_open(&nat.world, VERSION_PCP_ONLY, 0, 7);
	session_adopt(nat.world.session, &want, &previous, nat.world.now);
	world_step(&nat.world);
	in = request_of(&nat.world);
	assert_int_equal(in[42] << 8 | in[43], FLOW_PORT);
	assert_memory_equal(in + 44, previous.external_address.octets, 16);
	world_close(&nat.world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_bare_then_renewed),
		cmocka_unit_test(asked_back_after_a_restart),
		cmocka_unit_test(moved_by_the_nat),
		cmocka_unit_test(moved_before_a_renewal),
		cmocka_unit_test(restarted_while_asking),
		cmocka_unit_test(not_restored),
		cmocka_unit_test(mapping_updates),
		cmocka_unit_test(another_remote_is_no_answer),
		cmocka_unit_test(let_go),
		cmocka_unit_test(adopted_with_its_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
