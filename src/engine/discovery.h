/* SPDX-License-Identifier: MIT
 * Whom to ask, and from which of our addresses (pcpctl(1), Whom a command asks).
 */
#ifndef ENGINE_DISCOVERY_H
#define ENGINE_DISCOVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ip.h"
#include "base/mono.h"
#include "base/words.h"
#include "proto/event.h"

/* A server as the user named it (-s). */
struct discovery_named {
	const char *word; /* as typed, for messages */
	bool is_address; /* else a host name to resolve */
	struct words_address address; /* when it is one */
};

enum discovery_result {
	DISCOVERY_OK,
	DISCOVERY_NO_ROUTER, /* no default route with a router to ask */
	DISCOVERY_NO_NAME, /* a host name that does not resolve */
	DISCOVERY_NO_ROUTE, /* no way to the server */
	DISCOVERY_NOT_OURS, /* -b is no address of this host */
	DISCOVERY_LOCAL, /* a system call failed */
};

struct discovery_request {
	unsigned families; /* bits of enum ip_family; 0: whatever fits */
	bool all; /* discover: every candidate; else one per family */
	const struct discovery_named *named; /* -s, asked in place of the routers */
	size_t named_count;
	const char *interface; /* -i, NULL: any */
	bool has_bind;
	struct ip bind; /* -b */
	bool of_flow; /* `bind` is the address of a connection that there is, no -b */
	uint32_t mark;
	struct mono deadline; /* for the resolver */
	/* Told of each server that cannot be asked; `text` names the word. May be NULL. */
	void (*failed)(void *context, enum discovery_result result, const char *text);
	void *context;
};

/* What the user should know beside. */
struct discovery_note {
	char text[256];
};

/* The servers to ask, in order; *servers is the caller's to free(). When there is
 * none, *count is 0 and `failed` was told why. `also` names the default routers
 * that were passed over ("" when none). */
void discovery_servers(const struct discovery_request *request, struct server_id **servers,
	size_t *count, struct discovery_note *also);

#endif
