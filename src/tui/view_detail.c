/* SPDX-License-Identifier: MIT
 * Everything of one mapping: its last event, and its last response, decoded.
 */
#include <stdarg.h>
#include <stdio.h>

#include "tui/view_state.h"
#include "wire/codes.h"

/* Where the lines go; they are counted whether or not they are seen. */
struct page {
	const struct view *view;
	struct frame *frame;
	int y, height;
	size_t line;
};

static void put_line(struct page *page, const char *label, enum look look, const char *text)
{
	size_t line = page->line++;
	int x = label ? 19 : 3, y;

	if (line < page->view->scroll || line >= page->view->scroll + (size_t)page->height)
		return;
	y = page->y + (int)(line - page->view->scroll);
	if (label)
		frame_put(page->frame, y, 1, LOOK_BOLD, label);
	frame_field(page->frame, y, x, page->frame->width - x, false, look, text);
}

static void say(struct page *page, const char *label, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void say(struct page *page, const char *label, const char *format, ...)
{
	char text[LINE_MAX_TEXT];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	put_line(page, label, LOOK_NORMAL, text);
}

/* --- what is asked --- */

static void say_asked(struct page *page, const struct row *row)
{
	const struct event_mapping *m = &row->told;
	const struct pcp_options *o = &row->options;
	char text[PHRASE_MAX], nonce[2 * PCP_NONCE + 1];

	say(page, "Internal", "%s", text_internal(row, 1000, text, sizeof(text)));
	if (m->opcode == PCP_PEER)
		say(page, "Remote", "%s",
			phrase_endpoint(&m->remote_address, m->remote_port, text, sizeof(text)));
	if (m->suggested_port || !ip_is_any(&m->suggested_address))
		say(page, "Suggested", "%s",
			phrase_side(&m->suggested_address, m->suggested_port, false, text,
				sizeof(text)));
	say(page, "Asked lifetime", "%s",
		phrase_duration(m->requested_lifetime, text, sizeof(text)));
	for (size_t i = 0; i < PCP_NONCE; i++)
		snprintf(nonce + 2 * i, 3, "%02x", m->nonce.octets[i]);
	if (m->via != VIA_NAT_PMP)
		say(page, "Nonce", "%s%s", nonce, m->nonce_is_new ? ", new in this run" : "");
	if (o->prefer_failure)
		say(page, "Option", "PREFER_FAILURE");
	if (o->has_third_party)
		say(page, "Option", "THIRD_PARTY %s", ip_format(&o->third_party, text));
	for (size_t i = 0; i < o->filter_count; i++)
		say(page, "Option", "FILTER %s/%d port %u", ip_format(&o->filters[i].address, text),
			pcp_filter_length(&o->filters[i]), o->filters[i].port);
	if (o->has_port_set)
		say(page, "Option", "PORT_SET of %u", o->port_set.size);
	if (o->description)
		say(page, "Option", "DESCRIPTION %s", o->description);
}

/* --- what is held --- */

static void say_held(struct page *page, const struct row *row, struct mono now, int64_t wall_ms)
{
	const struct view_settings *settings = &page->view->settings;
	char text[PHRASE_MAX], until[PHRASE_MAX], date[PHRASE_MAX];
	int64_t ends_ms = wall_ms + mono_since(row->expires, now) / MSEC;

	if (!row->held)
		return;
	say(page, "External", "%s", text_external(row, 1000, text, sizeof(text)));
	if (row->told.has_port_set)
		say(page, "Port set", "%u ports", row->told.port_set.size);
	if (row->lifetime == UINT32_MAX) {
		say(page, "Lifetime", "for ever");
		return;
	}
	say(page, "Lifetime", "%s", phrase_duration(row->lifetime, text, sizeof(text)));
	/* the date, and of the time only the seconds are new */
	settings->date_text(ends_ms, date, sizeof(date));
	settings->time_text(ends_ms, until, sizeof(until));
	say(page, "Ends", "in %s, %.10s %s", text_left(row, now, text, sizeof(text)), date, until);
}

static void say_renewal(struct page *page, const struct row *row, struct mono now, int64_t wall_ms)
{
	char text[PHRASE_MAX], time[PHRASE_MAX];

	if (mono_is_never(row->told.next))
		return;
	say(page, "Asked again", "in %s, %s", text_renewal(row, now, text, sizeof(text)),
		page->view->settings.time_text(wall_ms + mono_since(row->told.next, now) / MSEC,
			time, sizeof(time)));
}

/* --- what was answered --- */

static void say_answer(struct page *page, const struct row *row)
{
	const struct event_mapping *m = &row->told;
	char text[PHRASE_MAX], rtt[PHRASE_MAX];

	if (m->has_previous)
		say(page, "External before", "%s",
			phrase_side(ip_is_any(&m->previous_address) ? NULL : &m->previous_address,
				m->previous_port, false, text, sizeof(text)));
	if (!m->answered) {
		say(page, "Answer", "none, %u request%s", m->attempts, m->attempts == 1 ? "" : "s");
		return;
	}
	say(page, "Answer", "%s %s (%u), after %s and %u request%s", phrase_via(m->via),
		codes_result_name(m->via == VIA_NAT_PMP, m->result, text, sizeof(text)), m->result,
		phrase_rtt(m->rtt, rtt, sizeof(rtt)), m->attempts, m->attempts == 1 ? "" : "s");
	if (m->has_epoch)
		say(page, "Epoch", "%u s", m->epoch);
	if (m->result && m->error_lifetime)
		say(page, "Asks to wait", "%s",
			phrase_duration(m->error_lifetime, text, sizeof(text)));
}

static void say_problem(struct page *page, const struct row *row)
{
	char text[LINE_MAX_TEXT] = "";

	if (row->state != ROW_REFUSED && row->state != ROW_UNANSWERED &&
		row->state != ROW_UNREACHABLE)
		return;
	page->view->settings.problem(&row->told, row->wall_ms, text, sizeof(text));
	put_line(page, "Reason", LOOK_BAD, text);
}

static void packet_line(void *context, const char *text)
{
	put_line(context, NULL, LOOK_NORMAL, text);
}

static void say_response(struct page *page, const struct row *row)
{
	const struct response *response = &row->response;
	char time[PHRASE_MAX];

	put_line(page, "", LOOK_NORMAL, "");
	if (!response->octets) {
		say(page, "Last response", "none was kept");
		return;
	}
	say(page, "Last response", "%zu octets at %s", response->length,
		page->view->settings.time_text(response->wall_ms, time, sizeof(time)));
	page->view->settings.packet(response->octets, response->length, packet_line, page);
}

static void say_all(struct page *page, const struct row *row, struct mono now, int64_t wall_ms)
{
	const struct view_server *server = &page->view->servers[row->want.server];
	char text[PHRASE_MAX], time[PHRASE_MAX];

	say(page, "Mapping", "%s", phrase_mapping(&row->told, text, sizeof(text)));
	put_line(page, "State", text_state_look(row->state),
		text_state(row, 1000, text, sizeof(text)));
	say(page, "Since", "%s", page->view->settings.time_text(row->wall_ms, time, sizeof(time)));
	say(page, "Server", "%s%s%s", server->name, server->id.interface[0] ? ", interface " : "",
		server->id.interface);
	say_problem(page, row);
	say_held(page, row, now, wall_ms);
	say_renewal(page, row, now, wall_ms);
	say_asked(page, row);
	say_answer(page, row);
	say_response(page, row);
}

void detail_draw(struct view *view, struct frame *frame, int y, int height, struct mono now,
	int64_t wall_ms)
{
	struct frame nowhere = { 0 };
	struct page page = { view, &nowhere, y, height, 0 };

	order_refresh(view);
	if (!view->selected) {
		frame_put(frame, y, 1, LOOK_DIM, "the mapping is gone");
		return;
	}
	/* how many lines there are is known when they have been made */
	say_all(&page, view->selected, now, wall_ms);
	view->scroll_max = page.line > (size_t)height ? page.line - (size_t)height : 0;
	if (view->scroll > view->scroll_max)
		view->scroll = view->scroll_max;
	page = (struct page){ view, frame, y, height, 0 };
	say_all(&page, view->selected, now, wall_ms);
}
