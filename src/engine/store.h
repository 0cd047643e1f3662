/* SPDX-License-Identifier: MIT
 * The state directory (pcpctl(1)): what PCP needs remembered from run to run. Nonces
 * first of all: without its nonce a mapping can be neither renewed nor deleted.
 *
 * Layout: DIR/lock (flock, held for each change), DIR/new (a file being written),
 * DIR/keepers/PID (flock, held as long as that process keeps mappings), DIR/NETWORK/
 * with epochs.json, map-*.json and peer-*.json: the records of up to 16 neighbouring
 * internal ports a file, so that a change costs the same with 10 and with 10,000
 * mappings. Files are 0600 and replaced by rename, without fsync: they survive
 * kill -9; what a power loss left damaged is set aside as NAME.damaged and named.
 * A file of a newer version is told and left alone: nothing of it is used, nothing
 * is stored in its place. Keys and records that are not understood are kept.
 */
#ifndef ENGINE_STORE_H
#define ENGINE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/ip.h"
#include "base/mono.h"
#include "base/net.h"
#include "proto/event.h"
#include "wire/pcp.h"

/* Which network: 192.168.1.1 is on every one. */
struct store_network {
	char interface[NET_NAME_MAX];
	uint8_t link_length; /* of the next hop's link-layer address; 0: none, `own` counts */
	uint8_t link[32];
	struct ip own; /* our address, where the next hop has no link-layer address */
};

/* What tells one mapping from another. */
struct store_key {
	struct store_network network;
	struct endpoint server; /* scope is kept as the interface's name: it is of this boot */
	enum via via; /* the version spoken */
	uint8_t opcode;
	struct ip internal; /* the third party's, if used */
	uint8_t protocol;
	uint16_t internal_port;
	enum ip_family external_family;
	struct ip remote; /* PEER */
	uint16_t remote_port;
};

#define STORE_PUBLISHED_MAX 512 /* with the final NUL */

struct store_record {
	struct store_key key;
	struct pcp_nonce nonce;
	bool granted; /* else it was asked and perhaps made; below is what was granted last,
		       * port 0: nothing ever. See memory_is_granted() */
	bool has_external_address;
	struct ip external_address;
	uint16_t external_port;
	uint32_t lifetime; /* as granted, or as asked when not yet granted */
	int64_t expires_wall; /* Unix time in s when it ends at the latest */
	/* Options to repeat at renewal and delete. */
	bool has_third_party;
	bool has_port_set;
	struct pcp_port_set port_set;
	pid_t keeper; /* 0: none; alive or not: store_keeper_alive() */
	char published[STORE_PUBLISHED_MAX]; /* the DNS records last published, as nsupdate lines */
	/* Out only: it has ended, but what it published was never withdrawn. Such a record
	 * stays until it is removed or written anew; any other is dropped when it ends. */
	bool expired;
};

/* The last Epoch sample of a server; of another boot it is not given back. */
struct store_epoch {
	struct store_network network;
	struct ip server, own;
	enum via via;
	uint32_t epoch;
	struct mono at; /* of this boot */
	/* When its state was seen to be lost, the last time: Unix time in s, 0: never. Outlives
	 * the boot, and a sample put with 0 does not take it back. */
	int64_t reset_wall;
};

/* A warning for the user: a damaged file, a newer version, a directory that cannot
 * be written; "PATH: reason". Each is told once a run. */
typedef void store_warning(void *context, const char *text);

struct store;

/* The directory of this user: $PCPCTL_STATE_DIR, else $STATE_DIRECTORY, else
 * $XDG_STATE_HOME/pcpctl, else ~/.local/state/pcpctl, in `path`. False: none can be
 * told (no HOME). */
bool store_path(char *path, size_t size);

/* Always gives a store (NULL: no memory). The directory is opened at the first use and
 * made, 0700, at the first write: one that cannot be used warns then, remembers nothing
 * and is no error. `now` and `wall` (Unix time in s): of this moment, for expiry and
 * Epoch samples. */
struct store *store_open(const char *path, store_warning *warning, void *context, struct mono now,
	int64_t wall);
void store_close(struct store *store);
/* For a process that stays: it is later now. */
void store_time(struct store *store, struct mono now, int64_t wall);
/* In place of the kernel's boot id, for tests. */
void store_boot(struct store *store, const char *id);

/* The record of that key. False: none, or it has ended (see `expired`). Takes no lock
 * and makes nothing. */
bool store_find(struct store *store, const struct store_key *key, struct store_record *record);

/* Writes a record (anew or in its place), under the lock, from the file's present
 * content: two runs at the same time lose nothing of each other. Records of the file
 * that have ended are dropped. False: not written (warned). */
bool store_put(struct store *store, const struct store_record *record);
/* The same, but what is published, and a keeper where the record names none, stay as they
 * are in the store; so does a keeper that still keeps. */
bool store_update(struct store *store, const struct store_record *record);
/* True: there is none now. */
bool store_remove(struct store *store, const struct store_key *key);

/* Every record that has not ended (or see `expired`), of every network, in the order of
 * network, server, protocol and port. The others are dropped from the files. `take` may
 * change the store. */
void store_each(struct store *store, void (*take)(void *context, const struct store_record *record),
	void *context);

bool store_epoch_find(struct store *store, struct store_epoch *epoch /* key in, sample out */);
bool store_epoch_put(struct store *store, const struct store_epoch *epoch);
/* When the server was last seen to have lost its state, from whichever address of ours. */
int64_t store_reset_wall(struct store *store, const struct store_network *network,
	const struct ip *server, enum via via);

/* From now on this process keeps mappings: its lock is held until store_close(). False:
 * that could not be written (warned). */
bool store_keep(struct store *store);
/* Is another process with that pid keeping mappings of this directory? */
bool store_keeper_alive(struct store *store, pid_t keeper);

/* A number of its own for each network, never 0. */
uint64_t store_network_number(const struct store_network *network);
bool store_network_equal(const struct store_network *a, const struct store_network *b);
bool store_key_equal(const struct store_key *a, const struct store_key *b);

#endif
