/* SPDX-License-Identifier: MIT
 * pcpctl discover: which servers are there, what do they speak, what is wrong.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/words.h"
#include "cmd/run.h"

#define DEFAULT_TIMEOUT (3 * SEC)
/* Between two rounds of --wait. */
#define ROUND_PAUSE (1 * SEC)

struct discover_settings {
	bool no_external, has_wait;
	int64_t wait; /* ns */
};

/* The servers of one round, as they come in. */
struct discovered {
	struct event *events;
	size_t count;
};

static bool take_wait(struct parse *parse, void *settings, const char *word)
{
	struct discover_settings *discover = settings;

	if (!words_time(word, &discover->wait) || discover->wait == 0)
		return parse_error(parse, word,
			"time must be a number above 0 and one unit: 500ms, 5, 5s, 2m, 1h, 1d");
	discover->has_wait = true;
	return true;
}

static const struct option_row rows[] = {
	{ "no-external", 0, NULL, "do not learn a PCP server's external address by a mapping", NULL,
		offsetof(struct discover_settings, no_external) },
	{ "wait", 0, "TIME", "repeat until a server answers, for TIME at most", take_wait, 0 },
};

static struct option_set discover_options(void *settings)
{
	return (struct option_set){ rows, sizeof(rows) / sizeof(*rows), settings, NULL };
}

static size_t rank(const struct run *run, const struct event *event)
{
	return run_server_of(run, &event->server.server);
}

static void discover_event(struct run *run, const struct event *event)
{
	struct discovered *discovered = run->context;
	size_t i;

	if (event->kind != EVENT_SERVER)
		return;
	if (!discovered->events)
		discovered->events = calloc(run->server_count, sizeof(*event));
	if (!discovered->events) {
		run_fail(run, EXIT_LOCAL, "out of memory");
		return;
	}
	/* The answers come in any order; the table keeps that of the candidates. */
	for (i = discovered->count; i > 0; i--) {
		if (rank(run, &discovered->events[i - 1]) < rank(run, event))
			break;
		discovered->events[i] = discovered->events[i - 1];
	}
	discovered->events[i] = *event;
	discovered->count++;
}

static bool probe_all(struct run *run, const struct discover_settings *discover)
{
	for (size_t i = 0; i < run->server_count; i++) {
		if (!engine_probe(run->engine, i, !discover->no_external)) {
			run_fail(run, EXIT_LOCAL, "%s", engine_reason(run->engine));
			return false;
		}
	}
	return run_engine(run);
}

static bool answered(const struct event_probe *probe)
{
	return probe->answered || probe->status == PROBE_UNSUPPORTED;
}

static bool silent(const struct event_probe *probe)
{
	return probe->status == PROBE_SILENT || probe->status == PROBE_MALFORMED;
}

/* 0 if any server answered at all, whatever became of the others, else 3 if any was
 * silent, else 4; a send that this host's own firewall refused is a local failure. */
static enum exit_status verdict(const struct discovered *discovered)
{
	enum exit_status status = EXIT_NO_SERVER;
	bool denied = false;

	for (size_t i = 0; i < discovered->count; i++) {
		const struct event_server *server = &discovered->events[i].server;

		if (answered(&server->pcp) || answered(&server->nat_pmp))
			return EXIT_DONE;
		if (silent(&server->pcp) || silent(&server->nat_pmp))
			status = EXIT_NO_ANSWER;
		if (server->has_error && server->error.local &&
			(server->error.kind == NET_ERROR_DENIED ||
				server->error.kind == NET_ERROR_LOCAL))
			denied = true;
	}
	return denied ? EXIT_LOCAL : status;
}

/* One round with an engine of its own, for `left` at most (0: no limit). *again: nobody
 * answered, that may change, and there is time for another round. */
static enum exit_status one_round(const struct common *common,
	const struct discover_settings *discover, int64_t left, bool *again)
{
	struct mono start = engine_now();
	struct discovered discovered = { 0 };
	struct run_settings settings = {
		.command = &cmd_discover,
		.families = options_families(common),
		.all = true,
		.default_timeout = DEFAULT_TIMEOUT,
		.longest = left,
		.again = *again,
		.event = discover_event,
		.context = &discovered,
	};
	struct run run;
	bool asked = false;

	*again = false;
	if (run_open(&run, common, &settings)) {
		asked = run_find(&run, &settings) && probe_all(&run, discover);
		if (asked && run.status != EXIT_LOCAL)
			run.status = verdict(&discovered);
		*again = mono_since(engine_now(), start) + ROUND_PAUSE < left &&
			(run.status == EXIT_NO_ANSWER || run.status == EXIT_NO_SERVER);
	}
	if (*again && !engine_pause(run.engine, ROUND_PAUSE))
		engine_die_by_signal(run.engine);
	if (asked && !*again) {
		output_servers(run.output, discovered.events, discovered.count);
		run_findings(&run);
	}
	free(discovered.events);
	return run_close(&run);
}

static enum exit_status discover_main(struct common *common, int argc, char **argv)
{
	struct discover_settings discover = { 0 };
	struct parse parse = { .command = "discover" };
	enum exit_status status;
	int first = command_options(&cmd_discover, common, &discover, argc, argv, &status);
	struct mono end;
	int64_t left;
	bool again = false;

	if (first < 0)
		return status;
	if (first < argc) {
		parse_error(&parse, argv[first],
			"discover takes no such word; a server is named with -s");
		return EXIT_USAGE;
	}
	end = mono_after(engine_now(), discover.wait);
	do {
		left = mono_since(end, engine_now());
		left = !discover.has_wait ? 0 : left > 0 ? left : 1;
		status = one_round(common, &discover, left, &again);
	} while (again);
	return status;
}

const struct command cmd_discover = {
	.name = "discover",
	.arguments = "",
	.what = "find PCP and NAT-PMP servers, say what each can do and what is wrong",
	.about =
		"Asks the default routers, or the servers of -s, by a PCP ANNOUNCE and a NAT-PMP\n"
		"address request, neither of which changes state. A PCP server that gave no "
		"NAT-PMP\n"
		"address is asked for one short UDP mapping, deleted again, to learn its external\n"
		"address; --no-external avoids that.\n",
	.options = discover_options,
	.run = discover_main,
};
