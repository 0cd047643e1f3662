/* SPDX-License-Identifier: MIT
 * The state directory: opened once, made and checked to be ours alone, and its lock,
 * held for each change.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/store_state.h"
#include "host/clock.h"

#define LOCK	  "lock"
#define LOCK_WAIT (2 * SEC)

/* --- the directory --- */

bool store_is_ours(uid_t owner)
{
	return owner == geteuid() || owner == 0;
}

/* Does it hold nothing, or our lock? Then its mode is ours to set; that of /tmp or of
 * a home is not. */
static bool is_own_place(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	bool empty = true, ours = false;

	if (!list) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	while ((entry = readdir(list)) != NULL) {
		ours = ours || strcmp(entry->d_name, LOCK) == 0;
		empty = empty &&
			(strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0);
	}
	closedir(list);
	return empty || ours;
}

/* Nobody else may read nonces or plant files: 0700, made so where it may be. */
static bool make_private(struct store *store, int dir)
{
	struct stat st;

	if (fstat(dir, &st) < 0 || !store_is_ours(st.st_uid)) {
		store_warn(store, "%s: belongs to another user: not used, nothing is remembered",
			store->path);
		return false;
	}
	if ((st.st_mode & 077) == 0)
		return true;
	if (st.st_uid == geteuid() && !(st.st_mode & S_ISVTX) && is_own_place(dir) &&
		fchmod(dir, 0700) == 0)
		return true;
	store_warn(store,
		"%s: open to other users, and not only ours: not used, nothing is remembered",
		store->path);
	return false;
}

/* mkdir -p, every new part 0700 whatever the umask. The last reason why a part could not
 * be made, which says nothing if it is there; 0: none. */
static int make_path(const char *path)
{
	char part[PATH_MAX];
	size_t n = strlen(path);
	int error = 0;

	if (n >= sizeof(part))
		return ENAMETOOLONG;
	for (size_t i = 1; i <= n; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, 0700) == 0)
			chmod(part, 0700);
		else if (errno != EEXIST)
			error = errno;
	}
	return error;
}

void store_cannot_write(struct store *store)
{
	store_warn(store, "%s: cannot be written: %s: nothing is remembered", store->path,
		strerror(errno));
}

static int open_path(const char *path, bool make)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	int dir = open(path, flags);

	if (dir < 0 && errno == ENOENT && make) {
		int error = make_path(path);

		dir = open(path, flags);
		/* "No such file" would hide why it could not be made. */
		if (dir < 0 && errno == ENOENT && error)
			errno = error;
	}
	return dir;
}

bool store_dir(struct store *store, bool make)
{
	int dir;

	if (store->dir >= 0)
		return true;
	dir = open_path(store->path, make);
	if (dir < 0) {
		if (make || errno != ENOENT)
			store_cannot_write(store);
		return false;
	}
	if (!make_private(store, dir)) {
		close(dir);
		return false;
	}
	store->dir = dir;
	return true;
}

/* It was removed under us: what is open leads nowhere. */
static void forget(struct store *store)
{
	if (store->lock >= 0)
		close(store->lock);
	if (store->dir >= 0)
		close(store->dir);
	store->lock = store->dir = -1;
	store->locked = false;
	store->checked[0] = '\0';
}

/* --- the lock --- */

bool store_flock(int fd)
{
	const struct mono until = mono_after(clock_now(), LOCK_WAIT);
	struct timespec pause = { 0, 50 * USEC };

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if ((errno != EWOULDBLOCK && errno != EINTR) || mono_due(until, clock_now()))
			return false;
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < 2 * MSEC)
			pause.tv_nsec *= 2;
	}
	return true;
}

/* 1: held (or not to be had: then store->locked is false), 0: look again, -1: no. */
static int try_lock(struct store *store)
{
	struct stat st;

	if (!store_dir(store, true))
		return -1;
	if (store->lock < 0)
		store->lock = store_open_file(store, LOCK, O_RDWR | O_CREAT);
	if (store->lock < 0 && errno == ENOENT)
		return 0;
	if (store->lock < 0) {
		store_cannot_write(store);
		return -1;
	}
	store->locked = store_flock(store->lock);
	return fstat(store->lock, &st) == 0 && st.st_nlink > 0;
}

bool store_lock(struct store *store)
{
	int got = 0;

	for (int i = 0; i < 3 && got == 0; i++)
		if ((got = try_lock(store)) == 0)
			forget(store);
	if (got > 0 && !store->locked)
		store_warn(store, "%s: locked by another process for over 2 s: going on without",
			store->path);
	return got > 0;
}

void store_unlock(struct store *store)
{
	if (store->locked)
		flock(store->lock, LOCK_UN);
	store->locked = false;
}
