/* SPDX-License-Identifier: MIT
 * A mapping alone: what NAT-PMP cannot say, what -P is met by, the instants of
 * renewal, how long a refusal holds.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/mapping.h"
#include "virtual.h"

static void what_natpmp_cannot_say(void **state)
{
	struct ip v4 = ip_from_u32(0xc0a8010a), v6 = ip_any6, external = ip_from_u32(0xcb007107);
	struct pcp_filter filter = { 0 };
	struct want want, plain = virtual_want(1, 8080);

	(void)state;
	v6.octets[0] = 0x20;
	assert_null(want_beyond_natpmp(&plain, &v4));
	assert_string_equal(want_beyond_natpmp(&plain, &v6), "IPv6");
	want = plain;
	want.protocol = PROTOCOL_UDP;
	assert_null(want_beyond_natpmp(&want, &v4));
	want.protocol = PROTOCOL_SCTP;
	assert_non_null(want_beyond_natpmp(&want, &v4));
	want = plain;
	want.opcode = PCP_PEER;
	assert_string_equal(want_beyond_natpmp(&want, &v4), "PEER");
	want = plain;
	want.internal_port = 0;
	assert_non_null(want_beyond_natpmp(&want, &v4));
	want.zero_port = true;
	assert_null(want_beyond_natpmp(&want, &v4));
	want = plain;
	want.external_address = external; /* only a suggestion: a warning elsewhere */
	assert_null(want_beyond_natpmp(&want, &v4));
	want.options.prefer_failure = true;
	assert_non_null(want_beyond_natpmp(&want, &v4));
	want.external_address = ip_any4; /* -P alone is emulated */
	assert_null(want_beyond_natpmp(&want, &v4));
	want = plain;
	want.external_address = ip_any6;
	assert_non_null(want_beyond_natpmp(&want, &v4));
	want = plain;
	want.options.has_third_party = true;
	assert_non_null(want_beyond_natpmp(&want, &v4));
	want = plain;
	want.options.filters = &filter;
	want.options.filter_count = 1;
	assert_non_null(want_beyond_natpmp(&want, &v4));
	want = plain;
	want.options.description = "";
	assert_non_null(want_beyond_natpmp(&want, &v4));
	want = plain;
	want.options.has_port_set = true;
	assert_non_null(want_beyond_natpmp(&want, &v4));
}

/* RFC 6887, 13.2. */
static void what_meets_prefer_failure(void **state)
{
	struct ip one = ip_from_u32(0xcb007107), other = ip_from_u32(0xcb007108);
	struct want want = virtual_want(1, 8080);

	(void)state;
	assert_true(want_is_met(&want, 9, &other));
	want.options.prefer_failure = true;
	assert_true(want_is_met(&want, 8080, &other));
	assert_false(want_is_met(&want, 8081, &other));
	want.external_address = one;
	assert_true(want_is_met(&want, 8080, &one));
	assert_false(want_is_met(&want, 8080, &other));
	assert_false(want_is_met(&want, 8081, &one));
}

/* RFC 6887, 11.2.1: attempt k in [1 - 2^-k, 1 - 2^-k + 2^-(k+2)] of the lifetime. */
static void renewal_ranges(void **state)
{
	static const double low[] = { 0.5, 0.75, 0.875, 0.9375 };
	static const double high[] = { 0.625, 0.8125, 0.90625, 0.953125 };
	const int64_t life = 7200 * SEC;
	struct mono start = { 77 * SEC };
	struct grant grant = { .held = true, .at = start, .expires = mono_after(start, life) };

	(void)state;
	for (unsigned attempt = 1; attempt <= 4; attempt++) {
		double least = 2, most = 0;

		for (uint64_t seed = 0; seed < 2000; seed++) {
			struct prng prng = { seed * 77 };
			struct mono due = mapping_renewal(&grant, attempt, start, &prng);
			double part = (double)mono_since(due, start) / (double)life;

			assert_true(part >= low[attempt - 1] && part <= high[attempt - 1]);
			least = part < least ? part : least;
			most = part > most ? part : most;
		}
		/* the whole range is used */
		assert_true(least < low[attempt - 1] + 0.01 && most > high[attempt - 1] - 0.01);
	}
}

