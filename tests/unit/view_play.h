/* SPDX-License-Identifier: MIT
 * A view with a clock of its own, for the tests of the screen.
 */
#ifndef UNIT_VIEW_PLAY_H
#define UNIT_VIEW_PLAY_H

#include "sample_events.h"
#include "tui/press.h"
#include "tui/view.h"

struct play {
	struct view *view;
	struct frame frame;
	struct mono now;
	int64_t wall_ms;
	struct view_action action; /* of the last key */
};

/* Begins at 13:03:10 CET. */
void play_begin(struct play *play, bool utf8);
void play_begin_with(struct play *play, const struct view_settings *settings);
void play_end(struct play *play);
struct view_settings play_settings(bool utf8);

/* Time goes on. */
void play_wait(struct play *play, int64_t ns);
/* The event happens now. */
void play_event(struct play *play, struct event *event);
void play_key(struct play *play, int key);
void play_type(struct play *play, const char *text);
/* Draws; what was drawn stays until the next call. */
const char *play_screen(struct play *play, int width, int height);
/* Is the text on the screen of that size? Fails with the screen if not. */
void play_shows(struct play *play, int width, int height, const char *text);
void play_hides(struct play *play, int width, int height, const char *text);
/* The look of the first place below the title where the text stands on the last screen
 * drawn. */
enum look play_look(struct play *play, const char *text);

/* A grant of `want` with all that differs between mappings. */
struct event play_grant(unsigned want, uint8_t protocol, uint16_t internal, uint16_t external,
	uint32_t lifetime);
struct event play_epoch(enum epoch_kind kind, uint32_t previous, uint32_t current,
	int64_t expected);

/* Mapping `want`, tcp from port 8000 + want, has that outcome now. */
void play_mapping(struct play *play, unsigned want, enum mapping_outcome outcome);
/* An answer with that Epoch, 2 ms after its request. */
void play_sample(struct play *play, uint32_t epoch);
/* The router's Epoch tells of a restart. */
void play_regress(struct play *play);

/* Compares with tests/unit/golden/NAME.txt, or writes it when GOLDEN_UPDATE is set. */
void play_golden(struct play *play, int width, int height, const char *name);

#endif
