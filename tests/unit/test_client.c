/* SPDX-License-Identifier: MIT
 * Above the sessions: tcp+udp pairs, the external address that discover learns,
 * whose datagram it is.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "virtual.h"

/* --- pairs --- */

static void open_pair(struct world *world, enum version_policy policy, bool prefer_failure)
{
	struct want tcp = virtual_want(1, 8080), udp = virtual_want(2, 8080);

	udp.protocol = PROTOCOL_UDP;
	tcp.options.prefer_failure = udp.options.prefer_failure = prefer_failure;
	world_open_client(world, policy, 5 * SEC, 1);
	assert_true(client_want_pair(world->client, 0, &tcp, &udp, world->now));
}

static const struct event_mapping *tcp_of(const struct world *world)
{
	return world_result(world, 1);
}

static const struct event_mapping *udp_of(const struct world *world)
{
	return world_result(world, 2);
}

static bool there(const struct world *world, uint8_t protocol)
{
	return world_held(world, protocol, 8080) != NULL;
}

static int64_t elapsed_ms(const struct world *world)
{
	return mono_since(world->now, VIRTUAL_START) / MSEC;
}

static void udp_suggests_what_tcp_got(void **state)
{
	struct world world;

	(void)state;
	for (int natpmp = 0; natpmp < 2; natpmp++) {
		open_pair(&world, natpmp ? VERSION_NAT_PMP_ONLY : VERSION_PCP_FIRST, false);
		world.model.shift = 7;
		world_run(&world, 1500 * USEC);
		world.model.shift = 0;
		world_until_idle(&world, 60 * SEC);
		assert_int_equal(tcp_of(&world)->outcome, OUTCOME_GRANTED);
		assert_int_equal(tcp_of(&world)->external_port, 8087);
		assert_int_equal(udp_of(&world)->outcome, OUTCOME_GRANTED);
		assert_int_equal(udp_of(&world)->suggested_port, 8087);
		assert_int_equal(udp_of(&world)->external_port, 8087);
		world_close(&world);
	}
}

/* -P: both or neither. */
static void both_or_neither(void **state)
{
	struct world world;

	(void)state;
	for (int natpmp = 0; natpmp < 2; natpmp++) {
		enum version_policy policy = natpmp ? VERSION_NAT_PMP_ONLY : VERSION_PCP_ONLY;

		open_pair(&world, policy, true);
		world_until_idle(&world, 60 * SEC);
		assert_int_equal(tcp_of(&world)->outcome, OUTCOME_GRANTED);
		assert_int_equal(udp_of(&world)->outcome, OUTCOME_GRANTED);
		world_close(&world);

		open_pair(&world, policy, true); /* TCP is refused: UDP is not even asked */
		world.model.result = 2;
		world_until_idle(&world, 60 * SEC);
		assert_int_equal(tcp_of(&world)->outcome, OUTCOME_REFUSED);
		assert_int_equal(udp_of(&world)->outcome, OUTCOME_REFUSED);
		assert_int_equal(udp_of(&world)->refusal, REFUSAL_PAIR);
		assert_int_equal(udp_of(&world)->protocol, PROTOCOL_UDP);
		assert_int_equal(udp_of(&world)->attempts, 0);
		assert_int_equal(world.sent_count, 1);
		world_close(&world);

		open_pair(&world, policy, true); /* UDP is refused: TCP is taken back */
		world.model.result_udp = 2;
		world_until_idle(&world, 60 * SEC);
		assert_int_equal(udp_of(&world)->refusal, REFUSAL_RESULT);
		assert_int_equal(tcp_of(&world)->outcome, OUTCOME_REFUSED);
		assert_int_equal(tcp_of(&world)->refusal, REFUSAL_PAIR);
		assert_int_equal(tcp_of(&world)->unwanted, UNWANTED_DELETED);
		assert_false(there(&world, PROTOCOL_TCP));
		world_close(&world);

		open_pair(&world, policy, true); /* UDP gets another port: neither */
		world_run(&world, 1500 * USEC);
		world.model.shift = 1;
		world_until_idle(&world, 60 * SEC);
		assert_int_equal(udp_of(&world)->refusal, REFUSAL_OTHER_EXTERNAL);
		assert_int_equal(tcp_of(&world)->refusal, REFUSAL_PAIR);
		assert_false(there(&world, PROTOCOL_TCP));
		assert_false(there(&world, PROTOCOL_UDP));
		world_close(&world);

		open_pair(&world, policy, true); /* UDP is not answered until -t */
		world.model.deaf_to_udp = true;
		world_until_idle(&world, 60 * SEC);
		assert_int_equal(udp_of(&world)->outcome, OUTCOME_UNANSWERED);
		assert_int_equal(tcp_of(&world)->refusal, REFUSAL_PAIR);
		assert_false(there(&world, PROTOCOL_TCP));
		assert_in_range(elapsed_ms(&world), 5000, 5010);
		world_close(&world);
	}
}

