/* SPDX-License-Identifier: MIT
 * The screen of watch: events go in, keys come out.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/words.h"
#include "cmd/values.h"
#include "cmd/watch.h"
#include "out/outcome.h"
#include "out/packet.h"
#include "out/when.h"
#include "tui/term.h"

#define ONCE_WIDTH 80
#define ONCE_LOG   5

/* --- opening and closing --- */

static void show_packet(const uint8_t *octets, size_t length,
	void (*line)(void *context, const char *text), void *context)
{
	struct packet packet;

	packet_decode(octets, length, &packet);
	packet_lines(&packet, line, context);
}

bool watch_screen_open(struct watch *watch)
{
	struct view_settings settings = {
		.utf8 = term_utf8(),
		.still = watch->settings.once,
		.verbose = watch->common->verbose > 0,
		.leave = watch->settings.map.leave,
		.has_hook = watch->settings.map.exec != NULL,
		.time_text = when_time,
		.date_text = when_date,
		.problem = outcome_problem,
		.packet = show_packet,
	};

	watch->view = view_new(&settings);
	if (watch->view && !watch->settings.once)
		watch->log = watch_log_open(watch);
	if (watch->view && (watch->log || watch->settings.once))
		return true;
	fprintf(stderr, "pcpctl: watch: out of memory\n");
	return false;
}

bool watch_screen_take(struct watch *watch, char *why, size_t size)
{
	const char *no_color = getenv("NO_COLOR");
	bool color = watch->common->color == COLOR_AUTO ? !no_color || !*no_color :
							  watch->common->color == COLOR_ALWAYS;

	watch->on_screen = term_open(color, why, size);
	if (watch->on_screen)
		watch_log_take_stderr(watch);
	return watch->on_screen;
}

void watch_screen_close(struct watch *watch)
{
	if (watch->log)
		fclose(watch->log);
	watch->log = NULL;
	if (watch->on_screen)
		term_close();
	watch_log_give_back(watch);
	watch->on_screen = false;
	if (watch->unseen_length)
		fwrite(watch->unseen, 1, watch->unseen_length, stderr);
	free(watch->unseen);
	watch->unseen = NULL;
	watch->unseen_length = 0;
	view_free(watch->view);
	watch->view = NULL;
	frame_free(&watch->frame);
}

bool watch_servers(struct watch *watch)
{
	struct engine *engine = watch->map.run.engine;
	size_t count = engine_server_count(engine);
	struct server_id *known = realloc(watch->known, (count + 1) * sizeof(*known));
	struct server_id *former =
		known ? realloc(watch->former, (count + 1) * sizeof(*former)) : NULL;

	if (known)
		watch->known = known;
	if (former)
		watch->former = former;
	for (; former && watch->known_count < count; watch->known_count++) {
		known[watch->known_count] = former[watch->known_count] =
			*engine_server_id(engine, watch->known_count);
		if (!view_server(watch->view, &known[watch->known_count]))
			former = NULL;
	}
	if (!former)
		run_fail(&watch->map.run, EXIT_LOCAL, "out of memory");
	return former != NULL;
}

/* --- events --- */

static bool is_same(const struct server_id *a, const struct server_id *b)
{
	return endpoint_equal(&a->server, &b->server) && ip_equal(&a->local, &b->local);
}

/* A server that is asked elsewhere by now is still the same line of the screen. */
static void translate(const struct watch *watch, struct event *event)
{
	const struct server_id *id = event_server(event);

	for (size_t i = 0; id && i < watch->known_count; i++) {
		if (is_same(id, &watch->known[i]))
			return;
	}
	for (size_t i = 0; id && i < watch->known_count; i++) {
		if (is_same(id, &watch->former[i])) {
			event_set_server(event, &watch->known[i]);
			return;
		}
	}
}

bool watch_screen_sees(struct run *run, const struct event *event)
{
	const struct map *map = run->context;
	struct watch *watch = map->face->context;
	struct event shown = *event;

	if (event->kind == EVENT_MAPPING && event->mapping.elsewhere)
		return true;
	translate(watch, &shown);
	if (!view_event(watch->view, &shown))
		run_fail(run, EXIT_LOCAL, "out of memory");
	return true;
}

/* --- keys --- */

static bool add(struct watch *watch, const char *text, char *error, size_t size)
{
	struct watch_spec *typed = calloc(1, sizeof(*typed));
	struct parse parse = { .command = "watch", .message = error, .size = size };
	struct map *map = &watch->map;
	char *words[] = { typed ? typed->word : NULL };

	if (!typed)
		return parse_error(&parse, NULL, "out of memory");
	if (engine_server_count(map->run.engine) == 0) {
		free(typed);
		return parse_error(&parse, text, "nobody is there to ask yet");
	}
	snprintf(typed->word, sizeof(typed->word), "%s", text);
	if (!spec_parse_all(&parse, words, 1, &typed->spec) ||
		!map_check(&parse, watch->common, &map->settings, &typed->spec, 1)) {
		free(typed);
		return false;
	}
	typed->next = watch->typed;
	watch->typed = typed;
	run_follow(&map->run);
	map->ask_count = engine_server_count(map->run.engine);
	if (!map_ask_spec(map, &typed->spec))
		return parse_error(&parse, text, "cannot be asked for, see the log");
	return true;
}

