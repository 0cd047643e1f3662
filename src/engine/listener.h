/* SPDX-License-Identifier: MIT
 * announce-listen: sockets on the two groups, the routers of this host, and the loop
 * around proto/listen. Beside the engine, which asks; this one only hears.
 */
#ifndef ENGINE_LISTENER_H
#define ENGINE_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mono.h"
#include "engine/memory.h"
#include "proto/event.h"

enum listener_news {
	LISTENER_NEW, /* an announcement */
	LISTENER_REPEAT, /* of the one before; count says the how many-eth */
	LISTENER_ENDED, /* no more repeats of it: the final count */
	LISTENER_VERIFIED, /* its source was asked (announce.asked), or could not be */
	LISTENER_PACKET, /* with `trace`: the datagram itself, before what it means */
};

struct listener_config {
	unsigned families; /* bits of enum ip_family, 0: both */
	enum via only; /* --pcp, --nat-pmp; VIA_NONE: either */
	const char *interface; /* -i; may come and go. NULL: all */
	const struct server_id *named; /* -s: trusted beside the routers; copied */
	size_t named_count;
	int64_t timeout; /* ns, 0: none */
	bool all; /* -a: sources that are not trusted count too */
	bool verify; /* the source of each that counts is asked */
	uint32_t mark; /* on the sockets of --verify */
	const struct ip *bind; /* -b, for the same; NULL: none */
	struct memory *memory; /* the Epochs of earlier runs; NULL: none */
	const char *hook; /* -x, NULL: none */
	bool trace;
	void (*news)(void *context, enum listener_news news, const struct event *event);
	void (*warning)(void *context, const char *text);
	void *context;
};

struct listener_counts {
	uint64_t announcements; /* repeats included */
	uint64_t junk;
	uint64_t strangers; /* announcements of sources that do not count, too many to tell */
	uint64_t dropped; /* by the kernel */
};

struct listener;

enum listener_open {
	LISTENER_OPEN,
	LISTENER_PORT_HELD, /* another program has UDP 5350 for itself */
	LISTENER_FAILED, /* see errno */
};

/* NULL when there is no memory, or no loop to be had (errno). */
struct listener *listener_new(const struct listener_config *config);
void listener_free(struct listener *listener);

/* Opens the sockets: LISTENER_OPEN if one of the families can be heard; the other is
 * then a warning, if it was asked for. */
enum listener_open listener_start(struct listener *listener);

/* Runs until listener_stop(), -t or a signal; then, unless a second signal comes, until
 * questions (2 s) and hooks (10 s) are done. False with errno: the loop failed. */
bool listener_run(struct listener *listener);

/* From a callback: enough has been heard. `at_once`: nor is anything waited for. */
void listener_stop(struct listener *listener, bool at_once);

/* From a callback: runs the hook with these variables, after those before it. */
void listener_hook(struct listener *listener, const char *const *environment);

struct listener_counts listener_counts(const struct listener *listener);

#endif
