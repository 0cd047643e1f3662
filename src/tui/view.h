/* SPDX-License-Identifier: MIT
 * What the eye sees: the state of the screen, made from events, and how keys change
 * it. It knows no terminal and no clock: it draws into a frame, and a key becomes an
 * action for the caller, who has the engine. So --once prints what a terminal would
 * show, and a test needs neither.
 *
 * The caller's loop:
 *
 *	view_event(view, &event);	for each event, in order
 *	view_key(view, term_key(), &action) until the key is PRESS_NONE
 *	if (mono_due(view_deadline(view), now)) { frame_reset(); view_draw(); term_show(); }
 *	wait for a datagram, a key, or view_deadline(view)
 */
#ifndef TUI_VIEW_H
#define TUI_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mono.h"
#include "proto/event.h"
#include "tui/frame.h"

#define VIEW_TEXT_MAX 256 /* what is typed into a prompt, with its NUL */
#define VIEW_LOG_MAX  1000 /* lines of the log; regressions are the last to be dropped */

/* What this layer may not do itself comes from above as functions. */
struct view_settings {
	bool utf8; /* the frame may hold more than ASCII */
	bool still; /* --once: no selection and no line of keys, nobody can press one */
	bool verbose; /* -v: the log tells of renewals, and of each dropped datagram */
	bool leave; /* --leave: `q` deletes nothing, and says so */
	bool has_hook; /* -x: `x` runs it */
	/* Unix time as "14:03:10" and as "2026-10-12 04:11": when_time(), when_date() */
	const char *(*time_text)(int64_t wall_ms, char *text, size_t size);
	const char *(*date_text)(int64_t wall_ms, char *text, size_t size);
	/* Why a mapping was not made: outcome_problem(); its result is not used */
	const char *(*problem)(const struct event_mapping *mapping, int64_t wall_ms, char *text,
		size_t size);
	/* A datagram, decoded, line by line: packet_decode() and packet_lines() */
	void (*packet)(const uint8_t *octets, size_t length,
		void (*line)(void *context, const char *text), void *context);
};

struct view;

/* NULL when there is no memory. */
struct view *view_new(const struct view_settings *settings);
void view_free(struct view *view);

/* --- what is shown --- */

/* Names a server before its first event. Servers count from 0 in the order in which
 * they are first named, here or by an event: named in the order of client_server(),
 * they have its numbers; a datagram from a server that has no name yet is not kept.
 * False: no memory. */
bool view_server(struct view *view, const struct server_id *id);

/* The server of that number is asked elsewhere from now on: another router, another address
 * of ours. Its clocks begin anew; its regressions stay, and the recovery from the last one
 * is no longer followed. */
void view_server_moved(struct view *view, size_t number, const struct server_id *id);

/* Takes an event into the picture; O(1) in the number of mappings, but for a
 * regression. A mapping is known by its server and `want`; a DELETED one leaves the
 * table. EVENT_PACKET: the last response of each mapping is kept for its details.
 * Nothing of the event is used after the call. False: no memory, something is not
 * shown. */
bool view_event(struct view *view, const struct event *event);

/* When the picture should be drawn again: soon after an event or at once after a key,
 * else a second after the last time (the clocks run). */
struct mono view_deadline(const struct view *view);

/* Draws it at `now` (Unix time `wall_ms`) into a frame, which is empty: the caller has
 * called frame_reset(). Only rows that can be seen are formatted. */
void view_draw(struct view *view, struct frame *frame, struct mono now, int64_t wall_ms);

/* --once: the height of a frame that shows every server, every mapping, and the last
 * `log` entries of the log a line each. At most FRAME_SIDE_MAX. */
int view_height(const struct view *view, struct mono now, int log);

/* --- keys --- */

enum view_action_kind {
	VIEW_NOTHING, /* the view has taken it */
	VIEW_ADD, /* text: a SPEC; answer it, below */
	VIEW_LIFETIME, /* server, want; text: a TIME; answer it, below */
	VIEW_DELETE, /* server, want; confirmed already */
	VIEW_RENEW, /* server, want */
	VIEW_RENEW_ALL,
	VIEW_HOOK, /* server, want: run its hook */
	VIEW_QUIT,
	VIEW_QUIT_AND_LEAVE,
	VIEW_REDRAW, /* the caller calls term_redraw() and draws */
	VIEW_SUSPEND, /* the caller calls term_suspend() and draws */
	VIEW_GONE, /* the terminal is lost */
};

struct view_action {
	enum view_action_kind kind;
	size_t server; /* of the mapping it is about */
	unsigned want;
	char text[VIEW_TEXT_MAX]; /* UTF-8, without control characters */
};

/* What a key (enum press, or a character) does. No key ever waits for anything. */
void view_key(struct view *view, int key, struct view_action *action);

/* The answer to VIEW_ADD and VIEW_LIFETIME. An error is shown in place, and the prompt
 * stays open with its text: "70000: port must be 0-65535"; the word before the first
 * ": ", if it was typed, is where the cursor goes. NULL: it was right, the prompt
 * closes. */
void view_prompt_answer(struct view *view, const char *error);

/* A line for the person at the keyboard, until the next key: "renewing tcp 8080". */
void view_note(struct view *view, const char *text);

/* --- for the caller's own lines, and for tests --- */

/* A line for the log, such as a warning or a finding. False: no memory. */
bool view_log(struct view *view, int64_t wall_ms, enum look look, const char *text);

/* How many rows of the table have been formatted since it began. */
uint64_t view_formatted(const struct view *view);

#endif
