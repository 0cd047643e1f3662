/* SPDX-License-Identifier: MIT
 * Events -> state.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tui/glyph.h"
#include "tui/view_state.h"
#include "wire/codes.h"

#define FOR_EVER UINT32_MAX /* a static mapping (RFC 6887, 15) */

/* --- mappings --- */

/* The options are the asker's and may go; what they point to is copied. */
static bool keep_options(struct row *row, const struct pcp_options *options)
{
	struct pcp_filter *filters = NULL;
	char *description = NULL;

	if (options->filter_count) {
		filters = calloc(options->filter_count, sizeof(*filters));
		if (filters)
			memcpy(filters, options->filters, options->filter_count * sizeof(*filters));
	}
	if (options->description)
		description = strdup(options->description);
	free(row->filters);
	free(row->description);
	row->filters = filters;
	row->description = description;
	row->options = *options;
	row->options.filters = filters;
	row->options.description = description;
	if (!filters)
		row->options.filter_count = 0;
	row->told.options = &row->options;
	return (filters || !options->filter_count) && (description || !options->description);
}

static void widen(int *widest, int columns)
{
	if (columns > *widest)
		*widest = columns;
}

/* The widest of each column is known at any time, without a look at all rows. */
static void measure(struct view *view, const struct row *row)
{
	const struct event_mapping *m = &row->told;
	char text[PHRASE_MAX];

	widen(&view->widest_protocol, (int)strlen(phrase_protocol(m, text, sizeof(text))));
	widen(&view->widest_internal, (int)strlen(text_internal(row, 1000, text, sizeof(text))));
	widen(&view->widest_external, (int)strlen(text_external(row, 1000, text, sizeof(text))));
	if (m->opcode == PCP_PEER)
		widen(&view->widest_remote,
			(int)strlen(phrase_endpoint(&m->remote_address, m->remote_port, text,
				sizeof(text))));
}

static enum row_state state_of(enum mapping_outcome outcome)
{
	static const enum row_state states[] = {
		[OUTCOME_GRANTED] = ROW_GRANTED,
		[OUTCOME_RENEWED] = ROW_RENEWED,
		[OUTCOME_CHANGED] = ROW_CHANGED,
		[OUTCOME_REFUSED] = ROW_REFUSED,
		[OUTCOME_LOST] = ROW_LOST,
		[OUTCOME_RECOVERED] = ROW_RECOVERED,
		[OUTCOME_DELETED] = ROW_LOST,
		[OUTCOME_UNANSWERED] = ROW_UNANSWERED,
		[OUTCOME_UNREACHABLE] = ROW_UNREACHABLE,
	};

	return states[outcome];
}

static void keep_grant(struct row *row, const struct event *event)
{
	const struct event_mapping *m = &event->mapping;

	if (m->outcome == OUTCOME_LOST || m->outcome == OUTCOME_DELETED)
		row->held = false;
	if (!event_is_grant(m->outcome))
		return; /* what was granted before runs on */
	row->held = true;
	row->has_external = m->has_external_address;
	row->external = m->external_address;
	row->external_port = m->external_port;
	row->lifetime = m->lifetime;
	row->granted = event->at;
	row->expires = m->lifetime == FOR_EVER ? MONO_NEVER :
						 mono_after(event->at, (int64_t)m->lifetime * SEC);
}

static void server_answered(struct view_server *server, const struct event *event)
{
	const struct event_mapping *m = &event->mapping;

	if (m->has_error) {
		server->has_error = true;
		server->error = m->error;
	}
	if (!m->answered)
		return;
	if (m->has_epoch)
		server_sample(server, m->via, m->epoch, event->at, event->wall_ms);
	if (m->rtt > 0) {
		server->has_rtt = true;
		server->rtt = m->rtt;
	}
	if (m->has_external_address) {
		server->has_external = true;
		server->external = m->external_address;
	}
}

