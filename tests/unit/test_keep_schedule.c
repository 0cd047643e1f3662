/* SPDX-License-Identifier: MIT
 * The long parts of what is kept, in virtual time: when it is asked on and on, what a
 * refusal holds back, what is made anew, when PCP is tried again.
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

static size_t outcomes(const struct world *world, enum mapping_outcome outcome)
{
	size_t count = 0;

	for (size_t i = 0; i < world->event_count; i++)
		count += world->events[i].kind == EVENT_MAPPING &&
			world->events[i].mapping.outcome == outcome;
	return count;
}

static unsigned port_of(const struct sent *sent)
{
	return (unsigned)(sent->octets[40] << 8 | sent->octets[41]);
}

/* The instants of the PCP MAP requests about a port; 0: of every port. */
static size_t maps(const struct world *world, uint16_t port, struct mono at[], size_t room)
{
	size_t count = 0;

	for (size_t i = 0; i < world->sent_count && count < room; i++) {
		const struct sent *sent = &world->sent[i];

		if (sent->length >= 60 && sent->octets[0] == 2 && (!port || port_of(sent) == port))
			at[count++] = sent->at;
	}
	return count;
}

/* Within the jitter of +-10 %? */
static void assert_near(int64_t wait, int64_t nominal)
{
	assert_true(wait >= nominal - nominal / 10 - 1);
	assert_true(wait <= nominal + nominal / 10 + 1);
}

/* Nobody answers: waits of 250 ms, doubled four times, then RFC 6887, 8.1.1: 3 s, doubled
 * from the wait before, each +-10 %, up to MRT: half the lifetime, between 30 s and 1024 s. */
static void the_whole_schedule(void **state)
{
	static const struct {
		uint32_t lifetime;
		int64_t most; /* s */
	} rows[] = { { 7200, 1024 }, { 86400, 1024 }, { 600, 300 }, { 60, 30 }, { 10, 30 } };
	struct world world;
	struct mono at[512];

	(void)state;
	for (size_t row = 0; row < sizeof(rows) / sizeof(*rows); row++) {
		for (uint64_t seed = 0; seed < 20; seed++) {
			struct want want = kept(1, 8080);
			int64_t before = 125 * MSEC, most = rows[row].most * SEC;
			size_t count;

			want.lifetime = rows[row].lifetime;
			world_open(&world, VERSION_PCP_FIRST, 0, seed);
			world.model.pcp = world.model.natpmp = false;
			world_want(&world, &want);
			world_run(&world, 2 * HOUR);
			count = maps(&world, 8080, at, 512);
			assert_true(count > 12);
			for (size_t i = 0; i + 1 < count; i++) {
				int64_t wait = mono_since(at[i + 1], at[i]);
				int64_t nominal = i == 5 ? 3 * SEC : 2 * before;

				if (nominal > most)
					nominal = most;
				assert_near(wait, nominal);
				before = wait;
			}
			/* at the cap, not above it */
			assert_near(before, most);
			assert_int_equal(outcomes(&world, OUTCOME_UNANSWERED), 1);
			world_close(&world);
		}
	}
}

/* The errors of long life that carry 0 (miniupnpd), the short ones, the absurd ones. */
static void a_refusal_holds_as_long_as_it_says(void **state)
{
	static const struct {
		unsigned result;
		uint32_t lifetime;
		int64_t least; /* s between two requests */
	} rows[] = {
		{ PCP_NOT_AUTHORIZED, 0, 1800 },
		{ PCP_NOT_AUTHORIZED, 5, 30 },
		{ PCP_NOT_AUTHORIZED, 600, 600 },
		{ PCP_NETWORK_FAILURE, 0, 30 },
		{ PCP_USER_EX_QUOTA, 45, 45 },
		{ PCP_NOT_AUTHORIZED, UINT32_MAX, 86400 },
	};
	struct world world;
	struct mono at[4096];

	(void)state;
	for (size_t row = 0; row < sizeof(rows) / sizeof(*rows); row++) {
		struct want want = kept(1, 8080);
		size_t count;

		world_open(&world, VERSION_PCP_FIRST, 0, row);
		world.model.result = rows[row].result;
		world.model.error_lifetime = rows[row].lifetime;
		world_want(&world, &want);
		world_run(&world, 3 * rows[row].least * SEC + 20 * SEC);
		count = maps(&world, 8080, at, 4096);
		assert_int_equal(count, 4);
		for (size_t i = 1; i < count; i++)
			assert_true(mono_since(at[i], at[i - 1]) >= rows[row].least * SEC);
		assert_int_equal(outcomes(&world, OUTCOME_REFUSED), 1); /* told once */
		world.model.result = 0;
		world_run(&world, rows[row].least * SEC);
		assert_int_equal(world_result(&world, 1)->outcome, OUTCOME_GRANTED);
		world_close(&world);
	}
}

