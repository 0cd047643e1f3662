/* SPDX-License-Identifier: MIT
 * pcpctl watch: a live view of mappings that are kept alive, and of the servers' Epoch.
 */
#include "cmd/watch.h"

#include <locale.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/words.h"

#define DEFAULT_INTERVAL (30 * SEC)
#define LEAST_INTERVAL	 (1 * SEC)

static bool take_interval(struct parse *parse, void *settings, const char *word)
{
	struct watch_settings *watch = settings;

	if (!words_time(word, &watch->interval) || watch->interval < LEAST_INTERVAL)
		return parse_error(parse, word, "interval must be 1s or more, as 5, 30s or 2m");
	return true;
}

static bool take_established(struct parse *parse, void *settings, const char *word)
{
	return peer_take_established(parse, &((struct watch_settings *)settings)->peer, word);
}

#define FLAG(field) offsetof(struct watch_settings, field)

static const struct option_row rows[] = {
	{ "interval", 0, "TIME", "how often the server's Epoch is asked for (30s)", take_interval,
		0 },
	{ "established", 0, "REMOTE", "and the TCP connections with [ADDR]:PORT (PEER)",
		take_established, 0 },
	{ "once", 0, NULL, "print one frame and leave; the mappings stay", NULL, FLAG(once) },
	{ "plain", 0, NULL, "a line per event in place of the screen", NULL, FLAG(plain) },
};

static struct option_set watch_options(void *settings)
{
	return (struct option_set){ rows, sizeof(rows) / sizeof(*rows), settings, NULL };
}

/* Those of check() below. */
static const char *const of_map_alone[] = { "delete", "all", "force", "list", "dry-run", "shell",
	NULL };

static struct option_set mapping_options(void *settings)
{
	struct option_set set = map_options(settings);

	set.elsewhere = of_map_alone;
	return set;
}

/* --- what does not go together --- */

static bool check(struct parse *parse, const struct common *common,
	const struct watch_settings *settings)
{
	const struct map_settings *map = &settings->map;
	const struct {
		bool holds;
		const char *word, *text;
	} rules[] = {
		{ map->deletes, "--delete", "watch deletes with the key d: see map --delete" },
		{ map->list, "--list", "that is map --list" },
		{ map->all || map->force, "--all, --force", "only with map --delete" },
		{ map->dry_run, "--dry-run", "that is map --dry-run" },
		{ map->shell, "--shell", "that is map --shell" },
		{ map->owner != NULL && !settings->plain, "--srv",
			"its lines and the screen exclude each other: with --plain, or map "
			"--keep --srv" },
		{ settings->once && (settings->plain || common->json), "--once",
			"prints a frame: not with --plain or --json" },
		{ settings->once && common->quiet, "--quiet", "not with --once" },
		{ settings->once && map->keep, "--keep", "not with --once: it leaves at once" },
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
		if (rules[i].holds)
			return parse_error(parse, rules[i].word, "%s", rules[i].text);
	}
	return true;
}

/* --- the run --- */

static struct watch *watch_of(const struct run *run)
{
	const struct map *map = run->context;

	return map->face->context;
}

/* The clock of each server, also where nothing is to be renewed soon. */
static struct mono sample(struct watch *watch, struct mono now)
{
	struct engine *engine = watch->map.run.engine;

	if (!mono_due(watch->sample_at, now))
		return watch->sample_at;
	for (size_t i = 0; i < engine_server_count(engine); i++)
		engine_sample(engine, i);
	watch->sample_at = mono_after(now, watch->settings.interval);
	return now; /* they are to be sent at once */
}

static struct mono turn(struct run *run, struct mono now)
{
	struct watch *watch = watch_of(run);
	struct mono next = sample(watch, now);

	return watch->view ? mono_min(next, watch_screen_turn(watch, now)) : next;
}

/* --established: the mapping of each such connection, as peer -k keeps it. */
static bool ask_flow(struct watch *watch, struct peer_flow *flow, size_t server)
{
	struct map *map = &watch->map;
	size_t number = map->result_count;
	struct map_result *result;
	struct want want;

	if (!peer_prepare(&watch->peer, flow, server, number, &want))
		return false;
	result = map_add_result(map, flow->word);
	if (!result)
		return false;
	result->server = server;
	if (map->keep && !keep_add(map->keep, server, &want))
		return false;
	if (engine_want(map->run.engine, server, &want) &&
		(!want.keep || engine_flow(map->run.engine, &flow->flow, want.number)))
		return true;
	run_fail(&map->run, EXIT_LOCAL, "%s", engine_reason(map->run.engine));
	return false;
}

