/* SPDX-License-Identifier: MIT
 * Epoch samples in the store. An instant is of one boot: a sample of another one says
 * nothing, and goes when a new one comes.
 */
#include <string.h>

#include "engine/store_state.h"

#define SAMPLES_MAX 64 /* a network; the oldest go */

static bool is_same(const struct store_epoch *a, const struct store_epoch *b)
{
	return store_network_equal(&a->network, &b->network) && ip_equal(&a->server, &b->server) &&
		ip_equal(&a->own, &b->own) && a->via == b->via;
}

/* The sample i, if it is of this boot. */
static bool of_this_boot(struct store *store, const struct store_table *table, size_t i,
	struct store_sample *sample)
{
	return store_table_sample(table, i, sample) && strcmp(sample->boot, store->boot) == 0 &&
		sample->epoch.at.ns <= store->now.ns;
}

bool store_sample_lives(struct store *store, const struct store_table *table, size_t i, void *item)
{
	struct store_sample sample;

	(void)item;
	return !store_boot_known(store) || of_this_boot(store, table, i, &sample);
}

static bool is_other(struct store *store, const struct store_table *table, size_t i, void *item)
{
	struct store_sample sample;

	return of_this_boot(store, table, i, &sample) &&
		!is_same(&sample.epoch, &((const struct store_sample *)item)->epoch);
}

static char *print(const void *item)
{
	return store_print_sample(item);
}

bool store_epoch_find(struct store *store, struct store_epoch *epoch)
{
	char name[STORE_NAME_MAX];
	struct store_table *table;
	struct store_sample sample;
	bool found = false;

	if (!store_boot_known(store))
		return false;
	store_name_epochs(&epoch->network, name);
	table = store_table_open(store, name);
	for (size_t i = 0; !found && i < store_table_count(table); i++)
		found = of_this_boot(store, table, i, &sample) && is_same(&sample.epoch, epoch);
	store_table_free(table);
	if (found)
		*epoch = sample.epoch;
	return found;
}

bool store_epoch_put(struct store *store, const struct store_epoch *epoch)
{
	char name[STORE_NAME_MAX];
	struct store_sample sample;
	const struct store_change change = { name, is_other, print, &sample, SAMPLES_MAX };

	if (!store_boot_known(store))
		return false;
	memset(&sample, 0, sizeof(sample));
	sample.epoch = *epoch;
	if (store->now.ns < epoch->at.ns)
		store->now = epoch->at;
	memcpy(sample.boot, store->boot, sizeof(sample.boot));
	store_name_epochs(&epoch->network, name);
	return store_change(store, &change);
}
