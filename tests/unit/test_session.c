/* SPDX-License-Identifier: MIT
 * A session that asks: the octets sent, the answers taken and those that are not,
 * versions and fallback, ICMP.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "virtual.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The octets of a MAP of 8080/tcp from 192.168.1.10 (RFC 6887, 7.1 and 11.1). */
static const uint8_t map_8080[] = {
	0x02, 0x01, 0x00, 0x00, 0x00, 0x00, 0x1c, 0x20, /* version, MAP, 7200 s */
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 168, 1, 10,
	0xa0, 0xa0, 0xa0, 0xa0, 0xa0, 0xa0, 0xa0, 0xa0, 0, 0, 0, 1, /* nonce */
	6, 0, 0, 0, 0x1f, 0x90, 0x1f, 0x90,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0,
};

/* Granted: 203.0.113.7:8080 for 7200 s, Epoch 1000. */
static const uint8_t granted_8080[] = {
	0x02, 0x81, 0x00, 0x00, 0x00, 0x00, 0x1c, 0x20,
	0x00, 0x00, 0x03, 0xe8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0xa0, 0xa0, 0xa0, 0xa0, 0xa0, 0xa0, 0xa0, 0xa0, 0, 0, 0, 1,
	6, 0, 0, 0, 0x1f, 0x90, 0x1f, 0x90,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 203, 0, 113, 7,
};

static void ask_8080(struct world *world, enum version_policy policy)
{
	struct want want = virtual_want(1, 8080);

	world_open(world, policy, 5 * SEC, 1);
	world->model.pcp = world->model.natpmp = false;
	world_want(world, &want);
	world_step(world);
}

static void the_octets_of_a_map(void **state)
{
	struct world world;

	(void)state;
	ask_8080(&world, VERSION_PCP_FIRST);
	assert_int_equal(world.sent_count, 1);
	assert_int_equal(world.sent[0].length, sizeof(map_8080));
	assert_memory_equal(world.sent[0].octets, map_8080, sizeof(map_8080));
	world_close(&world);
}

static void the_octets_of_natpmp(void **state)
{
	static const uint8_t map[] = { 0, 2, 0, 0, 0x1f, 0x90, 0x1f, 0x90, 0, 0, 0x1c, 0x20 };
	struct world world;

	(void)state;
	ask_8080(&world, VERSION_NAT_PMP_ONLY);
	assert_int_equal(world.sent_count, 1);
	assert_int_equal(world.sent[0].length, sizeof(map));
	assert_memory_equal(world.sent[0].octets, map, sizeof(map));
	world_close(&world);
}

static void granted_in_one_round_trip(void **state)
{
	struct world world;
	const struct event_mapping *told;
	struct ip external = ip_from_u32(0xcb007107);

	(void)state;
	ask_8080(&world, VERSION_PCP_FIRST);
	world.now = mono_after(world.now, 5 * MSEC);
	assert_int_equal(world_answer(&world, granted_8080, sizeof(granted_8080)), DROP_NONE);
	told = world_result(&world, 1);
	assert_non_null(told);
	assert_int_equal(told->outcome, OUTCOME_GRANTED);
	assert_int_equal(told->via, VIA_PCP);
	assert_true(told->has_external_port && told->has_external_address);
	assert_int_equal(told->external_port, 8080);
	assert_true(ip_equal(&told->external_address, &external));
	assert_int_equal(told->lifetime, 7200);
	assert_int_equal(told->epoch, 1000);
	assert_int_equal(told->rtt, 5 * MSEC);
	assert_int_equal(told->attempts, 1);
	assert_true(world_idle(&world));
	/* the same once more, and a refusal behind it: repetitions, which change nothing */
	assert_int_equal(world_answer(&world, granted_8080, sizeof(granted_8080)), DROP_DUPLICATE);
	assert_int_equal(world_results(&world, 1), 1);
	world_close(&world);
}

/* Retransmissions are the same octets, at the instants of pcpctl(1), until -t; beside the
 * first of each round, an ANNOUNCE and a NAT-PMP address request. */
