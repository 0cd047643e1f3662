/* SPDX-License-Identifier: MIT
 * Which version is spoken, told from what is heard in any order.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/version.h"

static const struct pcp_version_answer says_0 = { .version = 0, .opcode_octet = 0x80 };
static const struct pcp_version_answer says_2 = { .version = 2, .opcode_octet = 0x81 };
static const struct version_asked only_2 = { true, false }, both = { true, true },
				  only_0 = { false, true };
static const struct mono now = { 10 * SEC };

static struct mono later(int64_t ns)
{
	return mono_after(now, ns);
}

static void version_0_says_no_at_once(void **state)
{
	struct version version;

	(void)state;
	version_init(&version, VERSION_PCP_FIRST);
	assert_true(version_refused(&version, &says_0, both));
	assert_int_equal(version.state, VERSION_SAID_NO);
	assert_true(version_is_natpmp(&version));
	assert_false(version_refused(&version, &says_0, both)); /* once */
	assert_false(version_heard_pcp(&version));
}

static void nobody_asked_version_2(void **state)
{
	struct version version;

	(void)state;
	version_init(&version, VERSION_NAT_PMP_ONLY);
	assert_false(version_refused(&version, &says_0, only_0));
	assert_int_equal(version.state, VERSION_ASKING);
	assert_false(version_refused(&version, &says_2, only_0));
	assert_true(version.natpmp_unsupported);
	assert_true(version_is_natpmp(&version));
}

/* A version-2 refusal: of version 2 when nothing else was asked. */
static void version_2_refused_in_version_2(void **state)
{
	struct version version;

	(void)state;
	version_init(&version, VERSION_PCP_FIRST);
	assert_true(version_refused(&version, &says_2, only_2));
	assert_int_equal(version.state, VERSION_SAID_NO);
}

/* When both were asked, the rest decides, in whichever order it comes. */
static void what_a_version_2_refusal_means(void **state)
{
	struct version version;

	(void)state;
	version_init(&version, VERSION_PCP_FIRST); /* PCP only: refusal, then PCP */
	assert_false(version_refused(&version, &says_2, both));
	assert_int_equal(version.state, VERSION_ASKING);
	assert_false(version.natpmp_unsupported);
	version_heard_pcp(&version);
	assert_int_equal(version.state, VERSION_PCP);
	assert_true(version.natpmp_unsupported);

	version_init(&version, VERSION_PCP_FIRST); /* PCP, then the refusal */
	version_heard_pcp(&version);
	assert_false(version_refused(&version, &says_2, both));
	assert_int_equal(version.state, VERSION_PCP);
	assert_true(version.natpmp_unsupported);

	version_init(&version, VERSION_PCP_FIRST); /* NAT-PMP, then the refusal */
	version_heard_natpmp(&version, MSEC, now);
	assert_true(version_refused(&version, &says_2, both));
	assert_int_equal(version.state, VERSION_SAID_NO);

	version_init(&version, VERSION_PCP_FIRST); /* refusal, then NAT-PMP */
	assert_false(version_refused(&version, &says_2, both));
	version_heard_natpmp(&version, MSEC, now);
	assert_true(version_decide(&version, true, later(VERSION_PATIENCE)));
	assert_int_equal(version.state, VERSION_SAID_NO);
	assert_false(version.natpmp_unsupported);
}

static void patience(void **state)
{
	struct version version;

	(void)state;
	version_init(&version, VERSION_PCP_FIRST);
	version_heard_natpmp(&version, 62 * MSEC, now);
	assert_int_equal(mono_since(version.decide, now), 250 * MSEC);
	version_heard_natpmp(&version, 62 * MSEC, later(100 * MSEC)); /* not prolonged */
	assert_int_equal(mono_since(version.decide, now), 250 * MSEC);
	assert_false(version_decide(&version, true, later(250 * MSEC - 1)));
	assert_true(version_decide(&version, true, later(250 * MSEC)));
	assert_int_equal(version.state, VERSION_SILENT);
	assert_true(mono_is_never(version.decide));
	assert_true(version_heard_pcp(&version)); /* after the fallback: reported */
	assert_true(version_is_natpmp(&version));

	version_init(&version, VERSION_PCP_FIRST);
	version_heard_natpmp(&version, 100 * MSEC, now);
	assert_int_equal(mono_since(version.decide, now), 400 * MSEC); /* 4 round trips */
	version_heard_pcp(&version);
	assert_false(version_decide(&version, true, later(SEC)));
	assert_int_equal(version.state, VERSION_PCP);
}

static void nothing_is_decided_for_nothing(void **state)
{
	struct version version;

	(void)state;
	version_init(&version, VERSION_PCP_FIRST);
	version_heard_natpmp(&version, MSEC, now);
	assert_false(version_decide(&version, false, later(SEC)));
	assert_int_equal(version.state, VERSION_ASKING);
	assert_true(mono_is_never(version.decide));
}

/* RFC 6887, 9: what is known holds until a later UNSUPP_VERSION. */
static void a_later_refusal_counts(void **state)
{
	struct version version;

	(void)state;
	version_init(&version, VERSION_PCP_FIRST);
	version_heard_pcp(&version);
	assert_true(version_refused(&version, &says_0, both));
	assert_int_equal(version.state, VERSION_SAID_NO);

	version_init(&version, VERSION_PCP_FIRST);
	version_heard_natpmp(&version, MSEC, now);
	assert_true(version_decide(&version, true, later(SEC)));
	assert_true(version_refused(&version, &says_0, both)); /* silent no longer */
	assert_int_equal(version.state, VERSION_SAID_NO);
}

static void a_policy_is_kept(void **state)
{
	struct version version;

	(void)state;
	version_init(&version, VERSION_PCP_ONLY);
	version_heard_natpmp(&version, MSEC, now);
	assert_true(mono_is_never(version.decide));
	assert_true(version_refused(&version, &says_0, only_2));
	assert_false(version_is_natpmp(&version));
	assert_false(version_probe(&version, 1));
	version_init(&version, VERSION_NAT_PMP_ONLY);
	assert_true(version_is_natpmp(&version));
	assert_false(version_probe(&version, 1));
}

static void once_per_round(void **state)
{
	struct version version;

	(void)state;
	version_init(&version, VERSION_PCP_FIRST);
	assert_false(version_probe(&version, 0));
	assert_true(version_probe(&version, 1));
	assert_false(version_probe(&version, 1));
	assert_true(version_probe(&version, 2));
	assert_false(version_probe(&version, 1));
	version_heard_pcp(&version);
	assert_false(version_probe(&version, 3));
}

static void a_short_refusal(void **state)
{
	struct version version;

	(void)state;
	version_init(&version, VERSION_PCP_FIRST);
	version_refused_natpmp(&version);
	assert_true(version.natpmp_unsupported);
	version_heard_natpmp(&version, MSEC, now); /* it does speak it */
	assert_false(version.natpmp_unsupported);
	version_refused_natpmp(&version);
	assert_false(version.natpmp_unsupported);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_0_says_no_at_once),
		cmocka_unit_test(nobody_asked_version_2),
		cmocka_unit_test(version_2_refused_in_version_2),
		cmocka_unit_test(what_a_version_2_refusal_means),
		cmocka_unit_test(patience),
		cmocka_unit_test(nothing_is_decided_for_nothing),
		cmocka_unit_test(a_later_refusal_counts),
		cmocka_unit_test(a_policy_is_kept),
		cmocka_unit_test(once_per_round),
		cmocka_unit_test(a_short_refusal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
