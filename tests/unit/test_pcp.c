/* SPDX-License-Identifier: MIT
 * PCP messages: the sample packets field by field and back to the same octets,
 * every offset, every truncation, and the version answers.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "pcp_read.h"
#include "vectors.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define NONCE_BITCOIN "\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc"
#define NONCE_ROUTER  "\x81\x70\x09\x18\xf1\xd0\xfb\x2d\x9d\x4c\x0a\xbc"
#define NONCE_BARESIP "\xa9\x5f\xc9\xb7\x12\x3b\xa9\x66\x33\xcd\xe2\xb9"
#define NONCE_DECODE  "\x9f\x1e\xe1\xea\x8e\x7b\xfe\xa7\xf0\xdb\x00\xb3"
#define OWN_IPV6      "2a10:1234:5678:9abc:def0:1234:5678:9abc"

static const struct packet {
	const char *id;
	bool response;
	uint8_t opcode, result;
	uint32_t lifetime, epoch;
	const char *client, *nonce; /* no nonce: ANNOUNCE */
	uint8_t protocol;
	uint16_t internal_port, external_port;
	const char *external_address;
	uint16_t remote_port;
	const char *remote_address, *third_party;
} packets[] = {
	{ "P1", false, 1, 0, 1000, 0, "192.168.0.6", NONCE_BITCOIN, 6, 1234, 1234, "0.0.0.0", 0,
		"::", NULL },
	{ "P2", true, 1, 0, 500, 0, "::", NONCE_BITCOIN, 6, 1234, 1234, "1.2.3.4", 0, "::", NULL },
	{ "P3", true, 1, 8, 0, 0, "::", NONCE_BITCOIN, 6, 1234, 0, "::", 0, "::", NULL },
	{ "P4", true, 1, 66, 500, 0, "::", NONCE_BITCOIN, 6, 1234, 1234, "1.2.3.4", 0, "::", NULL },
	{ "P5", false, 1, 0, 1000, 0, OWN_IPV6, NONCE_BITCOIN, 6, 1234, 1234, OWN_IPV6, 0, "::",
		NULL },
	{ "P6", true, 1, 0, 500, 0, "::", NONCE_BITCOIN, 6, 1234, 1234, OWN_IPV6, 0, "::", NULL },
	{ "P7", true, 1, 0, 7200, 170989, "::", NONCE_ROUTER, 17, 1234, 1234, "135.180.175.246", 0,
		"::", NULL },
	{ "P8", false, 2, 0, 600, 0, "2a00:1450:400f:803::1000", NONCE_BARESIP, 17, 5004, 5005,
		"2a00:1450:400f:803::2000", 5006, "2a00:1450:400f:803::3000",
		"2a00:1450:400f:803::4000" },
	{ "R1", true, 0, 2, 0, 457846, "::", NULL, 0, 0, 0, "::", 0, "::", NULL },
	{ "R2", false, 1, 0, 0, 0, "192.168.75.1", NONCE_DECODE, 6, 12345, 0, "::", 0, "::", NULL },
	{ "R3", true, 1, 2, 0, 254158, "::", NONCE_DECODE, 6, 12345, 0, "192.168.112.128", 0, "::",
		NULL },
	{ "C1", false, 0, 0, 0, 0, "192.0.2.10", NULL, 0, 0, 0, "::", 0, "::", NULL },
	{ "C2", true, 0, 0, 0, 3, "::", NULL, 0, 0, 0, "::", 0, "::", NULL },
	{ "C14", true, 0, 1, 1800, 3600, "::", NULL, 0, 0, 0, "::", 0, "::", NULL },
	{ "C15", true, 1, 15, 1800, 3600, "::", NONCE_BITCOIN, 6, 1234, 1234, "0.0.0.0", 0, "::",
		NULL },
};

static void is_address(const struct ip *found, const char *text)
{
	struct ip wanted;

	assert_true(ip_parse(text, &wanted));
	assert_memory_equal(found->octets, wanted.octets, 16);
}

static void check_header(const struct pcp_header *h, const struct packet *p)
{
	assert_int_equal(h->version, 2);
	assert_int_equal(h->response, p->response);
	assert_int_equal(h->opcode, p->opcode);
	assert_int_equal(h->result, p->result);
	assert_int_equal(h->lifetime, p->lifetime);
	assert_int_equal(h->epoch, p->epoch);
	is_address(&h->client, p->client);
	assert_true(h->reserved_zero);
}

static void check_mapping(const struct pcp_mapping *m, const struct packet *p)
{
	assert_memory_equal(m->nonce.octets, p->nonce, 12);
	assert_int_equal(m->protocol, p->protocol);
	assert_int_equal(m->internal_port, p->internal_port);
	assert_int_equal(m->external_port, p->external_port);
	is_address(&m->external_address, p->external_address);
	assert_int_equal(m->remote_port, p->remote_port);
	is_address(&m->remote_address, p->remote_address);
}

