/* SPDX-License-Identifier: MIT
 * --srv: events -> the commands that nsupdate(1) reads (RFC 2136), so that a service
 * is found by its SRV record (RFC 2782) wherever its mapping goes.
 *
 * One `struct nsupdate` holds all mappings that a run publishes, each with the owner
 * name of its SRV record. Several may have the same name and the same target (tcp+udp,
 * IPv4 and IPv6): what two of them claim is one record, added once and deleted when
 * none of them claims it any more. The SRV record's port is the external port.
 *
 * What a mapping has published is a text that the state directory keeps, so that a
 * later run deletes exactly that, by its data, and no other host's record. The first
 * grant of a run prints its records even if an earlier run published the same (whether
 * that arrived is not known, and adding a record twice is harmless in RFC 2136); after
 * that nothing is printed when nothing changed. A TTL alone is no change.
 */
#ifndef OUT_NSUPDATE_H
#define OUT_NSUPDATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "proto/event.h"

/* --- names --- */

enum nsupdate_name {
	NSUPDATE_OWNER, /* of the SRV record: letters, digits, hyphens and underscores */
	NSUPDATE_TARGET, /* a host name (RFC 1123): no underscores */
	NSUPDATE_ZONE, /* as an owner, and one label is enough */
};

/* NULL when the word can be taken as that name, else why not, as the end of the
 * sentence `NAME ...`: "has an empty label". Static. A name may end with a dot; it is
 * taken as complete without one, too. What passes needs no escaping. */
const char *nsupdate_name_check(enum nsupdate_name kind, const char *word);

/* --- what is published --- */

#define NSUPDATE_TTL_MAX       120 /* s, of the default TTL */
#define NSUPDATE_PUBLISHED_MAX 512 /* of a mapping's text, with its NUL */

struct nsupdate_settings {
	const char *target; /* where the SRV record points, and the owner of A and AAAA */
	const char *zone; /* told to nsupdate; NULL: it finds out itself */
	uint32_t ttl; /* s; 0: a quarter of the lifetime, at least 1 s, at most 120 s */
	uint16_t priority, weight;
	bool no_address; /* only the SRV record */
	bool replace; /* whole record sets that get a record are deleted first */
	bool publish_any; /* addresses that are not public, too */
};

/* NULL when the settings (their names good each by itself) and this owner fit together,
 * else why not: "the target lies outside of the zone". Static. */
const char *nsupdate_check(const struct nsupdate_settings *settings, const char *owner);

struct nsupdate;

/* The settings' texts are copied; they and every owner must have passed the checks.
 * NULL: no memory. */
struct nsupdate *nsupdate_new(const struct nsupdate_settings *settings);
void nsupdate_free(struct nsupdate *update);

/* One mapping more. `published`: its text as kept by an earlier run, "" without; one
 * that cannot be understood counts as "" and *understood is set to false (it would go
 * to nsupdate as it is). The mapping's number, from 0 up; -1: no memory. */
int nsupdate_add(struct nsupdate *update, const char *owner, const char *published,
	bool *understood);

enum nsupdate_result {
	NSUPDATE_NOTHING, /* nothing to say */
	NSUPDATE_PUBLISHED, /* records were added, and what they replace deleted */
	NSUPDATE_WITHDRAWN, /* records were only deleted */
	NSUPDATE_PRIVATE, /* granted, but the address is not public: not published, and what
			     * was is withdrawn (told every time; printed once) */
	NSUPDATE_UNKNOWN, /* granted, but without an address or port that could be published;
			     * what was published stays */
};

/* What became of a mapping: prints the commands, ended by `send`, or nothing. Granted,
 * renewed, changed and recovered publish; lost and deleted withdraw; everything else
 * passes (a refusal, silence). Write errors stay with `out`, which is not flushed.
 * Keep nsupdate_published() afterwards, when it is not what it was: it may change
 * though nothing is printed. */
enum nsupdate_result nsupdate_event(struct nsupdate *update, size_t mapping,
	const struct event_mapping *event, FILE *out);

/* The text to keep for that mapping, "" when nothing is published; returns `text`. */
const char *nsupdate_published(const struct nsupdate *update, size_t mapping,
	char text[static NSUPDATE_PUBLISHED_MAX]);

#endif
