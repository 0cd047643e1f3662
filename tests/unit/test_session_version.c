/* SPDX-License-Identifier: MIT
 * PCP first, NAT-PMP where that fails: every form of refusal, silence, slow proxies,
 * races between the two; NAT-PMP's serial line; ICMP.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "virtual.h"

static void open_asking(struct world *world, enum version_policy policy)
{
	struct want want = virtual_want(1, 8080);

	world_open(world, policy, 5 * SEC, 1);
	world_want(world, &want);
}

static const struct event_mapping *done(struct world *world)
{
	world_until_idle(world, 60 * SEC);
	assert_true(world_idle(world));
	assert_int_equal(world_results(world, 1), 1);
	return world_result(world, 1);
}

static int64_t elapsed_ms(const struct world *world)
{
	return mono_since(world->now, VIRTUAL_START) / MSEC;
}

/* One round trip more than NAT-PMP alone: the address included, six milliseconds. */
static void each_form_of_refusal(void **state)
{
	struct world world;
	const struct event_mapping *told;

	(void)state;
	for (enum refusal_form form = FORM_0_R; form < FORM_COUNT; form++) {
		open_asking(&world, VERSION_PCP_FIRST);
		world.model.pcp = false;
		world.model.form = form;
		told = done(&world);
		assert_int_equal(told->outcome, OUTCOME_GRANTED);
		assert_int_equal(told->via, VIA_NAT_PMP);
		assert_true(told->has_external_address);
		assert_int_equal(elapsed_ms(&world), 6);
		assert_int_equal(world.v2_sent, 1);
		assert_int_equal(world.v0_sent, 2);
		assert_true(world_changed(&world, VERSION_SAID_NAT_PMP));
		assert_false(world_changed(&world, VERSION_FELL_BACK));
		assert_int_equal(world_event(&world, EVENT_VERSION)->version.octets[3], 1);
		world_close(&world);
	}
}

/* With --pcp it is a refusal, of each request; with --nat-pmp nothing is asked in 2. */
static void one_version_only(void **state)
{
	struct world world;
	const struct event_mapping *told;
	struct want second = virtual_want(2, 9090);

	(void)state;
	for (enum refusal_form form = FORM_0_R; form < FORM_COUNT; form++) {
		open_asking(&world, VERSION_PCP_ONLY);
		world.model.pcp = false;
		world.model.form = form;
		told = done(&world);
		assert_int_equal(told->outcome, OUTCOME_REFUSED);
		assert_int_equal(told->result, PCP_UNSUPP_VERSION);
		assert_int_equal(told->via, VIA_PCP);
		world_want(&world, &second);
		world_until_idle(&world, SEC);
		assert_int_equal(world_result(&world, 2)->result, PCP_UNSUPP_VERSION);
		assert_int_equal(world.v0_sent, 0);
		world_close(&world);
	}
	open_asking(&world, VERSION_NAT_PMP_ONLY);
	assert_int_equal(done(&world)->via, VIA_NAT_PMP);
	assert_int_equal(world.v2_sent, 0);
	world_close(&world);
}

/* A PCP server asked with --nat-pmp says no, in either manner: exit 1, not silence. */
static void a_pcp_server_refuses_natpmp(void **state)
{
	struct world world;
	const struct event_mapping *told;

	(void)state;
	for (int brief = 0; brief < 2; brief++) {
		open_asking(&world, VERSION_NAT_PMP_ONLY);
		world.model.natpmp = false;
		world.model.refuses_v0 = !brief;
		world.model.refuses_v0_short = brief;
		told = done(&world);
		assert_int_equal(told->outcome, OUTCOME_REFUSED);
		assert_int_equal(told->refusal, REFUSAL_RESULT);
		assert_int_equal(told->result, NATPMP_UNSUPP_VERSION);
		assert_int_equal(told->via, VIA_NAT_PMP);
		assert_true(elapsed_ms(&world) < 10);
		assert_int_equal(world_drops(&world, DROP_VERSION), (unsigned)brief);
		world_close(&world);
	}
}

