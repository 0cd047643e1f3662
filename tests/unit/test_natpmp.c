/* SPDX-License-Identifier: MIT
 * NAT-PMP: the sample packets field by field, every truncation, random input
 * against a second reading of RFC 6886.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "vectors.h"
#include "wire/natpmp.h"

#define COUNT(array)   (sizeof(array) / sizeof((array)[0]))
#define RANDOM_INPUTS 10000

static void requests(void **state)
{
	static const struct {
		const char *id;
		struct natpmp_request request;
	} rows[] = {
		{ "N1", { NATPMP_ADDRESS, 0, 0, 0 } },
		{ "N3", { NATPMP_MAP_TCP, 1234, 1234, 1000 } },
		{ "C4", { NATPMP_MAP_UDP, 0, 0, 0 } },
	};
	uint8_t out[NATPMP_MAX];
	struct natpmp_request request;
	size_t length;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct vector *v = vector_of(rows[i].id);

		assert_true(natpmp_request_decode(v->data, v->length, &request));
		assert_int_equal(request.opcode, rows[i].request.opcode);
		assert_int_equal(request.internal_port, rows[i].request.internal_port);
		assert_int_equal(request.external_port, rows[i].request.external_port);
		assert_int_equal(request.lifetime, rows[i].request.lifetime);
		assert_true(natpmp_encode(&request, out, &length));
		assert_int_equal(length, v->length);
		assert_memory_equal(out, v->data, length);
	}
}

/* Different values in every octet, so that no offset can be mistaken. */
static void every_octet_has_its_place(void **state)
{
	static const uint8_t map[] = { 0, 1, 0, 0, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17,
		0x18 };
	static const uint8_t granted[] = { 0, 0x81, 0, 0, 0xa1, 0xa2, 0xa3, 0xa4, 0xb1, 0xb2, 0xc1,
		0xc2, 0xd1, 0xd2, 0xd3, 0xd4 };
	static const uint8_t refused[] = { 0, 0x82, 0xe1, 0xe2, 0xa1, 0xa2, 0xa3, 0xa4 };
	struct natpmp_request request = { NATPMP_MAP_UDP, 0x1112, 0x1314, 0x15161718 };
	struct natpmp_response response;
	uint8_t out[NATPMP_MAX];
	size_t length;

	(void)state;
	assert_true(natpmp_encode(&request, out, &length));
	assert_int_equal(length, sizeof(map));
	assert_memory_equal(out, map, sizeof(map));
	assert_int_equal(natpmp_response_decode(granted, sizeof(granted), &response),
		NATPMP_DECODE_OK);
	assert_int_equal(response.opcode, NATPMP_MAP_UDP);
	assert_int_equal(response.result, 0);
	assert_int_equal(response.epoch, 0xa1a2a3a4);
	assert_int_equal(response.internal_port, 0xb1b2);
	assert_int_equal(response.external_port, 0xc1c2);
	assert_int_equal(response.lifetime, 0xd1d2d3d4);
	assert_int_equal(natpmp_response_decode(refused, sizeof(refused), &response),
		NATPMP_DECODE_OK);
	assert_int_equal(response.opcode, NATPMP_MAP_TCP);
	assert_int_equal(response.result, 0xe1e2);
	assert_int_equal(response.epoch, 0xa1a2a3a4);
}

static void refused_requests(void **state)
{
	static const struct natpmp_request rows[] = {
		{ NATPMP_MAP_UDP, 80, 80, 0 }, /* RFC 6886, 3.4 */
		{ NATPMP_MAP_TCP, 0, 1, 0 },
		{ 3, 80, 80, 60 },
		{ 127, 0, 0, 0 },
		{ 128, 0, 0, 0 },
		{ 255, 0, 0, 0 },
	};
	static const struct natpmp_request fine[] = {
		{ NATPMP_MAP_UDP, 0, 1, 60 }, /* what VPN providers want */
		{ NATPMP_MAP_TCP, 80, 0, 0 },
		{ NATPMP_ADDRESS, 80, 80, 0 },
	};
	uint8_t out[NATPMP_MAX];
	size_t length;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		length = 99;
		assert_false(natpmp_encode(&rows[i], out, &length));
		assert_int_equal(length, 0);
	}
	for (size_t i = 0; i < COUNT(fine); i++)
		assert_true(natpmp_encode(&fine[i], out, &length));
}

