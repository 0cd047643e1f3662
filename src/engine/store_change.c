/* SPDX-License-Identifier: MIT
 * Reading and changing a file of records. Reading takes no lock: a file is replaced
 * whole. A change reads, changes and writes under the lock.
 */
#include "engine/store_state.h"

/* Under the lock. */
static enum store_load settle(struct store *store, const char *name, struct store_table **table)
{
	enum store_load load = store_table_load(store, name, table);

	if (load == STORE_DAMAGED)
		load = store_set_aside(store, name) ? STORE_NONE : STORE_UNUSABLE;
	return load;
}

struct store_table *store_table_open(struct store *store, const char *name)
{
	struct store_table *table;

	if (store_table_load(store, name, &table) != STORE_DAMAGED)
		return table;
	if (!store_lock(store)) {
		store_warn(store, "%s/%s: damaged: not used", store->path, name);
		return NULL;
	}
	/* Somebody else may have replaced it since. */
	settle(store, name, &table);
	store_unlock(store);
	return table;
}

/* How many went. */
static size_t drop(struct store *store, struct store_table *table,
	const struct store_change *change)
{
	size_t dropped = 0;

	for (size_t i = store_table_count(table); i-- > 0;)
		if (!change->stays(store, table, i, change->item)) {
			store_table_drop(table, i);
			dropped++;
		}
	while (change->most && change->print && store_table_count(table) >= change->most)
		store_table_drop(table, 0);
	return dropped;
}

static bool apply(struct store *store, struct store_table *table, const struct store_change *change)
{
	size_t dropped = drop(store, table, change);

	if (change->print && (!table || !store_table_add(table, change->print(change->item)))) {
		store_warn(store, "%s/%s: cannot be written: %s", store->path, change->name,
			table ? "a name that is not UTF-8, or no memory" : "no memory");
		return false;
	}
	if (store_table_count(table))
		return (!change->print && !dropped) ||
			store_table_write(store, change->name, table);
	return !table || store_delete(store, change->name);
}

bool store_change(struct store *store, const struct store_change *change)
{
	struct store_table *table;
	enum store_load load;
	bool done = false;

	if (!store_lock(store))
		return false;
	load = settle(store, change->name, &table);
	if (load == STORE_NONE && change->print)
		table = store_table_new();
	if (load != STORE_UNUSABLE)
		done = apply(store, table, change);
	store_table_free(table);
	store_unlock(store);
	if (store->grown) {
		store->grown = false;
		store_sweep(store);
	}
	return done;
}
