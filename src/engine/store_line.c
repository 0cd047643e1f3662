/* SPDX-License-Identifier: MIT
 * A line as store_fields.c prints it, read from one end to the other: every run of map
 * does that a few times. What is laid out in any other way, were it by a space, is left
 * to jansson, which allocates every member and takes several times as long.
 */
#include <string.h>

#include "engine/store_state.h"

#define DIGITS_MAX 18 /* that fit whatever they are */

bool store_is_plain(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (text[i] < ' ' || text[i] > '~' || text[i] == '"' || text[i] == '\\')
			return false;
	return true;
}

struct cursor {
	const char *at, *end;
};

static bool skip(struct cursor *c, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(c->end - c->at) < n || memcmp(c->at, word, n) != 0)
		return false;
	c->at += n;
	return true;
}

/* Up to the closing quote, which is skipped. */
static bool plain_text(struct cursor *c, const char **text, size_t *n)
{
	const char *quote = memchr(c->at, '"', (size_t)(c->end - c->at));

	if (!quote || !store_is_plain(c->at, (size_t)(quote - c->at)))
		return false;
	*text = c->at;
	*n = (size_t)(quote - c->at);
	c->at = quote + 1;
	return true;
}

static bool plain_number(struct cursor *c, int64_t *number)
{
	const char *from = c->at;

	for (*number = 0; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++) {
		if (c->at - from == DIGITS_MAX)
			return false;
		*number = 10 * *number + (*c->at - '0');
	}
	return c->at - from == 1 || (c->at > from && *from != '0');
}

static bool plain_member(struct cursor *c, struct store_member *member)
{
	if (!skip(c, "\"") || !plain_text(c, &member->key, &member->key_n) || !skip(c, ":"))
		return false;
	member->n = 0;
	member->number = 0;
	member->is = STORE_FLAG;
	if (skip(c, "false"))
		return true;
	member->number = 1;
	if (skip(c, "true"))
		return true;
	member->is = STORE_TEXT;
	if (skip(c, "\""))
		return plain_text(c, &member->text, &member->n);
	member->is = STORE_NUMBER;
	return plain_number(c, &member->number);
}

bool store_parse_plain(const char *text, size_t n, store_take *take, void *context)
{
	struct cursor c = { text, text + n };
	struct store_member member;

	if (!skip(&c, "{"))
		return false;
	do {
		if (!plain_member(&c, &member) || !take(context, &member))
			return false;
	} while (skip(&c, ","));
	return skip(&c, "}") && c.at == c.end;
}
