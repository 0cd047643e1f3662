/* SPDX-License-Identifier: MIT
 * The words of the cells.
 */
#include <stdio.h>

#include "tui/view_state.h"
#include "wire/codes.h"

const char *text_endpoint_in(const struct ip *ip, uint16_t port, bool any_port, int width,
	char *text, size_t size)
{
	char whole[PHRASE_MAX];
	const char *behind;
	int room;

	phrase_side(ip, port, any_port, whole, sizeof(whole));
	behind = strrchr(whole, ':'); /* the port is what one looks for */
	room = behind ? width - (int)strlen(behind) - 2 : 0;
	if (!behind || (int)strlen(whole) <= width)
		snprintf(text, size, "%s", whole);
	else if (room < 6)
		snprintf(text, size, "%s", behind + 1);
	else if (ip_is_v4(ip))
		snprintf(text, size, "%.*s..%s", room, whole, behind);
	else
		snprintf(text, size, "%.*s..]%s", room - 1, whole, behind);
	return text;
}

const char *text_internal(const struct row *row, int width, char *text, size_t size)
{
	return text_endpoint_in(&row->told.internal_address, row->told.internal_port,
		phrase_is_all_ports(&row->told), width, text, size);
}

const char *text_external(const struct row *row, int width, char *text, size_t size)
{
	if (!row->held) {
		snprintf(text, size, "-");
		return text;
	}
	return text_endpoint_in(row->has_external ? &row->external : NULL, row->external_port,
		phrase_is_all_ports(&row->told), width, text, size);
}

/* --- the state --- */

static const struct {
	const char *name;
	enum look look;
} states[] = {
	[ROW_LOST] = { "lost", LOOK_BAD },
	[ROW_UNREACHABLE] = { "unreachable", LOOK_BAD },
	[ROW_REFUSED] = { "refused", LOOK_BAD },
	[ROW_UNANSWERED] = { "unanswered", LOOK_WARN },
	[ROW_RECOVERING] = { "recovering", LOOK_WARN },
	[ROW_CHANGED] = { "changed", LOOK_WARN },
	[ROW_RECOVERED] = { "recovered", LOOK_GOOD },
	[ROW_GRANTED] = { "granted", LOOK_GOOD },
	[ROW_RENEWED] = { "renewed", LOOK_GOOD },
};

_Static_assert(sizeof(states) / sizeof(*states) == ROW_STATES, "a word for each");

enum look text_state_look(enum row_state state)
{
	return states[state].look;
}

/* What the server, or we, had against it. */
static const char *refusal_word(const struct event_mapping *m, char *text, size_t size)
{
	static const char *const words[] = {
		[REFUSAL_RESULT] = "",
		[REFUSAL_NAT_PMP] = "NAT-PMP cannot",
		[REFUSAL_OTHER_EXTERNAL] = "another port",
		[REFUSAL_NOT_PUBLIC] = "not public",
		[REFUSAL_PAIR] = "the other half was",
		[REFUSAL_ENCODE] = "cannot be asked",
		[REFUSAL_CANCELLED] = "cancelled",
		[REFUSAL_EMPTY] = "nothing mapped",
	};

	if (m->refusal != REFUSAL_RESULT)
		return words[m->refusal];
	return codes_result_name(m->via == VIA_NAT_PMP, m->result, text, size);
}

/* With what there is to add to the word. */
static void whole_state(const struct row *row, const char *name, char *text, size_t size)
{
	const struct event_mapping *m = &row->told;
	char word[PHRASE_MAX];

	if (m->deleting)
		snprintf(text, size, "delete %s", name);
	else if (row->state == ROW_REFUSED)
		snprintf(text, size, "%s: %s", name, refusal_word(m, word, sizeof(word)));
	else if (row->state == ROW_CHANGED && m->has_previous &&
		m->previous_port != row->external_port)
		snprintf(text, size, "%s, was port %u", name, m->previous_port);
	else if (row->state == ROW_CHANGED && m->has_previous && !ip_is_any(&m->previous_address))
		snprintf(text, size, "%s, was %s", name, ip_format(&m->previous_address, word));
	else
		snprintf(text, size, "%s", name);
}

const char *text_state(const struct row *row, int width, char *text, size_t size)
{
	const char *name = states[row->state].name;

	whole_state(row, name, text, size);
	if ((int)strlen(text) <= width)
		return text;
	/* of a refusal the reason says most, if it fits */
	if (row->state == ROW_REFUSED && !row->told.deleting) {
		char word[PHRASE_MAX];

		snprintf(text, size, "%s", refusal_word(&row->told, word, sizeof(word)));
	}
	if ((int)strlen(text) > width)
		snprintf(text, size, "%s", name);
	return text;
}

/* --- time --- */

const char *text_span(int64_t ns, char *text, size_t size)
{
	if (ns < 100 * SEC)
		snprintf(text, size, "%lld.%lld s", (long long)(ns / SEC),
			(long long)(ns % SEC / (SEC / 10)));
	else
		phrase_duration((uint64_t)(ns / SEC), text, size);
	return text;
}

const char *text_left(const struct row *row, struct mono now, char *text, size_t size)
{
	int64_t left = mono_since(row->expires, now);

	if (!row->held)
		snprintf(text, size, "-");
	else if (mono_is_never(row->expires))
		snprintf(text, size, "for ever");
	else if (left <= 0)
		snprintf(text, size, "over");
	else
		/* counted up: a grant of 2h begins with 2h, and 0s is never shown */
		phrase_duration((uint64_t)((left + SEC - 1) / SEC), text, size);
	return text;
}

const char *text_renewal(const struct row *row, struct mono now, char *text, size_t size)
{
	int64_t left = mono_since(row->told.next, now);

	if (mono_is_never(row->told.next))
		snprintf(text, size, "-");
	else if (left <= 0)
		snprintf(text, size, "now");
	else
		phrase_duration((uint64_t)((left + SEC - 1) / SEC), text, size);
	return text;
}

int text_life(const struct row *row, struct mono now)
{
	int64_t left = mono_since(row->expires, now);

	if (!row->held || row->lifetime == 0)
		return 0;
	if (mono_is_never(row->expires))
		return 1000;
	if (left <= 0)
		return 0;
	/* in ms: a lifetime of 136 years in ns, times 1000, would not fit */
	left = left / MSEC / row->lifetime;
	return left > 1000 ? 1000 : (int)left;
}
