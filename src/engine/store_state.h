/* SPDX-License-Identifier: MIT
 * The inside of the store, shared by its files: store_fields.c (records <-> JSON),
 * store_line.c (JSON as we lay it out), store.c (any other), store_table.c (a file's
 * records in memory), store_dir.c (the directory, its lock), store_file.c (whole files),
 * store_change.c (read, change, write), store_key.c (names, order), store_open.c (life,
 * warnings); store_record.c, store_epoch.c, store_each.c, store_keeper.c: what store.h
 * offers.
 */
#ifndef ENGINE_STORE_STATE_H
#define ENGINE_STORE_STATE_H

#include "engine/store.h"

#define STORE_NAME_MAX 64 /* NETWORK/map-HASH-PROTOCOL-PORTS.json with its NUL */
#define STORE_BOOT_MAX 37 /* a boot id with its NUL */
#define STORE_TOLD_MAX 16
#define STORE_SCHEMA   1 /* of the files; a higher one is not ours to read or write */

struct store {
	store_warning *warning;
	void *context;
	struct mono now;
	int64_t wall;
	int dir, lock; /* -1: not open yet */
	int keeper; /* our file in keepers/, -1: none */
	bool locked; /* the flock is ours */
	bool grown; /* a network was added: time to look for what has ended */
	char checked[STORE_NAME_MAX]; /* the network whose directory was found good */
	char boot[STORE_BOOT_MAX];
	uint64_t told[STORE_TOLD_MAX]; /* hashes of the warnings given */
	size_t told_count;
	char path[];
};

/* What a file turned out to be. */
enum store_load {
	STORE_LOADED,
	STORE_NONE, /* no such file */
	STORE_UNUSABLE, /* warned; not to be touched */
	STORE_DAMAGED,
};

/* The octets of a file. */
struct store_text {
	char *data; /* the user's to free(), whatever became of the reading */
	size_t n, size;
};

/* --- store_open.c --- */