static bool change_lifetime(struct watch *watch, const struct view_action *action, char *error,
	size_t size)
{
	struct parse parse = { .command = "watch", .message = error, .size = size };
	uint32_t lifetime;

	if (!values_lifetime(&parse, action->text, "lifetime 0 deletes: that is the key d",
		    &lifetime))
		return false;
	if (action->want < watch->map.result_count &&
		engine_lifetime(watch->map.run.engine, watch->map.results[action->want].server,
			action->want, lifetime))
		return true;
	return parse_error(&parse, action->text, "the mapping is not there any more");
}

static void answer(struct watch *watch, const struct view_action *action)
{
	char error[512] = "";
	bool good = action->kind == VIEW_ADD ? add(watch, action->text, error, sizeof(error)) :
					       change_lifetime(watch, action, error, sizeof(error));

	view_prompt_answer(watch->view, good ? NULL : error);
}

static void renew_all(struct watch *watch)
{
	const struct map *map = &watch->map;

	for (size_t i = 0; i < map->result_count; i++)
		engine_renew(map->run.engine, map->results[i].server, (unsigned)i);
	view_note(watch->view, "renewing all");
}

/* The terminal is gone: as when its reader is. */
static void lose(struct watch *watch)
{
	struct run *run = &watch->map.run;

	engine_unwatch(run->engine);
	watch_log_give_back(watch);
	run_reader_gone(run);
}

static void of_mapping(struct watch *watch, const struct view_action *action)
{
	const struct map *map = &watch->map;
	const char *note = NULL;
	size_t server;

	if (action->want >= map->result_count)
		return;
	server = map->results[action->want].server;
	switch (action->kind) {
	case VIEW_DELETE:
		note = engine_delete(map->run.engine, server, action->want) ? "deleting" : NULL;
		break;
	case VIEW_RENEW:
		note = engine_renew(map->run.engine, server, action->want) ? "renewing" : NULL;
		break;
	default:
		note = keep_rerun(map->keep, action->want) ? "the hook is run" :
							     "there is no hook, or nothing held";
		break;
	}
	view_note(watch->view, note ? note : "it is not there any more");
}

static void act(struct watch *watch, const struct view_action *action)
{
	struct run *run = &watch->map.run;

	switch (action->kind) {
	case VIEW_NOTHING:
		break;
	case VIEW_ADD:
	case VIEW_LIFETIME:
		answer(watch, action);
		break;
	case VIEW_DELETE:
	case VIEW_RENEW:
	case VIEW_HOOK:
		of_mapping(watch, action);
		break;
	case VIEW_RENEW_ALL:
		renew_all(watch);
		break;
	case VIEW_QUIT:
		engine_close(run->engine, run->leave);
		view_note(watch->view, "leaving ...");
		break;
	case VIEW_QUIT_AND_LEAVE:
		run->leave = true;
		engine_close(run->engine, true);
		break;
	case VIEW_REDRAW:
		term_redraw();
		break;
	case VIEW_SUSPEND:
		term_suspend();
		break;
	case VIEW_GONE:
		lose(watch);
		break;
	}
}

static void take_keys(void *context)
{
	const struct run *run = context;
	const struct map *map = run->context;
	struct watch *watch = map->face->context;
	struct view_action action;
	int key;

	watch_log_read_stderr(watch);
	while ((key = term_key()) != PRESS_NONE) {
		view_key(watch->view, key, &action);
		act(watch, &action);
		if (action.kind == VIEW_GONE)
			return;
	}
}

bool watch_screen_listen(struct watch *watch)
{
	struct run *run = &watch->map.run;
	int fds[2];

	if (!watch->on_screen)
		return true;
	term_fds(fds);
	if (engine_watch(run->engine, fds[0], take_keys) &&
		engine_watch(run->engine, fds[1], take_keys) &&
		(!watch->aside.taken || engine_watch(run->engine, watch->aside.from, take_keys)))
		return true;
	run_fail(run, EXIT_LOCAL, "%s", engine_reason(run->engine));
	return false;
}

/* --- drawing --- */

static void look_for_moves(struct watch *watch)
{
	struct engine *engine = watch->map.run.engine;

	for (size_t i = 0; i < watch->known_count; i++) {
		const struct server_id *id = engine_server_id(engine, i);

		if (is_same(id, &watch->known[i]))
			continue;
		watch->former[i] = watch->known[i];
		watch->known[i] = *id;
		view_server_moved(watch->view, i, id);
	}
}

struct mono watch_screen_turn(struct watch *watch, struct mono now)
{
	int width, height;

	look_for_moves(watch);
	if (!watch->on_screen)
		return MONO_NEVER;
	if (mono_due(view_deadline(watch->view), now)) {
		term_size(&width, &height);
		if (frame_reset(&watch->frame, width, height, term_utf8()))
			view_draw(watch->view, &watch->frame, now, engine_wall_ms());
		term_show(&watch->frame);
		watch->unseen_length = 0;
	}
	return view_deadline(watch->view);
}

void watch_screen_print(struct watch *watch)
{
	struct winsize size = { .ws_col = ONCE_WIDTH };
	int height = view_height(watch->view, engine_now(), ONCE_LOG);

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || !size.ws_col)
		size.ws_col = ONCE_WIDTH;
	if (!frame_reset(&watch->frame, size.ws_col, height, term_utf8())) {
		run_fail(&watch->map.run, EXIT_LOCAL, "out of memory");
		return;
	}
	view_draw(watch->view, &watch->frame, engine_now(), engine_wall_ms());
	if (frame_print(&watch->frame, stdout) < 0)
		run_fail(&watch->map.run, EXIT_LOCAL, "stdout: cannot write");
}
