/* SPDX-License-Identifier: MIT
 * The vocabulary of results. Every renderer, the findings, later the store and
 * the hooks read events and nothing else, so that all tell the same story.
 * Plain structs; the only pointers are to constants and to what the user asked.
 */
#ifndef PROTO_EVENT_H
#define PROTO_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ip.h"
#include "base/mono.h"
#include "base/net.h"
#include "wire/pcp.h"

/* Which protocol a result came by. */
enum via { VIA_NONE, VIA_PCP, VIA_NAT_PMP };

/* How a server was found: bits. */
enum found_by { FOUND_ROUTE = 1, FOUND_DHCP = 2, FOUND_ANYCAST = 4, FOUND_OPTION = 8 };

/* One server as seen from one local address. */
struct server_id {
	struct endpoint server;
	struct ip local; /* our address towards it */
	char interface[NET_NAME_MAX]; /* "" when unknown */
	unsigned found_by;
	bool pinned; /* its address is that of another server too, on another interface */
	uint64_t network; /* tells networks apart that use the same addresses; 0: unknown */
};

enum event_kind {
	EVENT_MAPPING,
	EVENT_SERVER,
	EVENT_EPOCH,
	EVENT_ANNOUNCE,
	EVENT_VERSION,
	EVENT_DROPPED,
	EVENT_ERROR,
	EVENT_PACKET,
};

enum mapping_outcome { /* the names are those of pcpctl(1), see event_outcome_name() */
	OUTCOME_GRANTED,
	OUTCOME_RENEWED,
	OUTCOME_CHANGED,
	OUTCOME_REFUSED,
	OUTCOME_LOST,
	OUTCOME_RECOVERED,
	OUTCOME_DELETED,
	OUTCOME_UNANSWERED,
	OUTCOME_UNREACHABLE,
};

/* Why a mapping was refused, when it was not by a result code of the server. */
enum refusal {
	REFUSAL_RESULT, /* event.result says it */
	REFUSAL_NAT_PMP, /* NAT-PMP cannot express `feature` */
	REFUSAL_OTHER_EXTERNAL, /* -P: another port or address was assigned */
	REFUSAL_NOT_PUBLIC, /* --require-public */
	REFUSAL_PAIR, /* -P with tcp+udp: the other half was refused */
	REFUSAL_ENCODE, /* nothing was sent: `feature` is the encoder's reason */
	REFUSAL_CANCELLED, /* interrupted: it is no longer wanted */
	REFUSAL_EMPTY, /* success, but with lifetime 0 or no port: nothing is mapped */
};

/* What became of a mapping that was made but is not wanted. */
enum unwanted { UNWANTED_NONE, UNWANTED_DELETED, UNWANTED_LEFT };

struct event_mapping {
	enum mapping_outcome outcome;
	struct server_id server;
	enum via via; /* VIA_NONE when nobody answered */
	enum via asked; /* the protocol it was last asked in */
	unsigned want; /* the number the caller gave it */
	uint8_t opcode;
	uint8_t protocol;
	bool deleting; /* the request was a delete */
	bool recorded; /* --list: what the state directory holds; nobody was asked */
	bool elsewhere; /* recorded, of another network than this one */
	bool zero_port; /* NAT-PMP's internal port 0: not all ports, and never deleted */
	struct ip internal_address;
	uint16_t internal_port;
	struct ip suggested_address;
	uint16_t suggested_port;
	struct ip remote_address; /* PEER */
	uint16_t remote_port;
	struct pcp_nonce nonce;
	bool nonce_is_new; /* made in this run: no earlier request had it */
	const struct pcp_options *options; /* what was asked, never NULL */

	bool has_external_port; /* valid below */
	uint16_t external_port;
	bool has_external_address; /* never with a wildcard */
	struct ip external_address;
	bool external_wildcard; /* success, but the address came as 0.0.0.0 or :: */
	uint32_t requested_lifetime, lifetime;

