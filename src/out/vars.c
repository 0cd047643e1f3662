/* SPDX-License-Identifier: MIT
 * One row for each variable: its name, and how it is read off an event.
 */
#include "out/vars.h"

#include <stdio.h>
#include <string.h>

#include "diag/phrase.h"
#include "out/outcome.h"
#include "wire/codes.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define FOR_EVER UINT32_MAX /* a static mapping (RFC 6887, 15) */

/* Writes a value, of which "" is there already. */
typedef void put(const struct event *event, char value[static VARS_VALUE_MAX]);

static void put_text(const char *text, char *value)
{
	snprintf(value, VARS_VALUE_MAX, "%s", text);
}

static void put_number(int64_t number, char *value)
{
	snprintf(value, VARS_VALUE_MAX, "%lld", (long long)number);
}

static void put_address(const struct ip *ip, char *value)
{
	char text[IP_TEXT_MAX];

	put_text(ip_format(ip, text), value);
}

/* --- why not --- */

static const char *refusal_reason(enum refusal refusal)
{
	static const char *const reasons[] = {
		[REFUSAL_NAT_PMP] = "nat-pmp-only",
		[REFUSAL_NOT_PUBLIC] = "not-public",
		[REFUSAL_PAIR] = "other-half-refused",
		[REFUSAL_ENCODE] = "not-sent",
		[REFUSAL_CANCELLED] = "interrupted",
		[REFUSAL_EMPTY] = "nothing-granted",
	};

	return (size_t)refusal < COUNT(reasons) ? reasons[refusal] : NULL;
}

static const char *error_reason(const struct event_mapping *m)
{
	static const char *const reasons[] = {
		[NET_ERROR_PORT_UNREACHABLE] = "no-server-port-unreachable",
		[NET_ERROR_PROHIBITED] = "prohibited",
		[NET_ERROR_NOBODY] = "nobody",
		[NET_ERROR_DENIED] = "not-permitted",
		[NET_ERROR_LOCAL] = "not-sent",
	};
	const char *reason = NULL;

	if (m->has_error && (size_t)m->error.kind < COUNT(reasons))
		reason = reasons[m->error.kind];
	return reason ? reason : "unreachable";
}

const char *vars_reason(const struct event_mapping *m)
{
	switch (m->outcome) {
	case OUTCOME_REFUSED:
		return refusal_reason(m->refusal);
	case OUTCOME_UNANSWERED:
		return m->nat_pmp_answered ? "nat-pmp-only" : "timeout";
	case OUTCOME_UNREACHABLE:
		return error_reason(m);
	default:
		return NULL;
	}
}

/* --- the values --- */

static void put_event(const struct event *event, char *value)
{
	put_text(event_outcome_name(event->mapping.outcome), value);
}

static void put_protocol(const struct event *event, char *value)
{
	unsigned protocol = event->mapping.protocol;
	char text[16];

	put_text(protocol == PROTOCOL_ALL ? "all" :
					    codes_protocol_text(protocol, text, sizeof(text)),
		value);
}

static void put_internal_address(const struct event *event, char *value)
{
	put_address(&event->mapping.internal_address, value);
}

static void put_internal_port(const struct event *event, char *value)
{
	put_number(event->mapping.internal_port, value);
}

static void put_external_address(const struct event *event, char *value)
{
	if (event->mapping.has_external_address)
		put_address(&event->mapping.external_address, value);
}

static void put_external_port(const struct event *event, char *value)
{
	if (event->mapping.has_external_port)
		put_number(event->mapping.external_port, value);
}

static bool has_lifetime(const struct event_mapping *m)
{
	return outcome_is_answer(m) && m->outcome != OUTCOME_LOST;
}

static void put_lifetime(const struct event *event, char *value)
{
	if (has_lifetime(&event->mapping))
		put_number(event->mapping.lifetime, value);
}

static void put_expires(const struct event *event, char *value)
{
	const struct event_mapping *m = &event->mapping;

	if (has_lifetime(m) && m->lifetime && m->lifetime != FOR_EVER)
		put_number((event->wall_ms + (int64_t)m->lifetime * 1000) / 1000, value);
}

static void put_server(const struct event *event, char *value)
{
	phrase_server(&event->mapping.server, value, VARS_VALUE_MAX);
}

