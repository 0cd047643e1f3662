/* SPDX-License-Identifier: MIT
 * Files of the state directory, read whole and replaced whole. All is reached through
 * the directory's descriptor; nothing that another user could have put there is
 * followed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/store_state.h"

#define FILE_LIMIT  (1 << 20) /* octets; 16 records are a fiftieth of it */
#define ASIDE_LIMIT 10

/* Is the network's directory a directory, and ours? Others could write here before
 * make_private(). Not there: fine. */
static bool check_network(struct store *store, const char *name)
{
	char network[STORE_NAME_MAX];
	struct stat st;

	store_name_network(name, network);
	if (!network[0] || strcmp(network, store->checked) == 0)
		return true;
	if (fstatat(store->dir, network, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT;
	errno = S_ISDIR(st.st_mode) ? EPERM : ENOTDIR;
	if (!S_ISDIR(st.st_mode) || !store_is_ours(st.st_uid))
		return false;
	memcpy(store->checked, network, sizeof(network));
	return true;
}

int store_open_file(struct store *store, const char *name, int flags)
{
	struct stat st;
	int fd = -1;

	/* O_NONBLOCK: a FIFO must not stop us. */
	if (check_network(store, name))
		fd = openat(store->dir, name, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || !store_is_ours(st.st_uid)) {
		close(fd);
		errno = EPERM;
		return -1;
	}
	if ((flags & O_CREAT) && (st.st_mode & 07777) != 0600)
		fchmod(fd, 0600); /* an odd umask */
	return fd;
}

bool store_grow(struct store_text *text, size_t room)
{
	size_t size = text->size ? text->size : 1024;
	char *data;

	while (size - text->n < room)
		size *= 2;
	if (size == text->size)
		return true;
	data = realloc(text->data, size);
	if (!data)
		return false;
	text->data = data;
	text->size = size;
	return true;
}

bool store_append(struct store_text *text, const char *data, size_t n)
{
	if (!store_grow(text, n))
		return false;
	memcpy(text->data + text->n, data, n);
	text->n += n;
	return true;
}

/* Up to the limit. A plain file gives less than was asked for only at its end. */
static bool read_all(int fd, struct store_text *text)
{
	while (text->n <= FILE_LIMIT) {
		size_t room;
		ssize_t got;

		if (!store_grow(text, 4096))
			return false;
		room = text->size - text->n;
		got = read(fd, text->data + text->n, room);
		if (got < 0)
			return false;
		text->n += (size_t)got;
		if ((size_t)got < room)
			break;
	}
	return true;
}

enum store_load store_read(struct store *store, const char *name, struct store_text *text)
{
	bool good = false;
	int fd;

	memset(text, 0, sizeof(*text));
	if (!store_dir(store, false))
		return STORE_NONE;
	fd = store_open_file(store, name, O_RDONLY);
	if (fd < 0 && errno == ENOENT)
		return STORE_NONE;
	if (fd >= 0) {
		good = read_all(fd, text);
		close(fd);
	}
	if (!good) {
		store_warn(store, "%s/%s: cannot be read: %s", store->path, name, strerror(errno));
		return STORE_UNUSABLE;
	}
	return text->n > FILE_LIMIT ? STORE_DAMAGED : STORE_LOADED;
}

bool store_exists(struct store *store, const char *name)
{
	struct stat st;

	return store_dir(store, false) && fstatat(store->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

bool store_make_dir(struct store *store, const char *name)
{
	if (mkdirat(store->dir, name, 0700) < 0)
		return errno == EEXIST;
	return fchmodat(store->dir, name, 0700, 0) == 0; /* whatever the umask */
}

static int create(struct store *store, const char *name)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(store->dir, name, flags, 0600);

	/* Left behind by a kill -9. */
	if (fd < 0 && errno == EEXIST && unlinkat(store->dir, name, 0) == 0)
		fd = openat(store->dir, name, flags, 0600);
	return fd;
}

static bool write_file(struct store *store, const char *name, const char *data, size_t n)
{
	int fd = create(store, name), error;
	bool good = fd >= 0 && fchmod(fd, 0600) == 0;

	if (fd < 0)
		return false;
	while (good && n > 0) {
		ssize_t put = write(fd, data, n);

		good = put > 0;
		data += good ? put : 0;
		n -= good ? (size_t)put : 0;
	}
	error = errno;
	if (close(fd) == 0) /* a quota may speak up only now */
		errno = error;
	else
		good = false;
	return good;
}

static bool move(struct store *store, const char *from, const char *to)
{
	char network[STORE_NAME_MAX];

	if (!check_network(store, to))
		return false;
	if (renameat(store->dir, from, store->dir, to) == 0)
		return true;
	store_name_network(to, network);
	if (errno != ENOENT || !store_make_dir(store, network))
		return false;
	store->grown = true;
	return renameat(store->dir, from, store->dir, to) == 0;
}

bool store_replace(struct store *store, const char *name, const char *data, size_t n)
{
	char temporary[STORE_NAME_MAX] = "new";

	/* Without the lock somebody else may be writing "new". */
	if (!store->locked)
		snprintf(temporary, sizeof(temporary), "new.%ld", (long)getpid());
	if (write_file(store, temporary, data, n) && move(store, temporary, name))
		return true;
	store_cannot_write(store);
	unlinkat(store->dir, temporary, 0);
	return false;
}

bool store_delete(struct store *store, const char *name)
{
	char network[STORE_NAME_MAX];

	if (unlinkat(store->dir, name, 0) < 0 && errno != ENOENT) {
		store_cannot_write(store);
		return false;
	}
	store_name_network(name, network);
	/* The last one takes the directory along; any other finds it not empty. */
	if (network[0] && unlinkat(store->dir, network, AT_REMOVEDIR) == 0)
		store->checked[0] = '\0';
	return true;
}

bool store_set_aside(struct store *store, const char *name)
{
	char aside[STORE_NAME_MAX + 16];
	struct stat st;

	for (int i = 0; i < ASIDE_LIMIT; i++) {
		snprintf(aside, sizeof(aside), i ? "%s.damaged.%d" : "%s.damaged", name, i);
		if (fstatat(store->dir, aside, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT)
			continue;
		if (renameat(store->dir, name, store->dir, aside) < 0)
			break;
		store_warn(store, "%s/%s: damaged, its mappings are forgotten; set aside as %s",
			store->path, name, strchr(aside, '/') + 1);
		return true;
	}
	store_warn(store, "%s/%s: damaged, and cannot be set aside: not used", store->path, name);
	return false;
}
