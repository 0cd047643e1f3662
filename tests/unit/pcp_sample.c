/* SPDX-License-Identifier: MIT
 * See pcp_sample.h.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "pcp_sample.h"

#include "pcp_read.h"
#include "vectors.h"

const struct pcp_filter sample_filters[SAMPLE_FILTERS] = {
	{ .prefix_length = 0 },
	{ .address = { { [10] = 0xff, 0xff, 198, 51, 100, 0 } }, .prefix_length = 120 },
	{ .address = { { 0x20, 1, 0xd, 0xb8 } }, .prefix_length = 33, .port = 443 },
};

struct ip sample_ip(const char *text)
{
	struct ip address = ip_any6;

	assert_true(ip_parse(text, &address));
	return address;
}

struct pcp_request sample_announce(void)
{
	return (struct pcp_request){ .opcode = PCP_ANNOUNCE, .client = sample_ip("192.0.2.10") };
}

struct pcp_request sample_map(void)
{
	return (struct pcp_request){
		.opcode = PCP_MAP,
		.lifetime = 0x01020304,
		.client = sample_ip("192.0.2.10"),
		.mapping = { .nonce = { "nonce nonce" },
			.protocol = PROTOCOL_TCP,
			.internal_port = 0x1112,
			.external_port = 0x1314,
			.external_address = sample_ip("203.0.113.7") },
	};
}

struct pcp_request sample_peer(void)
{
	struct pcp_request request = sample_map();

	request.opcode = PCP_PEER;
	request.mapping.remote_port = 0x1516;
	request.mapping.remote_address = sample_ip("198.51.100.2");
	return request;
}

struct pcp_request sample_deletion(void)
{
	struct pcp_request request = sample_map();

	request.lifetime = 0;
	request.mapping.external_port = 0;
	request.mapping.external_address = ip_any4;
	return request;
}

void sample_refused(const struct pcp_request *request, enum pcp_encode reason)
{
	static uint8_t out[PCP_MAX];
	size_t length = 99;

	memset(out, 0xee, sizeof(out));
	assert_int_equal(pcp_encode(request, out, &length), reason);
	assert_int_equal(length, 0);
}

size_t sample_accepted(const struct pcp_request *request, uint8_t out[static PCP_MAX])
{
	size_t length;

	memset(out, 0xee, PCP_MAX);
	assert_int_equal(pcp_encode(request, out, &length), PCP_ENCODE_OK);
	assert_int_equal(length % 4, 0);
	assert_in_range(length, PCP_HEADER, PCP_MAX);
	return length;
}

static void same_options(const struct pcp_options *a, const struct pcp_options *b)
{
	assert_int_equal(a->has_third_party, b->has_third_party);
	assert_true(ip_equal(&a->third_party, &b->third_party));
	assert_int_equal(a->prefer_failure, b->prefer_failure);
	assert_int_equal(a->filter_count, b->filter_count);
	for (size_t i = 0; i < a->filter_count; i++) {
		assert_true(ip_equal(&a->filters[i].address, &b->filters[i].address));
		assert_int_equal(a->filters[i].prefix_length, b->filters[i].prefix_length);
		assert_int_equal(a->filters[i].port, b->filters[i].port);
	}
	assert_int_equal(a->description != NULL, b->description != NULL);
	if (a->description)
		assert_string_equal(a->description, b->description);
	assert_int_equal(a->prefix64, b->prefix64);
	assert_int_equal(a->has_port_set, b->has_port_set);
	assert_int_equal(a->port_set.size, b->port_set.size);
	assert_int_equal(a->port_set.first_internal_port, b->port_set.first_internal_port);
	assert_int_equal(a->port_set.parity, b->port_set.parity);
}

size_t sample_there_and_back(const struct pcp_request *request)
{
	static struct pcp_read back;
	const struct pcp_mapping *a = &request->mapping, *b = &back.request.mapping;
	static uint8_t out[PCP_MAX];
	uint8_t *data;
	size_t length;

	length = sample_accepted(request, out);
	data = octets_copy(out, length);
	assert_true(pcp_read(data, length, &back));
	octets_free(data);
	assert_int_equal(back.request.opcode, request->opcode);
	assert_int_equal(back.request.lifetime, request->lifetime);
	assert_true(ip_equal(&back.request.client, &request->client));
	assert_memory_equal(b->nonce.octets, a->nonce.octets, 12);
	assert_int_equal(b->protocol, a->protocol);
	assert_int_equal(b->internal_port, a->internal_port);
	assert_int_equal(b->external_port, a->external_port);
	assert_true(ip_equal(&b->external_address, &a->external_address));
	assert_int_equal(b->remote_port, a->remote_port);
	assert_true(ip_equal(&b->remote_address, &a->remote_address));
	same_options(&request->options, &back.request.options);
	return length;
}