static void silent_on_version_2(void **state)
{
	struct world world;
	const struct event_mapping *told;

	(void)state;
	open_asking(&world, VERSION_PCP_FIRST);
	world.model.pcp = false;
	told = done(&world);
	assert_int_equal(told->outcome, OUTCOME_GRANTED);
	assert_int_equal(told->via, VIA_NAT_PMP);
	assert_true(elapsed_ms(&world) < 600); /* issue 2, figures */
	assert_true(world_changed(&world, VERSION_FELL_BACK));
	assert_false(world_changed(&world, VERSION_SAID_NAT_PMP));
	assert_int_equal(world_event(&world, EVENT_VERSION)->version.attempts, 3);
	world_close(&world);
}

/* A PCP proxy that takes its time: NAT-PMP beside it answers at once. */
static void slow_proxies_stay_pcp(void **state)
{
	static const int64_t announce[] = { 0, 400 * MSEC };
	struct world world;

	(void)state;
	for (int i = 0; i < 2; i++) {
		for (uint64_t seed = 0; seed < 50; seed++) {
			struct want want = virtual_want(1, 8080);

			world_open(&world, VERSION_PCP_FIRST, 5 * SEC, seed);
			world.model.map_delay = 400 * MSEC;
			world.model.announce_delay = announce[i];
			world_want(&world, &want);
			assert_int_equal(done(&world)->via, VIA_PCP);
			assert_null(world_event(&world, EVENT_VERSION));
			world_close(&world);
		}
	}
}

/* Slower than anybody waits: fallen back, and the later PCP answer is told. */
static void a_later_pcp_answer_is_told(void **state)
{
	struct world world;

	(void)state;
	open_asking(&world, VERSION_PCP_FIRST);
	world.model.map_delay = world.model.announce_delay = 2 * SEC;
	assert_int_equal(done(&world)->via, VIA_NAT_PMP);
	world_run(&world, 10 * SEC);
	assert_int_equal(world_results(&world, 1), 1);
	assert_true(world_changed(&world, VERSION_PCP_LATER));
	assert_false(world_changed(&world, VERSION_SAID_NAT_PMP));
	world_close(&world);
}

/* What NAT-PMP cannot say, among others: refused where the server said no, else
 * asked on in PCP until -t. */
static void beyond_natpmp_among_others(void **state)
{
	struct world world;
	struct want filtered = virtual_want(2, 9090);
	static const struct pcp_filter filter = { .prefix_length = 0 };

	(void)state;
	filtered.options.filters = &filter;
	filtered.options.filter_count = 1;
	open_asking(&world, VERSION_PCP_FIRST);
	world.model.pcp = false;
	world.model.form = FORM_0_R;
	world_want(&world, &filtered);
	assert_int_equal(done(&world)->outcome, OUTCOME_GRANTED);
	assert_int_equal(world_result(&world, 2)->outcome, OUTCOME_REFUSED);
	assert_int_equal(world_result(&world, 2)->refusal, REFUSAL_NAT_PMP);
	assert_non_null(strstr(world_result(&world, 2)->feature, "FILTER"));
	world_close(&world);

	open_asking(&world, VERSION_PCP_FIRST);
	world.model.pcp = false;
	world_want(&world, &filtered);
	assert_int_equal(done(&world)->outcome, OUTCOME_GRANTED);
	assert_int_equal(elapsed_ms(&world), 5000);
	assert_int_equal(world_result(&world, 2)->outcome, OUTCOME_UNANSWERED);
	assert_true(world_result(&world, 2)->nat_pmp_answered);
	assert_non_null(strstr(world_result(&world, 2)->feature, "FILTER"));
	assert_int_equal(world_result(&world, 2)->attempts, 5);
	world_close(&world);
}

/* Silent at first, then it says no after all: what goes on in PCP is refused then. */
static void the_word_after_the_silence(void **state)
{
	static const uint8_t no[] = { 0, 0x80, 0, 1, 0, 0, 0, 9 };
	struct world world;
	struct want filtered = virtual_want(2, 9090);

	(void)state;
	filtered.options.description = "";
	open_asking(&world, VERSION_PCP_FIRST);
	world.model.pcp = false;
	world_want(&world, &filtered);
	world_run(&world, SEC);
	assert_int_equal(world_results(&world, 2), 0);
	assert_int_equal(world_answer(&world, no, sizeof(no)), DROP_NONE);
	assert_int_equal(world_result(&world, 2)->refusal, REFUSAL_NAT_PMP);
	assert_true(world_changed(&world, VERSION_SAID_NAT_PMP));
	world_close(&world);
}

