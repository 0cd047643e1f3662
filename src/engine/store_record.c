/* SPDX-License-Identifier: MIT
 * Mappings in the store, one at a time.
 */
#include <string.h>

#include "engine/store_state.h"

/* The record i, if it is that of the key. */
static bool is_record(const struct store_table *table, size_t i, const struct store_key *key,
	struct store_record *record)
{
	int64_t port = store_table_number(table, i, "\"internal_port\":");

	return (port == key->internal_port || port < 0) && store_table_record(table, i, record) &&
		store_key_equal(&record->key, key);
}

bool store_has_ended(const struct store *store, const struct store_record *record)
{
	return record->expires_wall < store->wall;
}

/* Ended, and nothing published: nothing is left to be done about it. */
static bool is_over(const struct store *store, const struct store_record *record)
{
	return store_has_ended(store, record) && record->published[0] == '\0';
}

bool store_record_lives(struct store *store, const struct store_table *table, size_t i, void *item)
{
	struct store_record record;

	(void)item;
	return store_table_number(table, i, "\"expires\":") >= store->wall ||
		!store_table_record(table, i, &record) || !is_over(store, &record);
}

static bool is_other(struct store *store, const struct store_table *table, size_t i, void *item)
{
	struct store_record *record = item, old;

	return store_record_lives(store, table, i, NULL) &&
		!is_record(table, i, &record->key, &old);
}

/* The same, and takes over what the record of that key holds of others. */
static bool is_other_heir(struct store *store, const struct store_table *table, size_t i,
	void *item)
{
	struct store_record *record = item, old;

	if (!store_record_lives(store, table, i, NULL))
		return false;
	if (!is_record(table, i, &record->key, &old))
		return true;
	/* Two may keep one mapping: it is that one's who was there first. */
	if (!record->keeper || store_keeper_holds(store, old.keeper))
		record->keeper = old.keeper;
	memcpy(record->published, old.published, sizeof(record->published));
	return false;
}

static char *print(const void *item)
{
	return store_print_record(item);
}

bool store_find(struct store *store, const struct store_key *key, struct store_record *record)
{
	char name[STORE_NAME_MAX];
	struct store_record got;
	struct store_table *table;
	bool found = false;

	store_name_map(key, name);
	table = store_table_open(store, name);
	for (size_t i = 0; !found && i < store_table_count(table); i++)
		found = is_record(table, i, key, &got) && !is_over(store, &got);
	store_table_free(table);
	if (found) {
		*record = got;
		record->expired = store_has_ended(store, record);
	}
	return found;
}

bool store_put(struct store *store, const struct store_record *record)
{
	char name[STORE_NAME_MAX];
	struct store_record item = *record;
	const struct store_change change = { name, is_other, print, &item, 0 };

	store_name_map(&record->key, name);
	return store_change(store, &change);
}

bool store_update(struct store *store, const struct store_record *record)
{
	char name[STORE_NAME_MAX];
	struct store_record item = *record;
	const struct store_change change = { name, is_other_heir, print, &item, 0 };

	store_name_map(&record->key, name);
	return store_change(store, &change);
}

bool store_remove(struct store *store, const struct store_key *key)
{
	char name[STORE_NAME_MAX];
	struct store_record record;
	const struct store_change change = { name, is_other, NULL, &record, 0 };

	store_name_map(key, name);
	memset(&record, 0, sizeof(record));
	record.key = *key;
	/* Nothing there: nothing to be made. */
	return !store_exists(store, name) || store_change(store, &change);
}