static void requests_cut_or_stretched(void **state)
{
	static const char *const ids[] = { "N1", "N3", "C4" };

	(void)state;
	for (size_t i = 0; i < COUNT(ids); i++) {
		const struct vector *v = vector_of(ids[i]);

		for (size_t n = 0; n <= v->length + 4; n++) {
			uint8_t *data = octets_new(n);
			struct natpmp_request request = { 77, 0, 0, 0 };

			memcpy(data, v->data, n < v->length ? n : v->length);
			assert_int_equal(natpmp_request_decode(data, n, &request), n == v->length);
			if (n != v->length)
				assert_int_equal(request.opcode, 77);
			octets_free(data);
		}
	}
}

static void not_our_requests(void **state)
{
	static const uint8_t rows[][12] = { { 2, 1 }, { 1, 1 }, { 0, 3 }, { 0, 0x81 } };
	struct natpmp_request request;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_false(natpmp_request_decode(rows[i], 12, &request));
	assert_false(natpmp_request_decode((const uint8_t[]){ 2, 0 }, 2, &request));
	assert_false(natpmp_request_decode((const uint8_t[]){ 0, 0x80 }, 2, &request));
	assert_false(natpmp_request_decode((const uint8_t[]){ 0, 3 }, 2, &request));
}

static const struct answer {
	const char *id;
	enum natpmp_decode decode;
	uint8_t opcode;
	uint16_t result;
	uint32_t epoch;
	bool has_body;
	const char *address;
	uint16_t internal_port, external_port;
	uint32_t lifetime;
} answers[] = {
	{ "N2", NATPMP_DECODE_OK, 0, 0, 1727898094, true, "1.2.3.4", 0, 0, 0 },
	{ "N4", NATPMP_DECODE_OK, 2, 0, 1727898094, true, "::", 1234, 1234, 500 },
	{ "N5", NATPMP_DECODE_OK, 2, 0x43, 1727898094, true, "::", 1234, 1234, 500 },
	{ "N6", NATPMP_DECODE_OK, 0, 0x42, 1727898094, false, "::", 0, 0, 0 },
	{ "V1", NATPMP_DECODE_OK, 1, 1, 0, false, "::", 0, 0, 0 },
	{ "V3", NATPMP_DECODE_OK, 0, 1, 0, false, "::", 0, 0, 0 },
	{ "C3", NATPMP_DECODE_OK, 0, 0, 3, true, "203.0.113.5", 0, 0, 0 },
	{ "V2", NATPMP_DECODE_REQUEST, 0, 0, 0, false, NULL, 0, 0, 0 },
	{ "V4", NATPMP_DECODE_SHORT, 0, 0, 0, false, NULL, 0, 0, 0 },
	{ "V5", NATPMP_DECODE_VERSION, 0, 0, 0, false, NULL, 0, 0, 0 },
	{ "V6", NATPMP_DECODE_VERSION, 0, 0, 0, false, NULL, 0, 0, 0 },
	{ "C14", NATPMP_DECODE_VERSION, 0, 0, 0, false, NULL, 0, 0, 0 },
	{ "P7", NATPMP_DECODE_VERSION, 0, 0, 0, false, NULL, 0, 0, 0 },
};

static void responses(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(answers); i++) {
		const struct answer *a = &answers[i];
		const struct vector *v = vector_of(a->id);
		struct natpmp_response response;
		struct ip address;

		memset(&response, 0xee, sizeof(response));
		assert_int_equal(natpmp_response_decode(v->data, v->length, &response), a->decode);
		if (a->decode != NATPMP_DECODE_OK) {
			assert_int_equal(response.opcode, 0xee);
			continue;
		}
		assert_true(ip_parse(a->address, &address));
		assert_int_equal(response.opcode, a->opcode);
		assert_int_equal(response.result, a->result);
		assert_true(response.has_epoch);
		assert_int_equal(response.epoch, a->epoch);
		assert_int_equal(response.has_body, a->has_body);
		assert_true(ip_equal(&response.external_address, &address));
		assert_int_equal(response.internal_port, a->internal_port);
		assert_int_equal(response.external_port, a->external_port);
		assert_int_equal(response.lifetime, a->lifetime);
	}
}

/* RFC 6886, 3.5: the request comes back, its octets are no epoch. */
static void unsupported_opcode(void **state)
{
	static const uint8_t map[] = { 0, 0x81, 0, 5, 0x1f, 0x90, 0x1f, 0x90, 0, 0, 0x0e, 0x10 };
	struct natpmp_response response;

	(void)state;
	for (size_t n = 0; n <= sizeof(map); n++) {
		uint8_t *data = octets_copy(map, n);

		assert_int_equal(natpmp_response_decode(data, n, &response),
			n < 4 ? NATPMP_DECODE_SHORT : NATPMP_DECODE_OK);
		octets_free(data);
		if (n < 4)
			continue;
		assert_int_equal(response.result, NATPMP_UNSUPP_OPCODE);
		assert_false(response.has_epoch);
		assert_false(response.has_body);
		assert_int_equal(response.epoch, 0);
		assert_int_equal(response.internal_port, 0);
	}
}

