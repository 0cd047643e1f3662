/* SPDX-License-Identifier: MIT
 * PCP version 2 (RFC 6887): datagrams <-> structs. Everything here is in host
 * order; no struct mirrors the wire. An encoder never emits what the RFC
 * forbids: it returns a reason instead.
 */
#ifndef WIRE_PCP_H
#define WIRE_PCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ip.h"
#include "wire/buf.h"
#include "wire/codes.h"

#define PCP_VERSION	    2
#define PCP_PORT	    5351
#define PCP_MULTICAST_PORT  5350
#define PCP_MAX		    1100 /* octets of UDP payload, both ways (RFC 6887, 7) */
#define PCP_RECEIVE_MAX	    (PCP_MAX + 4) /* room: what is longer is seen to be */
#define PCP_HEADER	    24
#define PCP_MAP_LENGTH	    60
#define PCP_PEER_LENGTH	    80
#define PCP_NONCE	    12
#define PCP_DESCRIPTION_MAX 1016 /* RFC 7220, 2 */
#define PCP_FILTERS_MAX	    43 /* more do not fit beside a MAP */

struct pcp_nonce {
	uint8_t octets[PCP_NONCE]; /* zero is a legal value (RFC 6887, 11.1) */
};

/* The common header (RFC 6887, 7.1 and 7.2). */
struct pcp_header {
	uint8_t version;
	bool response; /* the R bit */
	uint8_t opcode;
	uint8_t result; /* responses */
	uint32_t lifetime; /* seconds */
	uint32_t epoch; /* responses, seconds */
	struct ip client; /* requests */
	bool reserved_zero; /* were all reserved octets 0? (they are ignored) */
};

/* The data of MAP (RFC 6887, 11.1) and of PEER (12.1), which adds the remote. */
struct pcp_mapping {
	struct pcp_nonce nonce;
	uint8_t protocol;
	uint16_t internal_port;
	uint16_t external_port; /* suggested or assigned */
	struct ip external_address; /* suggested or assigned */
	uint16_t remote_port; /* PEER only, else 0 */
	struct ip remote_address; /* PEER only, else :: */
};

/* FILTER (RFC 6887, 13.3). */
struct pcp_filter {
	struct ip address;
	uint8_t prefix_length; /* as on the wire: an IPv4 /24 is 120; 0 removes all filters */
	uint16_t port; /* 0: every port */
};

/* PORT_SET (RFC 7753, 4). */
struct pcp_port_set {
	uint16_t size;
	uint16_t first_internal_port;
	bool parity;
};

/* PREFIX64 (RFC 7225, 4), the parts that a client shows. */
struct pcp_prefix64 {
	struct ip prefix; /* the rest zero */
	uint8_t length; /* bits: 32 40 48 56 64 96 */
	uint8_t suffix[12]; /* the first 12 - length/8 octets count, the rest zero */
	uint16_t ipv4_count; /* prefixes in the list, which is not kept */
};

/* The options of a request. Zero-initialised: none. What it points to is the
 * caller's and outlives every use. */
struct pcp_options {
	bool has_third_party;
	struct ip third_party;
	bool prefer_failure;
	const struct pcp_filter *filters; /* sent in this order */
	size_t filter_count;
	const char *description; /* UTF-8, NULL: none, "": erase */
	bool has_port_set;
	struct pcp_port_set port_set;
	bool prefix64; /* ask for the NAT64 prefix (::/96, empty list) */
};

struct pcp_request {
	uint8_t opcode; /* PCP_ANNOUNCE, PCP_MAP or PCP_PEER */
	uint32_t lifetime;
	struct ip client; /* the address it is sent from */
	struct pcp_mapping mapping; /* MAP and PEER */
	struct pcp_options options;
};

