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

static void clear_progress(struct run *run)
{
	if (run->progress)
		fputs("\r\033[K", stderr);
	run->progress = false;
}

size_t run_server_of(const struct run *run, const struct server_id *id)
{
	size_t i = 0;

	while (i < run->server_count &&
		!(endpoint_equal(&run->servers[i].server, &id->server) &&
			ip_equal(&run->servers[i].local, &id->local)))
		i++;
	return i;
}

struct run_network *run_network_of(struct run *run, const struct server_id *id)
{
	size_t server = run_server_of(run, id);

	if (!run->memory || !run->networks || server == run->server_count)
		return NULL;
	return run->networks[server].known ? &run->networks[server] : NULL;
}

static void remember(struct run *run, const struct event *event)
{
	struct run_network *network;

	if (event->kind != EVENT_MAPPING)
		return;
	network = run_network_of(run, &event->mapping.server);
	if (!network)
		return;
	if (memory_restarted(run->memory, &network->network, &event->mapping, event->at))
		network->restarted = true;
	memory_event(run->memory, &network->network, &event->mapping, event->wall_ms);
}

static void take_event(void *context, const struct event *event)
{
	struct run *run = context;

	clear_progress(run);
	if (!facts_add(run->facts, event))
		run_fail(run, EXIT_LOCAL, "out of memory");
	remember(run, event);
	if (event->kind == EVENT_MAPPING || event->kind == EVENT_SERVER)
		run->event(run, event);
	else if (run->dry && event->kind == EVENT_PACKET)
		output_dry(run->output, event);
	else
		output_event(run->output, event);
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

static bool wants_color(const struct common *common)
{
	const char *no_color = getenv("NO_COLOR");

	if (common->color != COLOR_AUTO)
		return common->color == COLOR_ALWAYS;
	return (!no_color || !*no_color) && isatty(STDOUT_FILENO) && isatty(STDERR_FILENO);
}

static bool open_output(struct run *run)
{
	const struct common *common = run->common;
	struct output_settings settings = {
		.form = common->json  ? OUTPUT_JSON :
			common->quiet ? OUTPUT_QUIET :
					OUTPUT_TEXT,
		.out = stdout,
		.err = stderr,
		.command = run->command,
		.verbose = common->verbose,
		.color = wants_color(common),
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
		.trace = common->verbose > 0,
		.dry = settings->dry,
		.event = take_event,
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
		.context = settings->context,
	};
	if (!open_output(run))
		return false;
	if (shows_progress(run))
		config.waiting = show_progress;
	run->engine = engine_new(&config);
	if (run->engine)
		return true;
	run_fail(run, EXIT_LOCAL, "cannot start: %s", strerror(errno));
	return false;
}

static enum exit_status status_of_discovery(enum discovery_result result)
{
	return result == DISCOVERY_LOCAL || result == DISCOVERY_NOT_OURS ? EXIT_LOCAL :
									   EXIT_NO_SERVER;
}

static void cannot_ask(void *context, enum discovery_result result, const char *text)
{
	run_fail(context, status_of_discovery(result), "%s", text);
}

static void warn_state(void *context, const char *text)
{
	struct run *run = context;

	output_note(run->output, "%s", text);
}

bool run_remembers(struct run *run)
{
	if (!run->memory && !run->common->no_state)
		run->memory = memory_open(warn_state, run);
	return run->memory != NULL;
}

/* A server whose network cannot be told is asked all the same. */
static bool find_networks(struct run *run)
{
	if (!run_remembers(run))
		return true;
	run->networks = calloc(run->server_count + 1, sizeof(*run->networks));
	if (!run->networks) {
		run_fail(run, EXIT_LOCAL, "out of memory");
		return false;
	}
	for (size_t i = 0; i < run->server_count; i++)
		run->networks[i].known = memory_network(&run->servers[i],
			engine_deadline(run->engine), &run->networks[i].network);
	return true;
}

bool run_find(struct run *run, const struct run_settings *settings)
{
	struct discovery_request request = {
		.families = settings->families,
		.all = settings->all,
		.named = run->common->servers,
		.named_count = run->common->server_count,
		.interface = run->common->interface,
		.has_bind = run->common->has_bind,
		.bind = run->common->bind,
		.mark = run->common->mark,
		.deadline = engine_deadline(run->engine),
		.failed = cannot_ask,
		.context = run,
	};
	struct discovery_note also;

	discovery_servers(&request, &run->servers, &run->server_count, &also);
	if (also.text[0] && run->common->verbose)
		output_note(run->output, "other default routers, not asked: %s", also.text);
	for (size_t i = 0; i < run->server_count; i++) {
		if (engine_server(run->engine, &run->servers[i]) < 0) {
			run_fail(run, EXIT_LOCAL, "%s", engine_reason(run->engine));
			return false;
		}
	}
	if (settings->remembers && !run->common->no_state && !find_networks(run))
		return false;
	return run->server_count > 0;
}

/* Room for one server more; what there is stays where it fails. */
static bool grow(struct run *run)
{
	size_t n = run->server_count + 1;
	struct server_id *servers = realloc(run->servers, n * sizeof(*servers));
	struct run_network *networks;

	if (!servers)
		return false;
	run->servers = servers;
	networks = realloc(run->networks, n * sizeof(*networks));
	if (!networks)
		return false;
	run->networks = networks;
	return true;
}

bool run_add_server(struct run *run, const struct server_id *id,
	const struct store_network *network, size_t *server)
{
	*server = run_server_of(run, id);
	if (*server < run->server_count)
		return true;
	if (!grow(run)) {
		run_fail(run, EXIT_LOCAL, "out of memory");
		return false;
	}
	run->servers[*server] = *id;
	run->networks[*server] = (struct run_network){ .known = true, .network = *network };
	if (engine_server(run->engine, id) < 0) {
		run_fail(run, EXIT_LOCAL, "%s", engine_reason(run->engine));
		return false;
	}
	run->server_count++;
	return true;
}

void run_recall(struct run *run, size_t server, struct want *want, bool suggests)
{
	const struct server_id *id = &run->servers[server];
	struct store_record record;

	if (!run->memory || !run->networks || !run->networks[server].known)
		return;
	if (memory_find(run->memory, &run->networks[server].network, id, want, &record)) {
		want->nonce = record.nonce;
		want->nonce_is_new = false;
		if (suggests && record.external_port)
			want->external_port = record.external_port;
	}
	if (want->lifetime)
		memory_asking(run->memory, &run->networks[server].network, id, want);
}

bool run_engine(struct run *run)
{
	enum engine_result result = engine_run(run->engine);

	clear_progress(run);
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

static void take_finding(void *context, const struct finding *finding)
{
	struct run *run = context;
	struct event when = { .wall_ms = engine_wall_ms() };

	/* How a server is in general is what discover tells; who maps a port is told of
	 * it only where it is a fault. */
	if (!run->describes && !finding->of_mapping && finding->severity == SEVERITY_INFO &&
		run->common->verbose == 0)
		return;
	output_finding(run->output, finding, &when);
}

void run_findings(struct run *run)
{
	findings_each(run->facts, take_finding, run);
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
