/* SPDX-License-Identifier: MIT
 * Events of mappings -> hooks, DNS, lines, the service manager.
 */
#include "cmd/keep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/publish.h"
#include "diag/phrase.h"
#include "out/outcome.h"
#include "out/vars.h"
#include "out/when.h"

/* Findings are looked for once in so long: with thousands of mappings each look costs. */
#define FINDINGS_EVERY (2 * SEC)

/* How a mapping stands. */
struct kept {
	bool told; /* it had its first result */
	bool granted; /* once */
	bool held;
	bool stood; /* before this run, with `nonce`: it is left */
	struct pcp_nonce nonce;
	enum exit_status status; /* of its last event */
	struct event_mapping last; /* held: as it was granted, to be released at the end */
	int64_t expires_ms; /* and its end, by the time of day */
	bool left_told; /* it was not deleted, and that has been said */
};

struct keep {
	struct run *run;
	struct keep_settings settings;
	struct publish *publish; /* NULL: no --srv */
	struct kept *mappings;
	size_t count, room;
	size_t told, granted, held;
	bool ready; /* READY was said */
	bool findings_due;
	struct mono findings_at;
};

/* --- making it --- */

static struct keep *out_of_memory(struct run *run)
{
	run_fail(run, EXIT_LOCAL, "out of memory");
	return NULL;
}

struct keep *keep_new(struct run *run, const struct keep_settings *settings)
{
	struct keep *keep = calloc(1, sizeof(*keep));

	if (!keep)
		return out_of_memory(run);
	keep->run = run;
	keep->settings = *settings;
	keep->findings_at = (struct mono){ INT64_MIN };
	if (settings->owner) {
		keep->publish = publish_new(run, settings->owner, settings->srv);
		if (!keep->publish) {
			free(keep);
			return out_of_memory(run);
		}
	}
	if (settings->stays && run_remembers(run))
		memory_keep(run->memory);
	return keep;
}

void keep_free(struct keep *keep)
{
	if (!keep)
		return;
	publish_free(keep->publish);
	free(keep->mappings);
	free(keep);
}

static bool add(struct keep *keep)
{
	size_t room = keep->room ? 2 * keep->room : 8;
	struct kept *grown;

	if (keep->count == keep->room) {
		grown = realloc(keep->mappings, room * sizeof(*grown));
		if (!grown)
			return out_of_memory(keep->run) != NULL;
		keep->mappings = grown;
		keep->room = room;
	}
	keep->mappings[keep->count++] = (struct kept){ .told = false };
	return true;
}

bool keep_add(struct keep *keep, size_t server, const struct want *want)
{
	if (!add(keep))
		return false;
	keep->mappings[keep->count - 1].stood = want->leave;
	keep->mappings[keep->count - 1].nonce = want->nonce;
	return !keep->publish || publish_add(keep->publish, server, want);
}

bool keep_add_record(struct keep *keep, const char *published)
{
	return add(keep) && (!keep->publish || publish_add_published(keep->publish, published));
}

/* --- the hook --- */

/* pcpctl(1), PCP_EVENT: silence and errors on the way are no events. */
static bool is_event(const struct event_mapping *m)
{
	return m->outcome != OUTCOME_UNANSWERED && m->outcome != OUTCOME_UNREACHABLE;
}

static void run_hook(struct keep *keep, const struct event *event)
{
	struct vars vars;
	struct vars_environment environment;

	if (!keep->settings.exec || !is_event(&event->mapping))
		return;
	vars_of_mapping(event, &vars);
	if (!engine_hook(keep->run->engine, event->mapping.want,
		    vars_environment(&vars, &environment)))
		run_fail(keep->run, EXIT_LOCAL, "out of memory");
}

bool keep_rerun(struct keep *keep, unsigned number)
{
	struct event event = { .kind = EVENT_MAPPING, .wall_ms = engine_wall_ms() };

	if (!keep->settings.exec || number >= keep->count || !keep->mappings[number].held)
		return false;
	event.mapping = keep->mappings[number].last;
	run_hook(keep, &event);
	return true;
}

/* --- the service manager --- */

static void tell_manager(struct keep *keep, const struct event *event)
{
	const struct event_mapping *m = &event->mapping;
	char text[256], what[PHRASE_MAX], external[PHRASE_MAX] = "?", until[WHEN_MAX];

	if (!keep->ready && keep->count > 0 && keep->granted == keep->count) {
		keep->ready = true;
		engine_notify(keep->run->engine, "READY=1");
	}
	phrase_mapping(m, what, sizeof(what));
	if (m->has_external_address)
		phrase_endpoint(&m->external_address, m->external_port, external, sizeof(external));
	if (!m->has_external_port)
		snprintf(text, sizeof(text), "STATUS=%zu of %zu held; %s: %s", keep->held,
			keep->count, what, event_outcome_name(m->outcome));
	else
		snprintf(text, sizeof(text), "STATUS=%zu of %zu held; %s: %s, until %s", keep->held,
			keep->count, what, external,
			when_near(event->wall_ms + (int64_t)m->lifetime * 1000, event->wall_ms,
				until, sizeof(until)));
	engine_notify(keep->run->engine, text);
}

