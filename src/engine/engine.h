/* SPDX-License-Identifier: MIT
 * Where proto meets host: the client's datagrams go through sockets, its
 * deadlines into the loop, its events to the caller.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mono.h"
#include "engine/discovery.h"
#include "proto/client.h"
#include "proto/event.h"

struct engine_config {
	enum version_policy policy;
	bool patient; /* RFC 6887, 8.1.1 and RFC 6886, 3.1 in place of the quick schedule */
	int64_t timeout; /* ns from engine_new() on; 0: none */
	const char *interface; /* -i: sockets stay on it; NULL: any */
	uint32_t mark;
	bool trace; /* EVENT_PACKET for every datagram */
	bool dry; /* EVENT_PACKET with `dry` in place of sending; all ends at once */
	/* Every event, stamped with the wall time, in order. */
	void (*event)(void *context, const struct event *event);
	/* Called when it takes longer, first after 300 ms, then once a second; may be NULL. */
	void (*waiting)(void *context, int64_t elapsed);
	void *context;
};

struct engine;

enum engine_result {
	ENGINE_DONE,
	ENGINE_SIGNAL, /* interrupted; what was new has been taken back */
	ENGINE_FAILED, /* see engine_reason() */
};

/* NULL when there is no memory, or no randomness or loop to be had (errno). */
struct engine *engine_new(const struct engine_config *config);
void engine_free(struct engine *engine);

/* When the time of -t is over; MONO_NEVER without. */
struct mono engine_deadline(const struct engine *engine);

/* Adds a server and opens the socket for it. Its number, or -1: see engine_reason(). */
int engine_server(struct engine *engine, const struct server_id *id);

/* What the client offers, see proto/client.h. False: engine_reason(). */
bool engine_probe(struct engine *engine, size_t server, bool learn_external);
bool engine_want(struct engine *engine, size_t server, const struct want *want);
bool engine_want_pair(struct engine *engine, size_t server, const struct want *first,
	const struct want *second);

/* A new nonce (RFC 6887, 11.2). False: no randomness. */
bool engine_nonce(struct engine *engine, struct pcp_nonce *nonce);

/* Runs until everything asked has its result, the time is over, or a signal came. */
enum engine_result engine_run(struct engine *engine);

/* Waits without asking anything. False: a signal came. */
bool engine_pause(struct engine *engine, int64_t duration);

/* Why it failed: "socket: Operation not permitted". */
const char *engine_reason(const struct engine *engine);
/* The signal that ended engine_run(); ends this process by it. */
_Noreturn void engine_die_by_signal(struct engine *engine);
/* The clock of all instants (CLOCK_BOOTTIME). */
struct mono engine_now(void);
/* Unix time in ms, for what is no event. */
int64_t engine_wall_ms(void);

#endif
