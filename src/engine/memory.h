/* SPDX-License-Identifier: MIT
 * What a run remembers of its mappings, and finds again: between the wants of the
 * protocol and the records of the state directory (store.h).
 */
#ifndef ENGINE_MEMORY_H
#define ENGINE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mono.h"
#include "engine/store.h"
#include "proto/client.h"
#include "proto/event.h"

struct memory;

/* NULL: no memory, or no directory can be told (no HOME; then `warning` was told). */
struct memory *memory_open(store_warning *warning, void *context);
void memory_close(struct memory *memory);
struct store *memory_store(struct memory *memory);

/* Which network the server is on. The link-layer address of the next hop is asked of
 * the kernel; where it is not known yet one ANNOUNCE (it changes nothing) makes the
 * kernel ask for it, until `deadline` at most. False: it cannot be told, and nothing is
 * remembered of that server. */
bool memory_network(const struct server_id *id, struct mono deadline,
	struct store_network *network);

/* The same as a number that tells networks apart; 0: it cannot be told. */
uint64_t memory_network_number(const struct server_id *id, struct mono deadline);

/* The same from what the kernel knows now: nothing is sent, nothing is waited for. */
bool memory_network_known(const struct server_id *id, struct store_network *network);

/* Is the record of the network that we are in: may it be sent there? With `wakes` the
 * next hop's link-layer address is asked for where it is not known, as above. */
bool memory_is_here(struct memory *memory, const struct store_record *record, bool wakes);

/* The record of a want, for a server of that network, in either version (PCP first). */
bool memory_find(struct memory *memory, const struct store_network *network,
	const struct server_id *id, const struct want *want, struct store_record *record);

/* The nonce, and perhaps a mapping, of a want: written before its first send. */
void memory_asking(struct memory *memory, const struct store_network *network,
	const struct server_id *id, const struct want *want);

/* From now on this process keeps mappings (store_keep()): their records say so. */
void memory_keep(struct memory *memory);
/* The mapping of an event is left to itself: its record no longer says so. */
void memory_release(struct memory *memory, const struct store_network *network,
	const struct event_mapping *event);
/* For a process that stays: it is later now. */
void memory_time(struct memory *memory, struct mono now, int64_t wall_ms);

/* The DNS records that were published for a want, also by a mapping that has ended; ""
 * for none. Returns `text`. */
const char *memory_published(struct memory *memory, const struct store_network *network,
	const struct server_id *id, const struct want *want, char text[static STORE_PUBLISHED_MAX]);
/* They are these from now on; "" for none. */
void memory_publish(struct memory *memory, const struct store_network *network,
	const struct event_mapping *event, const char *text);

/* What became of it, kept. */
void memory_event(struct memory *memory, const struct store_network *network,
	const struct event_mapping *event, int64_t wall_ms);

/* Nobody knows of it any more: the record goes. */
void memory_forget(struct memory *memory, const struct store_network *network,
	const struct event_mapping *event);

/* Is the mapping of a record there as far as can be known: granted, and the server has not
 * lost its state since? */
bool memory_is_granted(struct memory *memory, const struct store_record *record);

/* Compares the Epoch of an answer with the last sample of an earlier run, and keeps it
 * where it says something new. True: the server has lost its state since (RFC 6887,
 * 8.5; RFC 6886, 3.6). What is recorded of it then no longer counts as granted. */
bool memory_restarted(struct memory *memory, const struct store_network *network,
	const struct event_mapping *event, struct mono now, int64_t wall_ms);

#endif