static void an_unknown_opcode(void **state)
{
	static const uint8_t data[] = { 0, 0xff, 0, 0, 0, 0, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8 };
	struct natpmp_response response;

	(void)state;
	assert_int_equal(natpmp_response_decode(data, 16, &response), NATPMP_DECODE_OK);
	assert_int_equal(response.opcode, 0x7f);
	assert_int_equal(response.epoch, 9);
	assert_false(response.has_body);
	assert_int_equal(natpmp_response_decode(data, 8, &response), NATPMP_DECODE_OK);
	assert_int_equal(natpmp_response_decode(data, 7, &response), NATPMP_DECODE_SHORT);
}

/* What a datagram must be, written a second time and otherwise. */
static enum natpmp_decode expected(const uint8_t *d, size_t n)
{
	unsigned opcode, result;
	size_t need = 8;

	if (n < 2)
		return NATPMP_DECODE_SHORT;
	if (d[0] != 0)
		return NATPMP_DECODE_VERSION;
	if (d[1] < 128)
		return NATPMP_DECODE_REQUEST;
	if (n < 4)
		return NATPMP_DECODE_SHORT;
	opcode = d[1] - 128u;
	result = d[2] * 256u + d[3];
	if (result == 5)
		return NATPMP_DECODE_OK;
	if (result == 0 && opcode < 3)
		need = opcode == 0 ? 12 : 16;
	return n < need ? NATPMP_DECODE_SHORT : NATPMP_DECODE_OK;
}

static void check_response(const uint8_t *data, size_t n)
{
	struct natpmp_response response;
	enum natpmp_decode decode = natpmp_response_decode(data, n, &response);
	bool map, address;

	assert_int_equal(decode, expected(data, n));
	if (decode != NATPMP_DECODE_OK)
		return;
	map = (response.opcode == 1 || response.opcode == 2) && response.result != 5 && n >= 16;
	address = response.opcode == 0 && response.result == 0;
	assert_int_equal(response.opcode, data[1] & 0x7f);
	assert_int_equal(response.has_epoch, response.result != 5);
	assert_int_equal(response.has_body, map || address);
	assert_int_equal(ip_equal(&response.external_address, &ip_any6), !address);
	if (address)
		assert_memory_equal(response.external_address.octets + 12, data + 8, 4);
	if (!map)
		assert_int_equal(response.internal_port | response.external_port |
			response.lifetime, 0);
}

static void responses_cut_or_stretched(void **state)
{
	static const uint8_t results[] = { 0, 1, 5, 255 };

	(void)state;
	for (unsigned opcode = 128; opcode < 133; opcode++)
		for (size_t i = 0; i < COUNT(results); i++)
			for (size_t n = 0; n <= 20; n++) {
				uint8_t *data = octets_new(n);

				memset(data, 0x5a, n);
				memcpy(data, (uint8_t[]){ 0, (uint8_t)opcode, 0, results[i] },
					n < 4 ? n : 4);
				check_response(data, n);
				octets_free(data);
			}
}

static void random_inputs(void **state)
{
	struct random_source source = { 6886 };
	struct natpmp_request request;
	uint8_t out[NATPMP_MAX];
	size_t decoded = 0, n, length;

	(void)state;
	for (int i = 0; i < RANDOM_INPUTS; i++) {
		uint8_t *data = random_octets(&source, "natpmp", &n);

		check_response(data, n);
		if (natpmp_request_decode(data, n, &request)) {
			decoded++;
			assert_int_equal(n, request.opcode == 0 ? 2 : 12);
			if (natpmp_encode(&request, out, &length)) {
				assert_int_equal(length, n);
				if (n == 12)
					memset(data + 2, 0, 2); /* reserved */
				assert_memory_equal(out, data, n);
			}
		}
		octets_free(data);
	}
	assert_true(decoded > 500); /* else the generator tests nothing */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests),
		cmocka_unit_test(every_octet_has_its_place),
		cmocka_unit_test(refused_requests),
		cmocka_unit_test(requests_cut_or_stretched),
		cmocka_unit_test(not_our_requests),
		cmocka_unit_test(responses),
		cmocka_unit_test(unsupported_opcode),
		cmocka_unit_test(an_unknown_opcode),
		cmocka_unit_test(responses_cut_or_stretched),
		cmocka_unit_test(random_inputs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
