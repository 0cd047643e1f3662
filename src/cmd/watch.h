/* SPDX-License-Identifier: MIT
 * The inside of watch, shared by its files: watch.c (options, the run), watch_screen.c
 * (events and keys of the screen), watch_log.c (what would be printed).
 */
#ifndef CMD_WATCH_H
#define CMD_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "cmd/map.h"
#include "cmd/peer.h"
#include "tui/view.h"

struct watch_settings {
	struct map_settings map; /* first: its rows set it */
	int64_t interval; /* ns, of asking for the Epoch */
	bool once, plain;
	struct peer_settings peer; /* --established */
};

/* A spec that was typed. */
struct watch_spec {
	struct spec spec;
	char word[VIEW_TEXT_MAX];
	struct watch_spec *next;
};

/* Standard error, while the screen is there. */
struct watch_stderr {
	bool taken;
	int before; /* it, as it was */
	int from; /* what is written to it now */
	char line[256]; /* of which there is no end yet */
	size_t length;
};

struct watch {
	const struct common *common;
	struct watch_settings settings;
	struct map map;
	struct map_face face;
	struct peer peer; /* the flows of --established */
	struct view *view; /* NULL: lines only */
	struct frame frame;
	FILE *log; /* what would be printed becomes lines of the view's log */
	char *unseen; /* of them those that no frame has shown; not terminated */
	size_t unseen_length;
	bool on_screen; /* a terminal is taken */
	struct watch_stderr aside;
	struct server_id *known; /* the servers as the view has them, and as they were before */
	struct server_id *former;
	size_t known_count;
	struct watch_spec *typed;
	struct mono sample_at; /* MONO_NEVER until the loop begins */
};

/* A view, for a terminal or for --once. False after a message. */
bool watch_screen_open(struct watch *watch);
/* Takes the terminal. False where there is none that can be used: `why` says it. */
bool watch_screen_take(struct watch *watch, char *why, size_t size);
/* Gives it back. What it could not show any more is then written to standard error. */
void watch_screen_close(struct watch *watch);
/* Its keys are read by the engine. False after a message. */
bool watch_screen_listen(struct watch *watch);
/* map_face.sees */
bool watch_screen_sees(struct run *run, const struct event *event);
/* Draws when it is time to; when it wants to the next time. */
struct mono watch_screen_turn(struct watch *watch, struct mono now);
/* --once: prints the frame. */
void watch_screen_print(struct watch *watch);

/* A stream whose lines become the log's. NULL: no memory. */
FILE *watch_log_open(struct watch *watch);
/* What is written to standard error, where that is the screen's terminal, becomes lines of
 * the log from now on; where it cannot be done it is as before. */
void watch_log_take_stderr(struct watch *watch);
/* Logs what is there. */
void watch_log_read_stderr(struct watch *watch);
/* As it was before; what is there is written then. */
void watch_log_give_back(struct watch *watch);

/* The servers of the engine, to the view. False: no memory. */
bool watch_servers(struct watch *watch);

#endif
