/* SPDX-License-Identifier: MIT
 * The names of the numbers: opcodes, result codes and options of PCP, result
 * codes of NAT-PMP, IP protocols. One table each; everything that prints a
 * number or reads a name asks here.
 */
#ifndef WIRE_CODES_H
#define WIRE_CODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pcp_opcode { PCP_ANNOUNCE = 0, PCP_MAP = 1, PCP_PEER = 2, PCP_AUTHENTICATION = 3 };

enum natpmp_opcode { NATPMP_ADDRESS = 0, NATPMP_MAP_UDP = 1, NATPMP_MAP_TCP = 2 };

enum pcp_result { /* RFC 6887, 7.4; RFC 7652, 7; RFC 7843 */
	PCP_SUCCESS = 0,
	PCP_UNSUPP_VERSION = 1,
	PCP_NOT_AUTHORIZED = 2,
	PCP_MALFORMED_REQUEST = 3,
	PCP_UNSUPP_OPCODE = 4,
	PCP_UNSUPP_OPTION = 5,
	PCP_MALFORMED_OPTION = 6,
	PCP_NETWORK_FAILURE = 7,
	PCP_NO_RESOURCES = 8,
	PCP_UNSUPP_PROTOCOL = 9,
	PCP_USER_EX_QUOTA = 10,
	PCP_CANNOT_PROVIDE_EXTERNAL = 11,
	PCP_ADDRESS_MISMATCH = 12,
	PCP_EXCESSIVE_REMOTE_PEERS = 13,
	PCP_AUTHENTICATION_REQUIRED = 15,
	PCP_AUTHENTICATION_SUCCEEDED = 17,
	PCP_AUTHENTICATION_REQUEST = 22,
};

enum natpmp_result { /* RFC 6886, 3.5 */
	NATPMP_SUCCESS = 0,
	NATPMP_UNSUPP_VERSION = 1,
	NATPMP_NOT_AUTHORIZED = 2,
	NATPMP_NETWORK_FAILURE = 3,
	NATPMP_NO_RESOURCES = 4,
	NATPMP_UNSUPP_OPCODE = 5,
};

enum pcp_option_code { /* RFC 6887, 19.4 and the later RFCs of options */
	PCP_OPTION_THIRD_PARTY = 1,
	PCP_OPTION_PREFER_FAILURE = 2,
	PCP_OPTION_FILTER = 3,
	PCP_OPTION_NONCE = 4,
	PCP_OPTION_AUTHENTICATION_TAG = 5,
	PCP_OPTION_PA_AUTHENTICATION_TAG = 6,
	PCP_OPTION_EAP_PAYLOAD = 7,
	PCP_OPTION_PRF = 8,
	PCP_OPTION_MAC_ALGORITHM = 9,
	PCP_OPTION_SESSION_LIFETIME = 10,
	PCP_OPTION_RECEIVED_PAK = 11,
	PCP_OPTION_ID_INDICATOR = 12,
	PCP_OPTION_THIRD_PARTY_ID = 13,
	PCP_OPTION_DESCRIPTION = 128,
	PCP_OPTION_PREFIX64 = 129,
	PCP_OPTION_PORT_SET = 130,
	PCP_OPTION_CHECKPOINT_REQUIRED = 192,
};

enum protocol_number {
	PROTOCOL_ALL = 0,
	PROTOCOL_TCP = 6,
	PROTOCOL_UDP = 17,
	PROTOCOL_DCCP = 33,
	PROTOCOL_SCTP = 132,
	PROTOCOL_UDPLITE = 136,
};

/* How long an error is meant to last (RFC 6887, 7.4). */
enum code_class { CODE_NONE, CODE_SHORT, CODE_LONG, CODE_VARIES };

struct code_result {
	uint16_t code;
	enum code_class class;
	const char *name; /* NOT_AUTHORIZED */
	const char *sentence; /* what it means for the person who asked, no full stop */
};

struct code_option {
	uint8_t code;
	const char *name;
	const char *reference; /* "RFC 6887, 13.1" */
	uint16_t min_length, max_length; /* of the data */
	uint8_t opcodes; /* bit (1 << opcode): where it is allowed */
};

/* NULL for a number without a name: then print the number. */
const struct code_result *codes_pcp_result(unsigned code);
const struct code_result *codes_natpmp_result(unsigned code);
const struct code_option *codes_option(unsigned code);
/* "ANNOUNCE", "MAP", ...; NULL when unassigned. The R bit is not part of it. */
const char *codes_pcp_opcode(unsigned opcode);
/* "external address", "map UDP", "map TCP"; NULL when unassigned. */
const char *codes_natpmp_opcode(unsigned opcode);

/* The result's name in the numbering of PCP or NAT-PMP, or `result N` for a
 * number without a name. Returns a static name or `text`. */
const char *codes_result_name(bool natpmp, unsigned code, char *text, size_t size);

/* "tcp" for 6, NULL for a number that has no built-in name. */
const char *codes_protocol_name(unsigned protocol);
/* The number of a built-in name, -1 when there is none. */
int codes_protocol_number(const char *name);
/* As codes_protocol_name, or the number as text. Returns a static name or `text`. */
const char *codes_protocol_text(unsigned protocol, char *text, size_t size);
/* Does the protocol have ports, as far as we know? (tcp udp dccp sctp udplite) */
bool codes_protocol_has_ports(unsigned protocol);

#endif
