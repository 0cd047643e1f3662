/* SPDX-License-Identifier: MIT
 * The flows that peer is about: named, or the connections that the kernel lists.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/peer.h"
#include "diag/phrase.h"
#include "engine/inventory.h"
#include "wire/codes.h"

/* Whom the remote may be: any of the addresses of a name. */
struct hosts {
	struct ip list[PEER_HOSTS_MAX];
	size_t count; /* 0: anybody */
};

/* The families that flows may have; 0: both. */
static unsigned families_of(const struct peer *peer)
{
	const struct common *common = peer->common;
	unsigned families = options_families(common), named = 0;

	if (common->has_bind)
		return ip_family(&common->bind);
	if (families)
		return families;
	for (size_t i = 0; i < common->server_count; i++) {
		if (!common->servers[i].is_address)
			return 0;
		named |= ip_family(&common->servers[i].address.ip);
	}
	return named;
}

static bool resolve(struct peer *peer, const struct peer_place *place, unsigned families,
	struct hosts *hosts)
{
	char reason[128];
	int result;

	hosts->count = 0;
	if (!place->host[0])
		return true;
	if (place->is_address) {
		hosts->list[hosts->count++] = place->address;
		return true;
	}
	result = inventory_resolve(place->host, families ? families : IP_FAMILY_4 | IP_FAMILY_6,
		engine_deadline(peer->run->engine), hosts->list, PEER_HOSTS_MAX, &hosts->count,
		reason, sizeof(reason));
	if (result != 0)
		run_fail(peer->run, result < 0 ? EXIT_LOCAL : EXIT_NO_SERVER, "%s: %s", place->host,
			reason);
	return result == 0;
}

static bool is_among(const struct hosts *hosts, const struct ip *ip)
{
	for (size_t i = 0; i < hosts->count; i++) {
		if (ip_equal(&hosts->list[i], ip))
			return true;
	}
	return hosts->count == 0;
}

/* --- one more --- */

static bool add_flow(struct peer *peer, const struct net_flow *flow, enum peer_there there)
{
	struct peer_flow *grown =
		realloc(peer->flows, (peer->flow_count + 1) * sizeof(*peer->flows));
	char remote[PHRASE_MAX], protocol[16];

	if (!grown) {
		run_fail(peer->run, EXIT_LOCAL, "out of memory");
		return false;
	}
	peer->flows = grown;
	grown += peer->flow_count++;
	*grown = (struct peer_flow){ .flow = *flow, .there = there };
	snprintf(grown->word, sizeof(grown->word), "%s %u to %s",
		codes_protocol_text(flow->protocol, protocol, sizeof(protocol)), flow->local.port,
		phrase_endpoint(&flow->remote.address, flow->remote.port, remote, sizeof(remote)));
	return true;
}

static bool add_source(struct peer *peer, const struct ip *local)
{
	struct ip *grown;

	for (size_t i = 0; i < peer->source_count; i++) {
		if (ip_equal(&peer->sources[i], local))
			return true;
	}
	grown = realloc(peer->sources, (peer->source_count + 1) * sizeof(*grown));
	if (!grown) {
		run_fail(peer->run, EXIT_LOCAL, "out of memory");
		return false;
	}
	peer->sources = grown;
	grown[peer->source_count++] = *local;
	return true;
}

/* --- the one that is named --- */

/* The connection of this host with these ports, and addresses as far as they are known.
 * Of several only the first: *several then. */
static bool find_named(const struct peer *peer, const struct hosts *remotes, struct net_flow *found,
	bool *several)
{
	const struct peer_words *words = &peer->words;
	struct net_flow *flows;
	int count = inventory_flows(NULL, words->remote.port, &flows), matches = 0;

	for (int i = 0; i < count; i++) {
		const struct net_flow *flow = &flows[i];

		if (flow->local.port != words->local.port ||
			!is_among(remotes, &flow->remote.address) ||
			(words->local.is_address &&
				!ip_equal(&flow->local.address, &words->local.address)) ||
			(peer->common->has_bind &&
				!ip_equal(&flow->local.address, &peer->common->bind)))
			continue;
		if (matches++ == 0)
			*found = *flow;
	}
	free(flows);
	*several = matches > 1;
	return matches > 0;
}

static struct net_flow named_flow(const struct peer *peer, const struct ip *remote)
{
	const struct peer_words *words = &peer->words;
	struct ip local = ip_any(ip_family(remote));

	if (words->local.is_address)
		local = words->local.address;
	else if (peer->common->has_bind)
		local = peer->common->bind;
	return (struct net_flow){
		.protocol = words->protocol,
		.local = { .address = local, .port = words->local.port },
		.remote = { .address = *remote, .port = words->remote.port },
	};
}

static bool gather_named(struct peer *peer)
{
	const struct peer_words *words = &peer->words;
	unsigned families =
		words->local.is_address ? ip_family(&words->local.address) : families_of(peer);
	enum peer_there there = PEER_NOT_KNOWN;
	struct hosts remotes;
	struct net_flow flow;
	bool several = false;

	if (peer->settings.has_third_party)
		families = ip_family(&peer->settings.third_party);
	if (!resolve(peer, &words->remote, families, &remotes))
		return false;
	flow = named_flow(peer, &remotes.list[0]);
	if (peer->settings.has_third_party)
		flow.local.address = ip_any(ip_family(&flow.remote.address));
	else if (words->protocol == PROTOCOL_TCP && find_named(peer, &remotes, &flow, &several))
		there = PEER_THERE;
	if (several) {
		run_fail(peer->run, EXIT_USAGE,
			"%s: several connections have these ports: write LOCAL as ADDR:PORT",
			words->local_word);
		return false;
	}
	if (!ip_is_any(&flow.local.address) && !add_source(peer, &flow.local.address))
		return false;
	return add_flow(peer, &flow, there);
}