/* RFC 6887, 11.4: after NO_RESOURCES no new mapping is asked of that server meanwhile;
 * what stands is renewed all the same. */
static void no_resources_hold_new_mappings_back(void **state)
{
	struct world world;
	struct want first = kept(1, 8001), second = kept(2, 8002), third = kept(3, 8003);
	struct mono at[64];
	size_t renewals;

	(void)state;
	world_open(&world, VERSION_PCP_FIRST, 0, 1);
	world_want(&world, &first);
	world_run(&world, SEC);
	world.model.result = PCP_NO_RESOURCES;
	world.model.error_lifetime = 2 * 3600;
	world_want(&world, &second);
	world_run(&world, SEC);
	assert_int_equal(world_result(&world, 2)->outcome, OUTCOME_REFUSED);
	world.model.result = 0;
	world_want(&world, &third);
	world_run(&world, 7190 * SEC);
	assert_int_equal(maps(&world, 8003, at, 64), 0);
	assert_int_equal(maps(&world, 8002, at, 64), 1);
	renewals = maps(&world, 8001, at, 64);
	assert_true(renewals >= 2);
	assert_int_equal(world_result(&world, 1)->outcome, OUTCOME_RENEWED);
	world_run(&world, 60 * SEC);
	assert_int_equal(world_result(&world, 2)->outcome, OUTCOME_GRANTED);
	assert_int_equal(world_result(&world, 3)->outcome, OUTCOME_GRANTED);
	world_close(&world);
}

/* --- -P --- */

static bool suggests_address(const struct sent *sent)
{
	static const uint8_t none[4] = { 0 };

	return memcmp(sent->octets + 56, none, 4) != 0;
}

static void refused_port_is_asked_without_the_old_address_once(void **state)
{
	struct world world;
	struct want want = kept(1, 8080);
	size_t from, with = 0, without = 0;

	(void)state;
	want.options.prefer_failure = true;
	world_open(&world, VERSION_PCP_FIRST, 0, 1);
	world_want(&world, &want);
	world_run(&world, SEC);
	assert_int_equal(world_result(&world, 1)->outcome, OUTCOME_GRANTED);
	from = world.sent_count;
	world.model.result = PCP_CANNOT_PROVIDE_EXTERNAL;
	world.model.error_lifetime = 1800;
	world_run(&world, 4600 * SEC);
	for (size_t i = from; i < world.sent_count; i++) {
		if (world.sent[i].length < 60 || world.sent[i].octets[0] != 2)
			continue;
		with += suggests_address(&world.sent[i]);
		without += !suggests_address(&world.sent[i]);
	}
	assert_int_equal(with, 1);
	assert_int_equal(without, 1); /* and at once */
	world_close(&world);
}

/* --- pinholes --- */

static void to_ipv6(struct world *world)
{
	struct session_config config = {
		.policy = VERSION_PCP_FIRST,
		.pcp = &schedule_quick,
		.natpmp = &schedule_quick,
		.give_up = MONO_NEVER,
		.seed = 3,
	};

	assert_true(ip_parse("2001:db8::254", &world->id.server.address));
	assert_true(ip_parse("2001:db8::10", &world->id.local));
	config.id = world->id;
	session_free(world->session);
	world->session = session_new(&config);
	assert_non_null(world->session);
}

/* A server on pf (users.md Q17): what it has, it cannot renew. An external address is the
 * internal one, unless `nat`. */
