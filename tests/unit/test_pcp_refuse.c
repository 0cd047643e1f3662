/* SPDX-License-Identifier: MIT
 * What a client must not send: each reason to refuse a request, at its border.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "pcp_sample.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void opcodes_and_lifetimes(void **state)
{
	struct pcp_request request = sample_map();

	(void)state;
	for (unsigned opcode = 3; opcode < 256; opcode++) {
		request.opcode = (uint8_t)opcode;
		sample_refused(&request, PCP_ENCODE_OPCODE);
	}
	request = sample_announce();
	request.lifetime = 1;
	sample_refused(&request, PCP_ENCODE_LIFETIME);
	request = sample_peer();
	request.lifetime = 0;
	sample_refused(&request, PCP_ENCODE_LIFETIME);
	request = sample_map();
	request.lifetime = UINT32_MAX;
	sample_there_and_back(&request);
}

static void protocols_and_ports(void **state)
{
	struct pcp_request request = sample_map();

	(void)state;
	request.mapping.protocol = 0;
	sample_refused(&request, PCP_ENCODE_PROTOCOL_PORT);
	request.mapping.internal_port = 0;
	sample_there_and_back(&request);
	request.mapping.protocol = PROTOCOL_TCP;
	sample_there_and_back(&request);
	request = sample_deletion();
	request.mapping.protocol = 0;
	sample_refused(&request, PCP_ENCODE_PROTOCOL_PORT);
	request = sample_peer();
	request.mapping.protocol = 0;
	sample_refused(&request, PCP_ENCODE_PROTOCOL_PORT);
	request = sample_peer();
	request.mapping.internal_port = 0;
	sample_refused(&request, PCP_ENCODE_PROTOCOL_PORT);
}

static void remotes(void **state)
{
	struct pcp_request request = sample_peer();

	(void)state;
	request.mapping.remote_port = 0;
	sample_refused(&request, PCP_ENCODE_REMOTE);
	request = sample_peer();
	request.mapping.remote_address = ip_any4;
	sample_refused(&request, PCP_ENCODE_REMOTE);
	request.mapping.remote_address = ip_any6;
	sample_refused(&request, PCP_ENCODE_REMOTE);
	request.mapping.remote_address = sample_ip("2001:db8::1");
	sample_refused(&request, PCP_ENCODE_FAMILY);
	request.options.has_third_party = true; /* then its family counts */
	request.options.third_party = sample_ip("2001:db8::9");
	sample_there_and_back(&request);
	request = sample_peer();
	request.client = sample_ip("2001:db8::9");
	sample_refused(&request, PCP_ENCODE_FAMILY);
	request = sample_peer();
	request.mapping.external_address = ip_any6; /* NAT46 is the caller's choice */
	sample_there_and_back(&request);
}

static void deletes(void **state)
{
	struct pcp_request request = sample_deletion();

	(void)state;
	sample_there_and_back(&request);
	request.mapping.external_address = ip_any6;
	sample_there_and_back(&request);
	request.mapping.external_port = 1;
	sample_refused(&request, PCP_ENCODE_DELETE);
	request = sample_deletion();
	request.mapping.external_address = sample_ip("0.0.0.1");
	sample_refused(&request, PCP_ENCODE_DELETE);
	request = sample_deletion();
	request.options.prefer_failure = true;
	sample_refused(&request, PCP_ENCODE_DELETE);
	request = sample_deletion();
	request.options.filters = sample_filters;
	request.options.filter_count = 1;
	sample_refused(&request, PCP_ENCODE_DELETE);
}

static void preferences_and_third_parties(void **state)
{
	struct pcp_request request = sample_map();

	(void)state;
	request.options.prefer_failure = true;
	request.mapping.external_port = 0;
	sample_refused(&request, PCP_ENCODE_PREFER_FAILURE);
	request.mapping.external_port = 1;
	sample_there_and_back(&request);
	request.options.has_third_party = true;
	request.options.third_party = request.client;
	sample_refused(&request, PCP_ENCODE_THIRD_PARTY);
	request.options.third_party.octets[15] ^= 1;
	sample_there_and_back(&request);
}

static void filter_ranges(void **state)
{
	static const char *const addresses[] = { "198.51.100.0", "0.0.0.0", "2001:db8::", "::" };
	struct pcp_filter filter = { .port = 0 };
	struct pcp_request request = sample_map();
	bool fine;

	(void)state;
	request.options.filters = &filter;
	request.options.filter_count = 1;
	for (size_t i = 0; i < COUNT(addresses); i++)
		for (unsigned prefix = 0; prefix < 256; prefix++) {
			filter.address = sample_ip(addresses[i]);
			filter.prefix_length = (uint8_t)prefix;
			fine = prefix >= (i < 2 ? 97 : 1) && prefix <= 128;
			if (fine || (i == 3 && prefix == 0))
				sample_there_and_back(&request);
			else
				sample_refused(&request, PCP_ENCODE_FILTER);
		}
	filter = (struct pcp_filter){ .port = 80 };
	sample_refused(&request, PCP_ENCODE_FILTER);
	filter = (struct pcp_filter){ .address = sample_ip("192.0.2.1"),
		.prefix_length = 128,
		.port = 80 };
	sample_there_and_back(&request);
}

/* The second filter counts as much as the first. */
static void each_filter_is_checked(void **state)
{
	struct pcp_filter two[2] = { sample_filters[1], sample_filters[1] };
	struct pcp_request request = sample_map();

	(void)state;
	request.options.filters = two;
	request.options.filter_count = 2;
	sample_there_and_back(&request);
	two[1].prefix_length = 96;
	sample_refused(&request, PCP_ENCODE_FILTER);
}

static void port_sets(void **state)
{
	struct pcp_request request = sample_map();

	(void)state;
	request.options.has_port_set = true;
	request.options.port_set.first_internal_port = request.mapping.internal_port;
	sample_refused(&request, PCP_ENCODE_PORT_SET);
	request.options.port_set.size = 1;
	sample_there_and_back(&request);
	request.options.port_set.size = 0xffff; /* as many as there are */
	sample_there_and_back(&request);
	request.options.port_set.first_internal_port++;
	sample_refused(&request, PCP_ENCODE_PORT_SET);
}

static void reasons_name_their_section(void **state)
{
	const char *words;

	(void)state;
	assert_string_equal(pcp_encode_reason(PCP_ENCODE_OK), "");
	for (enum pcp_encode reason = PCP_ENCODE_OK + 1; reason <= PCP_ENCODE_TOO_LONG; reason++) {
		words = pcp_encode_reason(reason);
		assert_non_null(strstr(words, "RFC "));
		for (enum pcp_encode other = PCP_ENCODE_OK; other < reason; other++)
			assert_string_not_equal(words, pcp_encode_reason(other));
	}
	assert_string_equal(pcp_encode_reason(PCP_ENCODE_TOO_LONG + 1), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opcodes_and_lifetimes),
		cmocka_unit_test(protocols_and_ports),
		cmocka_unit_test(remotes),
		cmocka_unit_test(deletes),
		cmocka_unit_test(preferences_and_third_parties),
		cmocka_unit_test(filter_ranges),
		cmocka_unit_test(each_filter_is_checked),
		cmocka_unit_test(port_sets),
		cmocka_unit_test(reasons_name_their_section),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
