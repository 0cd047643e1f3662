/* SPDX-License-Identifier: MIT
 * What becomes of mappings, told as it happens: --keep's lines and records, -x, --srv, the
 * service manager. Shared by the commands that stay.
 */
#ifndef CMD_KEEP_H
#define CMD_KEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/run.h"
#include "out/nsupdate.h"

struct keep_settings {
	bool stays; /* --keep; else each mapping has one event, printed by the caller */
	bool silent; /* watch shows it */
	const char *exec; /* -x, NULL: none */
	const char *owner; /* --srv, NULL: none */
	const struct nsupdate_settings *srv;
};

struct keep;

/* NULL after a message. `run` is open and outlives it. */
struct keep *keep_new(struct run *run, const struct keep_settings *settings);
void keep_free(struct keep *keep);

/* One mapping more, of a record that has published these DNS records: it will be deleted. */
bool keep_add_record(struct keep *keep, const char *published);
/* One mapping more, which will be asked of that server; their numbers are counted from 0.
 * False after a message. */
bool keep_add(struct keep *keep, size_t server, const struct want *want);

/* An EVENT_MAPPING: hooks, and with `stays` also DNS and what is printed. */
void keep_event(struct keep *keep, const struct event *event);

/* The hook of a mapping's newest event once more. False: there is none. */
bool keep_rerun(struct keep *keep, unsigned number);

/* Only the DNS part of it. */
void keep_publish(struct keep *keep, const struct event *event);

/* What is due (run_settings.turn). */
struct mono keep_turn(struct keep *keep, struct mono now);

/* The engine has ended, as a process that stays: what is left is told, and withdrawn from
 * the DNS unless `leave`. How is in run->status: 0 for a signal,
 * the worst result where -t was over first, EXIT_LOCAL where nobody reads. */
void keep_end(struct keep *keep, bool leave);

#endif