static void discover_asks_both(void **state)
{
	struct world world;
	const struct event *told;

	(void)state;
	for (int i = 0; i < 5; i++) {
		world_open(&world, VERSION_PCP_FIRST, 3 * SEC, 1);
		world.model.pcp = i != 1 && i != 2;
		world.model.form = i == 2 ? FORM_2 : FORM_0;
		world.model.natpmp = i != 3;
		world.model.refuses_v0 = true;
		if (i == 4) /* slow: no fallback, there is nothing to fall back for */
			world.model.announce_delay = 900 * MSEC;
		session_probe(world.session, world.now);
		world_until_idle(&world, 60 * SEC);
		told = world_event(&world, EVENT_SERVER);
		assert_non_null(told);
		assert_int_equal(told->server.pcp.status,
			i == 1 || i == 2 ? PROBE_UNSUPPORTED : PROBE_OK);
		assert_int_equal(told->server.nat_pmp.status, i == 3 ? PROBE_UNSUPPORTED : PROBE_OK);
		assert_int_equal(told->server.has_external, i != 3);
		assert_int_equal(world_changed(&world, VERSION_SAID_NAT_PMP), i == 1 || i == 2);
		assert_false(world_changed(&world, VERSION_FELL_BACK));
		assert_true(elapsed_ms(&world) < 1000);
		world_close(&world);
	}
}

/* --- NAT-PMP asks one thing at a time (RFC 6886, 3.1) --- */

static void open_many(struct world *world, enum version_policy policy, unsigned count)
{
	world_open(world, policy, 30 * SEC, 3);
	for (unsigned i = 1; i <= count; i++) {
		struct want want = virtual_want(i, (uint16_t)(8000 + i));

		world_want(world, &want);
	}
}

static void the_line_is_serial(void **state)
{
	struct world world;

	(void)state;
	open_many(&world, VERSION_NAT_PMP_ONLY, 20);
	world.model.natpmp_delay = 100 * MSEC;
	world_until_idle(&world, 60 * SEC);
	for (unsigned i = 1; i <= 20; i++)
		assert_int_equal(world_result(&world, i)->outcome, OUTCOME_GRANTED);
	assert_int_equal(world.v0_sent, 21); /* and the address once */
	assert_int_equal(world.v0_crowded, 0);
	assert_int_equal(world.most, 1);
	world_close(&world);
}

/* Also right after a fallback, when the address probe is still out. */
static void the_line_is_serial_after_a_probe(void **state)
{
	static const uint8_t no[] = { 0, 0x80, 0, 1, 0, 0, 0, 9 };
	struct world world;

	(void)state;
	open_many(&world, VERSION_PCP_FIRST, 3);
	world.model.pcp = false;
	world.model.deaf_to_address = true;
	world_run(&world, 300 * MSEC);
	assert_int_equal(world.v0_sent, 1);
	assert_int_equal(world_answer(&world, no, sizeof(no)), DROP_NONE);
	world_step(&world);
	assert_int_equal(world.v0_sent, 1); /* waits for the address, or for its time */
	world_until_idle(&world, 60 * SEC);
	for (unsigned i = 1; i <= 3; i++)
		assert_int_equal(world_result(&world, i)->outcome, OUTCOME_GRANTED);
	assert_int_equal(world.v0_crowded, 0);
	world_close(&world);
}

static void no_address_is_no_failure(void **state)
{
	struct world world;
	const struct event_mapping *told;

	(void)state;
	for (int i = 0; i < 3; i++) {
		open_many(&world, VERSION_NAT_PMP_ONLY, 3);
		world.model.deaf_to_address = i == 0;
		world.model.address_result = i == 1 ? NATPMP_NETWORK_FAILURE : 0;
		if (i == 2)
			memset(world.model.external, 0, 4);
		world_until_idle(&world, 60 * SEC);
		told = world_result(&world, 3);
		assert_int_equal(told->outcome, OUTCOME_GRANTED);
		assert_false(told->has_external_address);
		assert_int_equal(told->has_address_result, i == 1);
		assert_int_equal(told->external_wildcard, i == 2);
		assert_int_equal(world.v0_sent, i == 0 ? 6 : 4); /* three tries at most */
		world_close(&world);
	}
}