/* Without -P each stands for itself. */
static void each_for_itself(void **state)
{
	struct world world;

	(void)state;
	open_pair(&world, VERSION_PCP_FIRST, false);
	world.model.result = 2;
	world_until_idle(&world, 60 * SEC);
	assert_int_equal(tcp_of(&world)->refusal, REFUSAL_RESULT);
	assert_int_equal(udp_of(&world)->refusal, REFUSAL_RESULT);
	assert_int_equal(udp_of(&world)->suggested_port, 8080);
	world_close(&world);

	open_pair(&world, VERSION_PCP_FIRST, false);
	world.model.result_udp = 2;
	world_until_idle(&world, 60 * SEC);
	assert_int_equal(tcp_of(&world)->outcome, OUTCOME_GRANTED);
	assert_int_equal(udp_of(&world)->outcome, OUTCOME_REFUSED);
	assert_true(there(&world, PROTOCOL_TCP));
	world_close(&world);
}

/* Both were granted, and are kept: what becomes of one later is not the other's end. */
static void once_granted_each_for_itself(void **state)
{
	struct want tcp = virtual_want(1, 8080), udp = virtual_want(2, 8080);
	struct world world;

	(void)state;
	udp.protocol = PROTOCOL_UDP;
	tcp.options.prefer_failure = udp.options.prefer_failure = true;
	tcp.keep = udp.keep = true;
	world_open_client(&world, VERSION_PCP_FIRST, 0, 1);
	assert_true(client_want_pair(world.client, 0, &tcp, &udp, world.now));
	world_run(&world, SEC);
	world.model.result_udp = PCP_NO_RESOURCES;
	world_run(&world, 4 * 3600 * SEC);
	assert_int_equal(udp_of(&world)->outcome, OUTCOME_REFUSED);
	assert_int_equal(tcp_of(&world)->outcome, OUTCOME_RENEWED);
	assert_true(there(&world, PROTOCOL_TCP));
	world_close(&world);
}

/* Nobody answers: both have their result at -t, and it ends then. */
static void a_pair_in_silence(void **state)
{
	struct world world;

	(void)state;
	for (int prefer_failure = 0; prefer_failure < 2; prefer_failure++) {
		open_pair(&world, VERSION_PCP_FIRST, prefer_failure);
		world.model.pcp = world.model.natpmp = false;
		world_until_idle(&world, 600 * SEC);
		assert_true(world_idle(&world));
		assert_int_equal(elapsed_ms(&world), 5000);
		assert_int_equal(tcp_of(&world)->outcome, OUTCOME_UNANSWERED);
		assert_int_equal(udp_of(&world)->outcome,
			prefer_failure ? OUTCOME_REFUSED : OUTCOME_UNANSWERED);
		world_close(&world);
	}
}

static void a_pair_and_port_unreachable(void **state)
{
	struct world world;

	(void)state;
	open_pair(&world, VERSION_PCP_FIRST, false);
	world.model.pcp = world.model.natpmp = false;
	world_step(&world);
	world_error(&world, NET_ERROR_PORT_UNREACHABLE, true);
	world_until_idle(&world, 600 * SEC);
	assert_int_equal(elapsed_ms(&world), 0);
	assert_int_equal(world.sent_count, 1);
	assert_int_equal(tcp_of(&world)->outcome, OUTCOME_UNREACHABLE);
	assert_int_equal(udp_of(&world)->outcome, OUTCOME_UNREACHABLE);
	world_close(&world);
}