/* "tcp 8080: granted as 203.0.113.7:8080 for 2h" */
static bool log_mapping(struct view *view, const struct row *row, const struct event *event)
{
	const struct event_mapping *m = &event->mapping;
	char what[PHRASE_MAX], external[PHRASE_MAX], span[PHRASE_MAX], was[PHRASE_MAX];
	char why[LINE_MAX_TEXT - PHRASE_MAX] = "";

	phrase_mapping(m, what, sizeof(what));
	if (m->outcome == OUTCOME_RENEWED && !view->settings.verbose)
		return true;
	if (event_is_grant(m->outcome)) {
		if (m->lifetime == FOR_EVER)
			snprintf(span, sizeof(span), "ever");
		else
			phrase_duration(m->lifetime, span, sizeof(span));
		snprintf(was, sizeof(was), ", was ");
		if (m->outcome == OUTCOME_CHANGED && m->has_previous)
			phrase_side(ip_is_any(&m->previous_address) ? NULL : &m->previous_address,
				m->previous_port, false, was + 6, sizeof(was) - 6);
		else
			was[0] = '\0';
		return log_add(view, event->wall_ms, text_state_look(row->state), false,
			"%s: %s as %s for %s%s", what, event_outcome_name(m->outcome),
			text_external(row, 1000, external, sizeof(external)), span, was);
	}
	if (m->outcome == OUTCOME_DELETED || m->outcome == OUTCOME_LOST)
		return log_add(view, event->wall_ms,
			m->outcome == OUTCOME_LOST ? LOOK_BAD : LOOK_NORMAL, false,
			m->outcome == OUTCOME_DELETED && m->lifetime ? "%s: %s, lives on for %s" :
								       "%s: %s",
			what, event_outcome_name(m->outcome),
			phrase_duration(m->lifetime, span, sizeof(span)));
	view->settings.problem(m, event->wall_ms, why, sizeof(why));
	return log_add(view, event->wall_ms, text_state_look(row->state), false, "%s: %s", what,
		why);
}

static bool take_mapping(struct view *view, const struct event *event)
{
	const struct event_mapping *m = &event->mapping;
	struct row *row = row_of(view, m);
	bool ok;

	if (!row)
		return false;
	server_answered(&view->servers[row->want.server], event);
	keep_grant(row, event);
	row->told = *m;
	row->wall_ms = event->wall_ms;
	ok = keep_options(row, m->options);
	row_state(view, row, state_of(m->outcome));
	measure(view, row);
	ok &= log_mapping(view, row, event);
	ok &= recovery_step(view, row, event);
	if (m->outcome == OUTCOME_DELETED)
		row_remove(view, row);
	return ok;
}

/* --- servers --- */

static bool take_server(struct view *view, const struct event *event)
{
	const struct event_server *told = &event->server;
	struct view_server *server = server_get(view, &told->server);

	if (!server)
		return false;
	if (told->has_error) {
		server->has_error = true;
		server->error = told->error;
	}
	if (told->has_external) {
		server->has_external = true;
		server->external = told->external_address;
	}
	/* PCP last: it is the one that counts where both are spoken */
	if (told->nat_pmp.answered && told->nat_pmp.has_epoch)
		server_sample(server, VIA_NAT_PMP, told->nat_pmp.epoch, event->at, event->wall_ms);
	if (told->pcp.answered && told->pcp.has_epoch)
		server_sample(server, VIA_PCP, told->pcp.epoch, event->at, event->wall_ms);
	if (told->pcp.rtt > 0 || told->nat_pmp.rtt > 0) {
		server->has_rtt = true;
		server->rtt = told->pcp.rtt > 0 ? told->pcp.rtt : told->nat_pmp.rtt;
	}
	return true;
}

