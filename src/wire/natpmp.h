/* SPDX-License-Identifier: MIT
 * NAT-PMP (RFC 6886), version 0, IPv4 only: datagrams <-> structs.
 */
#ifndef WIRE_NATPMP_H
#define WIRE_NATPMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ip.h"
#include "wire/buf.h"
#include "wire/codes.h"

#define NATPMP_VERSION		0
#define NATPMP_ADDRESS_REQUEST	2
#define NATPMP_ADDRESS_RESPONSE 12
#define NATPMP_MAP_REQUEST	12
#define NATPMP_MAP_RESPONSE	16
#define NATPMP_ERROR_MIN	8 /* the shortest error that carries the epoch */
#define NATPMP_MAX		16

struct natpmp_request {
	uint8_t opcode; /* enum natpmp_opcode */
	uint16_t internal_port;
	uint16_t external_port; /* suggested */
	uint32_t lifetime;
};

struct natpmp_response {
	uint8_t opcode; /* without the top bit */
	uint16_t result; /* 16 bits, unlike PCP */
	uint32_t epoch; /* seconds since start of epoch */
	bool has_epoch; /* not when UNSUPP_OPCODE returned our own octets (RFC 6886, 3.5) */
	bool has_body; /* the fields below that its opcode has are there; never in an
			  * error of opcode 0 nor in UNSUPP_OPCODE */
	struct ip external_address; /* opcode 0 with result 0, else :: */
	uint16_t internal_port;
	uint16_t external_port;
	uint32_t lifetime;
};

enum natpmp_decode {
	NATPMP_DECODE_OK,
	NATPMP_DECODE_SHORT, /* fewer octets than such an answer has */
	NATPMP_DECODE_VERSION, /* octet 0 is not 0 */
	NATPMP_DECODE_REQUEST, /* the top bit of octet 1 is clear */
};

/* 2 or 12 octets; *length 0 and false for an opcode that does not exist, or a
 * delete (lifetime 0) with an external port (RFC 6886, 3.4). */
bool natpmp_encode(const struct natpmp_request *request, uint8_t out[static NATPMP_MAX],
	size_t *length);

/* A request as seen on the wire (to print what was sent): of a known opcode and
 * of exactly its length. */
bool natpmp_request_decode(const uint8_t *data, size_t n, struct natpmp_request *out);

/* A success must have all octets of its kind; longer is tolerated (RFC 6886
 * does not forbid it). An error needs 8, but UNSUPP_OPCODE, which has no epoch,
 * only 4. A response of an unknown opcode is taken as an error is. */
enum natpmp_decode natpmp_response_decode(const uint8_t *data, size_t n,
	struct natpmp_response *out);

#endif
