/* SPDX-License-Identifier: MIT
 * The life of a store: which directory it is, what it warns of, which boot this is.
 */
#include "engine/store.h"

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/store_state.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"

/* The value of a variable; NULL also when it is empty. */
static const char *set(const char *name)
{
	const char *value = getenv(name);

	return value && value[0] ? value : NULL;
}

static bool fits(int n, size_t size)
{
	return n > 0 && (size_t)n < size;
}

bool store_path(char *path, size_t size)
{
	const char *value;

	if ((value = set("PCPCTL_STATE_DIR")) != NULL)
		return fits(snprintf(path, size, "%s", value), size);
	if ((value = set("STATE_DIRECTORY")) != NULL) /* systemd.exec(5): A:B when there are two */
		return fits(snprintf(path, size, "%.*s", (int)strcspn(value, ":"), value), size);
	if ((value = set("XDG_STATE_HOME")) != NULL &&
		value[0] == '/') /* relative: to be ignored */
		return fits(snprintf(path, size, "%s/pcpctl", value), size);
	if ((value = set("HOME")) != NULL)
		return fits(snprintf(path, size, "%s/.local/state/pcpctl", value), size);
	return false;
}

struct store *store_open(const char *path, store_warning *warning, void *context, struct mono now,
	int64_t wall)
{
	size_t n = strlen(path);
	struct store *store = calloc(1, sizeof(*store) + n + 1);

	if (!store)
		return NULL;
	store->warning = warning;
	store->context = context;
	store->dir = store->lock = store->keeper = -1;
	store_time(store, now, wall);
	memcpy(store->path, path, n);
	return store;
}

void store_time(struct store *store, struct mono now, int64_t wall)
{
	store->now = now;
	store->wall = wall;
}

void store_warn(struct store *store, const char *format, ...)
{
	char text[PATH_MAX + 256];
	uint64_t hash;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	hash = store_hash(STORE_HASH_SEED, text, strlen(text));
	for (size_t i = 0; i < store->told_count; i++)
		if (store->told[i] == hash)
			return;
	/* With so much broken, one more line helps nobody. */
	if (store->told_count == STORE_TOLD_MAX || !store->warning)
		return;
	store->told[store->told_count++] = hash;
	if (store->told_count == STORE_TOLD_MAX)
		snprintf(text, sizeof(text), "%s: more is wrong there than is told here",
			store->path);
	store->warning(store->context, text);
}

void store_boot(struct store *store, const char *id)
{
	snprintf(store->boot, sizeof(store->boot), "%s", id);
}

bool store_boot_known(struct store *store)
{
	int fd;
	ssize_t n;

	if (store->boot[0])
		return true;
	fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, store->boot, sizeof(store->boot) - 1);
	close(fd);
	store->boot[n > 0 ? n : 0] = '\0';
	return n > 0;
}