	bool answered; /* the server said something: result, epoch and rtt are valid */
	unsigned result; /* in the numbering of `via` */
	uint32_t error_lifetime;
	bool has_epoch;
	uint32_t epoch;
	int64_t rtt; /* ns from the first send to the answer */
	unsigned attempts;

	enum refusal refusal;
	const char *feature; /* static text */
	bool has_port_set; /* PORT_SET was asked, and this is what was granted */
	struct pcp_port_set port_set; /* size 1: the option did not come back */
	enum unwanted unwanted;
	struct ip unwanted_address; /* a wildcard: unknown */
	uint16_t unwanted_port; /* the external port and lifetime of the unwanted mapping */
	uint32_t unwanted_lifetime;
	bool has_address_result; /* NAT-PMP: the external address was refused with this */
	unsigned address_result;
	bool nat_pmp_answered; /* UNANSWERED: but NAT-PMP answered, which cannot express it */
	bool has_error;
	struct net_error error; /* UNREACHABLE, or the hint of an UNANSWERED one */
	bool has_previous; /* CHANGED */
	struct ip previous_address;
	uint16_t previous_port;
	struct mono next; /* of what is kept: when it is asked about next; else MONO_NEVER */
};

enum probe_status { /* pcpctl(1): JSON record `server` */
	PROBE_SKIPPED,
	PROBE_OK,
	PROBE_UNSUPPORTED,
	PROBE_REFUSED, /* ICMP port unreachable */
	PROBE_PROHIBITED,
	PROBE_UNREACHABLE,
	PROBE_SILENT,
	PROBE_ERROR, /* it answered with a result code other than success */
	PROBE_MALFORMED,
};

struct event_probe {
	enum probe_status status;
	bool answered; /* version, result, rtt valid */
	uint8_t version;
	bool has_epoch;
	uint32_t epoch;
	unsigned result;
	int64_t rtt; /* ns, from the send that was answered as far as can be told */
	unsigned attempts;
};

/* What discover learned of one server. */
struct event_server {
	struct server_id server;
	struct event_probe pcp, nat_pmp;
	bool has_external; /* by NAT-PMP or by a mapping made for it */
	struct ip external_address;
	bool external_wildcard; /* NAT-PMP said success, but 0.0.0.0 */
	bool has_error;
	struct net_error error;
	uint8_t version_octet1; /* of an "unsupported version" answer, as seen */
	size_t version_length; /* its length, 0: none came */
};

/* What the clock of a server has done, where it is out of range: a diagnosis, in
 * the order of what is looked for first (epoch_kind_of()). */
enum epoch_kind {
	EPOCH_UNKNOWN,
	EPOCH_WALL_CLOCK, /* it tells the time of day: Unix time, or near it */
	EPOCH_NOT_SECONDS, /* it counts something shorter, such as milliseconds */
	EPOCH_FROZEN, /* the same again, though time has passed */
	EPOCH_EXTERNAL, /* restarted, and with another external address than before */
	EPOCH_RESTART, /* went back, or counts from a start since we last asked */
	EPOCH_RATE, /* goes on, but 1/16 or more too fast or too slow, or it leapt ahead */
	EPOCH_KINDS,
};

struct event_epoch {
	struct server_id server;
	enum via via;
	bool regressed; /* false: in range again */
	uint32_t previous, current;
	int64_t expected; /* seconds */
	int64_t elapsed; /* seconds of our clock between the two */
	bool has_rtt; /* it was asked for (watch), not read off another answer */
	int64_t rtt; /* ns */
	enum epoch_kind kind; /* of a regression */
};