static void silence(void **state)
{
	static const uint8_t announce[] = { 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0xff, 0xff, 192, 168, 1, 10 };
	static const uint8_t address[] = { 0, 0 };
	static const int64_t table[] = { 0, 250, 750, 1750, 3750 };
	struct world world;
	size_t maps = 0, announces = 0, addresses = 0;

	(void)state;
	ask_8080(&world, VERSION_PCP_FIRST);
	world_until_idle(&world, 60 * SEC);
	assert_int_equal(mono_since(world.now, VIRTUAL_START), 5 * SEC);
	for (size_t i = 0; i < world.sent_count; i++) {
		const struct sent *sent = &world.sent[i];

		if (sent->length == sizeof(map_8080)) {
			assert_memory_equal(sent->octets, map_8080, sizeof(map_8080));
			assert_in_range(world_sent_ms(&world, i) + 1, table[maps] * 9 / 10,
				table[maps] * 11 / 10 + 2);
			maps++;
		} else if (sent->length == sizeof(announce)) {
			assert_memory_equal(sent->octets, announce, sizeof(announce));
			announces++;
		} else {
			assert_int_equal(sent->length, sizeof(address));
			assert_memory_equal(sent->octets, address, sizeof(address));
			addresses++;
		}
	}
	assert_int_equal(maps, 5);
	assert_int_equal(announces, 4);
	assert_int_equal(addresses, 4);
	assert_int_equal(world_results(&world, 1), 1);
	assert_int_equal(world_result(&world, 1)->outcome, OUTCOME_UNANSWERED);
	assert_int_equal(world_result(&world, 1)->attempts, 5);
	assert_false(world_result(&world, 1)->answered);
	world_close(&world);
}

/* --- answers that are none (RFC 6887, 8.3) --- */

struct forgery {
	size_t offset;
	uint8_t value;
	enum drop_reason reason;
};

static void forged_answers(void **state)
{
	static const struct forgery rows[] = {
		{ 24, 0xa1, DROP_NONCE },
		{ 35, 0x02, DROP_NONCE },
		{ 36, 17, DROP_PROTOCOL },
		{ 40, 0x1e, DROP_INTERNAL_PORT },
		{ 41, 0x91, DROP_INTERNAL_PORT },
		{ 1, 0x01, DROP_REQUEST },
		{ 1, 0x84, DROP_OPCODE },
		{ 1, 0x82, DROP_SHORT }, /* too short for a PEER */
		{ 0, 3, DROP_VERSION },
		{ 0, 1, DROP_VERSION },
	};
	struct world world;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t octets[sizeof(granted_8080)];

		ask_8080(&world, VERSION_PCP_FIRST);
		memcpy(octets, granted_8080, sizeof(octets));
		octets[rows[i].offset] = rows[i].value;
		octets[11] = 1; /* and its Epoch does not count */
		assert_int_equal(world_answer(&world, octets, sizeof(octets)), rows[i].reason);
		assert_int_equal(world_drops(&world, rows[i].reason), 1);
		assert_int_equal(world_results(&world, 1), 0);
		assert_false(world_idle(&world));
		assert_int_equal(world_answer(&world, granted_8080, sizeof(granted_8080)),
			DROP_NONE);
		assert_int_equal(world_result(&world, 1)->outcome, OUTCOME_GRANTED);
		assert_null(world_event(&world, EVENT_EPOCH));
		world_close(&world);
	}
}

static void foreign_senders(void **state)
{
	struct world world;
	struct endpoint from;

	(void)state;
	ask_8080(&world, VERSION_PCP_FIRST);
	from = world.id.server;
	from.address = ip_from_u32(0xc0a801fd);
	assert_int_equal(world_input(&world, granted_8080, sizeof(granted_8080), &from),
		DROP_WRONG_ADDRESS);
	assert_int_equal(world_input(&world, "hello", 5, &from), DROP_STRANGER);
	from = world.id.server;
	from.scope = 3;
	assert_int_equal(world_input(&world, granted_8080, sizeof(granted_8080), &from),
		DROP_WRONG_ADDRESS);
	from = world.id.server;
	from.port = 5350;
	assert_int_equal(world_input(&world, granted_8080, sizeof(granted_8080), &from),
		DROP_WRONG_PORT);
	assert_int_equal(world_results(&world, 1), 0);
	world_until_idle(&world, 60 * SEC);
	assert_int_equal(world_result(&world, 1)->outcome, OUTCOME_UNANSWERED);
	assert_true(world.session && !session_heard(world.session));
	world_close(&world);
}

