/* SPDX-License-Identifier: MIT
 * The keys, and what the columns mean.
 */
#include "tui/view_state.h"

static const struct {
	const char *key, *what;
} lines[] = {
	{ NULL, "KEYS" },
	{ "a", "add a mapping: a SPEC as in pcpctl map, such as 8080 or any:5060/udp" },
	{ "d", "delete the selected mapping (asks first)" },
	{ "r", "renew it now" },
	{ "R", "renew all" },
	{ "e", "ask for another lifetime, such as 30m or 12h" },
	{ "x", "run the hook (--exec) for it again" },
	{ "Enter", "everything about it, and its last response, decoded" },
	{ "arrows j k", "select; also PgUp, PgDn, Home, End" },
	{ "s", "sort by state, time left, internal port, external port" },
	{ "/", "show only what matches all the words; empty: everything" },
	{ "< >", "scroll through the servers, where they do not all fit" },
	{ "l", "the whole log" },
	{ "?", "this help" },
	{ "Esc", "back" },
	{ "Ctrl-L", "draw the screen anew" },
	{ "q", "quit: what this run has created is deleted, unless --leave was given" },
	{ "Q", "quit and leave the mappings" },
	{ NULL, "" },
	{ NULL, "SERVERS" },
	{ "EPOCH", "the server's clock: how long it has kept its state" },
	{ "KEPT SINCE", "the date at which that began, by our clock" },
	{ "DRIFT", "how much that clock has gained on ours since it was first read" },
	{ "REGRESSIONS", "how often it lost its state while we watched, and when last" },
	{ NULL, "" },
	{ NULL, "MAPPINGS" },
	{ "LIFETIME", "how much of it is left" },
	{ "RENEWAL", "when it is asked for again" },
	{ "recovering", "the server lost its state, the mapping is asked for anew" },
	{ "unanswered", "nobody answers; what was granted holds until its end" },
};

void help_draw(struct view *view, struct frame *frame, int y, int height)
{
	size_t n = sizeof(lines) / sizeof(*lines);

	view->scroll_max = n > (size_t)height ? n - (size_t)height : 0;
	if (view->scroll > view->scroll_max)
		view->scroll = view->scroll_max;
	for (int i = 0; i < height && view->scroll + (size_t)i < n; i++) {
		size_t at = view->scroll + (size_t)i;

		if (lines[at].key) {
			frame_put(frame, y + i, 2, LOOK_KEY, lines[at].key);
			frame_field(frame, y + i, 15, frame->width - 15, false, LOOK_NORMAL,
				lines[at].what);
		} else {
			frame_put(frame, y + i, 1, LOOK_BOLD, lines[at].what);
		}
	}
}
