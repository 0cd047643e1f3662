/* SPDX-License-Identifier: MIT
 * The live screen without a network: plays events at instants of its own into the view,
 * on the real terminal, and does what keys ask for as far as that is the screen's.
 * For tests/bats/screen.bats, and to look at.
 *
 *	screen_tool [--rows N] [--once] [--no-color] [--quiet]
 *
 * --rows N: that many mappings in place of three; --quiet: no restart of the router.
 */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

#include "../unit/sample_events.h"
#include "host/clock.h"
#include "host/loop.h"
#include "out/outcome.h"
#include "out/packet.h"
#include "out/when.h"
#include "tui/term.h"
#include "tui/view.h"

#define ROUTER "192.168.1.254"

struct screen {
	struct view *view;
	struct frame frame;
	struct mono start;
	unsigned rows, next; /* `next`: the number of the next mapping added */
	unsigned played; /* steps of the script */
	bool once, color, quiet, over;
	int draws;
};

/* --- events --- */

static void tell(struct screen *screen, struct event *event)
{
	event->at = clock_now();
	event->wall_ms = clock_wall_ms();
	if (!view_event(screen->view, event))
		abort();
}

static uint32_t epoch_of(const struct screen *screen)
{
	uint32_t s = (uint32_t)(mono_since(clock_now(), screen->start) / SEC);

	return screen->played > 1 ? 3 + s : 3553200 + s;
}

static struct event mapping(const struct screen *screen, unsigned want,
	enum mapping_outcome outcome)
{
	struct event event = sample_grant(ROUTER);
	struct event_mapping *m = &event.mapping;

	m->want = want;
	m->outcome = outcome;
	m->protocol = want % 2 ? PROTOCOL_UDP : PROTOCOL_TCP;
	m->internal_port = m->suggested_port = m->external_port = (uint16_t)(8080 + want);
	m->external_address = sample_ip("203.0.113.7");
	m->lifetime = m->requested_lifetime = 120 + want % 3600;
	m->epoch = epoch_of(screen);
	m->next = mono_after(clock_now(), (int64_t)m->lifetime * SEC / 2);
	return event;
}

static void play_grants(struct screen *screen)
{
	for (unsigned i = 0; i < screen->rows; i++) {
		struct event event = mapping(screen, i, OUTCOME_GRANTED);

		tell(screen, &event);
	}
	screen->next = screen->rows;
}

static void play_restart(struct screen *screen)
{
	struct event event = sample_event(EVENT_EPOCH);

	screen->played++; /* the epoch is another from here on */
	event.epoch = (struct event_epoch){ .server = sample_server(ROUTER),
		.via = VIA_PCP,
		.regressed = true,
		.previous = 3553201,
		.current = epoch_of(screen),
		.expected = 3553202,
		.elapsed = 1,
		.kind = EPOCH_RESTART };
	screen->played--;
	tell(screen, &event);
}

static void play_recovery(struct screen *screen)
{
	for (unsigned i = 0; i < screen->rows; i++) {
		struct event event = mapping(screen, i, OUTCOME_RECOVERED);

		tell(screen, &event);
	}
}

static const struct step {
	int64_t after;
	void (*play)(struct screen *screen);
} script[] = {
	{ 0, play_grants },
	{ 1500 * MSEC, play_restart },
	{ 2500 * MSEC, play_recovery },
};

static struct mono next_step(const struct screen *screen)
{
	size_t steps = screen->quiet ? 1 : sizeof(script) / sizeof(*script);

	return screen->played < steps ? mono_after(screen->start, script[screen->played].after) :
					MONO_NEVER;
}

static void play_due(struct screen *screen)
{
	while (mono_due(next_step(screen), clock_now())) {
		script[screen->played].play(screen);
		screen->played++;
	}
}

/* --- keys --- */

static void add(struct screen *screen, const char *text)
{
	char error[400];
	uint64_t port;

	if (words_number(text, 1, 65535, &port)) {
		struct event event = mapping(screen, screen->next++, OUTCOME_GRANTED);

		event.mapping.internal_port = event.mapping.external_port = (uint16_t)port;
		tell(screen, &event);
		view_prompt_answer(screen->view, NULL);
		return;
	}
	snprintf(error, sizeof(error), "%s: port must be 1-65535", text);
	view_prompt_answer(screen->view, error);
}

