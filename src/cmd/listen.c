/* SPDX-License-Identifier: MIT
 * pcpctl announce-listen: restart announcements, as they arrive.
 */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/words.h"
#include "cmd/command.h"
#include "engine/engine.h"
#include "engine/inventory.h"
#include "engine/listener.h"
#include "out/output.h"
#include "out/vars.h"

#define COUNT_MAX UINT32_MAX

struct listen_settings {
	uint64_t count; /* 0: no limit */
	bool all, verify;
	const char *hook;
};

/* One run. */
struct listening {
	const struct common *common;
	const struct listen_settings *settings;
	struct output *output;
	struct listener *listener;
	struct memory *memory;
	struct server_id *named;
	size_t named_count;
	uint64_t seen; /* of those that count */
	enum exit_status status;
};

/* --- options --- */

static bool take_count(struct parse *parse, void *settings, const char *word)
{
	if (!words_number(word, 1, COUNT_MAX, &((struct listen_settings *)settings)->count))
		return parse_error(parse, word, "count must be 1-4294967295");
	return true;
}

static bool take_exec(struct parse *parse, void *settings, const char *word)
{
	if (!*word)
		return parse_error(parse, word, "no command");
	((struct listen_settings *)settings)->hook = word;
	return true;
}

#define FLAG(field) offsetof(struct listen_settings, field)

static const struct option_row rows[] = {
	{ "count", 'c', "COUNT", "end after COUNT announcements", take_count, 0 },
	{ "all", 'a', NULL, "count announcements of any source", NULL, FLAG(all) },
	{ "verify", 0, NULL, "ask the sender by unicast whether it is true", NULL, FLAG(verify) },
	{ "exec", 'x', "COMMAND", "run COMMAND at each, see the manual for its variables",
		take_exec, 0 },
};

static struct option_set listen_options(void *settings)
{
	return (struct option_set){ rows, sizeof(rows) / sizeof(*rows), settings, NULL };
}

/* --- what is heard --- */

static void run_hook(struct listening *run, const struct event *event)
{
	struct vars_environment environment;
	struct vars vars;

	if (!run->settings->hook)
		return;
	vars_of_announce(event, &vars);
	listener_hook(run->listener, vars_environment(&vars, &environment));
}

/* Is it printed? Quiet has one line for each that counts, when all of it is known; a
 * record is given again when the series has ended, unless each repeat had its own. */
static bool is_shown(const struct listening *run, enum listener_news news, bool counted)
{
	const struct common *common = run->common;

	switch (news) {
	case LISTENER_NEW:
		return !common->quiet || (counted && !run->settings->verify);
	case LISTENER_VERIFIED:
		return true;
	case LISTENER_REPEAT:
		return common->verbose && !common->quiet;
	case LISTENER_ENDED:
		return common->json && !common->verbose;
	default:
		return common->verbose > 0;
	}
}

/* Each line goes out at once, and a reader that has gone ends it. */
static void flush(struct listening *run)
{
	if (output_flush(run->output))
		return;
	run->status = EXIT_LOCAL;
	listener_stop(run->listener, true);
}

static void show_packet(struct listening *run, const struct event *event)
{
	const struct event_packet *packet = &event->packet;
	char source[160];

	/* Text has a line for junk with -v, and the datagram itself with -vv. */
	if (packet->drop != DROP_NONE && !run->common->json)
		output_note(run->output, "junk from %s%s%s: %zu octets, no announcement",
			output_server(&packet->server, source, sizeof(source)),
			packet->server.interface[0] ? " on " : "", packet->server.interface,
			packet->whole);
	output_event(run->output, event);
}

static void take_news(void *context, enum listener_news news, const struct event *event)
{
	struct listening *run = context;
	bool counted = news != LISTENER_PACKET && (event->announce.trusted || run->settings->all);

	if (news == LISTENER_PACKET)
		show_packet(run, event);
	else if (is_shown(run, news, counted))
		output_event(run->output, event);
	flush(run);
	/* With --verify the hook is told what came of it. */
	if (counted && news == (run->settings->verify ? LISTENER_VERIFIED : LISTENER_NEW))
		run_hook(run, event);
	if (counted && news == LISTENER_NEW && ++run->seen == run->settings->count)
		listener_stop(run->listener, false);
}

static void take_warning(void *context, const char *text)
{
	output_note(((struct listening *)context)->output, "%s", text);
}

/* --- one run --- */

__attribute__((format(printf, 3, 4))) static void fail(struct listening *run,
	enum exit_status status, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	output_error(run->output, engine_wall_ms(), (int)status, "%s", text);
	run->status = exit_worse(run->status, status);
}

static void cannot_find(void *context, enum discovery_result result, const char *text)
{
	fail(context, exit_of_discovery(result), "%s", text);
}

