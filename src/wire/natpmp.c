/* SPDX-License-Identifier: MIT
 * NAT-PMP (RFC 6886, 3.2 to 3.5).
 */
#include "wire/natpmp.h"

#define RESPONSE 0x80 /* the top bit of the opcode */

static bool is_map(uint8_t opcode)
{
	return opcode == NATPMP_MAP_UDP || opcode == NATPMP_MAP_TCP;
}

bool natpmp_encode(const struct natpmp_request *request, uint8_t out[static NATPMP_MAX],
	size_t *length)
{
	struct wr w = wr_on(out, NATPMP_MAX);

	*length = 0;
	if (request->opcode != NATPMP_ADDRESS && !is_map(request->opcode))
		return false;
	wr_u8(&w, NATPMP_VERSION);
	wr_u8(&w, request->opcode);
	if (is_map(request->opcode)) {
		if (request->lifetime == 0 && request->external_port != 0)
			return false; /* RFC 6886, 3.4 */
		wr_u16(&w, 0);
		wr_u16(&w, request->internal_port);
		wr_u16(&w, request->external_port);
		wr_u32(&w, request->lifetime);
	}
	*length = wr_length(&w);
	return true;
}

bool natpmp_request_decode(const uint8_t *data, size_t n, struct natpmp_request *out)
{
	struct rd r = rd_on(data, n);
	struct natpmp_request request = { 0 };
	uint8_t version = rd_u8(&r);

	request.opcode = rd_u8(&r);
	if (is_map(request.opcode)) {
		rd_take(&r, 2); /* reserved */
		request.internal_port = rd_u16(&r);
		request.external_port = rd_u16(&r);
		request.lifetime = rd_u32(&r);
	} else if (request.opcode != NATPMP_ADDRESS) {
		return false;
	}
	if (r.bad || rd_left(&r) != 0 || version != NATPMP_VERSION)
		return false;
	*out = request;
	return true;
}

/* What follows the epoch. An error may end before it, and the address of an
 * error is not one: RFC 6886, 3.2, wants it ignored. */
static bool read_body(struct rd r, struct natpmp_response *response)
{
	struct natpmp_response body = *response;
	uint8_t address[4];

	if (is_map(body.opcode)) {
		body.internal_port = rd_u16(&r);
		body.external_port = rd_u16(&r);
		body.lifetime = rd_u32(&r);
	} else if (body.opcode == NATPMP_ADDRESS && body.result == NATPMP_SUCCESS) {
		rd_copy(&r, address, sizeof(address));
		body.external_address = ip_from_v4(address);
	} else {
		return false;
	}
	if (r.bad)
		return false;
	*response = body;
	return true;
}

enum natpmp_decode natpmp_response_decode(const uint8_t *data, size_t n,
	struct natpmp_response *out)
{
	struct rd r = rd_on(data, n);
	struct natpmp_response response = { 0 };
	uint8_t version = rd_u8(&r), octet = rd_u8(&r);

	if (r.bad)
		return NATPMP_DECODE_SHORT;
	if (version != NATPMP_VERSION)
		return NATPMP_DECODE_VERSION;
	if (!(octet & RESPONSE))
		return NATPMP_DECODE_REQUEST;
	response.opcode = octet & (RESPONSE - 1);
	response.result = rd_u16(&r);
	/* UNSUPP_OPCODE returns our own octets: no epoch, no answer in them. */
	if (response.result != NATPMP_UNSUPP_OPCODE) {
		response.epoch = rd_u32(&r);
		response.has_epoch = true;
		response.has_body = read_body(r, &response);
	}
	if (r.bad)
		return NATPMP_DECODE_SHORT;
	if (response.result == NATPMP_SUCCESS && !response.has_body &&
		codes_natpmp_opcode(response.opcode))
		return NATPMP_DECODE_SHORT;
	*out = response;
	return NATPMP_DECODE_OK;
}
