/* SPDX-License-Identifier: MIT
 * A file of records in memory, as lines: {"schema":1,"records":[...]} with a record a
 * line, so that a change prints one record and parses the one it replaces. The others
 * go along as they are, with all that a later version may have put into them.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/store_state.h"

static const char head[] = "{\"schema\":1,\"records\":[\n", tail[] = "\n]}\n";
_Static_assert(STORE_SCHEMA == 1, "head says so too");

struct line {
	const char *at;
	size_t n;
};

struct store_table {
	struct store_text text; /* what the lines lie in */
	char *added; /* but this one */
	struct line *lines; /* a record each, without the comma: { ... } */
	size_t count, size;
};

struct store_table *store_table_new(void)
{
	return calloc(1, sizeof(struct store_table));
}

void store_table_free(struct store_table *table)
{
	if (!table)
		return;
	free(table->text.data);
	free(table->added);
	free(table->lines);
	free(table);
}

static bool add_line(struct store_table *table, const char *at, size_t n)
{
	size_t size = table->size ? 2 * table->size : 32;
	struct line *lines = table->lines;

	if (n < 2 || at[0] != '{' || at[n - 1] != '}' || memchr(at, '\n', n))
		return false;
	if (table->count == table->size) {
		lines = realloc(lines, size * sizeof(*lines));
		if (!lines)
			return false;
		table->lines = lines;
		table->size = size;
	}
	table->lines[table->count++] = (struct line){ at, n };
	return true;
}

/* Records, `separator` between two. */
static bool split(struct store_table *table, const char *at, const char *end, const char *separator)
{
	const size_t skip = strlen(separator);

	table->count = 0;
	while (at < end) {
		const char *next = memmem(at, (size_t)(end - at), separator, skip);

		if (!add_line(table, at, (size_t)((next ? next : end) - at)))
			return false;
		at = next ? next + skip : end;
	}
	return true;
}

/* Is it laid out as join() does it? */
static bool split_own(struct store_table *table)
{
	const struct store_text *text = &table->text;
	const size_t first = strlen(head), last = strlen(tail);
	const char *end = text->data + text->n - last;

	return text->n > first + last && memcmp(text->data, head, first) == 0 &&
		memcmp(end, tail, last) == 0 && split(table, text->data + first, end, ",\n");
}

/* If it is not, somebody edited it, or it is damaged: all of it is parsed. */
static enum store_load understand(struct store_table *table)
{
	enum store_load load;

	if (split_own(table))
		return STORE_LOADED;
	load = store_parse_file(&table->text);
	if (load == STORE_LOADED &&
		!split(table, table->text.data, table->text.data + table->text.n, "\n"))
		load = STORE_DAMAGED;
	return load;
}

enum store_load store_table_load(struct store *store, const char *name, struct store_table **table)
{
	struct store_table *got = store_table_new();
	enum store_load load = got ? store_read(store, name, &got->text) : STORE_UNUSABLE;

	if (load == STORE_LOADED) {
		load = understand(got);
		if (load == STORE_UNUSABLE)
			store_warn(store,
				"%s/%s: of a newer version of pcpctl: left alone, not used",
				store->path, name);
	}
	if (load != STORE_LOADED) {
		store_table_free(got);
		got = NULL;
	}
	*table = got;
	return load;
}

static bool join(const struct store_table *table, struct store_text *out)
{
	bool good = store_append(out, head, strlen(head));

	for (size_t i = 0; good && i < table->count; i++)
		good = store_append(out, ",\n", i ? 2 : 0) &&
			store_append(out, table->lines[i].at, table->lines[i].n);
	return good && store_append(out, tail, strlen(tail));
}

bool store_table_write(struct store *store, const char *name, const struct store_table *table)
{
	struct store_text out = { NULL, 0, 0 };
	bool good = join(table, &out) && store_replace(store, name, out.data, out.n);

	free(out.data);
	return good;
}

size_t store_table_count(const struct store_table *table)
{
	return table ? table->count : 0;
}

int64_t store_table_number(const struct store_table *table, size_t i, const char *key)
{
	const struct line *line = &table->lines[i];
	const char *at = memmem(line->at, line->n, key, strlen(key));
	int64_t value = 0;

	if (!at)
		return -1;
	/* It ends before the line's closing brace. */
	for (at += strlen(key); *at >= '0' && *at <= '9' && value < INT64_MAX / 10 - 1; at++)
		value = 10 * value + (*at - '0');
	return *at == ',' || *at == '}' ? value : -1;
}

bool store_table_record(const struct store_table *table, size_t i, struct store_record *record)
{
	return store_parse_record(table->lines[i].at, table->lines[i].n, record);
}

bool store_table_sample(const struct store_table *table, size_t i, struct store_sample *sample)
{
	return store_parse_sample(table->lines[i].at, table->lines[i].n, sample);
}

void store_table_drop(struct store_table *table, size_t i)
{
	table->count--;
	memmove(&table->lines[i], &table->lines[i + 1], (table->count - i) * sizeof(*table->lines));
}

bool store_table_add(struct store_table *table, char *text)
{
	free(table->added);
	table->added = text;
	return text && add_line(table, text, strlen(text));
}
