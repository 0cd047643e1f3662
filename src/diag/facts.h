/* SPDX-License-Identifier: MIT
 * Events folded into what is known of each server, for the rules of findings.
 */
#ifndef DIAG_FACTS_H
#define DIAG_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/net.h"
#include "proto/event.h"

/* What is known of one server; grows with the findings that need it. */
struct facts_server {
	struct server_id server;
	struct event_server probe; /* the last EVENT_SERVER; has_probe */
	bool has_probe;
	int64_t probe_wall_ms; /* when that was, Unix time */
	struct event_version version; /* the last EVENT_VERSION but PCP_LATER; has_version */
	bool has_version;
	bool pcp_later; /* a version-2 answer came after the fallback */
	uint16_t later_port; /* of the mapping that it granted, 0 when none */
	unsigned drops[DROP_REASONS]; /* datagrams dropped, by reason */
	struct event_dropped drop[DROP_REASONS]; /* the first of each reason */
	struct event_error error; /* the first of the worst kind since the last answer; has_error */
	bool has_error;
	bool pcp_answered, nat_pmp_answered; /* it said something, be it no */
	unsigned sent, received; /* packets, where they were reported */
	int64_t rtt_min, rtt_max; /* ns; 0 when no answer was timed */
	unsigned timed; /* answers that were timed */
	unsigned late; /* of these, those that came to a retransmission only */
};

struct facts;

/* NULL when there is no memory. */
struct facts *facts_new(void);
void facts_free(struct facts *facts);

/* Folds one event in. Of EVENT_MAPPING the last one of each (want, server) is kept.
 * Returns false when there is no memory left (the fact is then lost). */
bool facts_add(struct facts *facts, const struct event *event);

/* What listens on the internal port of facts_mapping(facts, i): the facts of this host
 * that no event tells. False when there is no memory left. */
bool facts_add_listening(struct facts *facts, size_t i, const struct net_listening *listening);

size_t facts_server_count(const struct facts *facts);
const struct facts_server *facts_server(const struct facts *facts, size_t i);
size_t facts_mapping_count(const struct facts *facts);
const struct event_mapping *facts_mapping(const struct facts *facts, size_t i);
/* Which server facts_mapping(facts, i) is at. */
size_t facts_mapping_server(const struct facts *facts, size_t i);
/* What was added of it, else NET_LISTENING_UNKNOWN. Never NULL. */
const struct net_listening *facts_mapping_listening(const struct facts *facts, size_t i);

#endif