static void again(struct screen *screen, unsigned want, enum mapping_outcome outcome,
	const char *note)
{
	struct event event = mapping(screen, want, outcome);

	event.mapping.deleting = outcome == OUTCOME_DELETED;
	if (outcome == OUTCOME_DELETED)
		event.mapping.lifetime = 0;
	tell(screen, &event);
	view_note(screen->view, note);
}

static void act(struct screen *screen, const struct view_action *action)
{
	switch (action->kind) {
	case VIEW_NOTHING:
		break;
	case VIEW_ADD:
		add(screen, action->text);
		break;
	case VIEW_LIFETIME:
		view_prompt_answer(screen->view, NULL);
		again(screen, action->want, OUTCOME_RENEWED, "another lifetime");
		break;
	case VIEW_DELETE:
		again(screen, action->want, OUTCOME_DELETED, "deleted");
		break;
	case VIEW_RENEW:
	case VIEW_RENEW_ALL:
	case VIEW_HOOK:
		again(screen, action->want, OUTCOME_RENEWED, "renewed");
		break;
	case VIEW_REDRAW:
		term_redraw();
		break;
	case VIEW_SUSPEND:
		term_suspend();
		break;
	case VIEW_QUIT:
	case VIEW_QUIT_AND_LEAVE:
	case VIEW_GONE:
		screen->over = true;
		break;
	}
}

static void take_keys(struct screen *screen)
{
	struct view_action action;
	int key;

	while (!screen->over && (key = term_key()) != PRESS_NONE) {
		view_key(screen->view, key, &action);
		act(screen, &action);
	}
}

/* --- the loop --- */

static void draw(struct screen *screen)
{
	int width, height;

	term_size(&width, &height);
	if (!frame_reset(&screen->frame, width, height, term_utf8()))
		abort();
	view_draw(screen->view, &screen->frame, clock_now(), clock_wall_ms());
	term_show(&screen->frame);
	screen->draws++;
}

static int run(struct screen *screen)
{
	struct loop *loop = loop_new();
	struct loop_ready ready;
	char why[200];
	int fds[2];

	if (!loop || loop_catch_signals(loop) < 0)
		return 5;
	if (!term_open(screen->color, why, sizeof(why))) {
		fprintf(stderr, "screen_tool: %s\n", why);
		return 3;
	}
	term_fds(fds);
	if (loop_add(loop, fds[0]) < 0 || loop_add(loop, fds[1]) < 0)
		return 5;
	while (!screen->over && !loop_signal(loop, NULL)) {
		play_due(screen);
		take_keys(screen);
		if (mono_due(view_deadline(screen->view), clock_now()))
			draw(screen);
		if (!screen->over &&
			loop_wait(loop, mono_min(view_deadline(screen->view), next_step(screen)),
				&ready) < 0)
			break;
	}
	term_close();
	printf("screen_tool: ended, signal %d, %d draws\n", loop_signal(loop, NULL), screen->draws);
	loop_free(loop);
	return 0;
}

static int print_once(struct screen *screen)
{
	int height;

	play_due(screen);
	height = view_height(screen->view, clock_now(), 5);
	if (!frame_reset(&screen->frame, 80, height, term_utf8()))
		abort();
	view_draw(screen->view, &screen->frame, clock_now(), clock_wall_ms());
	return frame_print(&screen->frame, stdout) < 0 ? 5 : 0;
}

static void show_packet(const uint8_t *octets, size_t length,
	void (*line)(void *context, const char *text), void *context)
{
	struct packet decoded;

	packet_decode(octets, length, &decoded);
	packet_lines(&decoded, line, context);
}

int main(int argc, char **argv)
{
	struct screen screen = { .rows = 3, .color = true };
	struct view_settings settings = { .time_text = when_time,
		.date_text = when_date,
		.problem = outcome_problem,
		.packet = show_packet };
	int status;

	setlocale(LC_CTYPE, "");
	for (int i = 1; i < argc; i++) {
		screen.once |= strcmp(argv[i], "--once") == 0;
		screen.quiet |= strcmp(argv[i], "--quiet") == 0;
		screen.color &= strcmp(argv[i], "--no-color") != 0;
		if (strcmp(argv[i], "--rows") == 0 && argv[i + 1])
			screen.rows = (unsigned)atoi(argv[++i]);
	}
	settings.utf8 = term_utf8();
	settings.still = screen.once;
	screen.view = view_new(&settings);
	if (!screen.view)
		return 5;
	screen.start = clock_now();
	status = screen.once ? print_once(&screen) : run(&screen);
	view_free(screen.view);
	frame_free(&screen.frame);
	return status;
}