static void packets_decode(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(packets); i++) {
		const struct vector *v = vector_of(packets[i].id);
		struct rd r = rd_on(v->data, v->length);
		struct pcp_header header;
		struct pcp_mapping mapping;
		struct pcp_option option;
		struct ip third_party;

		assert_true(pcp_header_decode(&r, &header));
		check_header(&header, &packets[i]);
		if (packets[i].nonce) {
			assert_true(pcp_mapping_decode(&r, header.opcode, &mapping));
			check_mapping(&mapping, &packets[i]);
		}
		assert_int_equal(pcp_option_next(&r, &option), packets[i].third_party != NULL);
		if (packets[i].third_party) {
			assert_true(pcp_option_third_party(&option, &third_party));
			is_address(&third_party, packets[i].third_party);
			assert_false(pcp_option_next(&r, &option));
		}
		assert_false(r.bad);
		assert_int_equal(rd_left(&r), 0);
	}
}

/* The request that the table describes gives the octets of the file. */
static void requests_encode(void **state)
{
	uint8_t out[PCP_MAX];
	size_t length, done = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(packets); i++) {
		const struct packet *p = &packets[i];
		const struct vector *v = vector_of(p->id);
		struct pcp_request request = { .opcode = p->opcode, .lifetime = p->lifetime };
		struct pcp_mapping *m = &request.mapping;

		if (p->response)
			continue;
		ip_parse(p->client, &request.client);
		if (p->nonce)
			memcpy(m->nonce.octets, p->nonce, 12);
		m->protocol = p->protocol;
		m->internal_port = p->internal_port;
		m->external_port = p->external_port;
		ip_parse(p->external_address, &m->external_address);
		m->remote_port = p->remote_port;
		ip_parse(p->remote_address, &m->remote_address);
		request.options.has_third_party = p->third_party != NULL;
		if (p->third_party)
			ip_parse(p->third_party, &request.options.third_party);
		memset(out, 0xee, sizeof(out));
		assert_int_equal(pcp_encode(&request, out, &length), PCP_ENCODE_OK);
		assert_int_equal(length, v->length);
		assert_memory_equal(out, v->data, length);
		done++;
	}
	assert_int_equal(done, 5);
}

/* No two octets alike: an offset that is wrong by one shows. */
static void every_octet_has_its_place(void **state)
{
	struct pcp_header header;
	struct pcp_mapping m;
	uint8_t data[80];
	struct rd r;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(0x80 + i);
	data[1] = 0x82;
	r = rd_on(data, sizeof(data));
	assert_true(pcp_header_decode(&r, &header));
	assert_int_equal(header.version, 0x80);
	assert_true(header.response);
	assert_int_equal(header.opcode, 2);
	assert_int_equal(header.result, 0x83);
	assert_int_equal(header.lifetime, 0x84858687);
	assert_int_equal(header.epoch, 0x88898a8b);
	assert_false(header.reserved_zero);
	assert_true(pcp_mapping_decode(&r, PCP_PEER, &m));
	assert_memory_equal(m.nonce.octets, data + 24, 12);
	assert_int_equal(m.protocol, 0xa4);
	assert_int_equal(m.internal_port, 0xa8a9);
	assert_int_equal(m.external_port, 0xaaab);
	assert_memory_equal(m.external_address.octets, data + 44, 16);
	assert_int_equal(m.remote_port, 0xbcbd);
	assert_memory_equal(m.remote_address.octets, data + 64, 16);
	assert_int_equal(rd_left(&r), 0);
	data[1] = 0x7f;
	r = rd_on(data, sizeof(data));
	assert_true(pcp_header_decode(&r, &header));
	assert_false(header.response);
	assert_int_equal(header.opcode, 0x7f);
	assert_int_equal(header.lifetime, 0x84858687);
	assert_int_equal(header.epoch, 0);
	assert_memory_equal(header.client.octets, data + 8, 16);
	assert_int_equal(rd_left(&r), sizeof(data) - 24);
}

/* RFC 6887, 7.1 and 7.2: reserved octets are noticed and change nothing. */
static void reserved_octets_are_ignored(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 24 * 2; i++) {
		bool response = i >= 24, reserved;
		const struct vector *v = vector_of(response ? "P7" : "P1");
		uint8_t *data = octets_copy(v->data, v->length);
		struct pcp_header header;
		struct rd r = rd_on(data, v->length);
		unsigned at = i % 24;

		data[at] ^= 0x40;
		assert_true(pcp_header_decode(&r, &header));
		reserved = at == 2 || (response ? at >= 12 : at == 3);
		assert_int_equal(header.reserved_zero, !reserved);
		if (reserved)
			assert_int_equal(header.lifetime, response ? 7200 : 1000);
		octets_free(data);
	}
}

