/* SPDX-License-Identifier: MIT
 * Engine, output and facts of one run.
 */
#include "cmd/run.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/hooks.h"

static void clear_progress(struct run *run)
{
	if (run->progress)
		fputs("\r\033[K", stderr);
	run->progress = false;
}

static void remember(struct run *run, const struct event *event)
{
	struct run_network *network;

	if (event->kind != EVENT_MAPPING)
		return;
	network = event->mapping.answered ? run_network_found(run, &event->mapping.server) :
					    run_network_of(run, &event->mapping.server);
	if (!network)
		return;
	if (run->keeps)
		memory_time(run->memory, event->at, event->wall_ms);
	if (memory_restarted(run->memory, &network->network, &event->mapping, event->at,
		    event->wall_ms))
		network->restarted = true;
	memory_event(run->memory, &network->network, &event->mapping, event->wall_ms);
}

/* It is acted upon once the server itself has been asked. */
static void tell_announcement(struct run *run, const struct event_announce *announce)
{
	struct server_id id = { .server = announce->source };
	char server[128], expected[64] = "";

	memcpy(id.interface, announce->interface, sizeof(id.interface));
	if (announce->has_expected)
		snprintf(expected, sizeof(expected), ", expected %lld s",
			(long long)announce->expected);
	output_note(run->output, "%s announces a restart: epoch %u s%s (not confirmed yet)",
		output_server(&id, server, sizeof(server)), announce->epoch, expected);
}

static void show_event(struct run *run, const struct event *event)
{
	if (event->kind == EVENT_ANNOUNCE && !run->common->json && !run->lively)
		tell_announcement(run, &event->announce);
	else if (run->dry && event->kind == EVENT_PACKET)
		output_dry(run->output, event);
	else
		output_event(run->output, event);
	if (run->keeps) /* who reads it may have to wait for hours for the next */
		run_flush(run);
}

static void take_event(void *context, const struct event *event)
{
	struct run *run = context;
	bool seen;

	clear_progress(run);
	if (!facts_add(run->facts, event))
		run_fail(run, EXIT_LOCAL, "out of memory");
	remember(run, event);
	seen = run->sees && run->sees(run, event);
	if (event->kind == EVENT_MAPPING || event->kind == EVENT_SERVER)
		run->event(run, event);
	else if (!seen)
		show_event(run, event);
}

/* dig shows nothing, mtr shows all: a person is told that it is still waiting. */
static void show_progress(void *context, int64_t elapsed)
{
	struct run *run = context;

	fprintf(stderr, "\r\033[Kpcpctl: %s: waiting for an answer ... %lld s", run->command,
		(long long)(elapsed / SEC));
	fflush(stderr);
	run->progress = true;
}

/* --- what stays --- */

static void warn_hook(void *context, unsigned mapping, const char *text)
{
	struct run *run = context;
	const char *name =
		run->name && mapping != HOOKS_NO_MAPPING ? run->name(run, mapping) : NULL;

	clear_progress(run);
	if (name)
		output_note(run->output, "%s: %s", name, text);
	else
		output_note(run->output, "%s", text);
}

static void warn_engine(void *context, const char *text)
{
	warn_hook(context, HOOKS_NO_MAPPING, text);
}

static void take_user_signal(void *context)
{
	engine_rerun_hooks(((struct run *)context)->engine);
}

void run_reader_gone(struct run *run)
{
	run->reader_gone = true;
	engine_close(run->engine, run->leave);
}

static void take_gone(void *context)
{
	run_reader_gone(context);
}

bool run_flush(struct run *run)
{
	if (output_flush(run->output))
		return true;
	if (run->keeps && !run->reader_gone)
		run_reader_gone(run);
	return false;
}

static struct mono take_turn(void *context, struct mono now)
{
	struct run *run = context;

	return run->turn(run, now);
}

static void take_flow_gone(void *context, unsigned number)
{
	struct run *run = context;

	run->flow_gone(run, number);
}

static bool open_output(struct run *run, FILE *log)
{
	const struct common *common = run->common;
	struct output_settings settings = {
		.form = common->json  ? OUTPUT_JSON :
			common->quiet ? OUTPUT_QUIET :
					OUTPUT_TEXT,
		.out = log ? log : stdout,
		.err = log ? log : stderr,
		.command = run->command,
		.verbose = common->verbose,
		.color = !log && options_wants_color(common),
		.lively = run->lively,
		.stays = run->keeps,
	};

	run->output = output_new(&settings);
	run->facts = facts_new();
	if (run->output && run->facts)
		return true;
	fprintf(stderr, "pcpctl: %s: out of memory\n", run->command);
	run->status = EXIT_LOCAL;
	return false;
}