enum pcp_encode {
	PCP_ENCODE_OK,
	PCP_ENCODE_OPCODE, /* none that we send */
	PCP_ENCODE_LIFETIME, /* not 0 in ANNOUNCE; 0 in PEER */
	PCP_ENCODE_PROTOCOL_PORT, /* protocol 0 with a port; PEER without protocol or port */
	PCP_ENCODE_REMOTE, /* PEER: remote port 0 or remote address a wildcard */
	PCP_ENCODE_FAMILY, /* PEER: the remote is of another family than the internal
				    * address (the client, or the third party) */
	PCP_ENCODE_DELETE, /* lifetime 0 with a suggestion, PREFER_FAILURE or FILTER */
	PCP_ENCODE_PREFER_FAILURE, /* not in MAP, with port 0, or beside PORT_SET */
	PCP_ENCODE_THIRD_PARTY, /* equals the client's address, or in ANNOUNCE */
	PCP_ENCODE_FILTER, /* not in MAP, not IPv4 97-128 or IPv6 1-128, or 0 with port or
				    * address other than 0 and :: */
	PCP_ENCODE_DESCRIPTION, /* in ANNOUNCE, over 1016 octets, or not UTF-8 */
	PCP_ENCODE_PREFIX64, /* in PEER */
	PCP_ENCODE_PORT_SET, /* not in MAP, size 0, first port not the internal port */
	PCP_ENCODE_TOO_LONG, /* over 1100 octets */
};

/* Writes the request, padded, every reserved octet 0; *length is a multiple of
 * 4. On anything but PCP_ENCODE_OK nothing may be sent and *length is 0. */
enum pcp_encode pcp_encode(const struct pcp_request *request, uint8_t out[static PCP_MAX],
	size_t *length);

/* The reason in words that name the RFC section, "" for PCP_ENCODE_OK. */
const char *pcp_encode_reason(enum pcp_encode reason);

/* The header of a request or a response; the cursor then stands behind it.
 * False when shorter than 24 octets. The layout is that of version 2: the
 * caller looks at header->version before anything else. */
bool pcp_header_decode(struct rd *r, struct pcp_header *header);

/* The data of MAP or PEER behind the header; false when cut short, or for
 * another opcode. */
bool pcp_mapping_decode(struct rd *r, uint8_t opcode, struct pcp_mapping *mapping);

struct pcp_option {
	uint8_t code;
	bool reserved_zero;
	uint16_t length;
	struct rd body;
};

/* The next option (RFC 6887, 7.3). False at the end, or on a malformed one:
 * then r->bad, and what stood before it stays valid. */
bool pcp_option_next(struct rd *r, struct pcp_option *option);

/* The bodies. False when the code or the length is not that of the option, or
 * a value is out of its range; *out is then untouched. */
bool pcp_option_third_party(const struct pcp_option *option, struct ip *out);
bool pcp_option_filter(const struct pcp_option *option, struct pcp_filter *out);
bool pcp_option_prefix64(const struct pcp_option *option, struct pcp_prefix64 *out);
bool pcp_option_port_set(const struct pcp_option *option, struct pcp_port_set *out);
/* Copies at most size-1 octets and a NUL; the text is foreign and may hold
 * anything, NULs included (*length says how much there was). */
bool pcp_option_description(const struct pcp_option *option, char *text, size_t size,
	size_t *length);

/* How a filter reads: ADDR/LEN in the family's own counting. Returns the length
 * (IPv4: 0-32), or -1 when the wire value fits no family. The removal of all
 * filters (prefix_length 0) reads as 0 in both. */
int pcp_filter_length(const struct pcp_filter *filter);

/* The version that the sender speaks, and the answer to "do you speak mine":
 * octets 0 to 3 of any datagram, RFC 6887, 9 and RFC 6886, 1.1. */
struct pcp_version_answer {
	uint8_t version; /* octet 0: the closest version the server speaks */
	uint8_t opcode_octet; /* octet 1 as seen */
};

/* Is this a "version not supported" answer: 4 octets or more, and
 *  - version 2: R bit set, result (octet 3) 1, and 24 octets, or
 *  - any other version: octet 2 zero, octet 3 one; the R bit need not be set in
 *    version 0 (RFC 6886 erratum 3618), and must be in others? */
bool pcp_version_answer(const uint8_t *data, size_t length, struct pcp_version_answer *out);

#endif
