/* SPDX-License-Identifier: MIT
 * Epoch samples in the store. An instant is of one boot: a sample of another one says
 * nothing, and goes when a new one comes.
 */
#include <string.h>

#include "engine/store_state.h"

#define SAMPLES_MAX 64 /* a network; the oldest go */
#define RESET_AGE   (7 * INT64_C(86400))

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

/* Its word of a reset counts as long as a mapping from before it may live. */
static bool tells_reset(struct store *store, const struct store_table *table, size_t i)
{
	struct store_sample sample;

	return store_table_sample(table, i, &sample) && sample.epoch.reset_wall &&
		store->wall - sample.epoch.reset_wall < RESET_AGE;
}

bool store_sample_lives(struct store *store, const struct store_table *table, size_t i, void *item)
{
	struct store_sample sample;

	(void)item;
	return !store_boot_known(store) || of_this_boot(store, table, i, &sample) ||
		tells_reset(store, table, i);
}

static bool is_other(struct store *store, const struct store_table *table, size_t i, void *item)
{
	struct store_epoch *new = &((struct store_sample *)item)->epoch;
	struct store_sample old;

	if (!store_table_sample(table, i, &old) || !is_same(&old.epoch, new))
		return store_sample_lives(store, table, i, NULL);
	if (old.epoch.reset_wall > new->reset_wall)
		new->reset_wall = old.epoch.reset_wall;
	return false;
}

int64_t store_reset_wall(struct store *store, const struct store_network *network,
	const struct ip *server, enum via via)
{
	char name[STORE_NAME_MAX];
	struct store_table *table;
	struct store_sample sample;
	int64_t reset = 0;

	store_name_epochs(network, name);
	table = store_table_open(store, name);
	for (size_t i = 0; i < store_table_count(table); i++) {
		const struct store_epoch *epoch = &sample.epoch;

		if (store_table_sample(table, i, &sample) &&
			store_network_equal(&epoch->network, network) &&
			ip_equal(&epoch->server, server) && epoch->via == via &&
			epoch->reset_wall > reset)
			reset = epoch->reset_wall;
	}
	store_table_free(table);
	return reset;
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
