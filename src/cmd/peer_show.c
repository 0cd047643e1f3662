/* SPDX-License-Identifier: MIT
 * What peer says of its results, and what a server's word is worth.
 */
#include <stdlib.h>

#include "cmd/peer.h"
#include "diag/phrase.h"
#include "engine/inventory.h"
#include "out/outcome.h"
#include "out/shell.h"

/* A grant that says something new: what a renewal is worth was said before. */
static bool is_news(const struct event_mapping *m)
{
	return event_is_grant(m->outcome) && m->outcome != OUTCOME_RENEWED;
}

/* What was suggested, and not granted: the flow has it no longer. */
static bool is_other(const struct event_mapping *m)
{
	if (m->suggested_port == 0 || !m->has_external_port)
		return false;
	if (m->external_port != m->suggested_port)
		return true;
	return !ip_is_any(&m->suggested_address) && m->has_external_address &&
		!ip_equal(&m->external_address, &m->suggested_address);
}

/* As what the flow was seen before, or should be. */
static const char *before(const struct event_mapping *m, char *text, size_t size)
{
	const struct ip *ip = m->has_previous ? &m->previous_address : &m->suggested_address;
	uint16_t port = m->has_previous ? m->previous_port : m->suggested_port;

	if (!ip_is_any(ip))
		return phrase_endpoint(ip, port, text, size);
	snprintf(text, size, "port %u", port);
	return text;
}

/* A TCP connection is its two ends; a datagram may tell its receiver of a new one. */
static void tell_moved(struct peer *peer, const struct peer_flow *flow,
	const struct event_mapping *m)
{
	char was[PHRASE_MAX];

	before(m, was, sizeof(was));
	if (flow->flow.protocol == PROTOCOL_TCP)
		output_note(peer->run->output,
			"%s: the connection is lost: the NAT has given it another port, and its "
			"remote knows it as %s; begin it anew",
			flow->word, was);
	else
		output_note(peer->run->output,
			"%s: the NAT has given it another port: its remote knows it as %s until "
			"something is sent",
			flow->word, was);
}

/* --- what the server's word is worth --- */

static void tell_not_there(struct peer *peer, const struct peer_flow *flow,
	const struct event_mapping *m)
{
	if (flow->there == PEER_NOT_THERE)
		output_note(peer->run->output,
			"%s: this host has no such connection: asking has created the mapping, "
			"and the port is the server's word",
			flow->word);
	else
		output_note(peer->run->output,
			"%s: not known to be a flow of this host: if there was none, asking has "
			"created it, and the port is the server's word",
			flow->word);
	if (m->has_external_port && m->external_port != m->internal_port)
		output_note(peer->run->output,
			"%s: a NAT that preserves ports would use %u, not %u, and miniupnpd grants "
			"what it is asked for without doing it: see at the remote",
			flow->word, m->internal_port, m->external_port);
}

/* A flow that does not go through the router that was asked has nothing from it. */
static void tell_way(struct peer *peer, const struct peer_flow *flow,
	const struct server_id *server)
{
	char name[PHRASE_MAX], address[IP_TEXT_MAX];
	struct ip hop;
	bool on_link;

	if (server->found_by != FOUND_ROUTE ||
		!inventory_next_hop(&flow->flow.remote, &flow->flow.local.address, &hop, &on_link))
		return;
	if (on_link)
		output_note(peer->run->output,
			"%s: the remote is on the link of this host: no router translates it",
			flow->word);
	else if (!ip_equal(&hop, &server->server.address))
		output_note(peer->run->output,
			"%s: goes by way of %s, not of %s, which was asked: -s names another "
			"server",
			flow->word, ip_format(&hop, address),
			phrase_server(server, name, sizeof(name)));
}

/* Was it asked back: by name, or since its server has lost its state? */
static bool is_restored(struct peer *peer, const struct event_mapping *m)
{
	const struct run_network *network = run_network_of(peer->run, &m->server);

	return m->outcome == OUTCOME_RECOVERED || peer->settings.has_external ||
		(network && network->restarted && m->suggested_port != 0);
}

static void tell_worth(struct peer *peer, const struct peer_flow *flow,
	const struct event_mapping *m)
{
	if (peer->settings.has_third_party)
		return;
	tell_way(peer, flow, &m->server);
	if (flow->there != PEER_THERE)
		tell_not_there(peer, flow, m);
	else if (is_restored(peer, m))
		output_note(peer->run->output,
			"%s: restored, says the server (miniupnpd says so in vain): the "
			"connection lives if what is sent now is answered",
			flow->word);
}

static void explain(struct peer *peer, struct peer_result *result, const struct event_mapping *m)
{
	const struct peer_flow *flow = &peer->flows[result->flow];
	bool moved = m->outcome == OUTCOME_CHANGED || is_other(m);

	if (!moved) {
		tell_worth(peer, flow, m);
		return;
	}
	result->moved = flow->flow.protocol == PROTOCOL_TCP;
	tell_moved(peer, flow, m);
}

/* --- one by one --- */

static void print_result(struct peer *peer, const struct peer_result *result)
{
	struct event event = {
		.kind = EVENT_MAPPING,
		.wall_ms = result->wall_ms,
		.mapping = result->mapping,
	};

	if (peer->settings.shell)
		shell_mapping(&event, stdout);
	if (!peer->settings.shell || !outcome_is_answer(&event.mapping))
		output_mapping(peer->run->output, &event);
}

static void show_result(struct peer *peer, struct peer_result *result)
{
	const struct peer_flow *flow = &peer->flows[result->flow];
	const struct event_mapping *m = &result->mapping;
	char asked[PHRASE_MAX];

	if (!result->known) { /* never passed over: it would look like a success */
		run_fail(peer->run, EXIT_LOCAL, "%s: ended without a result", flow->word);
		return;
	}
	print_result(peer, result);
	peer->run->status = exit_worse(peer->run->status, run_status_of(m));
	if (!is_news(m))
		return;
	/* PEER takes a suggestion as -P does (RFC 6887, 12.1), but of a flow that it has
	 * not heard of before a server tells what there is (12.3). */
	if (peer->settings.has_external && is_other(m))
		run_fail(peer->run, EXIT_SAID_NO,
			"%s: not restored: the NAT has it otherwise, and what its remote knows as "
			"%s is lost",
			flow->word, before(m, asked, sizeof(asked)));
	else
		explain(peer, result, m);
}

void peer_show(struct peer *peer)
{
	for (size_t i = 0; i < peer->result_count; i++) {
		if (!peer->settings.dry_run || peer->results[i].known)
			show_result(peer, &peer->results[i]);
	}
	run_findings(peer->run);
}

void peer_explain(struct peer *peer, struct peer_result *result, const struct event *event)
{
	if (is_news(&event->mapping))
		explain(peer, result, &event->mapping);
}

void peer_show_left(struct run *run)
{
	struct peer *peer = run->context;

	for (size_t i = 0; i < peer->result_count; i++) {
		const struct peer_result *result = &peer->results[i];

		if (result->known && result->mapping.refusal == REFUSAL_CANCELLED &&
			result->mapping.unwanted == UNWANTED_LEFT)
			print_result(peer, result);
	}
}