/* Gives the warning, unless it was given before. */
void store_warn(struct store *store, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* This boot's id; false: unknown. */
bool store_boot_known(struct store *store);

/* --- store_key.c: no file is touched --- */

uint64_t store_hash(uint64_t seed, const void *data, size_t n);
#define STORE_HASH_SEED UINT64_C(0xcbf29ce484222325) /* FNV-1a */

/* The names of files, from the directory on. */
void store_name_map(const struct store_key *key, char name[static STORE_NAME_MAX]);
void store_name_epochs(const struct store_network *network, char name[static STORE_NAME_MAX]);
/* The directory part of such a name; "" when there is none. */
void store_name_network(const char *name, char network[static STORE_NAME_MAX]);

/* For qsort(): network, server, protocol, port, the rest. */
int store_record_order(const void *a, const void *b);

/* --- store_dir.c --- */

/* Opens the directory, `make`: and makes it. False: none (warned, unless it is just
 * not there and was not to be made). */
bool store_dir(struct store *store, bool make);
/* For a change. False: nothing can be written (warned). Waits at most 2 s for another
 * process, then warns and goes on without. */
bool store_lock(struct store *store);
void store_unlock(struct store *store);
/* Takes a flock, waiting at most 2 s. */
bool store_flock(int fd);

/* Warns of that, with errno. */
void store_cannot_write(struct store *store);
/* May what this user owns be trusted? */
bool store_is_ours(uid_t owner);

/* --- store_file.c: all names are below the directory --- */

/* Opens a file that must be a plain one and ours; -1 with errno (not warned). */
int store_open_file(struct store *store, const char *name, int flags);
enum store_load store_read(struct store *store, const char *name, struct store_text *text);
/* Makes room for so many octets more; false: no memory. */
bool store_grow(struct store_text *text, size_t room);
bool store_append(struct store_text *text, const char *data, size_t n);
/* Is it there, whatever it is? False also when there is no directory. */
bool store_exists(struct store *store, const char *name);
/* These under the lock; false: not done (warned). */
bool store_replace(struct store *store, const char *name, const char *data, size_t n);
bool store_delete(struct store *store, const char *name);
bool store_set_aside(struct store *store, const char *name);
/* False with errno (not warned). */
bool store_make_dir(struct store *store, const char *name);

/* --- store_fields.c --- */

/* An Epoch sample and the boot it is of. */
struct store_sample {
	struct store_epoch epoch;
	char boot[STORE_BOOT_MAX];
};

/* False: not a record as we know it. */
bool store_parse_record(const char *text, size_t n, struct store_record *record);
bool store_parse_sample(const char *text, size_t n, struct store_sample *sample);
/* Without a newline; freed by the caller. NULL: no memory, or a text that is not UTF-8. */
char *store_print_record(const struct store_record *record);
char *store_print_sample(const struct store_sample *sample);

/* --- store_line.c: JSON as we lay it out --- */

/* A member of a JSON object; the texts end without a NUL. */
struct store_member {
	const char *key;
	size_t key_n;
	enum { STORE_TEXT, STORE_NUMBER, STORE_FLAG, STORE_OTHER } is;
	const char *text;
	size_t n;
	int64_t number; /* of a flag: 0 or 1 */
};

typedef bool store_take(void *context, const struct store_member *member);

/* Gives every member of an object. False: it is laid out otherwise, which may be found
 * out late, or `take` said so. */
bool store_parse_plain(const char *text, size_t n, store_take *take, void *context);
/* Does it stand in JSON as it is? */
bool store_is_plain(const char *text, size_t n);

/* --- store.c: any JSON, by jansson, which nobody else sees --- */

/* Gives every member of an object. False: not one, or `take` said so. */
bool store_parse_json(const char *text, size_t n, store_take *take, void *context);
/* A string with its quotes. False: no memory, or it is not UTF-8. */
bool store_append_json(struct store_text *to, const char *text, size_t n);
/* A whole file -> its records, each with a newline behind it. STORE_UNUSABLE: of a newer
 * version. */
enum store_load store_parse_file(struct store_text *text);

/* --- store_table.c: a file's records in memory --- */

struct store_table;

/* Only with STORE_LOADED there is a table. */
enum store_load store_table_load(struct store *store, const char *name, struct store_table **table);
struct store_table *store_table_new(void);
void store_table_free(struct store_table *table);
/* Under the lock; false: not done (warned). */
bool store_table_write(struct store *store, const char *name, const struct store_table *table);

size_t store_table_count(const struct store_table *table); /* NULL: 0 */
/* A number of a record, without parsing it; the key with quotes and colon. -1: it has
 * none, or is not laid out as we do it; ask store_table_record(). */
int64_t store_table_number(const struct store_table *table, size_t i, const char *key);
/* False: it cannot be understood; it stays in the file. */
bool store_table_record(const struct store_table *table, size_t i, struct store_record *record);
bool store_table_sample(const struct store_table *table, size_t i, struct store_sample *sample);
void store_table_drop(struct store_table *table, size_t i);
/* At most one; takes the text (NULL: false). */
bool store_table_add(struct store_table *table, char *text);

/* --- store_change.c --- */

/* For reading: what the file holds, NULL for nothing. What is damaged is set aside. */
struct store_table *store_table_open(struct store *store, const char *name);

/* A change of a file. */
struct store_change {
	const char *name;
	/* Does the record i stay? */
	bool (*stays)(struct store *store, const struct store_table *table, size_t i, void *item);
	char *(*print)(const void *item); /* after that of all; NULL: nothing is added */
	void *item;
	size_t most; /* records in the file; 0: no limit */
};
/* False: not done (warned). */
bool store_change(struct store *store, const struct store_change *change);

/* --- store_record.c, store_epoch.c --- */

bool store_has_ended(const struct store *store, const struct store_record *record);
/* Worth keeping? Both for store_change.stays, of map-*.json and of epochs.json. */
bool store_record_lives(struct store *store, const struct store_table *table, size_t i, void *item);
bool store_sample_lives(struct store *store, const struct store_table *table, size_t i, void *item);

/* --- store_keeper.c --- */

/* store_keeper_alive(), within a change: takes no lock, tidies nothing up. */
bool store_keeper_holds(struct store *store, pid_t keeper);

/* --- store_each.c --- */

/* Calls `visit` with the name of every file in a directory below ours ("": in ours). */
void store_walk(struct store *store, const char *below,
	void (*visit)(struct store *store, const char *name, void *context), void *context);
/* Drops what has ended, everywhere. */
void store_sweep(struct store *store);

#endif
