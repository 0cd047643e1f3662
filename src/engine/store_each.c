/* SPDX-License-Identifier: MIT
 * All of the store: the listing, and the sweep of what has ended.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/store_state.h"

struct list {
	struct store_record *rows;
	size_t count, size;
};

void store_walk(struct store *store, const char *below,
	void (*visit)(struct store *store, const char *name, void *context), void *context)
{
	int fd = openat(store->dir, below[0] ? below : ".",
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	char name[2 * STORE_NAME_MAX];

	if (!directory && fd >= 0)
		close(fd);
	while (directory && (entry = readdir(directory)) != NULL) {
		int n = snprintf(name, sizeof(name), "%s%s%s", below, below[0] ? "/" : "",
			entry->d_name);

		/* A longer name is not one of ours. */
		if (entry->d_name[0] != '.' && n > 0 && n < STORE_NAME_MAX)
			visit(store, name, context);
	}
	if (directory)
		closedir(directory);
}

static bool grow(struct list *list)
{
	size_t size = list->size ? 2 * list->size : 16;
	struct store_record *rows;

	if (list->count < list->size)
		return true;
	rows = realloc(list->rows, size * sizeof(*rows));
	if (!rows)
		return false;
	list->rows = rows;
	list->size = size;
	return true;
}

static void take_record(struct store *store, const struct store_table *table, size_t i,
	const char *name, struct list *list)
{
	struct store_record record;

	if (!store_table_record(table, i, &record)) {
		store_warn(store, "%s/%s: holds a record that cannot be read: ignored", store->path,
			name);
		return;
	}
	if (!grow(list))
		return;
	record.expired = store_has_ended(store, &record);
	list->rows[list->count++] = record;
}

/* Is that the end of the name? */
static bool ends(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n > m && strcmp(name + n - m, end) == 0;
}

/* A file of records: what lives goes into the list (if there is one), the rest goes. */
static void visit_file(struct store *store, const char *name, void *context)
{
	const bool epochs = ends(name, "/epochs.json");
	const struct store_change sweep = { name, epochs ? store_sample_lives : store_record_lives,
		NULL, NULL, 0 };
	struct store_table *table;
	bool dirty = false;

	if (!ends(name, ".json"))
		return;
	table = store_table_open(store, name);
	for (size_t i = 0; i < store_table_count(table); i++)
		if (!sweep.stays(store, table, i, NULL))
			dirty = true;
		else if (!epochs && context)
			take_record(store, table, i, name, context);
	store_table_free(table);
	if (dirty)
		store_change(store, &sweep);
}

static void visit_network(struct store *store, const char *name, void *context)
{
	if (strncmp(name, "net-", 4) == 0)
		store_walk(store, name, visit_file, context);
}

void store_sweep(struct store *store)
{
	store_walk(store, "", visit_network, NULL);
}

void store_each(struct store *store, void (*take)(void *context, const struct store_record *record),
	void *context)
{
	struct list list = { NULL, 0, 0 };

	if (!store_dir(store, false))
		return;
	store_walk(store, "", visit_network, &list);
	if (list.count)
		qsort(list.rows, list.count, sizeof(*list.rows), store_record_order);
	for (size_t i = 0; i < list.count; i++)
		take(context, &list.rows[i]);
	free(list.rows);
}
