/* SPDX-License-Identifier: MIT
 * Inside of the listener: its state, and what its two files say to each other.
 */
#ifndef ENGINE_LISTENER_STATE_H
#define ENGINE_LISTENER_STATE_H

#include "engine/hooks.h"
#include "engine/listener.h"
#include "engine/question.h"
#include "engine/routers.h"
#include "proto/listen.h"

enum listener_phase { HEARING, CLOSING, CLOSED };

struct listener {
	struct listener_config config;
	struct loop *loop;
	struct routers *routers;
	struct questions *questions; /* NULL: without --verify */
	struct hooks *hooks; /* NULL: without -x */
	int monitor; /* -1: none to be had */
	int sockets[2]; /* IPv4, IPv6; -1: not heard */
	bool wanted[2];
	uint32_t interface_index; /* of -i, as bound; 0: all, or it is not there now */
	uint64_t dropped_before; /* of sockets that are closed */
	struct listen listen;
	struct listener_counts counts;
	unsigned strangers;
	struct mono strangers_since;
	struct mono give_up;
	enum listener_phase phase;
	bool hooks_closing, warned_busy;
};

/* What waits on a socket. */
void listener_take(struct listener *listener, int fd, struct mono now);

/* Answers to questions, and series that are over. */
void listener_tell_results(struct listener *listener, struct mono now);

/* What stands open is told with the count that it has. */
void listener_tell_open(struct listener *listener);

#endif
