/* SPDX-License-Identifier: MIT
 * Events, findings and messages -> stdout and stderr, in one of three forms.
 * A form is a const table of functions; the choice swaps the table.
 */
#ifndef OUT_OUTPUT_H
#define OUT_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "diag/findings.h"
#include "proto/event.h"

enum output_form { OUTPUT_TEXT, OUTPUT_JSON, OUTPUT_QUIET };

struct output_settings {
	enum output_form form;
	FILE *out; /* results */
	FILE *err; /* everything else */
	const char *command; /* for messages: "map" */
	unsigned verbose; /* number of -v */
	bool color; /* on err and out alike */
	bool lively; /* alarms are results: they go to `out` */
	bool stays; /* quiet: a line an event; what is no answer has none */
};

struct output;

/* NULL when there is no memory. */
struct output *output_new(const struct output_settings *settings);
void output_free(struct output *output);

/* The result of a mapping: text `tcp  203.0.113.7:8080 -> 192.168.1.10:8080  2h,
 * until 14:03:10  (PCP, 192.168.1.254)` on stdout; a refusal, silence or failure is
 * a line on stderr that says what was asked, who said what, and what it means. */
void output_mapping(struct output *output, const struct event *event);

/* The table of discover (text), a record each (JSON), a line for each server that
 * answered (quiet). */
void output_servers(struct output *output, const struct event *events, size_t n);

/* Everything else that happens on the way: packets (-v decoded, -vv with hex;
 * JSON: `packet` records with -v), dropped datagrams and why (-vv), fallbacks and
 * ICMP errors (-v), Epoch (text: a line; JSON: a record), announcements (a line on
 * stdout, the repeats on stderr with -v; a record; quiet: SOURCE PROTOCOL EPOCH
 * EXTERNAL). EVENT_MAPPING and EVENT_SERVER are not handled here. */
void output_event(struct output *output, const struct event *event);

/* A request of --dry-run: on stdout, decoded and in hex. */
void output_dry(struct output *output, const struct event *event);

/* Text: `! ` (error), `* ` ... on stderr; JSON: a record on stdout; quiet: nothing. */
void output_finding(struct output *output, const struct finding *finding, const struct event *when);

/* `pcpctl: COMMAND: TEXT` on stderr; JSON: an `error` record on stdout as well
 * (its `exit`), timed by `wall_ms`. */
void output_error(struct output *output, int64_t wall_ms, int exit_status, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* A note on stderr (not in quiet form): `pcpctl: COMMAND: TEXT`. */
void output_note(struct output *output, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Flushes in the middle of a run that goes on; false when anything could not be written. */
bool output_flush(struct output *output);

/* Flushes; 0, or -1 when anything could not be written to `out`. */
int output_end(struct output *output);

/* 7200 -> "2h", 5400 -> "1h 30m", 45 -> "45s", 3553200 -> "41d 3h": two units at most. */
const char *output_duration(uint64_t seconds, char *text, size_t size);

/* "192.168.1.254", "fe80::1%eth0"; with the port where it is not 5351. */
const char *output_server(const struct server_id *server, char *text, size_t size);

#endif