/* Every prefix of every packet: each part is there in whole or refused. */
static void every_truncation(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(packets); i++) {
		const struct vector *v = vector_of(packets[i].id);
		size_t fixed = !packets[i].nonce ? 24 : packets[i].opcode == PCP_PEER ? 80 : 60;

		for (size_t n = 0; n < v->length; n++) {
			uint8_t *data = octets_copy(v->data, n);
			struct rd r = rd_on(data, n);
			struct pcp_header header = { .version = 77 };
			struct pcp_mapping mapping = { .protocol = 77 };
			struct pcp_option option = { .code = 77 };

			assert_int_equal(pcp_header_decode(&r, &header), n >= 24);
			assert_int_equal(header.version, n >= 24 ? 2 : 77);
			if (n >= 24 && packets[i].nonce) {
				assert_int_equal(pcp_mapping_decode(&r, header.opcode, &mapping),
					n >= fixed);
				assert_int_equal(mapping.protocol,
					n >= fixed ? packets[i].protocol : 77);
			}
			if (n > fixed) {
				assert_false(pcp_option_next(&r, &option));
				assert_true(r.bad);
				assert_int_equal(option.code, 77);
			}
			octets_free(data);
		}
	}
}

static void only_map_and_peer_have_mappings(void **state)
{
	uint8_t data[56] = { 0 };
	struct pcp_mapping mapping;

	(void)state;
	for (unsigned opcode = 0; opcode < 256; opcode++) {
		struct rd r = rd_on(data, sizeof(data));

		assert_int_equal(pcp_mapping_decode(&r, (uint8_t)opcode, &mapping),
			opcode == PCP_MAP || opcode == PCP_PEER);
	}
}

/* What may be taken for "version not supported": RFC 6887, 9, RFC 6886, 1.1. */
static const struct version_row {
	uint8_t octets[4];
	size_t shortest; /* 0: never */
} version_rows[] = {
	{ { 0, 0x80, 0, 1 }, 4 },
	{ { 0, 0x81, 0, 1 }, 4 },
	{ { 0, 0x00, 0, 1 }, 4 }, /* RFC 6886, erratum 3618 */
	{ { 0, 0x80, 1, 1 }, 0 }, /* a 16-bit result */
	{ { 0, 0x80, 0, 2 }, 0 },
	{ { 0, 0x80, 0, 0 }, 0 },
	{ { 1, 0x80, 0, 1 }, 4 },
	{ { 3, 0x81, 0, 1 }, 4 },
	{ { 255, 0xff, 0, 1 }, 4 },
	{ { 3, 0x01, 0, 1 }, 0 },
	{ { 3, 0x81, 0, 0 }, 0 },
	{ { 3, 0x81, 9, 1 }, 0 },
	{ { 2, 0x80, 0, 1 }, 24 },
	{ { 2, 0x81, 9, 1 }, 24 }, /* octet 2 is reserved here */
	{ { 2, 0x01, 0, 1 }, 0 },
	{ { 2, 0x81, 0, 2 }, 0 },
	{ { 2, 0x81, 0, 0 }, 0 },
};

static void version_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(version_rows); i++)
		for (size_t n = 0; n <= 60; n++) {
			const struct version_row *row = &version_rows[i];
			uint8_t *data = octets_new(n);
			struct pcp_version_answer a = { 77, 77 };
			bool is = row->shortest && n >= row->shortest;

			memcpy(data, row->octets, n < 4 ? n : 4);
			assert_int_equal(pcp_version_answer(data, n, &a), is);
			assert_int_equal(a.version, is ? row->octets[0] : 77);
			assert_int_equal(a.opcode_octet, is ? row->octets[1] : 77);
			octets_free(data);
		}
}

static void version_answers_in_the_field(void **state)
{
	static const char *const yes[] = { "V1", "V2", "V3", "V4", "C14" };
	struct pcp_version_answer a;
	const struct vector *v;
	size_t found = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(yes); i++) {
		v = vector_of(yes[i]);
		assert_true(pcp_version_answer(v->data, v->length, &a));
		assert_int_equal(a.version, v->data[0]);
		assert_int_equal(a.opcode_octet, v->data[1]);
	}
	for (size_t i = 0; (v = vector_at(i)) != NULL; i++)
		found += !strstr(v->kind, "option") && pcp_version_answer(v->data, v->length, &a);
	assert_int_equal(found, COUNT(yes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_decode),
		cmocka_unit_test(requests_encode),
		cmocka_unit_test(every_octet_has_its_place),
		cmocka_unit_test(reserved_octets_are_ignored),
		cmocka_unit_test(every_truncation),
		cmocka_unit_test(only_map_and_peer_have_mappings),
		cmocka_unit_test(version_answers),
		cmocka_unit_test(version_answers_in_the_field),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