/* --- lines --- */

/* A person is told what is new; a renewal is not. */
static bool is_printed(const struct keep *keep, const struct event_mapping *m)
{
	const struct common *common = keep->run->common;

	return m->outcome != OUTCOME_RENEWED || common->verbose > 0 || common->json;
}

static void note(struct keep *keep, struct kept *kept, const struct event *event)
{
	const struct event_mapping *m = &event->mapping;
	bool held = event_is_grant(m->outcome);

	keep->told += !kept->told;
	kept->told = true;
	keep->granted += held && !kept->granted;
	kept->granted = kept->granted || held;
	if (held) {
		kept->last = *m;
		kept->expires_ms = event->wall_ms + (int64_t)m->lifetime * 1000;
	}
	if (held || m->outcome == OUTCOME_LOST || m->outcome == OUTCOME_DELETED) {
		keep->held += held && !kept->held;
		keep->held -= !held && kept->held;
		kept->held = held;
	}
	/* The screen may be gone before it has shown that. */
	kept->left_told = m->deleting && !held && !keep->settings.silent;
	kept->status = run_status_of(m);
	if (m->outcome != OUTCOME_RENEWED && m->outcome != OUTCOME_DELETED)
		keep->findings_due = true;
}

void keep_event(struct keep *keep, const struct event *event)
{
	const struct event_mapping *m = &event->mapping;

	if (m->elsewhere || m->want >= keep->count)
		return; /* what was left behind at a place that was left */
	note(keep, &keep->mappings[m->want], event);
	run_hook(keep, event);
	if (!keep->settings.stays)
		return;
	keep_publish(keep, event);
	if (!keep->settings.silent && is_printed(keep, m) &&
		!(keep->publish && outcome_is_answer(m)))
		output_mapping(keep->run->output, event);
	run_flush(keep->run);
	tell_manager(keep, event);
}

void keep_publish(struct keep *keep, const struct event *event)
{
	if (keep->publish)
		publish_event(keep->publish, event);
}

struct mono keep_turn(struct keep *keep, struct mono now)
{
	if (!keep->findings_due || keep->told < keep->count)
		return MONO_NEVER;
	if (keep->findings_at.ns > now.ns)
		return keep->findings_at;
	keep->findings_due = false;
	keep->findings_at = mono_after(now, FINDINGS_EVERY);
	run_findings(keep->run);
	run_flush(keep->run);
	return MONO_NEVER;
}

/* --- the end --- */

/* A later run takes them for what they are: not kept by anybody. */
static void release(struct keep *keep, bool leave)
{
	for (size_t i = 0; i < keep->count; i++) {
		const struct kept *kept = &keep->mappings[i];
		const struct event_mapping *last = &kept->last;
		struct run_network *network;

		if (!kept->held ||
			(!leave &&
				!(kept->stood &&
					memcmp(&kept->nonce, &last->nonce, sizeof(last->nonce)) ==
						0)))
			continue;
		network = run_network_of(keep->run, &last->server);
		if (network)
			memory_release(keep->run->memory, &network->network, last);
	}
}

/* What was not deleted, because nobody answered in time or because it stood there before,
 * lives on; but nobody will withdraw from the DNS what leads to it. */
static void tell_left(struct keep *keep)
{
	for (size_t i = 0; i < keep->count; i++) {
		const struct kept *kept = &keep->mappings[i];
		struct event gone = { .kind = EVENT_MAPPING, .mapping = kept->last };
		char what[PHRASE_MAX], until[WHEN_MAX];

		if (!kept->held)
			continue;
		if (!kept->left_told)
			output_note(keep->run->output, "%s: not deleted, stays until %s",
				phrase_mapping(&kept->last, what, sizeof(what)),
				when_near(kept->expires_ms, engine_wall_ms(), until,
					sizeof(until)));
		gone.mapping.outcome = OUTCOME_LOST;
		if (!keep->run->reader_gone)
			keep_publish(keep, &gone);
	}
}

void keep_end(struct keep *keep, bool leave)
{
	struct run *run = keep->run;

	release(keep, leave);
	if (!leave)
		tell_left(keep);
	if (run->reader_gone) {
		run->status = exit_worse(run->status, EXIT_LOCAL);
		return;
	}
	if (!engine_gave_up(run->engine))
		return;
	for (size_t i = 0; i < keep->count; i++) {
		if (!keep->mappings[i].granted)
			run->status = exit_worse(run->status, keep->mappings[i].status);
	}
}