/* A restart announcement by multicast (RFC 6887, 14.1.3; RFC 6886, 3.2.1). */
struct event_announce {
	struct endpoint source;
	char interface[NET_NAME_MAX]; /* it came on, "" when unknown */
	enum via via;
	uint32_t epoch;
	bool has_external; /* NAT-PMP tells it */
	struct ip external_address;
	bool trusted; /* from port 5351 of a router of this host, or of a server that is asked */
	bool asked; /* its source was asked by unicast */
	bool verified; /* and the answer confirms it */
	bool answered; /* it did answer: */
	uint32_t answer_epoch;
	bool has_expected; /* an Epoch of this source was known before: */
	uint32_t previous;
	int64_t expected; /* seconds */
	bool restarted; /* out of range of that (RFC 6887, 8.5; RFC 6886, 3.6) */
	unsigned count; /* 1: the first; repeats of one announcement count up */
};

enum version_change {
	VERSION_SAID_NAT_PMP, /* it said that version 2 is not supported */
	VERSION_FELL_BACK, /* silent on version 2, answers version 0 */
	VERSION_PCP_LATER, /* fallen back, and now a version-2 answer came */
};

struct event_version {
	struct server_id server;
	enum version_change change;
	uint8_t octets[4]; /* of the answer */
	size_t length;
	int64_t waited; /* FELL_BACK: ns since the first version-2 request */
	unsigned attempts; /* FELL_BACK: version-2 requests without an answer */
	uint16_t external_port; /* PCP_LATER: of the mapping it granted, 0 when none */
};

/* Why a datagram was not taken as an answer (RFC 6887, 8.3). */
enum drop_reason {
	DROP_NONE,
	DROP_WRONG_ADDRESS,
	DROP_WRONG_PORT,
	DROP_SHORT,
	DROP_LONG,
	DROP_NOT_MULTIPLE,
	DROP_REQUEST,
	DROP_VERSION,
	DROP_OPCODE,
	DROP_NONCE,
	DROP_PROTOCOL,
	DROP_INTERNAL_PORT,
	DROP_REMOTE,
	DROP_UNEXPECTED, /* nothing was asked that it could answer */
	DROP_DUPLICATE,
	DROP_STRANGER, /* from nobody that was asked, and with no nonce of ours */
	DROP_JUNK, /* on the port of announcements, and none */
	DROP_REASONS,
};

struct event_dropped {
	struct server_id server; /* the one it was taken to come from, or asked */
	struct endpoint from;
	enum drop_reason reason;
	size_t length;
	uint8_t octets[4]; /* its first octets */
	unsigned got, expected; /* ports, opcodes, lengths: as the reason has them */
};

struct event_error {
	struct server_id server;
	struct net_error error;
};

struct event_packet {
	struct server_id server; /* server.server is the peer as seen */
	bool sent;
	bool dry; /* shown, not sent */
	enum drop_reason drop; /* received: DROP_NONE when it was used */
	size_t length; /* of what is in `octets` */
	size_t whole; /* of the datagram: more, where it was longer than is legal */
	uint8_t octets[PCP_MAX];
};

struct event {
	enum event_kind kind;
	struct mono at;
	int64_t wall_ms; /* Unix time of `at`, set by the engine */
	union {
		struct event_mapping mapping;
		struct event_server server;
		struct event_epoch epoch;
		struct event_announce announce;
		struct event_version version;
		struct event_dropped dropped;
		struct event_error error;
		struct event_packet packet;
	};
};

/* The server that the event is about; NULL: of none of ours, as far as is known. */
const struct server_id *event_server(const struct event *event);
/* Makes another one of it; without effect where there is none. */
void event_set_server(struct event *event, const struct server_id *id);

/* Is the mapping there after it, as far as the server's word goes: granted, renewed, changed
 * or recovered? */
bool event_is_grant(enum mapping_outcome outcome);

/* The words of pcpctl(1); static. */
const char *event_outcome_name(enum mapping_outcome outcome);
const char *event_via_name(enum via via); /* pcp, nat-pmp, none */
const char *event_status_name(enum probe_status status);
const char *event_epoch_kind_name(enum epoch_kind kind); /* restart, wall-clock ... */
/* Why, in a phrase; static. */
const char *event_drop_name(enum drop_reason reason);

#endif
