/* SPDX-License-Identifier: MIT
 * What findings say about a series of events, for their tests.
 */
#ifndef UNIT_FOUND_H
#define UNIT_FOUND_H

#include <stdio.h>

#include "diag/findings.h"
#include "sample_events.h"

#define ROUTER	"192.168.1.254"
#define ROUTER6 "fe80::1"

struct found {
	char ids[1024]; /* " id id " */
	struct finding last_of_wish;
	const char *wish;
	unsigned count;
};

static inline void take(void *context, const struct finding *finding)
{
	struct found *found = context;
	size_t n = strlen(found->ids);

	snprintf(found->ids + n, sizeof(found->ids) - n, "%s ", finding->id);
	found->count++;
	if (found->wish && strcmp(finding->id, found->wish) == 0)
		found->last_of_wish = *finding;
	assert_true(finding->text[0]);
	/* a sentence, and not cut off */
	assert_int_equal(finding->text[strlen(finding->text) - 1], '.');
	if (finding->advice[0])
		assert_int_equal(finding->advice[strlen(finding->advice) - 1], '.');
}

static inline struct found look(const struct event *events, size_t n, const char *wish)
{
	struct facts *facts = facts_new();
	struct found found = { .ids = " ", .wish = wish };

	assert_non_null(facts);
	for (size_t i = 0; i < n; i++)
		assert_true(facts_add(facts, &events[i]));
	findings_each(facts, take, &found);
	facts_free(facts);
	return found;
}

/* The finding `id`, which must be there. */
static inline struct finding found(const struct event *events, size_t n, const char *id)
{
	struct found all = look(events, n, id);

	if (!all.last_of_wish.id)
		fail_msg("no %s among%s", id, all.ids);
	return all.last_of_wish;
}

static inline void not_found(const struct event *events, size_t n, const char *id)
{
	struct found all = look(events, n, id);

	if (all.last_of_wish.id)
		fail_msg("%s among%s: %s", id, all.ids, all.last_of_wish.text);
}

static inline void says(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, text);
}

static inline void silent(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("\"%s\" is in \"%s\"", part, text);
}

#endif