static enum version_policy policy_of(const struct common *common)
{
	if (common->pcp)
		return VERSION_PCP_ONLY;
	return common->nat_pmp ? VERSION_NAT_PMP_ONLY : VERSION_PCP_FIRST;
}

static int64_t timeout_of(const struct common *common, const struct run_settings *settings)
{
	int64_t timeout = common->patient ? 0 : settings->default_timeout;

	if (common->has_timeout)
		timeout = common->timeout;
	if (settings->longest && (!timeout || timeout > settings->longest))
		timeout = settings->longest;
	return timeout;
}

static bool shows_progress(const struct run *run)
{
	return isatty(STDERR_FILENO) && !run->common->quiet && !run->dry;
}

bool run_open(struct run *run, const struct common *common, const struct run_settings *settings)
{
	struct engine_config config = {
		.policy = policy_of(common),
		.patient = common->patient,
		.timeout = timeout_of(common, settings),
		.interface = common->interface,
		.mark = common->mark,
		.trace = common->verbose > 0 || settings->sees,
		.dry = settings->dry,
		.event = take_event,
		.keep = settings->keeps,
		.stays = settings->stays,
		.prepare = run_prepare,
		.user_signal = take_user_signal,
		.reader_gone = take_gone,
		.warning = warn_engine,
		.turn = settings->turn ? take_turn : NULL,
		.flow_gone = settings->flow_gone ? take_flow_gone : NULL,
		.hook = settings->hook,
		.hook_warning = warn_hook,
		.context = run,
	};

	*run = (struct run){
		.common = common,
		.command = settings->command->name,
		.dry = settings->dry,
		.describes = settings->all,
		.again = settings->again,
		.event = settings->event,
		.interrupted = settings->interrupted,
		.keeps = settings->keeps,
		.leave = settings->leave,
		.name = settings->name,
		.turn = settings->turn,
		.lively = settings->lively,
		.sees = settings->sees,
		.flow_gone = settings->flow_gone,
		.context = settings->context,
	};
	if (!open_output(run, settings->log))
		return false;
	if (shows_progress(run) && !settings->log)
		config.waiting = show_progress;
	run->engine = engine_new(&config);
	if (run->engine) {
		engine_leave_at_signal(run->engine, settings->leave);
		return true;
	}
	run_fail(run, EXIT_LOCAL, "cannot start: %s", strerror(errno));
	return false;
}

bool run_engine(struct run *run)
{
	enum engine_result result;

	run->runs = true;
	result = engine_run(run->engine);
	run->runs = false;
	clear_progress(run);
	if (run->keeps && result == ENGINE_SIGNAL)
		return true;
	if (result == ENGINE_FAILED) {
		run_fail(run, EXIT_LOCAL, "%s", engine_reason(run->engine));
		return false;
	}
	if (result == ENGINE_SIGNAL) {
		if (run->interrupted)
			run->interrupted(run);
		output_end(run->output);
		engine_die_by_signal(run->engine);
	}
	return true;
}

void run_fail(struct run *run, enum exit_status status, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	clear_progress(run);
	if (!run->again || status != EXIT_NO_SERVER)
		output_error(run->output, engine_wall_ms(), (int)status, "%s", text);
	run->status = exit_worse(run->status, status);
}

bool run_usage(struct run *run, const char *word, const char *text)
{
	struct parse parse = { .command = run->command };

	run->status = EXIT_USAGE;
	return parse_error(&parse, word, "%s", text);
}

enum exit_status run_close(struct run *run)
{
	if (run->output && output_end(run->output) < 0) {
		if (!ferror(stdout)) /* main says it */
			fprintf(stderr, "pcpctl: %s: out of memory\n", run->command);
		run->status = exit_worse(run->status, EXIT_LOCAL);
	}
	output_free(run->output);
	engine_free(run->engine);
	facts_free(run->facts);
	memory_close(run->memory);
	free(run->networks);
	free(run->servers);
	free(run->found);
	return run->status;
}

static enum exit_status status_of_error(const struct net_error *error)
{
	if (error->kind == NET_ERROR_DENIED || error->kind == NET_ERROR_LOCAL)
		return error->local ? EXIT_LOCAL : EXIT_NO_SERVER;
	return EXIT_NO_SERVER;
}

enum exit_status run_status_of(const struct event_mapping *mapping)
{
	switch (mapping->outcome) {
	case OUTCOME_REFUSED:
	case OUTCOME_LOST:
		return EXIT_SAID_NO;
	case OUTCOME_UNANSWERED:
		return EXIT_NO_ANSWER;
	case OUTCOME_UNREACHABLE:
		return status_of_error(&mapping->error);
	default:
		return EXIT_DONE;
	}
}
