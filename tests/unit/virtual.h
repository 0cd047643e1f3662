/* SPDX-License-Identifier: MIT
 * A session or a client, a network that loses, repeats and delays, and a model
 * server, all in virtual time: the clock jumps from deadline to deadline. The server
 * writes its octets by hand: it knows nothing of our codec.
 */
#ifndef TESTS_UNIT_VIRTUAL_H
#define TESTS_UNIT_VIRTUAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/client.h"
#include "proto/session.h"

/* How a server that does not speak version 2 says so. */
enum refusal_form {
	FORM_SILENT,
	FORM_0_R,	/* 00 80 00 01 SSSoE, RFC 6886 with its erratum */
	FORM_0,		/* 00 00 00 01 SSSoE, as the RFC prints it */
	FORM_0_OPCODE,	/* 00 81 00 01 SSSoE, miniupnpd */
	FORM_0_SHORT,	/* 00 80 00 01 */
	FORM_0_LONG,	/* the same in 16 octets */
	FORM_2,		/* a whole header of version 2 */
	FORM_COUNT,
};

struct model {
	bool pcp, natpmp;
	enum refusal_form form;	 /* !pcp: its answer to version 2 */
	bool refuses_v0;	 /* !natpmp: answers version 0 by a version-2 UNSUPP_VERSION */
	bool refuses_v0_short;	 /* or by version 2 in the length of the request */
	int64_t map_delay, announce_delay, natpmp_delay;
	unsigned loss, twice;	 /* percent, each way */
	int64_t jitter;		 /* of each way */
	uint32_t lifetime_max;	 /* 0: 7200 */
	uint16_t shift;		 /* added to the suggested port */
	unsigned result;	 /* of every MAP and PEER and every NAT-PMP mapping */
	unsigned result_udp;	 /* of UDP alone */
	unsigned error_lifetime;
	bool deaf_to_maps, deaf_to_udp, deaf_to_deletes, deaf_to_address;
	unsigned answers_left;	 /* goes silent behind so many answers; 0: never */
	unsigned address_result;
	uint8_t external[4];
	struct mono boot;
	/* Changes an answer on its way out; false: it is not sent. */
	bool (*edit)(struct model *model, uint8_t *octets, size_t *length);
	void *context;
};

/* What the server holds. */
struct held {
	bool there;
	uint8_t protocol;
	uint16_t internal, external;
	uint8_t nonce[12];
	struct mono expires;
};

struct sent {
	struct mono at;
	size_t length;
	uint8_t octets[84]; /* the first of them */
};

struct flight {
	struct mono at;
	size_t number; /* of two at one instant the one sent first comes first */
	bool to_server;
	size_t length;
	uint8_t octets[PCP_MAX];
};

struct world {
	struct mono now;
	struct session *session; /* or */
	struct client *client;
	struct server_id id;
	struct model model;
	struct prng prng;
	struct flight *flights;
	size_t flight_count, flight_room, flown;
	struct sent *sent;
	size_t sent_count, sent_room;
	struct event *events;
	size_t event_count, event_room;
	struct held *held;
	size_t held_count, held_room;
	size_t v2_sent, v0_sent;
	unsigned most; /* outstanding */
	size_t steps;
	bool keeps_no_packets; /* long runs */
	struct mono v0_last;   /* the last version-0 send, and whether it was answered */
	bool v0_answered;
	uint8_t v0_octets[12];
	size_t v0_crowded; /* version-0 requests sent while another was waited for */
};

#define VIRTUAL_START ((struct mono){ 1000 * SEC })

/* The server is 192.168.1.254:5351, we are 192.168.1.10. */
struct server_id virtual_id(void);
/* A world with a session; `give_up` ns from now on, 0: never. */
void world_open(struct world *world, enum version_policy policy, int64_t give_up, uint64_t seed);
/* The same with a client that has the one server. */
void world_open_client(struct world *world, enum version_policy policy, int64_t give_up,
	uint64_t seed);
void world_close(struct world *world);

/* A MAP of a TCP port with a nonce that `number` makes, external = internal, 2 h. */
struct want virtual_want(unsigned number, uint16_t port);
struct mapping *world_want(struct world *world, const struct want *want);

/* Lets `ns` pass, or less when all is idle (`idle`). Fails the test when the machine
 * turns on the spot. */
void world_run(struct world *world, int64_t ns);
void world_until_idle(struct world *world, int64_t at_most);
/* What is due now: ticks, sends, reads events; no time passes. */
void world_step(struct world *world);
/* Hands the machine a datagram now. */
enum drop_reason world_input(struct world *world, const void *octets, size_t length,
	const struct endpoint *from);
/* The same from the server. */
enum drop_reason world_answer(struct world *world, const void *octets, size_t length);
/* An ICMP error. */
void world_error(struct world *world, enum net_error_kind kind, bool from_server);
struct mono world_deadline(const struct world *world);
bool world_idle(const struct world *world);

/* The last EVENT_MAPPING of a want, NULL: none. */
const struct event_mapping *world_result(const struct world *world, unsigned number);
/* How many EVENT_MAPPING it had. */
size_t world_results(const struct world *world, unsigned number);
/* The first event of a kind, NULL: none. */
const struct event *world_event(const struct world *world, enum event_kind kind);
bool world_changed(const struct world *world, enum version_change change);
unsigned world_drops(const struct world *world, enum drop_reason reason);
/* Does the server hold it now? */
const struct held *world_held(const struct world *world, uint8_t protocol, uint16_t internal);
/* ms since the start at which the n-th datagram was sent. */
int64_t world_sent_ms(const struct world *world, size_t n);

#endif
