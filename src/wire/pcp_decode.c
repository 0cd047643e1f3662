/* SPDX-License-Identifier: MIT
 * Octets -> PCP header, mapping and options. Every field is read before any
 * judgement; nothing is written out unless all of it was there.
 */
#include "wire/pcp.h"

#define RESPONSE 0x80 /* the R bit, RFC 6887, 7.1 */

static bool all_zero(const uint8_t *octets, size_t n)
{
	uint8_t seen = 0;

	for (size_t i = 0; i < n; i++)
		seen |= octets[i];
	return seen == 0;
}

bool pcp_header_decode(struct rd *r, struct pcp_header *header)
{
	struct pcp_header h = { 0 };
	uint8_t octet, reserved[13] = { 0 };

	h.version = rd_u8(r);
	octet = rd_u8(r);
	h.response = octet & RESPONSE;
	h.opcode = octet & (RESPONSE - 1);
	reserved[0] = rd_u8(r);
	/* In a request octet 3 is reserved; RFC 7652, 5.1, uses it in opcode 3. */
	h.result = rd_u8(r);
	h.lifetime = rd_u32(r);
	if (h.response) {
		h.epoch = rd_u32(r);
		rd_copy(r, reserved + 1, 12);
	} else {
		h.client = rd_ip(r);
		reserved[1] = h.result;
	}
	h.reserved_zero = all_zero(reserved, sizeof(reserved));
	if (r->bad)
		return false;
	*header = h;
	return true;
}

bool pcp_mapping_decode(struct rd *r, uint8_t opcode, struct pcp_mapping *mapping)
{
	struct pcp_mapping m = { 0 };

	if (opcode != PCP_MAP && opcode != PCP_PEER)
		return false;
	rd_copy(r, m.nonce.octets, sizeof(m.nonce.octets));
	m.protocol = rd_u8(r);
	rd_take(r, 3); /* reserved */
	m.internal_port = rd_u16(r);
	m.external_port = rd_u16(r);
	m.external_address = rd_ip(r);
	if (opcode == PCP_PEER) {
		m.remote_port = rd_u16(r);
		rd_take(r, 2); /* reserved */
		m.remote_address = rd_ip(r);
	}
	if (r->bad)
		return false;
	*mapping = m;
	return true;
}

bool pcp_option_next(struct rd *r, struct pcp_option *option)
{
	struct pcp_option o = { 0 };

	if (rd_left(r) == 0)
		return false;
	o.code = rd_u8(r);
	o.reserved_zero = rd_u8(r) == 0;
	o.length = rd_u16(r);
	o.body = rd_sub(r, o.length);
	rd_take(r, -(size_t)o.length & 3); /* padded to 32 bits; the length is not */
	if (r->bad)
		return false;
	*option = o;
	return true;
}

bool pcp_version_answer(const uint8_t *data, size_t length, struct pcp_version_answer *out)
{
	struct rd r = rd_on(data, length);
	struct pcp_version_answer a = { 0 };
	uint8_t high, low;

	a.version = rd_u8(&r);
	a.opcode_octet = rd_u8(&r);
	high = rd_u8(&r);
	low = rd_u8(&r);
	/* Of the versions only PCP has an 8-bit result, and a length to keep. */
	if (a.version == PCP_VERSION)
		rd_take(&r, PCP_HEADER - 4);
	else if (high != 0)
		return false;
	if (r.bad || low != PCP_UNSUPP_VERSION)
		return false;
	if (a.version != 0 && !(a.opcode_octet & RESPONSE))
		return false;
	*out = a;
	return true;
}