static void a_pair_with_pcp_only(void **state)
{
	struct world world;

	(void)state;
	open_pair(&world, VERSION_PCP_ONLY, false);
	world.model.pcp = false;
	world.model.form = FORM_0_R;
	world_until_idle(&world, 600 * SEC);
	assert_int_equal(elapsed_ms(&world), 4);
	assert_int_equal(tcp_of(&world)->result, PCP_UNSUPP_VERSION);
	assert_int_equal(udp_of(&world)->result, PCP_UNSUPP_VERSION);
	world_close(&world);
}

static void a_pair_cancelled_at_every_moment(void **state)
{
	struct world world;

	(void)state;
	for (int us = 0; us < 8000; us += 250) {
		for (int what = 0; what < 8; what++) {
			open_pair(&world, what & 4 ? VERSION_NAT_PMP_ONLY : VERSION_PCP_FIRST, what & 1);
			world.model.result_udp = what & 2 ? 2 : 0;
			world_run(&world, us * USEC);
			client_cancel(world.client, world.now);
			world_until_idle(&world, 600 * SEC);
			assert_true(world_idle(&world));
			assert_true(elapsed_ms(&world) < 100);
			world_run(&world, SEC);
			assert_false(there(&world, PROTOCOL_TCP));
			assert_false(there(&world, PROTOCOL_UDP));
			world_close(&world);
		}
	}
}

static void thousands_of_pairs(void **state)
{
	struct world world;

	(void)state;
	world_open_client(&world, VERSION_PCP_FIRST, 0, 1);
	for (unsigned i = 1; i <= 1000; i++) {
		struct want tcp = virtual_want(2 * i, (uint16_t)(8000 + i));
		struct want udp = virtual_want(2 * i + 1, (uint16_t)(8000 + i));

		udp.protocol = PROTOCOL_UDP;
		assert_true(client_want_pair(world.client, 0, &tcp, &udp, world.now));
	}
	world_until_idle(&world, 600 * SEC);
	for (unsigned i = 2; i <= 2001; i += 50)
		assert_int_equal(world_result(&world, i)->outcome, OUTCOME_GRANTED);
	assert_int_equal(world.event_count, 2000);
	assert_true(world.most <= WINDOW_MAX);
	world_close(&world);
}

/* --- the external address of discover --- */

static const struct client_learn learn = { .learn = true, .port = 40000,
	.nonce = { { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 } } };

static void open_discover(struct world *world)
{
	world_open_client(world, VERSION_PCP_FIRST, 3 * SEC, 1);
	client_probe(world->client, 0, &learn, world->now);
}

static size_t servers_told(const struct world *world)
{
	size_t count = 0;

	for (size_t i = 0; i < world->event_count; i++)
		count += world->events[i].kind == EVENT_SERVER;
	return count;
}

static void learned_by_a_short_mapping(void **state)
{
	/* MAP of 40000/udp, 30 s, external port 0 and address 0.0.0.0 */
	static const uint8_t ask[] = { 2, 1, 0, 0, 0, 0, 0, 30, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff,
		0xff, 192, 168, 1, 10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 17, 0, 0, 0, 0x9c, 0x40,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0 };
	struct world world;
	struct ip external = ip_from_u32(0xcb007107);
	bool asked = false;

	(void)state;
	for (int refuses = 0; refuses < 2; refuses++) {
		open_discover(&world);
		world.model.natpmp = false;
		world.model.refuses_v0 = refuses;
		world_until_idle(&world, 60 * SEC);
		assert_int_equal(servers_told(&world), 1);
		assert_true(world_event(&world, EVENT_SERVER)->server.has_external);
		assert_true(ip_equal(&world_event(&world, EVENT_SERVER)->server.external_address,
			&external));
		assert_null(world_held(&world, PROTOCOL_UDP, 40000)); /* and deleted again */
		assert_null(world_event(&world, EVENT_MAPPING));
		for (size_t i = 0; i < world.sent_count; i++)
			asked = asked || (world.sent[i].length == 60 &&
				memcmp(world.sent[i].octets, ask, 60) == 0);
		assert_true(asked);
		assert_true(elapsed_ms(&world) <= 3000);
		world_close(&world);
	}
}

