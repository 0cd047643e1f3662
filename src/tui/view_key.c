/* SPDX-License-Identifier: MIT
 * What keys do.
 */
#include <stdio.h>

#include "tui/view_state.h"

/* --- on a mapping --- */

static bool has_selection(struct view *view)
{
	order_refresh(view);
	if (!view->selected)
		view_note(view, "no mapping is selected");
	return view->selected != NULL;
}

static void about(struct view *view, struct view_action *action, enum view_action_kind kind)
{
	if (!has_selection(view))
		return;
	action->kind = kind;
	action->server = view->selected->want.server;
	action->want = (unsigned)view->selected->want.want;
}

static void key_add(struct view *view, struct view_action *action)
{
	(void)action;
	prompt_open(view, PROMPT_ADD);
}

static void key_delete(struct view *view, struct view_action *action)
{
	(void)action;
	if (has_selection(view))
		prompt_open(view, PROMPT_DELETE);
}

static void key_lifetime(struct view *view, struct view_action *action)
{
	(void)action;
	if (has_selection(view))
		prompt_open(view, PROMPT_LIFETIME);
}

static void key_renew(struct view *view, struct view_action *action)
{
	about(view, action, VIEW_RENEW);
}

static void key_hook(struct view *view, struct view_action *action)
{
	if (view->settings.has_hook)
		about(view, action, VIEW_HOOK);
	else
		view_note(view, "there is no hook: start with --exec COMMAND");
}

/* --- plain actions --- */

static void key_renew_all(struct view *view, struct view_action *action)
{
	(void)view;
	action->kind = VIEW_RENEW_ALL;
}

static void key_quit(struct view *view, struct view_action *action)
{
	action->kind = view->settings.leave ? VIEW_QUIT_AND_LEAVE : VIEW_QUIT;
}

static void key_quit_and_leave(struct view *view, struct view_action *action)
{
	(void)view;
	action->kind = VIEW_QUIT_AND_LEAVE;
}

/* --- what is shown --- */

static void key_filter(struct view *view, struct view_action *action)
{
	(void)action;
	view->screen = SCREEN_TABLE;
	prompt_open(view, PROMPT_FILTER);
	view->filter[0] = '\0';
	order_filter(view);
}

static void key_sort(struct view *view, struct view_action *action)
{
	char text[PHRASE_MAX];

	(void)action;
	view->sort = (view->sort + 1) % SORTS;
	view->stale = true;
	snprintf(text, sizeof(text), "sorted by %s", order_name(view->sort));
	view_note(view, text);
}

/* The same key again leads back. */
static void go(struct view *view, enum view_screen screen)
{
	view->screen = view->screen == screen ? SCREEN_TABLE : screen;
	view->scroll = view->screen == SCREEN_LOG ? INT32_MAX : 0; /* it begins at its end */
	view->log_follows = true;
}

static void key_log(struct view *view, struct view_action *action)
{
	(void)action;
	go(view, SCREEN_LOG);
}

static void key_help(struct view *view, struct view_action *action)
{
	(void)action;
	go(view, SCREEN_HELP);
}

static void key_enter(struct view *view, struct view_action *action)
{
	(void)action;
	if (view->screen != SCREEN_TABLE)
		go(view, SCREEN_TABLE);
	else if (has_selection(view))
		go(view, SCREEN_DETAIL);
}

static void key_escape(struct view *view, struct view_action *action)
{
	(void)action;
	if (view->screen == SCREEN_TABLE && view->filter[0]) {
		view->filter[0] = '\0';
		order_filter(view);
	}
	view->screen = SCREEN_TABLE;
}

static void key_servers_up(struct view *view, struct view_action *action)
{
	(void)action;
	view->server_top -= view->server_top > 0;
}

static void key_servers_down(struct view *view, struct view_action *action)
{
	(void)action;
	view->server_top += view->server_top + 1 < view->server_count;
}

/* --- moving: the selection in the table, the lines elsewhere --- */

static void move(struct view *view, long lines)
{
	size_t n = (size_t)(lines < 0 ? -lines : lines);

	if (view->screen == SCREEN_TABLE) {
		order_move(view, lines);
		return;
	}
	/* how far it goes is known when it is drawn */
	if (lines < 0)
		view->scroll -= n < view->scroll ? n : view->scroll;
	else
		view->scroll += n;
	view->log_follows = lines > 0 && view->scroll >= view->scroll_max;
}

/* A page less one line, so that the eye keeps its place. */
static long page(const struct view *view)
{
	return view->page > 2 ? (long)view->page - 1 : 1;
}

static void key_up(struct view *view, struct view_action *action)
{
	(void)action;
	move(view, -1);
}

static void key_down(struct view *view, struct view_action *action)
{
	(void)action;
	move(view, 1);
}

static void key_page_up(struct view *view, struct view_action *action)
{
	(void)action;
	move(view, -page(view));
}

static void key_page_down(struct view *view, struct view_action *action)
{
	(void)action;
	move(view, page(view));
}

static void key_home(struct view *view, struct view_action *action)
{
	(void)action;
	move(view, -(long)INT32_MAX);
}

static void key_end(struct view *view, struct view_action *action)
{
	(void)action;
	move(view, (long)INT32_MAX);
}

/* --- all of them --- */

static const struct {
	int key;
	void (*act)(struct view *view, struct view_action *action);
} keys[] = {
	{ 'a', key_add },
	{ 'd', key_delete },
	{ PRESS_DELETE, key_delete },
	{ 'r', key_renew },
	{ 'R', key_renew_all },
	{ 'e', key_lifetime },
	{ 'x', key_hook },
	{ 's', key_sort },
	{ '/', key_filter },
	{ 'l', key_log },
	{ '?', key_help },
	{ 'q', key_quit },
	{ 'Q', key_quit_and_leave },
	{ PRESS_ENTER, key_enter },
	{ PRESS_ESCAPE, key_escape },
	{ '<', key_servers_up },
	{ '>', key_servers_down },
	{ 'k', key_up },
	{ PRESS_UP, key_up },
	{ 'j', key_down },
	{ PRESS_DOWN, key_down },
	{ PRESS_PAGE_UP, key_page_up },
	{ PRESS_PAGE_DOWN, key_page_down },
	{ PRESS_HOME, key_home },
	{ PRESS_END, key_end },
};

/* What the terminal says, whatever is on the screen. True: that was it. */
static bool terminal_key(int key, struct view_action *action)
{
	static const struct {
		int key;
		enum view_action_kind kind;
	} told[] = {
		{ PRESS_NONE, VIEW_NOTHING },
		{ PRESS_REDRAW, VIEW_REDRAW },
		{ PRESS_RESIZE, VIEW_NOTHING },
		{ PRESS_SUSPEND, VIEW_SUSPEND },
		{ PRESS_GONE, VIEW_GONE },
	};

	for (size_t i = 0; i < sizeof(told) / sizeof(*told); i++) {
		if (told[i].key == key) {
			action->kind = told[i].kind;
			return true;
		}
	}
	return false;
}

void view_key(struct view *view, int key, struct view_action *action)
{
	*action = (struct view_action){ .kind = VIEW_NOTHING };
	view->pressed |= key != PRESS_NONE;
	if (terminal_key(key, action))
		return;
	view->note[0] = '\0';
	if (view->prompt.kind != PROMPT_NONE) {
		prompt_key(view, key, action);
		return;
	}
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		if (keys[i].key == key) {
			keys[i].act(view, action);
			return;
		}
	}
}