static bool cannot_renew(struct model *model, uint8_t *octets, size_t *length)
{
	unsigned *grants = model->context;
	bool deletes = memcmp(octets + 4, "\0\0\0\0", 4) == 0;

	(void)length;
	if (octets[0] != 2 || octets[1] != (0x80 | PCP_MAP))
		return true;
	if (deletes) {
		*grants = 0;
		return true;
	}
	memcpy(octets + 44, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x10", 16);
	if ((*grants)++ == 0)
		return true;
	octets[3] = PCP_NO_RESOURCES;
	memcpy(octets + 4, "\0\0\0\x1e", 4);
	return true;
}

static size_t deletes(const struct world *world, int64_t *first_ms)
{
	size_t count = 0;

	for (size_t i = 0; i < world->sent_count; i++) {
		const struct sent *sent = &world->sent[i];

		if (sent->length < 60 || sent->octets[0] != 2 || sent->octets[1] != PCP_MAP ||
			memcmp(sent->octets + 4, "\0\0\0\0", 4) != 0)
			continue;
		if (count++ == 0)
			*first_ms = mono_since(sent->at, VIRTUAL_START) / MSEC;
	}
	return count;
}

static void a_pinhole_is_made_anew(void **state)
{
	struct world world;
	struct want want = kept(1, 8080);
	unsigned grants = 0;
	int64_t first = 0;

	(void)state;
	want.external_address = ip_any6;
	world_open(&world, VERSION_PCP_FIRST, 0, 1);
	to_ipv6(&world);
	world.model.edit = cannot_renew;
	world.model.context = &grants;
	world_want(&world, &want);
	world_run(&world, 7200 * SEC);
	assert_int_equal(deletes(&world, &first), 1); /* once in a lifetime */
	assert_in_range(first, 6300 * 1000, 6530 * 1000); /* [7/8, 29/32] of it */
	assert_int_equal(outcomes(&world, OUTCOME_LOST), 0);
	assert_non_null(world_held(&world, PROTOCOL_TCP, 8080));
	world_run(&world, 24 * HOUR);
	assert_in_range(deletes(&world, &first), 12, 15);
	assert_int_equal(outcomes(&world, OUTCOME_LOST), 0);
	world_close(&world);
}

/* IPv4: the port would be free for somebody else meanwhile. */
static void an_ipv4_mapping_is_never_made_anew(void **state)
{
	struct world world;
	struct want want = kept(1, 8080);
	int64_t first;

	(void)state;
	for (unsigned lifetime = 0; lifetime <= 30; lifetime += 30) {
		world_open(&world, VERSION_PCP_FIRST, 0, 1);
		world_want(&world, &want);
		world_run(&world, SEC);
		world.model.result = PCP_NO_RESOURCES;
		world.model.error_lifetime = lifetime;
		world_run(&world, 24 * HOUR);
		assert_int_equal(deletes(&world, &first), 0);
		assert_int_equal(outcomes(&world, OUTCOME_LOST), 1);
		world_close(&world);
	}
}

/* --- versions --- */

/* Fallen back because version 2 was silent; later it speaks. */
static void pcp_is_tried_again_after_a_fallback(void **state)
{
	struct world world;
	struct want want = kept(1, 8080);

	(void)state;
	world_open(&world, VERSION_PCP_FIRST, 0, 1);
	world.model.pcp = false;
	world_want(&world, &want);
	world_run(&world, 10 * SEC);
	assert_int_equal(world_result(&world, 1)->outcome, OUTCOME_GRANTED);
	assert_int_equal(world_result(&world, 1)->via, VIA_NAT_PMP);
	world_run(&world, 2 * HOUR);
	assert_int_equal(world_result(&world, 1)->via, VIA_NAT_PMP);
	assert_int_equal(outcomes(&world, OUTCOME_LOST), 0); /* the trying holds up no renewal */
	world.model.pcp = true;
	world_run(&world, 4 * HOUR);
	assert_int_equal(world_result(&world, 1)->via, VIA_PCP);
	assert_int_equal(outcomes(&world, OUTCOME_LOST), 0);
	world_close(&world);
}

/* A mapping of internal port 0 is NAT-PMP's, whatever is silent. */
static void port_0_is_never_asked_in_pcp(void **state)
{
	struct world world;
	struct want want = kept(1, 0);

	(void)state;
	want.zero_port = true;
	want.external_port = 1;
	want.lifetime = 60;
	world_open(&world, VERSION_NAT_PMP_ONLY, 0, 1);
	world_want(&world, &want);
	world_run(&world, 600 * SEC);
	world.model.natpmp = false;
	world_run(&world, HOUR);
	world.model.natpmp = true;
	world_run(&world, 100 * SEC);
	assert_int_equal(world.v2_sent, 0);
	assert_int_equal(outcomes(&world, OUTCOME_LOST), 1);
	assert_int_equal(outcomes(&world, OUTCOME_RECOVERED), 1);
	session_finish(world.session, false, world.now);
	world_run(&world, 20 * SEC);
	for (size_t i = 0; i < world.sent_count; i++)
		assert_false(world.sent[i].length == 12 &&
			memcmp(world.sent[i].octets + 8, "\0\0\0\0", 4) == 0);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_whole_schedule),
		cmocka_unit_test(a_refusal_holds_as_long_as_it_says),
		cmocka_unit_test(no_resources_hold_new_mappings_back),
		cmocka_unit_test(refused_port_is_asked_without_the_old_address_once),
		cmocka_unit_test(a_pinhole_is_made_anew),
		cmocka_unit_test(an_ipv4_mapping_is_never_made_anew),
		cmocka_unit_test(pcp_is_tried_again_after_a_fallback),
		cmocka_unit_test(port_0_is_never_asked_in_pcp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