/* --- those that there are --- */

/* What stays on this host or its link no router translates; who names the server with -s
 * knows better. */
static bool is_local(const struct peer *peer, const struct net_flow *flow)
{
	struct endpoint to = flow->remote;
	struct ip hop;
	bool on_link;

	if (ip_is_link_local(&flow->remote.address) || ip_is_link_local(&flow->local.address))
		return true;
	if (peer->common->server_count > 0)
		return false;
	return ip_is_loopback(&flow->remote.address) || inventory_is_ours(&flow->remote.address) ||
		(inventory_next_hop(&to, &flow->local.address, &hop, &on_link) && on_link);
}

static bool is_meant(const struct peer *peer, const struct hosts *remotes, unsigned families,
	const struct net_flow *flow)
{
	uint16_t port = peer->settings.established_with.port;

	if (peer->settings.established &&
		(flow->remote.port != port || !is_among(remotes, &flow->remote.address)))
		return false;
	if (families && !(families & ip_family(&flow->remote.address)))
		return false;
	return !peer->common->has_bind || ip_equal(&flow->local.address, &peer->common->bind);
}

static void none_found(struct peer *peer, size_t local)
{
	const struct peer_settings *settings = &peer->settings;
	char with[PEER_WORD_MAX] = "", of[32] = "";

	if (settings->established)
		snprintf(with, sizeof(with), " with %s", settings->established);
	if (settings->has_pid)
		snprintf(of, sizeof(of), " of process %d", settings->pid);
	run_fail(peer->run, EXIT_NO_SERVER, "no established TCP connection%s%s%s", of, with,
		local ? " but such as stay on this host or its link, which no router translates" :
			"");
}

static int list(struct peer *peer, struct net_flow **flows)
{
	const struct peer_settings *settings = &peer->settings;
	int count = settings->has_pid ?
		inventory_process_flows(settings->pid, flows) :
		inventory_flows(NULL, settings->established_with.port, flows);

	if (count >= 0)
		return count;
	if (settings->has_pid && errno == ESRCH)
		run_fail(peer->run, EXIT_NO_SERVER, "no process %d", settings->pid);
	else if (settings->has_pid && errno == EACCES)
		run_fail(peer->run, EXIT_LOCAL,
			"the connections of process %d are not for us to see: %s", settings->pid,
			strerror(errno));
	else
		run_fail(peer->run, EXIT_LOCAL, "the connections of this host: %s",
			strerror(errno));
	return -1;
}

/* As ss lists them: by remote, then local. */
static int by_ends(const void *a, const void *b)
{
	const struct net_flow *left = a, *right = b;
	int order = memcmp(&left->remote.address, &right->remote.address, sizeof(struct ip));

	if (!order)
		order = (int)left->remote.port - (int)right->remote.port;
	if (!order)
		order = memcmp(&left->local.address, &right->local.address, sizeof(struct ip));
	return order ? order : (int)left->local.port - (int)right->local.port;
}

static bool take_listed(struct peer *peer, const struct net_flow *flows, int count,
	const struct hosts *remotes)
{
	unsigned families = families_of(peer);
	size_t local = 0;

	for (int i = 0; i < count; i++) {
		if (!is_meant(peer, remotes, families, &flows[i]))
			continue;
		if (is_local(peer, &flows[i])) {
			local++;
			continue;
		}
		if (!add_source(peer, &flows[i].local.address) ||
			!add_flow(peer, &flows[i], PEER_THERE))
			return false;
	}
	if (peer->flow_count == 0) {
		none_found(peer, local);
		return false;
	}
	if (local)
		output_note(peer->run->output,
			"%zu connection%s on this host or its link left out: no router translates "
			"%s",
			local, local == 1 ? "" : "s", local == 1 ? "it" : "them");
	return true;
}

static bool gather_listed(struct peer *peer)
{
	struct hosts remotes;
	struct net_flow *flows;
	int count;
	bool ok;

	if (!resolve(peer, &peer->settings.established_with, families_of(peer), &remotes))
		return false;
	count = list(peer, &flows);
	if (count < 0)
		return false;
	if (count > 0)
		qsort(flows, (size_t)count, sizeof(*flows), by_ends);
	ok = take_listed(peer, flows, count, &remotes);
	free(flows);
	if (ok && peer->settings.shell && peer->flow_count > 1) {
		run_fail(peer->run, EXIT_USAGE,
			"--shell takes one flow, and there are %zu such connections",
			peer->flow_count);
		return false;
	}
	return ok;
}

bool peer_gather(struct peer *peer)
{
	if (peer->settings.established || peer->settings.has_pid)
		return gather_listed(peer);
	return gather_named(peer);
}

void peer_look(struct peer *peer, struct peer_flow *flow, const struct ip *local)
{
	int lives;

	if (flow->there == PEER_THERE || peer->settings.has_third_party)
		return;
	if (ip_is_any(&flow->flow.local.address))
		flow->flow.local.address = *local;
	lives = inventory_flow_lives(&flow->flow);
	if (lives > 0)
		flow->there = PEER_THERE;
	/* A socket that is not connected may have a flow all the same, but for TCP. */
	else if (lives == 0 && flow->flow.protocol == PROTOCOL_TCP)
		flow->there = PEER_NOT_THERE;
}