static bool take_epoch(struct view *view, const struct event *event)
{
	const struct event_epoch *epoch = &event->epoch;
	struct view_server *server = server_get(view, &epoch->server);
	bool ok = true;

	if (!server)
		return false;
	if (epoch->has_rtt) {
		server->has_rtt = true;
		server->rtt = epoch->rtt;
	}
	if (epoch->regressed)
		ok = epoch_regressed(view, server, event);
	server_sample(server, epoch->via, epoch->current, event->at, event->wall_ms);
	return ok;
}

/* Repeats of one announcement are folded. */
static bool take_announce(struct view *view, const struct event *event)
{
	const struct event_announce *a = &event->announce;
	char source[IP_TEXT_MAX], more[PHRASE_MAX] = "";

	if (a->count > 1)
		return true;
	if (a->restarted && a->has_expected)
		snprintf(more, sizeof(more), ", restarted: was %u s, expected %lld s", a->previous,
			(long long)a->expected);
	else if (!a->trusted)
		snprintf(more, sizeof(more), ", not a router of this host: ignored");
	return log_add(view, event->wall_ms, a->trusted && a->restarted ? LOOK_WARN : LOOK_NORMAL,
		false, "%s%s%s announces by multicast (%s): epoch %u s%s",
		ip_format(&a->source.address, source), a->interface[0] ? "%" : "", a->interface,
		phrase_via(a->via), a->epoch, more);
}

static bool take_version(struct view *view, const struct event *event)
{
	static const char *const words[] = {
		[VERSION_SAID_NAT_PMP] = "does not speak PCP, it says: NAT-PMP is used",
		[VERSION_FELL_BACK] = "is silent on PCP and answered NAT-PMP: NAT-PMP is used",
		[VERSION_PCP_LATER] = "answered PCP after all, too late to be used",
	};
	struct view_server *server = server_get(view, &event->version.server);

	return server &&
		log_add(view, event->wall_ms, LOOK_NORMAL, false, "%s %s", server->name,
			words[event->version.change]);
}

/* The first of each reason is told, the rest is counted. */
static bool take_dropped(struct view *view, const struct event *event)
{
	const struct event_dropped *d = &event->dropped;
	char from[PHRASE_MAX];

	view->dropped++;
	if (view->drop_logged & (1u << d->reason) && !view->settings.verbose)
		return true;
	view->drop_logged |= 1u << d->reason;
	return log_add(view, event->wall_ms, LOOK_WARN, false,
		"ignored an answer of %zu octets from %s: %s", d->length,
		phrase_endpoint(&d->from.address, d->from.port, from, sizeof(from)),
		event_drop_name(d->reason));
}

static bool take_error(struct view *view, const struct event *event)
{
	const struct net_error *error = &event->error.error;
	struct view_server *server = server_get(view, &event->error.server);
	char text[PHRASE_MAX];
	bool again;

	if (!server)
		return false;
	again = server->has_error && server->error.kind == error->kind;
	server->has_error = true;
	server->error = *error;
	return again ||
		log_add(view, event->wall_ms, LOOK_BAD, false, "%s: %s", server->name,
			phrase_error(error, text, sizeof(text)));
}

static bool take_packet(struct view *view, const struct event *event)
{
	struct view_server *server;

	if (event->packet.sent || event->packet.drop != DROP_NONE)
		return true;
	server = server_from(view, &event->packet.server);
	return !server || row_response(view, server_number(view, server), event);
}

bool view_event(struct view *view, const struct event *event)
{
	static bool (*const takes[])(struct view *, const struct event *) = {
		[EVENT_MAPPING] = take_mapping,
		[EVENT_SERVER] = take_server,
		[EVENT_EPOCH] = take_epoch,
		[EVENT_ANNOUNCE] = take_announce,
		[EVENT_VERSION] = take_version,
		[EVENT_DROPPED] = take_dropped,
		[EVENT_ERROR] = take_error,
		[EVENT_PACKET] = take_packet,
	};

	view->changed = true;
	return takes[event->kind](view, event);
}
