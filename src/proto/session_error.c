/* SPDX-License-Identifier: MIT
 * ICMP errors and failures to send, and what they end.
 */
#include <errno.h>

#include "proto/session_state.h"

/* Worse news for the verdict replaces better. */
static bool is_worse(const struct net_error *error, const struct net_error *than)
{
	return error->kind < than->kind;
}

/* Port unreachable from a middle box says nothing about the server. */
static bool is_final(const struct session *session, const struct net_error *error)
{
	if (error->kind == NET_ERROR_DENIED || error->kind == NET_ERROR_LOCAL)
		return true;
	if (error->kind == NET_ERROR_UNREACHABLE && error->local && error->error == ENETUNREACH)
		return true;
	return error->kind == NET_ERROR_PORT_UNREACHABLE &&
		(!error->has_offender ||
			ip_equal(&error->offender, &session->config.id.server.address));
}

void session_end_all(struct session *session, struct mono now)
{
	struct entry *entry, *next;
	bool kept = false;

	HASH_ITER(hh, session->by_key, entry, next) {
		struct mapping *mapping = &entry->mapping;

		if (session_keeps(session, mapping)) {
			kept = true;
			if (mapping->state != MAPPING_ASKING || !mapping->awaiting)
				continue; /* of what was not asked yet it says nothing */
		}
		if (!session_settled(mapping))
			session_unreachable(session, mapping, now);
	}
	session->ended = !kept; /* what is kept asks again: the router may be booting */
	session_probe_report(session, now);
}

void session_error(struct session *session, const struct net_error *error, struct mono now)
{
	bool final = !session->heard && is_final(session, error);
	struct event *event;

	if (final || !session->has_error || is_worse(error, &session->error)) {
		session->has_error = true;
		session->error = *error;
		session->error_at = now;
		event = session_push(session, EVENT_ERROR, now);
		if (event)
			event->error.error = *error;
	}
	if (final && !session->ended)
		session_end_all(session, now);
}
