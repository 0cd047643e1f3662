/* SPDX-License-Identifier: MIT
 * The options of map, and what they and the specs make together.
 */
#ifndef CMD_MAP_H
#define CMD_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cmd/options.h"
#include "cmd/run.h"
#include "cmd/spec.h"
#include "cmd/keep.h"
#include "out/nsupdate.h"
#include "wire/pcp.h"

struct map_settings {
	bool has_lifetime;
	uint32_t lifetime; /* seconds */
	bool has_external;
	struct ip external; /* -e; a wildcard only chooses the family */
	bool prefer_failure, require_public, deletes, dry_run;
	bool list, all; /* --list; --all, with -d */
	bool force; /* with -d */
	bool keep, leave;
	const char *exec; /* -x, NULL: none */
	bool shell;
	const char *owner; /* --srv, NULL: none */
	struct nsupdate_settings srv;
	struct pcp_filter filters[PCP_FILTERS_MAX + 1];
	size_t filter_count;
	bool has_third_party;
	struct ip third_party;
	const char *description;
	uint16_t port_set; /* 0: none */
	bool has_nonce;
	struct pcp_nonce nonce;
};

#define MAP_LIFETIME 7200 /* RFC 6886, 3.3: the recommended one */

struct option_set map_options(void *settings);

/* Do options and specs fit together? False after a message that names the option. */
bool map_check(struct parse *parse, const struct common *common, const struct map_settings *map,
	const struct spec *specs, size_t count);

/* What became of one mapping at one server. */
struct map_result {
	const char *word; /* of the spec, for messages */
	size_t server; /* whom it is asked of */
	bool recorded; /* a delete of a record: it is there until the server says otherwise */
	int64_t expires_wall; /* of the record */
	bool known;
	int64_t wall_ms;
	struct event_mapping mapping; /* of its last event */
};

/* A record, and the word of the command line that names it. */
struct map_record {
	const char *word;
	struct store_record record;
};

#define MAP_WORD_MAX 32 /* "65535/udplite" and the like */

struct map;

/* What watch makes of a run of map: it is one, with a screen. */
struct map_face {
	bool recorded; /* without a spec: the mappings recorded for this network */
	bool silent; /* what becomes of mappings is shown by `sees`, not printed */
	bool lively; /* see struct run */
	FILE *log; /* see run_settings.log */
	/* The engine is there, nobody is asked yet. False after run_fail(). */
	bool (*opened)(struct map *map);
	/* All is asked, the loop begins. False after run_fail(). */
	bool (*asked)(struct map *map);
	bool (*sees)(struct run *run, const struct event *event);
	struct mono (*turn)(struct run *run, struct mono now);
	/* More to be asked, beside the specs. False after a message. */
	bool (*asks)(struct map *map);
	/* The connection of that number has ended. */
	void (*flow_gone)(struct run *run, unsigned number);
	/* --once: in place of map's lines, when all has its result. */
	void (*show)(struct map *map);
	void *context;
};

/* The run of one map command. */
struct map {
	const struct command *command;
	const struct map_face *face; /* NULL: map itself */
	struct common *common;
	struct map_settings settings;
	struct spec *specs;
	size_t spec_count;
	struct map_result *results; /* in the order of printing; their index is the want's number */
	size_t result_count, result_room;
	struct map_record *records; /* to delete, or to keep */
	size_t record_count;
	char (*words)[MAP_WORD_MAX]; /* of those to keep */
	struct keep *keep; /* NULL: neither -k nor -x nor --srv */
	size_t ask_count; /* the first so many of the run's servers are asked for the specs */
	struct run run;
};

/* The whole run, from the options and specs on. */
enum exit_status map_run(struct map *map);

/* A spec more, in the middle of a run that stays: asked of each server. `spec` and its word
 * outlive the run. False after a message. */
bool map_ask_spec(struct map *map, const struct spec *spec);

/* The mappings recorded for this network are asked for again, but for those that the common
 * options exclude or whose local address is no longer ours. False after a message. */
bool map_ask_recorded(struct map *map);

/* One result more; NULL after a message. The numbers of wants are their indices. */
struct map_result *map_add_result(struct map *map, const char *word);

/* -d: gathers the records of this network that the specs name (--all: every one) in
 * map->records. The specs without one are left in map->specs, for the server that map
 * would ask. False after a message. */
bool map_gather(struct map *map);

/* Asks the server of each gathered record to delete it, in the version and with the
 * nonce that it was made with. False after a message. */
bool map_delete_gathered(struct map *map);

/* Prints the results, and the findings; makes map->run.status. */
void map_show(struct map *map);
/* Interrupted: what was taken back needs no word, what may be left does. */
void map_show_left(struct run *run);

/* --list: what is recorded, of every network. Asks nobody. */
void map_list(struct map *map);

#endif
