/* SPDX-License-Identifier: MIT
 * One run of a command that asks servers: engine, output and facts together.
 */
#ifndef CMD_RUN_H
#define CMD_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cmd/command.h"
#include "diag/facts.h"
#include "engine/engine.h"
#include "engine/memory.h"
#include "out/output.h"

/* Which network a server is on, where that can be told. */
struct run_network {
	bool known;
	bool restarted; /* the server has lost its state since an earlier run */
	struct store_network network;
};

struct run {
	const struct common *common;
	const char *command;
	struct output *output;
	struct engine *engine;
	struct facts *facts;
	struct server_id *servers;
	size_t server_count;
	struct memory *memory; /* NULL: nothing is remembered */
	struct run_network *networks; /* of the servers; where it remembers or keeps */
	enum exit_status status; /* the worst so far */
	bool dry;
	bool again; /* --wait: not the first round, `no server` has been said */
	bool describes; /* discover: tells how the servers are */
	bool keeps; /* it stays */
	bool runs; /* the engine's loop: what is wrong with a word now was typed */
	bool reader_gone; /* nobody reads what it prints, or it cannot be written */
	bool leave; /* at the end nothing is deleted */
	uint64_t *found; /* hashes of the findings told, where it stays */
	size_t found_count;
	bool progress; /* a line without an end stands on the terminal */
	bool lively; /* watch: what happens beside mappings is told on stdout as well */
	/* watch: true where it shows the event itself, so that nothing is printed. */
	bool (*sees)(struct run *run, const struct event *event);
	/* EVENT_MAPPING and EVENT_SERVER of the command; others are printed already. */
	void (*event)(struct run *run, const struct event *event);
	const char *(*name)(struct run *run, unsigned number);
	struct mono (*turn)(struct run *run, struct mono now);
	void (*flow_gone)(struct run *run, unsigned number);
	/* A signal came and what could be taken back is: what is left? May be NULL. */
	void (*interrupted)(struct run *run);
	void *context;
};

struct run_settings {
	const struct command *command;
	unsigned families; /* of the servers, 0: whatever fits */
	const struct ip *sources; /* peer: found for each of these addresses of ours */
	size_t source_count; /* 0: -b, or what the kernel would use */
	bool all; /* discover: every candidate */
	int64_t default_timeout; /* ns, without -t and --patient; 0: none */
	int64_t longest; /* ns, whatever -t says; 0: no limit */
	bool dry, again;
	bool remembers; /* reads and writes the state directory, unless --no-state */
	bool keeps; /* stays until a signal, or until nothing kept is left */
	bool stays; /* also when nothing is kept */
	bool leave; /* at the end nothing is deleted */
	bool lively; /* watch: what happens beside mappings is told on stdout as well */
	FILE *log; /* watch: in place of stdout and stderr; NULL: these */
	bool (*sees)(struct run *run, const struct event *event); /* see struct run */
	const char *hook; /* -x */
	/* Of what the mapping of that number is called, for warnings; may be NULL. */
	const char *(*name)(struct run *run, unsigned number);
	/* See engine_config.turn; may be NULL. */
	struct mono (*turn)(struct run *run, struct mono now);
	void (*event)(struct run *run, const struct event *event);
	void (*interrupted)(struct run *run);
	/* See engine_config.flow_gone; may be NULL. */
	void (*flow_gone)(struct run *run, unsigned number);
	void *context;
};

/* Output and engine, without a server yet. False: run->status says it, a message is
 * printed. Always close it. */
bool run_open(struct run *run, const struct common *common, const struct run_settings *settings);

/* Finds the servers and opens their sockets: run->servers. One that cannot be asked
 * is a message and counts for run->status. False: there is none to ask. */
bool run_find(struct run *run, const struct run_settings *settings);

/* A server that is known otherwise (recorded), of a network that is known: its number
 * in *server. False after a message. */
bool run_add_server(struct run *run, const struct server_id *id,
	const struct store_network *network, size_t *server);

/* Opens run->memory, if it is not yet. False: there is none (--no-state). */
bool run_remembers(struct run *run);

/* What no server could be asked is a usage error, found before anything is sent: false
 * after a message about `word`. */
bool run_check(struct run *run, const struct server_id *server, const struct want *want,
	const char *word);

/* The record of a want at a server. False: there is none. */
bool run_recorded(struct run *run, size_t server, const struct want *want,
	struct store_record *record);

/* Gives a want the nonce of its record, and the port that it had where the user named
 * none; else it keeps the new nonce it has. What is asked is recorded before it is
 * sent. */
void run_recall(struct run *run, size_t server, struct want *want, bool suggests);

/* The same, where nobody may be there to ask yet (a boot, a cable): waits for it, until -t
 * at most. False also when a signal came, with nothing said. */
bool run_find_patiently(struct run *run, const struct run_settings *settings);

/* engine_config.prepare; the context is the run. */
bool run_prepare(void *context, const struct server_id *id, struct want *want);

/* Servers may have moved: run->servers has the engine's again, in its order. */
void run_follow(struct run *run);

/* Which of the run's servers is that? run->server_count: none. */
size_t run_server_of(const struct run *run, const struct server_id *id);

/* The network of the run's server of that number; NULL where nothing is remembered, or the
 * network cannot be told. */
struct run_network *run_network_at(const struct run *run, size_t server);

/* The same of the server of an event. */
struct run_network *run_network_of(const struct run *run, const struct server_id *id);

/* The same after an answer: one that could not be told before is known by now. */
struct run_network *run_network_found(struct run *run, const struct server_id *id);

/* Runs the engine. Does not return when a signal ended it, but where it stays: there a
 * signal is the way to end. False after a message. */
bool run_engine(struct run *run);

/* Nobody reads what it prints any more: the end begins. */
void run_reader_gone(struct run *run);

/* Everything printed so far is written. False: it cannot be; where it stays, the end has
 * been begun then. */
bool run_flush(struct run *run);

/* The findings of all that was seen; where it stays, those that were not told yet. */
void run_findings(struct run *run);

/* A message about a local or usage failure; makes run->status at least that. */
void run_fail(struct run *run, enum exit_status status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* What is wrong with a word of the command line, seen before anything is sent: a message, and
 * run->status is EXIT_USAGE. Returns false. */
bool run_usage(struct run *run, const char *word, const char *text);

/* Flushes and frees; a failed write is EXIT_LOCAL. Returns the exit status. */
enum exit_status run_close(struct run *run);

/* What the result of one mapping means for the exit status. */
enum exit_status run_status_of(const struct event_mapping *mapping);

#endif