static void put_via(const struct event *event, char *value)
{
	if (event->mapping.via != VIA_NONE)
		put_text(event_via_name(event->mapping.via), value);
}

static void put_epoch(const struct event *event, char *value)
{
	if (event->mapping.answered && event->mapping.has_epoch)
		put_number(event->mapping.epoch, value);
}

static void put_result(const struct event *event, char *value)
{
	const struct event_mapping *m = &event->mapping;
	const struct code_result *known;
	unsigned result = m->result;

	if (vars_reason(m)) {
		put_text(vars_reason(m), value);
		return;
	}
	/* -P makes of another port what a server should have said itself, in
	 * NAT-PMP too, which has no number for it (RFC 6887, 13.2). */
	if (m->outcome == OUTCOME_REFUSED && m->refusal == REFUSAL_OTHER_EXTERNAL)
		known = codes_pcp_result(PCP_CANNOT_PROVIDE_EXTERNAL);
	else if (!m->answered)
		return;
	else
		known = m->via == VIA_NAT_PMP ? codes_natpmp_result(result) :
						codes_pcp_result(result);
	if (known)
		put_text(known->name, value);
	else
		put_number(result, value);
}

static void put_remote_address(const struct event *event, char *value)
{
	if (event->mapping.opcode == PCP_PEER)
		put_address(&event->mapping.remote_address, value);
}

static void put_remote_port(const struct event *event, char *value)
{
	if (event->mapping.opcode == PCP_PEER)
		put_number(event->mapping.remote_port, value);
}

/* A wildcard stands for an address that was not known. */
static void put_previous_address(const struct event *event, char *value)
{
	const struct event_mapping *m = &event->mapping;

	if (m->has_previous && !ip_is_any(&m->previous_address))
		put_address(&m->previous_address, value);
}

static void put_previous_port(const struct event *event, char *value)
{
	if (event->mapping.has_previous)
		put_number(event->mapping.previous_port, value);
}

/* --- the list --- */

static const struct {
	const char *name;
	put *put;
} rows[] = {
	{ "PCP_EVENT", put_event },
	{ "PCP_PROTOCOL", put_protocol },
	{ "PCP_INTERNAL_ADDRESS", put_internal_address },
	{ "PCP_INTERNAL_PORT", put_internal_port },
	{ "PCP_EXTERNAL_ADDRESS", put_external_address },
	{ "PCP_EXTERNAL_PORT", put_external_port },
	{ "PCP_LIFETIME", put_lifetime },
	{ "PCP_EXPIRES", put_expires },
	{ "PCP_SERVER", put_server },
	{ "PCP_VIA", put_via },
	{ "PCP_EPOCH", put_epoch },
	{ "PCP_RESULT", put_result },
	{ "PCP_REMOTE_ADDRESS", put_remote_address },
	{ "PCP_REMOTE_PORT", put_remote_port },
	{ "PCP_PREVIOUS_EXTERNAL_ADDRESS", put_previous_address },
	{ "PCP_PREVIOUS_EXTERNAL_PORT", put_previous_port },
};

_Static_assert(COUNT(rows) <= VARS_MAX, "room for every variable");

void vars_of_mapping(const struct event *event, struct vars *vars)
{
	vars->count = COUNT(rows);
	for (size_t i = 0; i < COUNT(rows); i++) {
		vars->list[i].name = rows[i].name;
		vars->list[i].value[0] = '\0';
		rows[i].put(event, vars->list[i].value);
	}
}

void vars_add(struct vars *vars, const char *name, const char *value)
{
	if (vars->count == VARS_MAX)
		return;
	vars->list[vars->count].name = name;
	put_text(value, vars->list[vars->count].value);
	vars->count++;
}

const char *vars_value(const struct vars *vars, const char *name)
{
	for (size_t i = 0; i < vars->count; i++)
		if (strcmp(vars->list[i].name, name) == 0)
			return vars->list[i].value;
	return NULL;
}

const char *const *vars_environment(const struct vars *vars, struct vars_environment *environment)
{
	for (size_t i = 0; i < vars->count; i++) {
		snprintf(environment->text[i], sizeof(environment->text[i]), "%s=%s",
			vars->list[i].name, vars->list[i].value);
		environment->list[i] = environment->text[i];
	}
	environment->list[vars->count] = NULL;
	return environment->list;
}
