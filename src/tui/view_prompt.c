/* SPDX-License-Identifier: MIT
 * A line to type into. It is state like all else: nothing ever waits for it.
 */
#include <stdio.h>

#include "tui/glyph.h"
#include "tui/view_state.h"

/* The question about a mapping. */
static void ask_about(struct prompt *prompt, const struct row *row)
{
	char what[PHRASE_MAX], span[PHRASE_MAX];

	prompt->about = row->want;
	phrase_mapping(&row->told, what, sizeof(what));
	phrase_duration(row->told.requested_lifetime, span, sizeof(span));
	if (prompt->kind == PROMPT_LIFETIME)
		snprintf(prompt->label, sizeof(prompt->label),
			"lifetime of %.60s (now %.20s):", what, span);
	else
		snprintf(prompt->label, sizeof(prompt->label), "delete %.100s? y/n", what);
}

void prompt_open(struct view *view, enum view_prompt kind)
{
	struct prompt *prompt = &view->prompt;

	*prompt = (struct prompt){ .kind = kind };
	if (kind == PROMPT_ADD)
		snprintf(prompt->label, sizeof(prompt->label), "add SPEC:");
	else if (kind == PROMPT_FILTER)
		snprintf(prompt->label, sizeof(prompt->label), "filter:");
	else if (view->selected)
		ask_about(prompt, view->selected);
}

/* What was typed, as UTF-8, blanks at the ends left out. */
static void typed(const struct prompt *prompt, char text[static VIEW_TEXT_MAX])
{
	size_t first = 0, last = prompt->length, n = 0;
	char one[5];

	while (first < last && prompt->text[first] == ' ')
		first++;
	while (last > first && prompt->text[last - 1] == ' ')
		last--;
	for (size_t i = first; i < last; i++) {
		size_t length = glyph_utf8(prompt->text[i], one);

		if (n + length >= VIEW_TEXT_MAX)
			break;
		memcpy(text + n, one, length);
		n += length;
	}
	text[n] = '\0';
}

/* --- editing --- */

static void insert(struct prompt *prompt, uint32_t c)
{
	if (prompt->length + 1 >= VIEW_TEXT_MAX)
		return;
	memmove(&prompt->text[prompt->cursor + 1], &prompt->text[prompt->cursor],
		(prompt->length - prompt->cursor) * sizeof(prompt->text[0]));
	prompt->text[prompt->cursor++] = c;
	prompt->length++;
}

/* Takes out the characters in [from, cursor). */
static void cut(struct prompt *prompt, size_t from)
{
	memmove(&prompt->text[from], &prompt->text[prompt->cursor],
		(prompt->length - prompt->cursor) * sizeof(prompt->text[0]));
	prompt->length -= prompt->cursor - from;
	prompt->cursor = from;
}

static size_t word_start(const struct prompt *prompt)
{
	size_t at = prompt->cursor;

	while (at > 0 && prompt->text[at - 1] == ' ')
		at--;
	while (at > 0 && prompt->text[at - 1] != ' ')
		at--;
	return at;
}

static void edit(struct prompt *prompt, int key)
{
	switch (key) {
	case PRESS_LEFT:
		prompt->cursor -= prompt->cursor > 0;
		break;
	case PRESS_RIGHT:
		prompt->cursor += prompt->cursor < prompt->length;
		break;
	case PRESS_HOME:
		prompt->cursor = 0;
		break;
	case PRESS_END:
		prompt->cursor = prompt->length;
		break;
	case PRESS_BACKSPACE:
		if (prompt->cursor > 0)
			cut(prompt, prompt->cursor - 1);
		break;
	case PRESS_DELETE:
		if (prompt->cursor++ < prompt->length)
			cut(prompt, prompt->cursor - 1);
		else
			prompt->cursor--;
		break;
	case PRESS_ERASE_LINE:
		cut(prompt, 0);
		break;
	case PRESS_ERASE_WORD:
		cut(prompt, word_start(prompt));
		break;
	default:
		if (key > 0 && key < PRESS_UP && glyph_width((uint32_t)key))
			insert(prompt, (uint32_t)key);
		break;
	}
}

/* --- the end of it --- */

