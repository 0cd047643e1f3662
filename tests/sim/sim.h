/* SPDX-License-Identifier: MIT
 * One run: a client of src/proto, the networks it may be in, their routers, and what the
 * checker knows of every wanted mapping. A run is made by (family, seed, days, fault)
 * alone, so a seed that fails fails again.
 */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "proto/client.h"
#include "router.h"

#define MINUTE (60 * SEC)
#define HOUR   (3600 * SEC)
#define DAY    (24 * HOUR)

#define SIM_START ((struct mono){ 10000000 * SEC })
#define WANTS	  200
#define ROUTERS	  4
#define SERVERS	  2 /* of the client */
#define PLACES	  6

/* A wanted mapping, and what is known of it from outside. */
struct wanted {
	struct want want;
	unsigned server; /* the client's number of it */
	struct {
		bool known;
		struct pcp_nonce nonce;
	} nonces[PLACES];

	/* as the client has told it */
	bool held, ever;
	bool moved; /* to another place, and not held there yet */
	struct mono granted, expires;
	uint32_t lifetime;
	uint16_t port;
	struct ip address; /* a wildcard: not told */
	struct mono answered; /* the last success came */

	/* as it was seen to ask */
	struct mono sent[2]; /* the last requests in version 0, 2; .ns INT64_MIN: none */
	bool waits[2]; /* for an answer to that */
	unsigned attempts; /* since the grant */
	bool provoked; /* by an alarm, an announcement, another network: may ask at once */
	struct mono provoked_at; /* when an alarm last did that */
	struct mono alarmed; /* when it last had to be asked for so */
	unsigned suggested; /* so many ports where none was to be, see note_refusal() */
	bool erred; /* an error came since the grant */
	struct mono hold; /* a refusal holds until then */
	struct mono quiet; /* asked again by then at the latest */
	struct mono poked; /* renewed by then, or MONO_NEVER */
	struct mono act; /* an alarm is acted upon by then, or MONO_NEVER */
	uint16_t offered[4]; /* external ports that a router gave it of late */
	unsigned offers;

	/* the way back to being held */
	unsigned troubles; /* of its router, when the rest of this began */
	unsigned sends;
	struct mono due; /* held by then */
	bool announced; /* as its router has announced its restart */
	bool settled;
};

/* The Epoch rule of one server and version, as the checker works it out itself. */
struct rule {
	bool known;
	bool vague; /* the client may have another sample */
	uint32_t server;
	struct mono at, left; /* it came, and left its router */
	unsigned boots;
};

struct place {
	unsigned router;
	struct ip local;
	uint64_t network;
};

struct flight {
	struct mono at, left;
	uint64_t number; /* of two at one instant the one sent first comes first */
	unsigned router, boots;
	bool to_router, multicast, forged;
	struct endpoint from;
	struct ip local;
	size_t length;
	uint8_t octets[ROUTER_ANSWER_MAX];
};

enum trace_kind {
	TRACE_SENT,
	TRACE_CAME,
	TRACE_LOST, /* on the way */
	TRACE_EVENT,
	TRACE_CHANGE, /* of the scenario */
};

struct trace {
	enum trace_kind kind;
	struct mono at;
	unsigned router;
	const char *text;
	int64_t number;
	size_t length; /* of a datagram */
	uint8_t octets[60];
	enum event_kind event;
	enum mapping_outcome outcome;
	unsigned want;
	uint16_t port;
};

#define TRACES 48

/* What must show that the checker can fail: see plant.c. */
enum fault {
	FAULT_NONE,
	FAULT_DEAF,
	FAULT_UNASKED,
	FAULT_ALARM_DROPPED,
	FAULT_ALARM_INVENTED,
	FAULT_ALARM_IGNORED,
	FAULT_CLOCK,
	FAULT_TWICE,
	FAULT_EARLY,
	FAULT_NONCE,
	FAULT_SUGGESTED,
	FAULT_REQUEST,
	FAULT_IMPATIENT,
	FAULT_CROWD,
	FAULT_SERIAL,
	FAULT_ORDER,
	FAULT_STATE,
	FAULT_LOST_DROPPED,
	FAULT_WRONG_PORT,
	FAULT_FORGETFUL,
	FAULT_STUBBORN,
	FAULT_NEWS_IGNORED,
	FAULT_PAIR,
	FAULT_UNDELETED,
	FAULT_SPIN,
	FAULT_POKE_IGNORED,
};

struct tally {
	uint64_t sent, came, events, settled, alarms, losses, changes, renewals, announced;
};

struct family;

struct sim {
	const struct family *family;
	uint64_t seed;
	bool verbose;
	enum fault fault;
	unsigned planted; /* how often the fault has struck */
	struct mono planted_at;
	struct prng prng;
	struct mono now, end;
	struct client *client;
	struct wanted wants[WANTS];
	unsigned want_count;
	struct router routers[ROUTERS];
	unsigned router_count;
	struct place places[PLACES]; /* those of server s: s, s + SERVERS, ... */
	unsigned place_count;
	unsigned here[SERVERS]; /* the place of each server of the client */
	bool away; /* no network at all */
	unsigned server_count;
	struct rule rules[SERVERS][2];
	struct {
		struct mono due; /* the answer to a sample is told by then */
		unsigned troubles; /* of the router when it was asked */
	} samples[SERVERS];
	unsigned alarms_seen; /* since they were last compared with the rule */
	struct ip external[SERVERS]; /* as NAT-PMP last said */
	struct mono exhausted[SERVERS]; /* NO_RESOURCES: nothing new is asked for */
	struct mono line[SERVERS]; /* others may have to wait until then */
	struct mono told; /* the last event */

	unsigned trouble; /* a bit of scenario.h, 0: calm */
	unsigned troubled; /* which router */
	struct mono change; /* the next */
	struct mono calm; /* none from here on: at the end everything must be held */
	bool forges; /* strangers answer too */
	bool pokes; /* the user renews and samples now and then */
	bool announces; /* a router that restarts says so to all */
	bool pair; /* the first two wants: one port in two protocols */
	bool closing;

	struct flight *flights; /* a heap */
	size_t flight_count, flight_room;
	uint64_t flown;

	struct trace traces[TRACES]; /* the last of them */
	uint64_t traced;
	struct tally tally;
	bool failed;
	struct mono failed_at;
	char failure[240];
};

struct sim_options {
	const struct family *family;
	uint64_t seed;
	unsigned days; /* 0: as the family has it */
	bool verbose;
	enum fault fault;
};

/* Runs; the caller frees `sim` with sim_free(). NULL: no memory. */
struct sim *sim_run(const struct sim_options *options);
void sim_free(struct sim *sim);

/* Uniform in [low, high]. */
static inline int64_t sim_between(struct sim *sim, int64_t low, int64_t high)
{
	return prng_between(&sim->prng, low, high);
}

static inline bool sim_chance(struct sim *sim, unsigned percent)
{
	return sim_between(sim, 0, 99) < percent;
}

static inline struct router *sim_router(struct sim *sim, unsigned server)
{
	return &sim->routers[sim->places[sim->here[server]].router];
}

static inline const struct ip *sim_local(const struct sim *sim, unsigned server)
{
	return &sim->places[sim->here[server]].local;
}

/* How the client knows a place. */
struct server_id sim_place_id(const struct sim *sim, unsigned place);
/* The client is at other places from now on: is told so. */
void sim_move(struct sim *sim, const unsigned here[SERVERS], bool old_is_ours);

#endif
