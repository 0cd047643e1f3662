/* SPDX-License-Identifier: MIT
 * Inside of out: the state of an output, the table that a form is, and what the
 * forms share.
 */
#ifndef OUT_FORM_H
#define OUT_FORM_H

#include "out/output.h"

#define FORM_LINE_MAX 2048

struct form;

struct output {
	struct output_settings settings;
	const struct form *form;
	bool failed; /* something could not be written; never taken back */
	size_t source_width; /* announcements: of the widest source so far */
};

struct form {
	void (*mapping)(struct output *output, const struct event *event);
	void (*servers)(struct output *output, const struct event *events, size_t n);
	void (*event)(struct output *output, const struct event *event);
	void (*dry)(struct output *output, const struct event *event);
	void (*finding)(struct output *output, const struct finding *finding,
		const struct event *when);
	/* `text` may be foreign */
	void (*error)(struct output *output, int64_t wall_ms, int exit_status, const char *text);
	void (*note)(struct output *output, const char *text);
};

extern const struct form form_text, form_json, form_quiet;

/* text.c, for the other forms too. */
void text_mapping_problem(struct output *output, const struct event_mapping *mapping,
	int64_t wall_ms);
void text_event(struct output *output, const struct event *event);
void text_note(struct output *output, const char *text);

/* announce.c: an EVENT_ANNOUNCE in each form */
void announce_text(struct output *output, const struct event *event);
void announce_quiet(struct output *output, const struct event *event);
void announce_record(struct output *output, const struct event *event);

/* table.c */
void text_servers(struct output *output, const struct event *events, size_t n);

/* A line on stderr: `pcpctl: COMMAND: TEXT`, made visible; stdout is flushed first,
 * so that the two keep their order. `word` (may be NULL), where it stands in
 * the text, is set off when there is colour. */
void form_err(struct output *output, const char *text, const char *word);

/* The finding's text with its instant put in. */
void form_finding_text(const struct finding *finding, const char *when, char *text, size_t size);

/* phrase_server(), made visible: an interface may have any name. */
const char *form_server(const struct server_id *id, char *text, size_t size);

/* Did the server say anything at all, and by which protocol does it count? */
enum via form_verdict(const struct event_server *server);

#endif
