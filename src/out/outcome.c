/* SPDX-License-Identifier: MIT
 * What became of a mapping, in words.
 */
#include "out/outcome.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "diag/phrase.h"
#include "out/when.h"

#define HEX_MAX (2 * PCP_NONCE + 1)

/* A text that grows; what does not fit is cut off. */
struct words {
	char *text;
	size_t size, length;
};

__attribute__((format(printf, 2, 3))) static void add(struct words *w, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(w->text + w->length, w->size - w->length, format, ap);
	va_end(ap);
	if (n > 0)
		w->length += (size_t)n < w->size - w->length ? (size_t)n : w->size - w->length - 1;
}

bool outcome_is_answer(const struct event_mapping *mapping)
{
	return mapping->recorded ||
		(mapping->outcome != OUTCOME_REFUSED && mapping->outcome != OUTCOME_UNANSWERED &&
			mapping->outcome != OUTCOME_UNREACHABLE);
}

/* --- refused --- */

/* The same of PEER. */
static const char *peer_hint(const struct event_mapping *m)
{
	switch (m->result) {
	case PCP_UNSUPP_OPCODE:
		if (!ip_is_v4(&m->internal_address))
			return "it has no PEER for IPv6 (miniupnpd has none): only traffic keeps "
			       "the flow, as keep-alives of the program";
		return "it has no PEER: only traffic keeps the flow, as keep-alives of the program";
	case PCP_CANNOT_PROVIDE_EXTERNAL:
		return "the flow has another one by now, or somebody else has it: what was "
		       "connected that way is lost";
	case PCP_NOT_AUTHORIZED:
		return "likely another program or run has asked for this flow (--nonce)";
	case PCP_MALFORMED_REQUEST:
		return "likely it does not translate flows to that remote";
	case PCP_UNSUPP_OPTION:
		return m->options->has_third_party ?
			"miniupnpd allows THIRD_PARTY only with pcp_allow_thirdparty=yes" :
			NULL;
	}
	return NULL;
}

/* What is known of servers that answer so. */
static const char *hint(const struct event_mapping *m)
{
	if (m->via != VIA_PCP)
		return NULL;
	if (m->opcode == PCP_PEER)
		return peer_hint(m);
	if (m->result == PCP_UNSUPP_OPTION && m->options->has_third_party)
		return "miniupnpd allows THIRD_PARTY only with pcp_allow_thirdparty=yes";
	if (m->result == PCP_MALFORMED_REQUEST && m->internal_port == 0)
		return "likely it cannot map all ports at once (miniupnpd cannot)";
	if (m->result == PCP_NO_RESOURCES && m->deleting)
		return "likely there is no such mapping (miniupnpd answers so)";
	return NULL;
}

static void add_result(struct words *w, const struct event_mapping *m)
{
	bool nat_pmp = m->via == VIA_NAT_PMP;
	const struct code_result *known =
		nat_pmp ? codes_natpmp_result(m->result) : codes_pcp_result(m->result);
	char span[PHRASE_MAX];

	if (known)
		add(w, nat_pmp ? "%s (NAT-PMP %u): %s" : "%s (%u): %s", known->name, m->result,
			known->sentence);
	else
		add(w, "unknown result %u", m->result);
	if (hint(m))
		add(w, "; %s", hint(m));
	if (m->error_lifetime && m->via == VIA_PCP)
		add(w, "; it asks to wait %s",
			phrase_duration(m->error_lifetime, span, sizeof(span)));
}

static void add_external(struct words *w, const struct event_mapping *m)
{
	char text[PHRASE_MAX];
	uint16_t port = m->unwanted_port;

	if (!ip_is_any(&m->unwanted_address))
		add(w, "%s", phrase_endpoint(&m->unwanted_address, port, text, sizeof(text)));
	else if (port)
		add(w, "port %u", port);
	else
		add(w, "another one");
}

static const char *hex(const struct pcp_nonce *nonce, char text[static HEX_MAX])
{
	for (size_t i = 0; i < PCP_NONCE; i++)
		snprintf(text + 2 * i, 3, "%02x", nonce->octets[i]);
	return text;
}

/* It is not deleted: how long may it be there? */
static void add_end(struct words *w, const struct event_mapping *m, int64_t wall_ms)
{
	char until[WHEN_MAX];

	if (m->unwanted_lifetime)
		add(w, "; the mapping may still be there until %s",
			when_near(wall_ms + (int64_t)m->unwanted_lifetime * 1000, wall_ms, until,
				sizeof(until)));
	else
		add(w, "; the mapping may still be there until it expires");
}

/* A mapping may have been made and its answer lost: how to be rid of it. */
static void add_cleanup(struct words *w, const struct event_mapping *m, int64_t wall_ms)
{
	char server[PHRASE_MAX];
	char nonce[HEX_MAX], spec[PHRASE_MAX], local[IP_TEXT_MAX];

	if (m->deleting) {
		add_end(w, m, wall_ms);
		return;
	}
	add(w, "; a mapping may have been made all the same: ");
	if (m->zero_port) {
		add(w,
			"it ends by itself, a delete of port 0 would take every mapping of this "
			"host");
		return;
	}
	if (m->opcode == PCP_PEER) {
		add(w, "it ends by itself, PEER has no delete");
		return;
	}
	phrase_server(&m->server, server, sizeof(server));
	add(w, "delete it with pcpctl map -d -s %s", server);
	if (!ip_is_v4(&m->server.local))
		add(w, " -b %s", ip_format(&m->server.local, local));
	if (m->asked == VIA_NAT_PMP)
		add(w, " --nat-pmp");
	else
		add(w, " --nonce %s", hex(&m->nonce, nonce));
	if (m->options->has_port_set)
		add(w, " --port-set %u", m->options->port_set.size);
	if (m->options->has_third_party) {
		char address[IP_TEXT_MAX];

		add(w, " -3 %s", ip_format(&m->options->third_party, address));
	}
	add(w, " %s", phrase_spec(m, spec, sizeof(spec)));
}