static void not_learned_when_natpmp_told_it(void **state)
{
	struct world world;

	(void)state;
	open_discover(&world);
	world_until_idle(&world, 60 * SEC);
	assert_int_equal(servers_told(&world), 1);
	assert_int_equal(world.sent_count, 2);
	world_close(&world);
}

/* Refused, silent, or a server that answers no ANNOUNCE: told without an address. */
static void what_cannot_be_learned(void **state)
{
	struct world world;

	(void)state;
	for (int i = 0; i < 4; i++) {
		open_discover(&world);
		world.model.natpmp = false;
		world.model.refuses_v0 = i != 3;
		world.model.result = i == 0 ? 2 : 0;
		world.model.deaf_to_maps = i == 1;
		world.model.pcp = i != 2;
		world_until_idle(&world, 60 * SEC);
		assert_true(world_idle(&world));
		assert_int_equal(servers_told(&world), 1);
		assert_int_equal(world_event(&world, EVENT_SERVER)->server.has_external, i == 3);
		assert_true(elapsed_ms(&world) <= 3000);
		assert_null(world_held(&world, PROTOCOL_UDP, 40000));
		world_close(&world);
	}
}

/* Interrupted at any moment: the mapping goes, if it was made. */
static void learning_cancelled_at_every_moment(void **state)
{
	struct world world;

	(void)state;
	for (int us = 0; us < 12000; us += 250) {
		for (int lost = 0; lost < 2; lost++) {
			struct mono then;

			open_discover(&world);
			world.model.natpmp = false;
			world.model.refuses_v0 = true;
			world.model.deaf_to_deletes = lost;
			world_run(&world, us * USEC);
			client_cancel(world.client, world.now);
			then = world.now;
			world_run(&world, 10 * MSEC);
			world.model.deaf_to_deletes = false;
			world_until_idle(&world, 60 * SEC);
			assert_true(world_idle(&world));
			assert_true(mono_since(world.now, then) < SEC);
			assert_null(world_held(&world, PROTOCOL_UDP, 40000));
			world_close(&world);
		}
	}
}

/* --- several servers --- */

static void whose_datagram_it_is(void **state)
{
	static const uint8_t announce[] = { 2, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0 };
	struct world world;
	struct server_id other = virtual_id();
	struct client_learn none = { .learn = false };
	struct endpoint from;

	(void)state;
	world_open_client(&world, VERSION_PCP_ONLY, 3 * SEC, 1);
	world.model.pcp = false;
	other.server.address = ip_from_u32(0xc0a801fd);
	assert_int_equal(client_server(world.client, &other), 1);
	client_probe(world.client, 0, &none, world.now);
	client_probe(world.client, 1, &none, world.now);
	world_step(&world);
	assert_int_equal(world_input(&world, announce, sizeof(announce), &other.server), DROP_NONE);
	assert_true(client_is_silent(world.client, 0));
	assert_false(client_is_silent(world.client, 1));
	from = other.server;
	from.address = ip_from_u32(0xc0a80105);
	assert_int_equal(world_input(&world, announce, sizeof(announce), &from), DROP_WRONG_ADDRESS);
	/* of the two, the silent one may have sent it */
	assert_true(ip_equal(&world_event(&world, EVENT_DROPPED)->dropped.server.server.address,
		&world.id.server.address));
	from = other.server;
	from.port = 1024;
	assert_int_equal(world_input(&world, announce, sizeof(announce), &from), DROP_WRONG_PORT);
	world_until_idle(&world, 60 * SEC);
	assert_int_equal(servers_told(&world), 2);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(udp_suggests_what_tcp_got),
		cmocka_unit_test(both_or_neither),
		cmocka_unit_test(each_for_itself),
		cmocka_unit_test(once_granted_each_for_itself),
		cmocka_unit_test(a_pair_in_silence),
		cmocka_unit_test(a_pair_and_port_unreachable),
		cmocka_unit_test(a_pair_with_pcp_only),
		cmocka_unit_test(a_pair_cancelled_at_every_moment),
		cmocka_unit_test(thousands_of_pairs),
		cmocka_unit_test(learned_by_a_short_mapping),
		cmocka_unit_test(not_learned_when_natpmp_told_it),
		cmocka_unit_test(what_cannot_be_learned),
		cmocka_unit_test(learning_cancelled_at_every_moment),
		cmocka_unit_test(whose_datagram_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