static void lengths(void **state)
{
	struct world world;
	uint8_t longer[1104] = { 0 };

	(void)state;
	ask_8080(&world, VERSION_PCP_FIRST);
	for (size_t n = 0; n < sizeof(granted_8080); n++) {
		enum drop_reason reason = world_answer(&world, granted_8080, n);

		assert_int_equal(reason, n < 24 ? DROP_SHORT :
			n % 4 ? DROP_NOT_MULTIPLE : DROP_SHORT);
	}
	memcpy(longer, granted_8080, sizeof(granted_8080));
	assert_int_equal(world_answer(&world, longer, 1104), DROP_LONG);
	assert_int_equal(world_answer(&world, longer, 61), DROP_NOT_MULTIPLE);
	assert_int_equal(world_results(&world, 1), 0);
	assert_int_equal(world_answer(&world, longer, 1100), DROP_NONE);
	assert_int_equal(world_result(&world, 1)->outcome, OUTCOME_GRANTED);
	world_close(&world);
}

static void peer_answers_of_another_flow(void **state)
{
	struct world world;
	struct want want = virtual_want(1, 8080);
	uint8_t octets[80] = { 0 };

	(void)state;
	world_open(&world, VERSION_PCP_ONLY, 5 * SEC, 1);
	world.model.pcp = false;
	want.opcode = PCP_PEER;
	want.remote_port = 443;
	want.remote_address = ip_from_u32(0xc6336401);
	world_want(&world, &want);
	world_step(&world);
	assert_int_equal(world.sent[0].length, 80);
	memcpy(octets, world.sent[0].octets, 80);
	octets[1] |= 0x80;
	memset(octets + 8, 0, 16);
	octets[79] ^= 1;
	assert_int_equal(world_answer(&world, octets, 80), DROP_REMOTE);
	octets[79] ^= 1;
	octets[61] ^= 1;
	assert_int_equal(world_answer(&world, octets, 80), DROP_REMOTE);
	octets[61] ^= 1;
	assert_int_equal(world_answer(&world, octets, 80), DROP_NONE);
	assert_int_equal(world_result(&world, 1)->outcome, OUTCOME_GRANTED);
	world_close(&world);
}

/* Only an answer whose nonce matched tells of the server's clock (RFC 6887, 8.3). */
static void the_epoch_counts_after_the_match(void **state)
{
	struct world world;
	struct want want = virtual_want(2, 9090);
	uint8_t octets[sizeof(granted_8080)];

	(void)state;
	ask_8080(&world, VERSION_PCP_FIRST);
	world_want(&world, &want);
	world_step(&world);
	assert_int_equal(world_answer(&world, granted_8080, sizeof(granted_8080)), DROP_NONE);
	memcpy(octets, granted_8080, sizeof(octets));
	octets[10] = octets[11] = 0; /* Epoch 0: a restart */
	octets[30] ^= 1;
	assert_int_equal(world_answer(&world, octets, sizeof(octets)), DROP_NONCE);
	assert_null(world_event(&world, EVENT_EPOCH));
	octets[30] ^= 1;
	octets[35] = 2;
	octets[40] = 0x23; /* 9090 */
	octets[41] = 0x82;
	assert_int_equal(world_answer(&world, octets, sizeof(octets)), DROP_NONE);
	assert_non_null(world_event(&world, EVENT_EPOCH));
	assert_int_equal(world_event(&world, EVENT_EPOCH)->epoch.previous, 1000);
	assert_int_equal(world_event(&world, EVENT_EPOCH)->epoch.current, 0);
	world_close(&world);
}

static void forged_natpmp(void **state)
{
	uint8_t octets[] = { 0, 0x82, 0, 0, 0, 0, 0, 9, 0x1f, 0x90, 0x1f, 0x90, 0, 0, 0x0e, 0x10 };
	static const struct forgery rows[] = {
		{ 1, 0x81, DROP_PROTOCOL },
		{ 1, 0x02, DROP_REQUEST },
		{ 1, 0x83, DROP_OPCODE },
		{ 1, 0x80, DROP_UNEXPECTED }, /* no address was asked yet */
		{ 8, 0x1e, DROP_INTERNAL_PORT },
		{ 9, 0x00, DROP_INTERNAL_PORT },
	};
	struct world world;
	struct endpoint from;

	(void)state;
	ask_8080(&world, VERSION_NAT_PMP_ONLY);
	from = world.id.server;
	from.address = ip_from_u32(0xc0a801fd);
	assert_int_equal(world_input(&world, octets, sizeof(octets), &from), DROP_WRONG_ADDRESS);
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t saved = octets[rows[i].offset];

		octets[rows[i].offset] = rows[i].value;
		assert_int_equal(world_answer(&world, octets, sizeof(octets)), rows[i].reason);
		octets[rows[i].offset] = saved;
	}
	for (size_t n = 0; n < sizeof(octets); n++)
		assert_int_equal(world_answer(&world, octets, n), DROP_SHORT);
	assert_int_equal(world_results(&world, 1), 0);
	assert_int_equal(world_answer(&world, octets, sizeof(octets)), DROP_NONE);
	assert_int_equal(world_answer(&world, octets, sizeof(octets)), DROP_UNEXPECTED);
	world.model.natpmp = true; /* now for the address */
	world_until_idle(&world, SEC);
	assert_int_equal(world_result(&world, 1)->outcome, OUTCOME_GRANTED);
	assert_int_equal(world_result(&world, 1)->via, VIA_NAT_PMP);
	assert_int_equal(world_result(&world, 1)->lifetime, 3600);
	assert_true(world_result(&world, 1)->has_external_address);
	world_close(&world);
}