/* An answer that is lost, and one that never comes, do not stop the others for ever. */
static void a_lost_answer_on_the_line(void **state)
{
	struct world world;

	(void)state;
	open_many(&world, VERSION_NAT_PMP_ONLY, 3);
	world.model.deaf_to_maps = true;
	world_run(&world, 400 * MSEC);
	world.model.deaf_to_maps = false;
	world_until_idle(&world, 60 * SEC);
	for (unsigned i = 1; i <= 3; i++)
		assert_int_equal(world_result(&world, i)->outcome, OUTCOME_GRANTED);
	assert_int_equal(world.v0_crowded, 0);
	world_close(&world);

	open_many(&world, VERSION_NAT_PMP_ONLY, 3);
	world.model.deaf_to_maps = true;
	world_until_idle(&world, 60 * SEC);
	assert_int_equal(mono_since(world.now, VIRTUAL_START), 30 * SEC);
	for (unsigned i = 1; i <= 3; i++) {
		assert_int_equal(world_results(&world, i), 1);
		assert_int_equal(world_result(&world, i)->outcome, OUTCOME_UNANSWERED);
	}
	world_close(&world);
}

static void the_old_schedule_gives_up(void **state)
{
	struct session_config config = {
		.id = virtual_id(),
		.policy = VERSION_NAT_PMP_ONLY,
		.pcp = &schedule_pcp,
		.natpmp = &schedule_natpmp,
		.give_up = MONO_NEVER,
	};
	struct world world;
	struct want want = virtual_want(1, 8080);

	(void)state;
	world_open(&world, VERSION_NAT_PMP_ONLY, 0, 1);
	session_free(world.session);
	world.session = session_new(&config);
	world.model.natpmp = false;
	world_want(&world, &want);
	world_until_idle(&world, 1000 * SEC);
	assert_int_equal(elapsed_ms(&world), 127750); /* RFC 6886, 3.1 */
	assert_int_equal(world_result(&world, 1)->outcome, OUTCOME_UNANSWERED);
	assert_int_equal(world_result(&world, 1)->attempts, 9);
	world_close(&world);
}

/* --- ICMP --- */

static void port_unreachable_ends_all_at_once(void **state)
{
	struct world world;
	struct want late = virtual_want(2, 9090);

	(void)state;
	open_asking(&world, VERSION_PCP_FIRST);
	world.model.pcp = world.model.natpmp = false;
	world_step(&world);
	world_error(&world, NET_ERROR_PORT_UNREACHABLE, true);
	assert_int_equal(done(&world)->outcome, OUTCOME_UNREACHABLE);
	assert_true(world_result(&world, 1)->has_error);
	assert_int_equal(elapsed_ms(&world), 0);
	assert_int_equal(world.sent_count, 1);
	/* and what is asked after it is not even sent, also if something is heard now */
	world_want(&world, &late);
	world_step(&world);
	assert_int_equal(world_result(&world, 2)->outcome, OUTCOME_UNREACHABLE);
	assert_int_equal(world.sent_count, 1);
	assert_true(world_idle(&world));
	world_close(&world);
}

/* A middle box says nothing of the server: a hint for the verdict. */
static void hints(void **state)
{
	static const struct {
		enum net_error_kind kind;
		bool from_server;
	} rows[] = {
		{ NET_ERROR_PORT_UNREACHABLE, false },
		{ NET_ERROR_PROHIBITED, true },
		{ NET_ERROR_UNREACHABLE, false },
		{ NET_ERROR_TTL, false },
	};
	struct world world;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		open_asking(&world, VERSION_PCP_FIRST);
		world.model.pcp = world.model.natpmp = false;
		world_step(&world);
		world_error(&world, rows[i].kind, rows[i].from_server);
		assert_int_equal(done(&world)->outcome, OUTCOME_UNREACHABLE);
		assert_int_equal(world_result(&world, 1)->error.kind, rows[i].kind);
		assert_int_equal(elapsed_ms(&world), 5000);
		world_close(&world);

		open_asking(&world, VERSION_PCP_FIRST); /* and the exchange goes on */
		world_step(&world);
		world_error(&world, rows[i].kind, rows[i].from_server);
		assert_int_equal(done(&world)->outcome, OUTCOME_GRANTED);
		world_close(&world);
	}
}

