/* SPDX-License-Identifier: MIT
 * See store_dir.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "store_dir.h"

int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	strcpy(f->root,
		access("/dev/shm", W_OK) == 0 ? "/dev/shm/store.XXXXXX" : "/tmp/store.XXXXXX");
	assert_non_null(mkdtemp(f->root));
	snprintf(f->path, sizeof(f->path), "%s/state", f->root);
	*state = f;
	return 0;
}

static int open_up(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)at;
	if (type == FTW_D || type == FTW_DNR)
		chmod(path, 0700);
	return 0;
}

static int erase(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	nftw(f->root, open_up, 16, FTW_PHYS);
	nftw(f->root, erase, 16, FTW_PHYS | FTW_DEPTH);
	free(f);
	return 0;
}

static void note(void *context, const char *text)
{
	struct fixture *f = context;
	size_t n = strlen(f->warned);

	f->warnings++;
	snprintf(f->warned + n, sizeof(f->warned) - n, "%s\n", text);
}

struct store *fixture_open_at(struct fixture *f, struct mono now, int64_t wall)
{
	struct store *store = store_open(f->path, note, f, now, wall);

	assert_non_null(store);
	store_boot(store, BOOT);
	return store;
}

struct store *fixture_open(struct fixture *f)
{
	return fixture_open_at(f, NOW, WALL);
}

struct store_record sample_record(uint16_t port)
{
	struct store_record r;

	memset(&r, 0, sizeof(r));
	strcpy(r.key.network.interface, "eth0");
	r.key.network.link_length = 6;
	memcpy(r.key.network.link, "\x02\x00\x5e\x00\x00\x01", 6);
	r.key.server = (struct endpoint){ ip_from_u32(0xc0a80101), 0, 5351 };
	r.key.via = VIA_PCP;
	r.key.opcode = PCP_MAP;
	r.key.internal = ip_from_u32(0xc0a8010a);
	r.key.protocol = PROTOCOL_TCP;
	r.key.internal_port = port;
	r.key.external_family = IP_FAMILY_4;
	for (size_t i = 0; i < PCP_NONCE; i++)
		r.nonce.octets[i] = (uint8_t)(port >> (i % 2 ? 8 : 0));
	r.granted = r.has_external_address = true;
	r.external_address = ip_from_u32(0xcb007107);
	r.external_port = port;
	r.lifetime = 7200;
	r.expires_wall = WALL + 7200;
	return r;
}

bool fixture_put(struct fixture *f, const struct store_record *record)
{
	struct store *store = fixture_open(f);
	bool put = store_put(store, record);

	store_close(store);
	return put;
}

bool fixture_find(struct fixture *f, const struct store_key *key, struct store_record *record)
{
	struct store *store = fixture_open(f);
	bool found = store_find(store, key, record);

	store_close(store);
	return found;
}

static void count(void *context, const struct store_record *record)
{
	(void)record;
	++*(size_t *)context;
}

size_t fixture_count(struct fixture *f)
{
	struct store *store = fixture_open(f);
	size_t n = 0;

	store_each(store, count, &n);
	store_close(store);
	return n;
}

static size_t match(struct fixture *f, const char *pattern, glob_t *found)
{
	char text[PATH_MAX];

	snprintf(text, sizeof(text), "%s/%s", f->path, pattern);
	return glob(text, 0, NULL, found) == 0 ? found->gl_pathc : 0;
}

void fixture_file(struct fixture *f, const char *pattern, char path[static PATH_MAX])
{
	glob_t found;

	assert_int_equal(match(f, pattern, &found), 1);
	snprintf(path, PATH_MAX, "%s", found.gl_pathv[0]);
	globfree(&found);
}

size_t fixture_files(struct fixture *f, const char *pattern)
{
	glob_t found;
	size_t n = match(f, pattern, &found);

	if (n)
		globfree(&found);
	return n;
}

size_t read_file(const char *path, char *data, size_t size)
{
	FILE *file = fopen(path, "r");
	size_t n;

	assert_non_null(file);
	n = fread(data, 1, size, file);
	fclose(file);
	assert_true(n < size);
	data[n] = '\0';
	return n;
}

void write_file(const char *path, const void *data, size_t n)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, n, file), n);
	assert_int_equal(fclose(file), 0);
	chmod(path, 0600);
}
