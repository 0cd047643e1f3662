/* SPDX-License-Identifier: MIT
 * Who keeps mappings: DIR/keepers/PID, with a flock that ends with its process,
 * however that ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "engine/store_state.h"

#define KEEPERS "keepers"

static void name_of(pid_t pid, char name[static STORE_NAME_MAX])
{
	snprintf(name, STORE_NAME_MAX, KEEPERS "/%ld", (long)pid);
}

/* Is somebody holding its flock? Asking takes it for a moment, which store_keep()
 * waits out. */
static bool is_held(struct store *store, const char *name)
{
	int fd = store_open_file(store, name, O_RDONLY);
	bool held = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;

	if (fd >= 0)
		close(fd);
	return held;
}

/* Those who died left their files. */
static void drop_stale(struct store *store, const char *name, void *context)
{
	(void)context;
	if (!is_held(store, name))
		unlinkat(store->dir, name, 0);
}

static int take(struct store *store)
{
	char name[STORE_NAME_MAX];
	int fd = -1, error;

	name_of(getpid(), name);
	if (store_make_dir(store, KEEPERS))
		fd = store_open_file(store, name, O_RDWR | O_CREAT);
	if (fd < 0 || store_flock(fd))
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

bool store_keep(struct store *store)
{
	if (store->keeper >= 0)
		return true;
	if (!store_lock(store))
		return false;
	store->keeper = take(store);
	if (store->keeper < 0)
		store_warn(store, "%s/%s: cannot be written: %s", store->path, KEEPERS,
			strerror(errno));
	else
		store_walk(store, KEEPERS, drop_stale, NULL);
	store_unlock(store);
	return store->keeper >= 0;
}

bool store_keeper_holds(struct store *store, pid_t keeper)
{
	char name[STORE_NAME_MAX];

	if (keeper <= 0 || (keeper == getpid() && store->keeper >= 0))
		return false;
	name_of(keeper, name);
	return is_held(store, name);
}

bool store_keeper_alive(struct store *store, pid_t keeper)
{
	char name[STORE_NAME_MAX];
	bool held;

	if (keeper <= 0 || (keeper == getpid() && store->keeper >= 0) || !store_dir(store, false))
		return false;
	name_of(keeper, name);
	held = is_held(store, name);
	if (held || !store_exists(store, name) || !store_lock(store))
		return held;
	held = is_held(store, name);
	if (!held)
		unlinkat(store->dir, name, 0);
	store_unlock(store);
	return held;
}

static void end_keeping(struct store *store)
{
	char name[STORE_NAME_MAX];

	name_of(getpid(), name);
	if (store_lock(store)) {
		unlinkat(store->dir, name, 0);
		unlinkat(store->dir, KEEPERS, AT_REMOVEDIR);
	}
	store_unlock(store);
	close(store->keeper);
}

void store_close(struct store *store)
{
	if (!store)
		return;
	if (store->keeper >= 0)
		end_keeping(store);
	if (store->lock >= 0)
		close(store->lock);
	if (store->dir >= 0)
		close(store->dir);
	free(store);
}