static bool asks(struct map *map)
{
	struct watch *watch = map->face->context;
	struct peer *peer = &watch->peer;
	size_t left_out = 0;

	if (!watch->settings.peer.established)
		return true;
	*peer = (struct peer){ .common = map->common,
		.settings = watch->settings.peer,
		.run = &map->run };
	peer->settings.keep = map->settings.keep;
	peer->settings.lifetime =
		map->settings.has_lifetime ? map->settings.lifetime : PEER_KEEP_LIFETIME;
	if (!peer_gather(peer))
		return false;
	for (size_t flow = 0; flow < peer->flow_count; flow++) {
		bool asked = false;

		for (size_t server = 0; server < map->ask_count; server++) {
			if (!peer_is_asked_at(peer, &peer->flows[flow], server))
				continue;
			asked = true;
			if (!ask_flow(watch, &peer->flows[flow], server))
				return false;
		}
		left_out += !asked;
	}
	if (left_out)
		output_note(map->run.output,
			"%zu connections from another address than the server is asked from are "
			"left out (see pcpctl peer)",
			left_out);
	return true;
}

static void flow_gone(struct run *run, unsigned number)
{
	const struct map *map = run->context;

	if (number >= map->result_count)
		return;
	output_note(run->output, "%s: the connection is over", map->results[number].word);
	engine_delete(run->engine, map->results[number].server, number);
}

static bool opened(struct map *map)
{
	return watch_screen_listen(map->face->context);
}

static bool asked(struct map *map)
{
	struct watch *watch = map->face->context;

	watch->sample_at = engine_now();
	if (watch->settings.once) {
		for (size_t i = 0; i < engine_server_count(map->run.engine); i++) {
			if (!engine_probe(map->run.engine, i, false))
				return false;
		}
	}
	return !watch->view || watch_servers(watch);
}

static void show(struct map *map)
{
	struct watch *watch = map->face->context;

	watch_screen_print(watch);
	for (size_t i = 0; i < map->result_count; i++) {
		if (map->results[i].known)
			map->run.status = exit_worse(map->run.status,
				run_status_of(&map->results[i].mapping));
	}
}

/* A screen where there is a terminal; --once draws without one. */
static bool open_screen(struct watch *watch)
{
	const struct common *common = watch->common;
	bool plain = watch->settings.plain || common->json || common->quiet;
	char why[200];

	if (!watch->settings.once && (plain || !isatty(STDOUT_FILENO)))
		return true;
	setlocale(LC_CTYPE, "");
	if (!watch_screen_open(watch))
		return false;
	if (watch->settings.once || watch_screen_take(watch, why, sizeof(why)))
		return true;
	fprintf(stderr, "pcpctl: watch: %s: goes on with a line per event\n", why);
	watch_screen_close(watch);
	return true;
}

static enum exit_status run(struct watch *watch)
{
	enum exit_status status = EXIT_LOCAL;

	if (open_screen(watch)) {
		watch->face = (struct map_face){
			.recorded = !watch->settings.peer.established,
			.asks = asks,
			.flow_gone = flow_gone,
			.silent = watch->view != NULL,
			.lively = watch->view == NULL,
			.log = watch->log,
			.opened = opened,
			.asked = asked,
			.sees = watch->view ? watch_screen_sees : NULL,
			.turn = turn,
			.show = show,
			.context = watch,
		};
		watch->map.face = &watch->face;
		status = map_run(&watch->map);
	}
	watch_screen_close(watch);
	free(watch->known);
	free(watch->former);
	free(watch->peer.flows);
	free(watch->peer.sources);
	while (watch->typed) {
		struct watch_spec *typed = watch->typed;

		watch->typed = typed->next;
		free(typed);
	}
	return status;
}

static bool make_map(struct watch *watch, struct parse *parse, struct common *common, int count,
	char **words)
{
	struct map *map = &watch->map;

	map->command = &cmd_watch;
	map->common = common;
	map->spec_count = (size_t)count;
	map->specs = calloc(map->spec_count + 1, sizeof(*map->specs));
	if (!map->specs)
		return parse_error(parse, NULL, "out of memory");
	map->settings = watch->settings.map;
	if (!check(parse, common, &watch->settings))
		return false;
	map->settings.keep = !watch->settings.once;
	return spec_parse_all(parse, words, map->spec_count, map->specs) &&
		map_check(parse, common, &map->settings, map->specs, map->spec_count);
}

static enum exit_status watch_main(struct common *common, int argc, char **argv)
{
	struct watch watch = {
		.common = common,
		.settings = { .map = { .lifetime = MAP_LIFETIME }, .interval = DEFAULT_INTERVAL },
		.sample_at = MONO_NEVER,
	};
	struct parse parse = { .command = "watch" };
	enum exit_status status;
	int first = command_options(&cmd_watch, common, &watch.settings, argc, argv, &status);

	if (first < 0)
		return status;
	status = EXIT_USAGE;
	if (make_map(&watch, &parse, common, argc - first, argv + first))
		status = run(&watch);
	free(watch.map.specs);
	return status;
}

const struct command cmd_watch = {
	.name = "watch",
	.arguments = "[SPEC]...",
	.what = "live view that keeps mappings refreshed, highlights Epoch regressions",
	.about =
		"A SPEC is as in map; without one, the mappings recorded for this network are\n"
		"kept alive, and where there are none the server's Epoch is watched all the same.\n"
		"Keys: a add, d delete, r renew, R renew all, e lifetime, x hook, Enter details,\n"
		"s sort, / filter, l log, ? help, q quit, Q quit and leave the mappings.\n",
	.options = mapping_options,
	.more = watch_options,
	.run = watch_main,
};
