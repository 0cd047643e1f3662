/* SPDX-License-Identifier: MIT
 * --srv: what becomes of mappings -> commands for nsupdate(1) on stdout, and what they
 * publish -> the state directory (out/nsupdate.h has the reasons).
 */
#ifndef CMD_PUBLISH_H
#define CMD_PUBLISH_H

#include "cmd/run.h"
#include "out/nsupdate.h"

struct publish;

/* NULL: no memory. */
struct publish *publish_new(struct run *run, const char *owner,
	const struct nsupdate_settings *settings);
void publish_free(struct publish *publish);

/* One mapping more; their numbers are counted from 0. False after a message. */
bool publish_add(struct publish *publish, size_t server, const struct want *want);
/* The same, with what was published for it. */
bool publish_add_published(struct publish *publish, const char *published);

/* Prints what follows from it. An address that is not public is EXIT_SAID_NO, but where
 * the run stays, a warning. */
void publish_event(struct publish *publish, const struct event *event);

#endif