static void add_unwanted(struct words *w, const struct event_mapping *m, int64_t wall_ms)
{
	char until[WHEN_MAX];

	if (m->unwanted == UNWANTED_DELETED)
		add(w, "; the unwanted mapping has been deleted again");
	else if (m->unwanted == UNWANTED_LEFT && m->unwanted_port == 0)
		add_cleanup(w, m, wall_ms);
	else if (m->deleting && m->unwanted_lifetime)
		add_end(w, m, wall_ms);
	else if (m->unwanted == UNWANTED_LEFT && m->unwanted_lifetime)
		add(w, "; the unwanted mapping of port %u stays until %s", m->unwanted_port,
			when_near(wall_ms + (int64_t)m->unwanted_lifetime * 1000, wall_ms, until,
				sizeof(until)));
	else if (m->unwanted == UNWANTED_LEFT)
		add(w, "; the unwanted mapping of port %u may stay until it expires",
			m->unwanted_port);
}

static void add_not_public(struct words *w, const struct event_mapping *m)
{
	const char *why = NULL;
	char address[IP_TEXT_MAX];

	if (ip_is_any(&m->unwanted_address)) {
		add(w,
			"the external address is not known, and --require-public takes only one "
			"that "
			"is known to be public");
		return;
	}
	ip_classify(&m->unwanted_address, &why);
	add(w, "the external address %s is not public (%s), and --require-public takes no other",
		ip_format(&m->unwanted_address, address), why);
}

static void refused(struct words *w, const struct event_mapping *m, const char *server,
	int64_t wall_ms)
{
	const char *feature = m->feature ? m->feature : "this";

	switch (m->refusal) {
	case REFUSAL_RESULT:
		add(w, "%s refused: ", server);
		add_result(w, m);
		break;
	case REFUSAL_NAT_PMP:
		add(w, "refused: %s is asked in NAT-PMP, which cannot express %s", server, feature);
		break;
	case REFUSAL_OTHER_EXTERNAL:
		add(w, "refused: %s assigned ", server);
		add_external(w, m);
		add(w, " where %u was asked, and -P takes no other (CANNOT_PROVIDE_EXTERNAL)",
			m->suggested_port);
		break;
	case REFUSAL_NOT_PUBLIC:
		add(w, "refused: ");
		add_not_public(w, m);
		break;
	case REFUSAL_PAIR:
		add(w,
			"refused: the other half of tcp+udp was refused, and -P takes both or "
			"neither");
		break;
	case REFUSAL_ENCODE:
		add(w, "refused, nothing was sent: %s", feature);
		break;
	case REFUSAL_EMPTY:
		add(w,
			"refused: %s says SUCCESS, but grants no port or a lifetime of 0: nothing "
			"is "
			"mapped",
			server);
		break;
	case REFUSAL_CANCELLED:
		add(w, "given up: interrupted");
		break;
	}
	add_unwanted(w, m, wall_ms);
}

/* --- unanswered --- */

static void unanswered(struct words *w, const struct event_mapping *m, const char *server,
	int64_t wall_ms)
{
	char error[PHRASE_MAX];

	if (m->attempts == 0) {
		add(w, "not asked of %s: the time was over before its turn came", server);
		return;
	}
	add(w, "no answer from %s to %u request%s", server, m->attempts,
		m->attempts == 1 ? "" : "s");
	if (m->has_error)
		add(w, " (%s)", phrase_error(&m->error, error, sizeof(error)));
	if (m->nat_pmp_answered && m->feature)
		add(w, "; it answers NAT-PMP, which cannot express %s", m->feature);
	else if (m->attempts)
		add_cleanup(w, m, wall_ms);
}

/* --- unreachable --- */

static void unreachable(struct words *w, const struct event_mapping *m, const char *server)
{
	char error[PHRASE_MAX];

	add(w, "%s is unreachable", server);
	if (!m->has_error)
		return;
	add(w, ": %s", phrase_error(&m->error, error, sizeof(error)));
	if (m->error.kind == NET_ERROR_PORT_UNREACHABLE &&
		(!m->error.has_offender || ip_equal(&m->error.offender, &m->server.server.address)))
		add(w, ": nothing listens on UDP %u there", m->server.server.port);
	else if (m->error.kind == NET_ERROR_DENIED)
		add(w, ": likely this host's own firewall");
}

const char *outcome_problem(const struct event_mapping *m, int64_t wall_ms, char *text, size_t size)
{
	struct words w = { text, size, 0 };
	char server[PHRASE_MAX];

	phrase_server(&m->server, server, sizeof(server));
	text[0] = '\0';
	if (m->deleting && !outcome_is_answer(m))
		add(&w, "not deleted: ");
	switch (m->outcome) {
	case OUTCOME_REFUSED:
		refused(&w, m, server, wall_ms);
		return "refused";
	case OUTCOME_UNANSWERED:
		unanswered(&w, m, server, wall_ms);
		return "no answer";
	case OUTCOME_UNREACHABLE:
		unreachable(&w, m, server);
		return "unreachable";
	default:
		return NULL;
	}
}
