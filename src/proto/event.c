/* SPDX-License-Identifier: MIT
 * What all kinds of events have, and the words for what they say.
 */
#include "proto/event.h"

#include <stddef.h>

/* Where the event has its server; 0: nowhere. */
static size_t server_offset(enum event_kind kind)
{
	switch (kind) {
	case EVENT_MAPPING:
		return offsetof(struct event, mapping.server);
	case EVENT_SERVER:
		return offsetof(struct event, server.server);
	case EVENT_EPOCH:
		return offsetof(struct event, epoch.server);
	case EVENT_VERSION:
		return offsetof(struct event, version.server);
	case EVENT_DROPPED:
		return offsetof(struct event, dropped.server);
	case EVENT_ERROR:
		return offsetof(struct event, error.server);
	case EVENT_PACKET:
		return offsetof(struct event, packet.server);
	case EVENT_ANNOUNCE:
		return 0;
	}
	return 0;
}

const struct server_id *event_server(const struct event *event)
{
	size_t offset = server_offset(event->kind);

	return offset ? (const void *)((const char *)event + offset) : NULL;
}

void event_set_server(struct event *event, const struct server_id *id)
{
	size_t offset = server_offset(event->kind);

	if (offset)
		*(struct server_id *)(void *)((char *)event + offset) = *id;
}

bool event_is_grant(enum mapping_outcome outcome)
{
	return outcome == OUTCOME_GRANTED || outcome == OUTCOME_RENEWED ||
		outcome == OUTCOME_CHANGED || outcome == OUTCOME_RECOVERED;
}

static const char *const outcome_names[] = {
	[OUTCOME_GRANTED] = "granted",
	[OUTCOME_RENEWED] = "renewed",
	[OUTCOME_CHANGED] = "changed",
	[OUTCOME_REFUSED] = "refused",
	[OUTCOME_LOST] = "lost",
	[OUTCOME_RECOVERED] = "recovered",
	[OUTCOME_DELETED] = "deleted",
	[OUTCOME_UNANSWERED] = "unanswered",
	[OUTCOME_UNREACHABLE] = "unreachable",
};

static const char *const via_names[] = {
	[VIA_NONE] = "none",
	[VIA_PCP] = "pcp",
	[VIA_NAT_PMP] = "nat-pmp",
};

static const char *const status_names[] = {
	[PROBE_SKIPPED] = "skipped",
	[PROBE_OK] = "ok",
	[PROBE_UNSUPPORTED] = "unsupported",
	[PROBE_REFUSED] = "refused",
	[PROBE_PROHIBITED] = "prohibited",
	[PROBE_UNREACHABLE] = "unreachable",
	[PROBE_SILENT] = "silent",
	[PROBE_ERROR] = "error",
	[PROBE_MALFORMED] = "malformed",
};

static const char *const drop_names[] = {
	[DROP_NONE] = "used",
	[DROP_WRONG_ADDRESS] = "it came from another address than was asked",
	[DROP_WRONG_PORT] = "it came from another port than was asked",
	[DROP_SHORT] = "too short",
	[DROP_LONG] = "longer than 1100 octets",
	[DROP_NOT_MULTIPLE] = "its length is not a multiple of 4",
	[DROP_REQUEST] = "the R bit is clear: a request, not an answer",
	[DROP_VERSION] = "of a version that was not asked",
	[DROP_OPCODE] = "of an opcode that was not asked",
	[DROP_NONCE] = "with another nonce than was sent",
	[DROP_PROTOCOL] = "for another protocol than was asked",
	[DROP_INTERNAL_PORT] = "for another internal port than was asked",
	[DROP_REMOTE] = "for another remote peer than was asked",
	[DROP_UNEXPECTED] = "nothing asked is left that it could answer",
	[DROP_DUPLICATE] = "a repetition of an answer",
	[DROP_STRANGER] = "from a host that was not asked",
	[DROP_JUNK] = "no announcement",
};

static const char *const epoch_kind_names[] = {
	[EPOCH_UNKNOWN] = "unknown",
	[EPOCH_WALL_CLOCK] = "wall-clock",
	[EPOCH_NOT_SECONDS] = "not-seconds",
	[EPOCH_FROZEN] = "frozen",
	[EPOCH_EXTERNAL] = "external-address",
	[EPOCH_RESTART] = "restart",
	[EPOCH_RATE] = "rate",
};

_Static_assert(sizeof(epoch_kind_names) / sizeof(*epoch_kind_names) == EPOCH_KINDS, "a name each");
_Static_assert(sizeof(drop_names) / sizeof(*drop_names) == DROP_REASONS, "a phrase for each");

const char *event_outcome_name(enum mapping_outcome outcome)
{
	return outcome_names[outcome];
}

const char *event_via_name(enum via via)
{
	return via_names[via];
}

const char *event_status_name(enum probe_status status)
{
	return status_names[status];
}

const char *event_epoch_kind_name(enum epoch_kind kind)
{
	return epoch_kind_names[kind];
}

const char *event_drop_name(enum drop_reason reason)
{
	return drop_names[reason];
}
