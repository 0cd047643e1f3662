/* SPDX-License-Identifier: MIT
 * Command-line options as rows: what getopt needs, what --help and completion
 * print, and what to do with the value stand in one place.
 */
#ifndef CMD_OPTIONS_H
#define CMD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/ip.h"
#include "engine/discovery.h"

/* One parse: messages name the command and the word. */
struct parse {
	const char *command; /* "map", or NULL before the command */
	bool failed; /* a message was printed */
	char *message; /* it is put here, `WORD: TEXT`, in place of stderr; NULL: printed */
	size_t size;
};

/* Prints `pcpctl: COMMAND: WORD: TEXT` on stderr and marks the parse as failed.
 * Returns false, so that a handler can end with it. */
bool parse_error(struct parse *parse, const char *word, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

struct option_row {
	const char *name; /* long, NULL: none */
	char letter; /* 0: none */
	const char *argument; /* NULL: takes none */
	const char *help;
	/* Puts the value (NULL without one) where it belongs. False after parse_error().
	 * NULL: the option sets the bool at `flag`, an offset into the settings. */
	bool (*take)(struct parse *parse, void *settings, const char *word);
	size_t flag;
};

/* Rows for one struct of settings. */
struct option_set {
	const struct option_row *rows;
	size_t count;
	void *settings;
	/* Names that this command refuses with a word on where to find them: help and
	 * completion leave them out. NULL at the end; NULL: none. */
	const char *const *elsewhere;
};

/* Parses options of all sets. `stop_at_word`: the first other word ends it (before
 * the command); else options and words may be mixed. Returns the index of the
 * first word that is no option, or -1 after a message on stderr. */
int options_parse(struct parse *parse, const struct option_set *sets, size_t count, int argc,
	char **argv, bool stop_at_word);

/* The rows as --help shows them. */
void options_help(const struct option_set *set, FILE *out);
/* Every option of the set, one per line: for completion. */
void options_list(const struct option_set *set, FILE *out);

enum color { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

/* The options that every command takes. Zero-initialised: the defaults. */
struct common {
	struct discovery_named *servers;
	size_t server_count;
	const char *interface;
	bool has_bind;
	struct ip bind;
	uint32_t mark;
	bool ipv4, ipv6, pcp, nat_pmp, patient, no_state, json, quiet, help, version;
	bool has_timeout;
	int64_t timeout; /* ns */
	unsigned verbose;
	enum color color;
};

/* Their rows, on `common`. */
struct option_set options_common(struct common *common);

/* Do they fit together, and with this machine? False after a message. */
bool options_check(struct parse *parse, const struct common *common);

/* The families that are wanted, bits of enum ip_family; 0: whatever fits. */
unsigned options_families(const struct common *common);

/* Are stdout and stderr to be colored? */
bool options_wants_color(const struct common *common);

#endif