static void renewals_are_four_seconds_apart(void **state)
{
	struct mono start = { 0 };
	struct grant grant = { .held = true, .at = start, .expires = { 60 * SEC } };
	struct prng prng = { 1 };

	(void)state;
	for (unsigned attempt = 1; attempt < 70; attempt++) {
		struct mono last = { (30 + attempt) * SEC };
		struct mono due = mapping_renewal(&grant, attempt, last, &prng);

		assert_true(mono_is_never(due) || mono_since(due, last) >= 4 * SEC);
		assert_true(mono_is_never(due) || due.ns < grant.expires.ns);
	}
	/* none is left in the last four seconds */
	assert_true(mono_is_never(mapping_renewal(&grant, 5, (struct mono){ 57 * SEC }, &prng)));
	/* and a lifetime of a second has none at all */
	grant.expires = (struct mono){ 1 * SEC };
	assert_true(mono_is_never(mapping_renewal(&grant, 1, start, &prng)));
}

static void lifetimes_up_to_the_last_bit(void **state)
{
	struct mapping mapping = { .want = virtual_want(1, 8080) };
	struct ip address = ip_from_u32(0xcb007107);
	struct mono now = { 1000000 * SEC };
	struct prng prng = { 3 };

	(void)state;
	mapping_granted(&mapping, 1, &address, UINT32_MAX, now);
	assert_int_equal(mapping.grant.lifetime, UINT32_MAX); /* as the server said */
	assert_int_equal(mono_since(mapping.grant.expires, now), 86400 * SEC); /* 8.3: 24 h */
	assert_in_range(mono_since(mapping_renewal(&mapping.grant, 1, now, &prng), now),
		43200 * SEC, 54000 * SEC);
	mapping_granted(&mapping, 1, &address, 86399, now);
	assert_int_equal(mono_since(mapping.grant.expires, now), 86399 * SEC);
}

static int64_t refused_for(enum via via, unsigned result, uint32_t lifetime)
{
	struct mapping mapping = { .via = via };

	mapping.answer.heard = true;
	mapping.answer.result = result;
	mapping.answer.error_lifetime = lifetime;
	return mapping_refused_for(&mapping) / SEC;
}

static void how_long_a_refusal_holds(void **state)
{
	struct mapping ours = { .via = VIA_PCP, .refusal = REFUSAL_NOT_PUBLIC };

	(void)state;
	assert_int_equal(refused_for(VIA_PCP, PCP_NO_RESOURCES, 0), 30);
	assert_int_equal(refused_for(VIA_PCP, PCP_NOT_AUTHORIZED, 0), 1800);
	assert_int_equal(refused_for(VIA_PCP, PCP_NOT_AUTHORIZED, 31), 31);
	assert_int_equal(refused_for(VIA_PCP, PCP_NOT_AUTHORIZED, 29), 30);
	assert_int_equal(refused_for(VIA_PCP, PCP_NO_RESOURCES, 1800), 1800);
	assert_int_equal(refused_for(VIA_PCP, PCP_NO_RESOURCES, UINT32_MAX), 86400);
	assert_int_equal(refused_for(VIA_PCP, 200, 0), 1800);
	assert_int_equal(refused_for(VIA_NAT_PMP, NATPMP_NO_RESOURCES, 9999), 30);
	assert_int_equal(mapping_refused_for(&ours) / SEC, 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_natpmp_cannot_say),
		cmocka_unit_test(what_meets_prefer_failure),
		cmocka_unit_test(renewal_ranges),
		cmocka_unit_test(renewals_are_four_seconds_apart),
		cmocka_unit_test(lifetimes_up_to_the_last_bit),
		cmocka_unit_test(how_long_a_refusal_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
