/* SPDX-License-Identifier: MIT
 * A state directory for the tests of the store, and records to put there.
 */
#ifndef TESTS_STORE_DIR_H
#define TESTS_STORE_DIR_H

#include <limits.h>

#include "engine/store.h"

#define WALL INT64_C(1790000000)
#define NOW  ((struct mono){ 5000 * SEC })
#define BOOT "11111111-2222-3333-4444-555555555555"

struct fixture {
	char root[64]; /* removed with all that is in it */
	char path[128]; /* root/state: not there at first */
	char warned[4096]; /* the warnings, a line each */
	size_t warnings;
};

/* For cmocka; *state is a struct fixture. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

struct store *fixture_open(struct fixture *f);
struct store *fixture_open_at(struct fixture *f, struct mono now, int64_t wall);

/* An IPv4 mapping, granted, with a nonce made of its port. */
struct store_record sample_record(uint16_t port);
/* Puts, finds, lists with a store opened for it. */
bool fixture_put(struct fixture *f, const struct store_record *record);
bool fixture_find(struct fixture *f, const struct store_key *key, struct store_record *record);
size_t fixture_count(struct fixture *f);

/* The one file below the directory whose path matches the pattern of glob(7); fails the
 * test when there is not exactly one. */
void fixture_file(struct fixture *f, const char *pattern, char path[static PATH_MAX]);
size_t fixture_files(struct fixture *f, const char *pattern);
size_t read_file(const char *path, char *data, size_t size);
void write_file(const char *path, const void *data, size_t n);

#endif
