/* SPDX-License-Identifier: MIT
 * Which version is spoken: refusals of a version, and going over to NAT-PMP.
 */
#include "proto/session_state.h"

static void go_over(struct session *session, struct mapping *mapping, struct mono now)
{
	const char *beyond = want_beyond_natpmp(&mapping->want, &session->config.id.local);
	bool said_no = session->version.state == VERSION_SAID_NO;

	if (beyond && !said_no)
		return; /* pcpctl(1): PCP goes on until -t */
	session_release(session, mapping, false);
	session_rewind(session, mapping);
	session_set(session, mapping, MAPPING_QUEUED, MONO_NEVER);
	if (session->config.policy == VERSION_PCP_ONLY) {
		mapping->answer = (struct answer){ .heard = true, .result = PCP_UNSUPP_VERSION };
		session_refuse(session, mapping, REFUSAL_RESULT, NULL, now);
		return;
	}
	session_ask_natpmp(session, mapping, now);
}

static bool is_asking(const struct mapping *mapping, enum via via)
{
	return mapping->via == via &&
		(mapping->state == MAPPING_QUEUED || mapping->state == MAPPING_ASKING);
}

/* Everything that is asked in version 2 goes over to NAT-PMP where that can say it;
 * the rest is refused when the server said so, and goes on in PCP when not. */
static void fall_back(struct session *session, struct mono now)
{
	struct entry *entry, *next;

	HASH_ITER(hh, session->by_key, entry, next) {
		struct mapping *mapping = &entry->mapping;

		if (!is_asking(mapping, VIA_PCP))
			continue;
		if (mapping->purpose != PURPOSE_ROLLBACK)
			go_over(session, mapping, now);
		else if (!mapping->answer.heard && session->version.state == VERSION_SAID_NO)
			session_rolled_back(session, mapping, UNWANTED_NONE, now);
	}
}

/* The server said that it does not speak version 0: who asked in it is refused. */
static void refuse_natpmp(struct session *session, struct mono now)
{
	struct entry *entry, *next;

	HASH_ITER(hh, session->by_key, entry, next) {
		struct mapping *mapping = &entry->mapping;

		if (!is_asking(mapping, VIA_NAT_PMP) || mapping->purpose == PURPOSE_ROLLBACK)
			continue;
		mapping->answer = (struct answer){ .heard = true, .result = NATPMP_UNSUPP_VERSION };
		session_refuse(session, mapping, REFUSAL_RESULT, NULL, now);
	}
}

static void tell_said_no(struct session *session, struct mono now)
{
	struct event *event = session_push(session, EVENT_VERSION, now);

	if (!event)
		return;
	event->version.change = VERSION_SAID_NAT_PMP;
	memcpy(event->version.octets, session->version_octets, sizeof(event->version.octets));
	event->version.length = session->version_length;
}

enum drop_reason session_input_version(struct session *session,
	const struct pcp_version_answer *answer, const uint8_t *data, size_t length,
	struct mono now)
{
	struct version_asked asked = { session->pcp_sends > 0, session->natpmp_sends > 0 };
	bool said_no;

	if (!asked.pcp && answer->version != PCP_VERSION)
		return session_input_natpmp(session, data, length, now); /* it refuses its own */
	if (!asked.pcp && !asked.natpmp)
		return DROP_UNEXPECTED;
	session->version_refusals++;
	/* Each request of version 2 is refused once (RFC 6886, 1.1): what comes beyond that,
	 * or is of the form of a NAT-PMP answer, is about our version 0, unless that has been
	 * answered: then it is a repetition. */
	if (answer->version != PCP_VERSION && session->version.state == VERSION_SAID_NO &&
		session->natpmp_asking && !session->version.natpmp_heard &&
		((length == NATPMP_MAP_RESPONSE && !session->version.retrying) ||
			session->version_refusals > session->pcp_sends))
		return session_input_natpmp(session, data, length, now);
	session->version.retrying = false;
	session->heard = true;
	memcpy(session->version_octets, data, sizeof(session->version_octets));
	session->version_length = length;
	said_no = version_refused(&session->version, answer, asked);
	if (said_no)
		tell_said_no(session, now);
	/* With --pcp each request is refused by the answer to itself. */
	if (said_no ||
		(session->config.policy == VERSION_PCP_ONLY &&
			session->version.state == VERSION_SAID_NO))
		fall_back(session, now);
	if (session->version.natpmp_unsupported)
		refuse_natpmp(session, now);
	session_probe_settled(session, now);
	return DROP_NONE;
}

bool session_refused_short(struct session *session, const uint8_t *data, size_t length,
	struct mono now)
{
	bool address = length == NATPMP_ADDRESS_REQUEST && session->address.retry.sends > 0;
	bool map = length == NATPMP_MAP_REQUEST && session->natpmp_asking;

	if (data[0] != PCP_VERSION || !(data[1] & 0x80) || (!address && !map))
		return false;
	session->heard = true;
	version_refused_natpmp(&session->version);
	if (session->version.natpmp_unsupported)
		refuse_natpmp(session, now);
	session_probe_settled(session, now);
	return true;
}

void session_version_due(struct session *session, struct mono now)
{
	struct event *event;

	if (!version_decide(&session->version, session->unsettled > 0, now))
		return;
	if (session->version.state == VERSION_SAID_NO) {
		tell_said_no(session, now);
	} else if ((event = session_push(session, EVENT_VERSION, now))) {
		event->version.change = VERSION_FELL_BACK;
		event->version.attempts = session->pcp_sends;
		event->version.waited = mono_since(now, session->pcp_first);
	}
	fall_back(session, now);
	session_probe_settled(session, now);
}