/* Servers named with -s are trusted beside the routers. */
static bool find_named(struct listening *run)
{
	const struct common *common = run->common;
	struct discovery_request request = {
		.families = options_families(common),
		.named = common->servers,
		.named_count = common->server_count,
		.interface = common->interface,
		.has_bind = common->has_bind,
		.bind = common->bind,
		.mark = common->mark,
		.deadline = common->has_timeout ? mono_after(engine_now(), common->timeout) :
						  MONO_NEVER,
		.failed = cannot_find,
		.context = run,
	};
	struct discovery_note also;

	if (common->server_count)
		discovery_servers(&request, &run->named, &run->named_count, &also);
	return run->status == EXIT_DONE;
}

/* `ss -ulpn sport = :5350` shows the same. */
static void fail_held(struct listening *run)
{
	char holder[80];

	inventory_udp_holder(PCP_MULTICAST_PORT, holder, sizeof(holder));
	fail(run, EXIT_LOCAL, "UDP port 5350 is held by %s, which does not share it", holder);
}

static bool open_listener(struct listening *run)
{
	const struct common *common = run->common;
	struct listener_config config = {
		.families = options_families(common),
		.only = common->pcp	? VIA_PCP :
			common->nat_pmp ? VIA_NAT_PMP :
					  VIA_NONE,
		.interface = common->interface,
		.named = run->named,
		.named_count = run->named_count,
		.timeout = common->has_timeout ? common->timeout : 0,
		.all = run->settings->all,
		.verify = run->settings->verify,
		.mark = common->mark,
		.bind = common->has_bind ? &common->bind : NULL,
		.memory = run->memory,
		.hook = run->settings->hook,
		.trace = common->verbose > 0,
		.news = take_news,
		.warning = take_warning,
		.context = run,
	};

	run->listener = listener_new(&config);
	if (!run->listener) {
		fail(run, EXIT_LOCAL, "cannot start: %s", strerror(errno));
		return false;
	}
	switch (listener_start(run->listener)) {
	case LISTENER_OPEN:
		return true;
	case LISTENER_PORT_HELD:
		fail_held(run);
		return false;
	default:
		fail(run, EXIT_LOCAL, "UDP port 5350: %s", strerror(errno));
		return false;
	}
}

static void print_summary(const struct listening *run)
{
	struct listener_counts counts = listener_counts(run->listener);

	output_note(run->output,
		"%llu announcement%s (repeats included), %llu of other sources not shown; "
		"junk: %llu; dropped by the kernel: %llu",
		(unsigned long long)counts.announcements, counts.announcements == 1 ? "" : "s",
		(unsigned long long)counts.strangers, (unsigned long long)counts.junk,
		(unsigned long long)counts.dropped);
}

static void listen(struct listening *run)
{
	if (!run->common->no_state)
		run->memory = memory_open(take_warning, run);
	if (!find_named(run) || !open_listener(run))
		return;
	if (!listener_run(run->listener))
		fail(run, EXIT_LOCAL, "waiting: %s", strerror(errno));
	else if (!run->seen)
		run->status = exit_worse(run->status, EXIT_NO_ANSWER);
	if (run->common->verbose)
		print_summary(run);
}

static bool open_output(struct listening *run)
{
	const struct common *common = run->common;
	struct output_settings settings = {
		.form = common->json  ? OUTPUT_JSON :
			common->quiet ? OUTPUT_QUIET :
					OUTPUT_TEXT,
		.out = stdout,
		.err = stderr,
		.command = "announce-listen",
		.verbose = common->verbose,
		.color = options_wants_color(common),
	};

	run->output = output_new(&settings);
	if (!run->output)
		fprintf(stderr, "pcpctl: announce-listen: out of memory\n");
	return run->output != NULL;
}

static enum exit_status listen_main(struct common *common, int argc, char **argv)
{
	struct listen_settings settings = { 0 };
	struct parse parse = { .command = "announce-listen" };
	struct listening run = { .common = common, .settings = &settings };
	enum exit_status status;
	int first = command_options(&cmd_listen, common, &settings, argc, argv, &status);

	if (first < 0)
		return status;
	if (first < argc) {
		parse_error(&parse, argv[first],
			"announce-listen takes no such word; a server is named with -s");
		return EXIT_USAGE;
	}
	if (!open_output(&run))
		return EXIT_LOCAL;
	listen(&run);
	if (output_end(run.output) < 0)
		run.status = EXIT_LOCAL;
	listener_free(run.listener);
	memory_close(run.memory);
	free(run.named);
	output_free(run.output);
	return run.status;
}

const struct command cmd_listen = {
	.name = "announce-listen",
	.arguments = "",
	.what = "print restart announcements as they arrive",
	.about =
		"Hears what PCP and NAT-PMP servers announce when they have restarted or got\n"
		"another external address: UDP 5350 of 224.0.0.1 and ff02::1, on every interface,\n"
		"beside other listeners. Only announcements from port 5351 of a router of this "
		"host\n"
		"(or of a server named with -s) count.\n",
	.options = listen_options,
	.run = listen_main,
};