static void confirm(struct view *view, int key, struct view_action *action)
{
	if (key == 'y' || key == 'Y') {
		action->kind = VIEW_DELETE;
		action->server = view->prompt.about.server;
		action->want = (unsigned)view->prompt.about.want;
	}
	view->prompt.kind = PROMPT_NONE;
}

static void enter(struct view *view, struct view_action *action)
{
	struct prompt *prompt = &view->prompt;

	typed(prompt, action->text);
	if (prompt->kind == PROMPT_FILTER || action->text[0] == '\0') {
		prompt->kind = PROMPT_NONE;
		return;
	}
	action->kind = prompt->kind == PROMPT_ADD ? VIEW_ADD : VIEW_LIFETIME;
	action->server = prompt->about.server;
	action->want = (unsigned)prompt->about.want;
}

/* The table follows what is typed. */
static void follow_filter(struct view *view)
{
	typed(&view->prompt, view->filter);
	order_filter(view);
}

void prompt_key(struct view *view, int key, struct view_action *action)
{
	struct prompt *prompt = &view->prompt;

	prompt->error[0] = '\0';
	if (key == PRESS_ESCAPE) {
		if (prompt->kind == PROMPT_FILTER) {
			view->filter[0] = '\0';
			order_filter(view);
		}
		prompt->kind = PROMPT_NONE;
	} else if (prompt->kind == PROMPT_DELETE) {
		confirm(view, key, action);
	} else if (key == PRESS_ENTER) {
		enter(view, action);
	} else {
		edit(prompt, key);
		if (prompt->kind == PROMPT_FILTER)
			follow_filter(view);
	}
}

/* Where the wrong word, if it was typed, ends; its length in *length, else 0. */
static size_t wrong_word(const struct prompt *prompt, size_t *length)
{
	const char *end = strstr(prompt->error, ": ");
	char text[VIEW_TEXT_MAX];
	size_t n = end ? (size_t)(end - prompt->error) : 0;

	*length = 0;
	if (n == 0 || n >= sizeof(text))
		return prompt->length;
	for (size_t at = 0; at + n <= prompt->length; at++) {
		size_t i = 0;

		/* the words that can be wrong in a known way are ASCII */
		while (i < n && prompt->text[at + i] == (uint8_t)prompt->error[i])
			i++;
		if (i == n) {
			*length = n;
			return at + n;
		}
	}
	return prompt->length;
}

void view_prompt_answer(struct view *view, const char *error)
{
	struct prompt *prompt = &view->prompt;
	size_t length;

	view->pressed = true;
	if (!error) {
		prompt->kind = PROMPT_NONE;
		return;
	}
	snprintf(prompt->error, sizeof(prompt->error), "%s", error);
	prompt->cursor = wrong_word(prompt, &length);
}

/* --- drawing --- */

int prompt_height(const struct view *view)
{
	return view->prompt.error[0] ? 2 : 1;
}

void prompt_draw(const struct view *view, struct frame *frame)
{
	const struct prompt *prompt = &view->prompt;
	int y = frame->height - 1, x, start, cursor = 0;
	size_t length, from = 0, end;
	char one[5];

	if (prompt->error[0])
		frame_field(frame, y - 1, 0, frame->width, false, LOOK_BAD, prompt->error);
	x = start = frame_put(frame, y, 0, LOOK_BOLD, prompt->label) + 1;
	if (prompt->kind == PROMPT_DELETE) {
		frame->cursor_y = y;
		frame->cursor_x = x < frame->width ? x : frame->width - 1;
		return;
	}
	/* too narrow for both: the text is what one needs to see */
	if (start > frame->width * 2 / 3) {
		frame_fill(frame, y, 0, frame->width, LOOK_NORMAL);
		x = start = 0;
	}
	for (size_t i = 0; i < prompt->cursor; i++)
		cursor += glyph_width(prompt->text[i]);
	while (start + cursor >= frame->width && from < prompt->cursor)
		cursor -= glyph_width(prompt->text[from++]);
	end = wrong_word(prompt, &length);
	for (size_t i = from; i < prompt->length; i++) {
		bool wrong = length && i + length >= end && i < end;

		glyph_utf8(prompt->text[i], one);
		x = frame_put(frame, y, x, wrong ? LOOK_BAD : LOOK_NORMAL, one);
	}
	frame->cursor_y = y;
	frame->cursor_x = start + cursor < frame->width ? start + cursor : frame->width - 1;
}