/* --- what a success must have --- */

static void empty_successes(void **state)
{
	struct world world;
	uint8_t octets[sizeof(granted_8080)];

	(void)state;
	for (int i = 0; i < 2; i++) {
		ask_8080(&world, VERSION_PCP_FIRST);
		memcpy(octets, granted_8080, sizeof(octets));
		memset(octets + (i ? 42 : 6), 0, 2); /* no port; no lifetime */
		assert_int_equal(world_answer(&world, octets, sizeof(octets)), DROP_NONE);
		assert_int_equal(world_result(&world, 1)->outcome, OUTCOME_REFUSED);
		assert_int_equal(world_result(&world, 1)->refusal, REFUSAL_EMPTY);
		assert_false(world_result(&world, 1)->has_external_port);
		assert_true(world_idle(&world));
		world_close(&world);
	}
}

static void a_wildcard_is_no_address(void **state)
{
	struct world world;
	uint8_t octets[sizeof(granted_8080)];

	(void)state;
	ask_8080(&world, VERSION_PCP_FIRST);
	memcpy(octets, granted_8080, sizeof(octets));
	memset(octets + 56, 0, 4);
	memset(octets + 4, 0xff, 4); /* and a lifetime of 2^32-1 */
	assert_int_equal(world_answer(&world, octets, sizeof(octets)), DROP_NONE);
	assert_int_equal(world_result(&world, 1)->outcome, OUTCOME_GRANTED);
	assert_true(world_result(&world, 1)->external_wildcard);
	assert_false(world_result(&world, 1)->has_external_address);
	assert_int_equal(world_result(&world, 1)->lifetime, UINT32_MAX);
	world_close(&world);
}

static void errors_are_final(void **state)
{
	struct world world;
	uint8_t octets[sizeof(granted_8080)];

	(void)state;
	ask_8080(&world, VERSION_PCP_FIRST);
	memcpy(octets, granted_8080, sizeof(octets));
	octets[3] = 200; /* unknown to all */
	memset(octets + 4, 0, 4);
	assert_int_equal(world_answer(&world, octets, sizeof(octets)), DROP_NONE);
	assert_int_equal(world_result(&world, 1)->outcome, OUTCOME_REFUSED);
	assert_int_equal(world_result(&world, 1)->refusal, REFUSAL_RESULT);
	assert_int_equal(world_result(&world, 1)->result, 200);
	assert_int_equal(world_result(&world, 1)->error_lifetime, 0);
	assert_true(world_idle(&world));
	/* a late success changes nothing */
	assert_int_equal(world_answer(&world, granted_8080, sizeof(granted_8080)), DROP_DUPLICATE);
	assert_int_equal(world_results(&world, 1), 1);
	world_close(&world);
}

static void late_after_the_end(void **state)
{
	struct world world;

	(void)state;
	ask_8080(&world, VERSION_PCP_FIRST);
	world_until_idle(&world, 60 * SEC);
	assert_int_equal(world_answer(&world, granted_8080, sizeof(granted_8080)), DROP_UNEXPECTED);
	assert_int_equal(world_results(&world, 1), 1);
	assert_true(world_idle(&world));
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_octets_of_a_map),
		cmocka_unit_test(the_octets_of_natpmp),
		cmocka_unit_test(granted_in_one_round_trip),
		cmocka_unit_test(silence),
		cmocka_unit_test(forged_answers),
		cmocka_unit_test(foreign_senders),
		cmocka_unit_test(lengths),
		cmocka_unit_test(peer_answers_of_another_flow),
		cmocka_unit_test(the_epoch_counts_after_the_match),
		cmocka_unit_test(forged_natpmp),
		cmocka_unit_test(empty_successes),
		cmocka_unit_test(a_wildcard_is_no_address),
		cmocka_unit_test(errors_are_final),
		cmocka_unit_test(late_after_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
