/* SPDX-License-Identifier: MIT
 * A datagram -> what is in it, for the eye: -v, --dry-run, the `packet` record.
 * Anything may be in it: what cannot be read as a field is shown as hex.
 */
#ifndef OUT_PACKET_H
#define OUT_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/natpmp.h"
#include "wire/pcp.h"

#define PACKET_VALUE_MAX (4 * PCP_MAX + 1) /* an option as text, every octet escaped */
#define PACKET_HEX_MAX	 (2 * PCP_MAX + 1)

enum packet_kind { PACKET_UNKNOWN, PACKET_PCP, PACKET_NAT_PMP };

/* What could be read; the flags say which parts. */
struct packet {
	enum packet_kind kind;
	const uint8_t *data;
	size_t length;
	uint8_t version, opcode; /* of octets 0 and 1, 0 when they are not there */
	bool response;

	bool has_header; /* PCP */
	struct pcp_header header;
	bool has_mapping; /* PCP, MAP and PEER */
	struct pcp_mapping mapping;
	bool has_session; /* PCP, AUTHENTICATION */
	uint32_t session, sequence;

	bool has_request; /* NAT-PMP */
	struct natpmp_request request;
	bool has_answer; /* NAT-PMP; without `response`: the top bit is missing */
	struct natpmp_response answer;

	struct rd rest; /* behind the parts above: the options of PCP */
	bool rest_is_options;
};

void packet_decode(const uint8_t *data, size_t n, struct packet *out);

/* "PCP MAP request", "NAT-PMP external address response", "datagram of version 1" */
const char *packet_title(const struct packet *packet, char *text, size_t size);

/* One line for each field, under the names of the RFCs, no newline. */
void packet_lines(const struct packet *packet, void (*line)(void *context, const char *text),
	void *context);

/* A hex dump with offsets, 16 octets a line. */
void packet_dump(const uint8_t *data, size_t n, void (*line)(void *context, const char *text),
	void *context);

/* The body of an option: "10.0.0.1", "16 ports from 50000"; hex for one without a
 * form of its own or of the wrong length; "" for an empty one. Safe to print. */
const char *packet_option_value(const struct pcp_option *option, char *text, size_t size);

/* At most (size - 1) / 2 octets as hex digits. */
const char *packet_hex(const uint8_t *data, size_t n, char *text, size_t size);

#endif
