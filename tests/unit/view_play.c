/* SPDX-License-Identifier: MIT
 * A view with a clock of its own.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "out/outcome.h"
#include "out/packet.h"
#include "out/when.h"
#include "view_play.h"

static void packet(const uint8_t *octets, size_t length,
	void (*line)(void *context, const char *text), void *context)
{
	struct packet decoded;

	packet_decode(octets, length, &decoded);
	packet_lines(&decoded, line, context);
}

struct view_settings play_settings(bool utf8)
{
	return (struct view_settings){ .utf8 = utf8,
		.time_text = when_time,
		.date_text = when_date,
		.problem = outcome_problem,
		.packet = packet };
}

void play_begin_with(struct play *play, const struct view_settings *settings)
{
	memset(play, 0, sizeof(*play));
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	play->view = view_new(settings);
	assert_non_null(play->view);
	play->now.ns = 1000 * SEC;
	play->wall_ms = SAMPLE_NOW;
	play->frame.utf8 = settings->utf8;
}

void play_begin(struct play *play, bool utf8)
{
	struct view_settings settings = play_settings(utf8);

	play_begin_with(play, &settings);
}

void play_end(struct play *play)
{
	view_free(play->view);
	frame_free(&play->frame);
}

void play_wait(struct play *play, int64_t ns)
{
	play->now.ns += ns;
	play->wall_ms += ns / MSEC;
}

void play_event(struct play *play, struct event *event)
{
	event->at = play->now;
	event->wall_ms = play->wall_ms;
	assert_true(view_event(play->view, event));
}

void play_key(struct play *play, int key)
{
	view_key(play->view, key, &play->action);
}

void play_type(struct play *play, const char *text)
{
	while (*text)
		play_key(play, (unsigned char)*text++);
}

static void draw(struct play *play, int width, int height)
{
	assert_true(frame_reset(&play->frame, width, height, play->frame.utf8));
	view_draw(play->view, &play->frame, play->now, play->wall_ms);
}

const char *play_screen(struct play *play, int width, int height)
{
	static char *text;
	size_t size;
	FILE *out;

	draw(play, width, height);
	free(text);
	text = NULL;
	out = open_memstream(&text, &size);
	assert_int_equal(frame_print(&play->frame, out), 0);
	fclose(out);
	return text;
}

void play_shows(struct play *play, int width, int height, const char *text)
{
	const char *screen = play_screen(play, width, height);

	if (!strstr(screen, text))
		fail_msg("\"%s\" is not on the screen:\n%s", text, screen);
}

void play_hides(struct play *play, int width, int height, const char *text)
{
	const char *screen = play_screen(play, width, height);

	if (strstr(screen, text))
		fail_msg("\"%s\" is on the screen:\n%s", text, screen);
}

/* The text is ASCII. */
static bool stands_at(const struct frame *frame, int y, int x, const char *text)
{
	for (; *text; text++, x++) {
		const struct cell *cell = frame_cell(frame, y, x);

		if (!cell || cell->c != (uint32_t)*text)
			return false;
	}
	return true;
}

enum look play_look(struct play *play, const char *text)
{
	for (int y = 1; y < play->frame.height; y++) {
		for (int x = 0; x < play->frame.width; x++) {
			if (stands_at(&play->frame, y, x, text))
				return frame_cell(&play->frame, y, x)->look;
		}
	}
	fail_msg("\"%s\" is not in the frame", text);
	return LOOK_NORMAL;
}

struct event play_grant(unsigned want, uint8_t protocol, uint16_t internal, uint16_t external,
	uint32_t lifetime)
{
	struct event event = sample_grant("192.168.1.254");
	struct event_mapping *m = &event.mapping;

	m->want = want;
	m->protocol = protocol;
	m->internal_port = m->suggested_port = internal;
	m->external_port = external;
	m->external_address = sample_ip("203.0.113.7");
	m->lifetime = m->requested_lifetime = lifetime;
	m->next = MONO_NEVER;
	return event;
}

struct event play_epoch(enum epoch_kind kind, uint32_t previous, uint32_t current, int64_t expected)
{
	struct event event = sample_event(EVENT_EPOCH);

	event.epoch = (struct event_epoch){ .server = sample_server("192.168.1.254"),
		.via = VIA_PCP,
		.regressed = true,
		.previous = previous,
		.current = current,
		.expected = expected,
		.elapsed = expected - previous,
		.kind = kind };
	return event;
}

/* --- golden files --- */

static char *read_whole(const char *path)
{
	FILE *in = fopen(path, "r");
	char *text = NULL;
	size_t size = 0;
	ssize_t n;

	if (!in)
		return NULL;
	n = getdelim(&text, &size, '\0', in);
	fclose(in);
	if (n < 0) {
		free(text);
		return NULL;
	}
	return text;
}

void play_golden(struct play *play, int width, int height, const char *name)
{
	const char *screen = play_screen(play, width, height);
	char path[200], *golden;

	snprintf(path, sizeof(path), "tests/unit/golden/%s.txt", name);
	if (getenv("GOLDEN_UPDATE")) {
		FILE *out = fopen(path, "w");

		assert_non_null(out);
		fputs(screen, out);
		assert_int_equal(fclose(out), 0);
	}
	golden = read_whole(path);
	if (!golden)
		fail_msg("%s: cannot be read (GOLDEN_UPDATE=1 writes it)", path);
	if (strcmp(golden, screen) != 0)
		fail_msg("%s: was\n%sand is now\n%s", path, golden, screen);
	free(golden);
}

void play_mapping(struct play *play, unsigned want, enum mapping_outcome outcome)
{
	struct event event = play_grant(want, PROTOCOL_TCP, (uint16_t)(8000 + want),
		(uint16_t)(9000 + want), 7200);

	event.mapping.outcome = outcome;
	event.mapping.has_epoch = false;
	play_event(play, &event);
}

void play_sample(struct play *play, uint32_t epoch)
{
	struct event event = play_epoch(EPOCH_UNKNOWN, 0, epoch, 0);

	event.epoch.regressed = false;
	event.epoch.has_rtt = true;
	event.epoch.rtt = 2 * MSEC;
	play_event(play, &event);
}

void play_regress(struct play *play)
{
	struct event epoch = play_epoch(EPOCH_RESTART, 5000, 3, 5030);

	play_event(play, &epoch);
}