static void what_this_host_refuses_is_worse_than_a_hint(void **state)
{
	struct world world;

	(void)state;
	open_asking(&world, VERSION_PCP_FIRST);
	world.model.pcp = world.model.natpmp = false;
	world_step(&world);
	world_error(&world, NET_ERROR_UNREACHABLE, false);
	world_error(&world, NET_ERROR_DENIED, true);
	assert_int_equal(done(&world)->outcome, OUTCOME_UNREACHABLE);
	assert_int_equal(world_result(&world, 1)->error.kind, NET_ERROR_DENIED);
	world_close(&world);
}

/* Who has answered is there, whatever ICMP says. */
static void port_unreachable_after_an_answer(void **state)
{
	struct world world;
	struct want second = virtual_want(2, 9090);

	(void)state;
	open_asking(&world, VERSION_PCP_FIRST);
	assert_int_equal(done(&world)->outcome, OUTCOME_GRANTED);
	world_want(&world, &second);
	world_step(&world);
	world_error(&world, NET_ERROR_PORT_UNREACHABLE, true);
	assert_int_equal(world_results(&world, 2), 0);
	world_until_idle(&world, SEC);
	assert_int_equal(world_result(&world, 2)->outcome, OUTCOME_GRANTED);
	second = virtual_want(3, 9091);
	world.model.deaf_to_maps = true;
	world_want(&world, &second);
	world_until_idle(&world, 60 * SEC);
	assert_int_equal(world_result(&world, 3)->outcome, OUTCOME_UNANSWERED);
	assert_true(world_result(&world, 3)->has_error);
	world_close(&world);
}

static void a_probe_of_nobody(void **state)
{
	struct world world;

	(void)state;
	world_open(&world, VERSION_PCP_FIRST, 3 * SEC, 1);
	world.model.pcp = world.model.natpmp = false;
	session_probe(world.session, world.now);
	world_step(&world);
	world_error(&world, NET_ERROR_PORT_UNREACHABLE, true);
	world_until_idle(&world, 60 * SEC);
	assert_int_equal(elapsed_ms(&world), 0);
	assert_int_equal(world_event(&world, EVENT_SERVER)->server.pcp.status, PROBE_REFUSED);
	assert_int_equal(world_event(&world, EVENT_SERVER)->server.nat_pmp.status, PROBE_REFUSED);
	world_close(&world);

	world_open(&world, VERSION_PCP_FIRST, 3 * SEC, 1);
	world.model.pcp = world.model.natpmp = false;
	session_probe(world.session, world.now);
	world_until_idle(&world, 60 * SEC);
	assert_int_equal(elapsed_ms(&world), 3000);
	assert_int_equal(world_event(&world, EVENT_SERVER)->server.pcp.status, PROBE_SILENT);
	assert_int_equal(world_event(&world, EVENT_SERVER)->server.nat_pmp.status, PROBE_SILENT);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_form_of_refusal),
		cmocka_unit_test(one_version_only),
		cmocka_unit_test(a_pcp_server_refuses_natpmp),
		cmocka_unit_test(silent_on_version_2),
		cmocka_unit_test(slow_proxies_stay_pcp),
		cmocka_unit_test(a_later_pcp_answer_is_told),
		cmocka_unit_test(beyond_natpmp_among_others),
		cmocka_unit_test(the_word_after_the_silence),
		cmocka_unit_test(discover_asks_both),
		cmocka_unit_test(the_line_is_serial),
		cmocka_unit_test(the_line_is_serial_after_a_probe),
		cmocka_unit_test(no_address_is_no_failure),
		cmocka_unit_test(a_lost_answer_on_the_line),
		cmocka_unit_test(the_old_schedule_gives_up),
		cmocka_unit_test(port_unreachable_ends_all_at_once),
		cmocka_unit_test(hints),
		cmocka_unit_test(what_this_host_refuses_is_worse_than_a_hint),
		cmocka_unit_test(port_unreachable_after_an_answer),
		cmocka_unit_test(a_probe_of_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
