/* SPDX-License-Identifier: MIT
 * The inside of an engine, shared by its files: engine.c (its life, the loop),
 * engine_net.c (sockets, datagrams, errors), engine_keep.c (what is kept: the network's
 * changes, announcements, hooks), engine_flows.c (the connections that it is kept for).
 */
#ifndef ENGINE_ENGINE_STATE_H
#define ENGINE_ENGINE_STATE_H

#include "engine/engine.h"
#include "engine/hooks.h"
#include "host/loop.h"

/* One socket for each (family, local address). */
struct bound {
	int fd;
	struct ip local;
	uint32_t scope; /* of a link-local address */
	uint32_t interface_index; /* it stays on that interface, 0: none */
};

#define ENGINE_OWN_MAX 4

/* How the network looked last. */
struct place {
	bool found;
	struct server_id id;
};

struct engine {
	struct engine_config config;
	struct client *client;
	struct loop *loop;
	struct bound *sockets;
	size_t socket_count;
	int *reserved; /* descriptors of ports bound for discover */
	size_t reserved_count;
	struct mono start, give_up, next_waiting;
	bool cancelled, asked_neighbours;
	bool leave; /* at a signal */
	char reason[160];

	/* what is kept */
	struct discovery_request request;
	bool follows;
	int monitor; /* -1: none */
	int multicast[2]; /* IPv4, IPv6; -1: none */
	struct mono look_at; /* at the network again; MONO_NEVER */
	unsigned looks; /* since it last changed */
	struct place *places; /* of the client's servers, as seen last */
	size_t place_count;
	struct hooks *hooks;
	bool hooks_closing;
	/* to the service manager, "" when it has been told; each line has its end */
	char milestones[64], status[300];
	struct mono notify_at;
	struct kept_flow *flows;
	size_t flow_count, flow_room;
	int flow_watch; /* -1: none */
	struct mono flows_at; /* they are looked for; MONO_NEVER */
	int gone_fd; /* stdout, watched for its reader; -1 */
	int own_fds[ENGINE_OWN_MAX]; /* of the command */
	size_t own_count;
	void (*own_ready)(void *context);
};

bool engine_fail(struct engine *engine, const char *what, int error);

/* --- engine_net.c --- */

/* A socket to ask that server from, opened if there is none. False with errno. */
bool engine_open_socket(struct engine *engine, const struct server_id *id);
/* Closes the sockets that nothing is asked from any more. */
void engine_close_unused(struct engine *engine);
/* Everything that waits to be sent. */
void engine_send(struct engine *engine, struct mono now);
/* What a descriptor has; false: it is none of the sockets. */
bool engine_take(struct engine *engine, int fd, struct mono now);
void engine_tell_packet(struct engine *engine, const struct server_id *id,
	const struct event_packet *packet, const void *octets, struct mono now);
/* The client's events, to the caller. */
void engine_tell_events(struct engine *engine, struct mono now);

/* --- engine_keep.c --- */

/* Multicast, the monitor, stdout's reader. False: engine_reason(). */
bool engine_keep_open(struct engine *engine);
void engine_keep_close(struct engine *engine);
/* A descriptor of these; false: none of them. */
bool engine_keep_take(struct engine *engine, int fd, struct mono now);
/* The network has changed and was not looked at yet: nothing is sent for that short time,
 * as it may be another network, where the old nonces are nobody's business. */
bool engine_is_unsure(const struct engine *engine);
/* What is due, in every turn; when it wants the next. */
struct mono engine_keep_turn(struct engine *engine, struct mono now);
/* Nothing else is to be done: have the hooks ended, or their time? */
bool engine_hooks_done(struct engine *engine, struct mono now);

/* --- engine_flows.c --- */

void engine_flows_open(struct engine *engine, struct mono now);
void engine_flows_close(struct engine *engine);
/* engine->flow_watch has something. */
void engine_flows_take(struct engine *engine, struct mono now);
/* What is due, in every turn; when it wants the next. */
struct mono engine_flows_turn(struct engine *engine, struct mono now);

#endif
