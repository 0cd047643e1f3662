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
	bool keep; /* it stays until engine_close(), a signal, or until nothing kept is left */
	bool stays; /* also when nothing is kept */
	/* Every event, stamped with the wall time, in order. */
	void (*event)(void *context, const struct event *event);
	/* With `keep`: see client_config.prepare. */
	bool (*prepare)(void *context, const struct server_id *id, struct want *want);
	/* With `keep`: SIGUSR1 came; the reader of stdout has gone (told once); a warning for
	 * the user, "UDP port 5350 is held by ...". May be NULL. */
	void (*user_signal)(void *context);
	void (*reader_gone)(void *context);
	void (*warning)(void *context, const char *text);
	/* With `keep`: the connection of that number has ended (engine_flow()). */
	void (*flow_gone)(void *context, unsigned number);
	/* Called in every turn of the loop, may be NULL: what the command itself has to do,
	 * and when it wants the next turn at the latest. */
	struct mono (*turn)(void *context, struct mono now);
	const char *hook; /* -x: see engine/hooks.h; NULL: none */
	void (*hook_warning)(void *context, unsigned mapping, const char *text);
	/* Called when it takes longer, first after 300 ms, then once a second; may be NULL. */
	void (*waiting)(void *context, int64_t elapsed);
	void *context;
};

struct engine;

enum engine_result {
	ENGINE_DONE,
	ENGINE_SIGNAL, /* interrupted; what was new has been taken back; with `keep`: closed */
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

/* --- what is kept --- */

/* See client_delete() and client_renew(). */
bool engine_delete(struct engine *engine, size_t server, unsigned number);
bool engine_renew(struct engine *engine, size_t server, unsigned number);
bool engine_lifetime(struct engine *engine, size_t server, unsigned number, uint32_t lifetime);
/* See client_sample(). */
void engine_sample(struct engine *engine, size_t server);
/* How many servers there are, and which; a server may change when the network does. */
size_t engine_server_count(const struct engine *engine);
const struct server_id *engine_server_id(const struct engine *engine, size_t server);

/* A connection of this host that something is kept for: config.flow_gone is called when it
 * has ended, for each number once. Before engine_run(). False: engine_reason(). */
bool engine_flow(struct engine *engine, const struct net_flow *flow, unsigned number);

/* The servers were found so: when the network changes they are found again, of the same
 * families and names. The request is copied; what it points to outlives the engine. */
void engine_follow(struct engine *engine, const struct discovery_request *request);
/* The network of a server may be known by now, which it was not: looks at it. */
void engine_look(struct engine *engine);

/* The end: what this run created is deleted (`leave`: nothing is), hooks get their time,
 * engine_run() then returns. Bounded: 2 s after the last answer, 10 s at most. */
void engine_close(struct engine *engine, bool leave);
/* -t was over before everything was granted; it has been closed then. */
bool engine_gave_up(const struct engine *engine);
/* `leave` of the end that a signal brings. */
void engine_leave_at_signal(struct engine *engine, bool leave);

/* An event for the hook of a mapping (hooks_event()); all of them once more. */
bool engine_hook(struct engine *engine, unsigned mapping, const char *const *environment);
void engine_rerun_hooks(struct engine *engine);

/* Tells the service manager (sd_notify(3)), if there is one: "READY=1", "STATUS=..." What it
 * cannot take right now is told later, of the status only the newest. */
void engine_notify(struct engine *engine, const char *state);

/* A descriptor of the command's own (a keyboard): `ready` is called when it can be read,
 * the same for all. Four at most. False: engine_reason(). */
bool engine_watch(struct engine *engine, int fd, void (*ready)(void *context));
/* They are left alone from now on. */
void engine_unwatch(struct engine *engine);

/* A new nonce (RFC 6887, 11.2). False: no randomness. */
bool engine_nonce(struct engine *engine, struct pcp_nonce *nonce);

/* Runs until everything asked has its result, the time is over, or a signal came. */
enum engine_result engine_run(struct engine *engine);

/* Waits without asking anything. False: a signal came. */
bool engine_pause(struct engine *engine, int64_t duration);

/* Waits for the network to change, for `duration` at most; meanwhile engine_config.turn and
 * what engine_watch() was given are called as by engine_run(). False: it is to end, as a
 * signal came, the reader of stdout has gone, or engine_close() was called; or it cannot
 * wait. */
bool engine_pause_for_network(struct engine *engine, int64_t duration);

/* Why it failed: "socket: Operation not permitted". */
const char *engine_reason(const struct engine *engine);
/* The signal that ended engine_run(); ends this process by it. */
_Noreturn void engine_die_by_signal(struct engine *engine);
/* The clock of all instants (CLOCK_BOOTTIME). */
struct mono engine_now(void);
/* Unix time in ms, for what is no event. */
int64_t engine_wall_ms(void);

#endif
