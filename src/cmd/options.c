/* SPDX-License-Identifier: MIT
 * The rows -> getopt_long, --help and the list for completion.
 */
#include "cmd/options.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/words.h"
#include "out/visible.h"

#define ROWS_MAX    64
#define MESSAGE_MAX 512
/* getopt's value of a row: clear of every letter. */
#define ROW_VALUE 1000

/* What getopt_long wants, made from the rows. */
struct getopt_tables {
	const struct option_row *rows[ROWS_MAX];
	void *settings[ROWS_MAX];
	size_t count;
	char letters[2 * ROWS_MAX + 4];
	struct option longs[ROWS_MAX + 1];
};

/* A word may hold anything; the message stays one line, and harmless to a terminal. */
static void print_word(const char *word)
{
	char text[MESSAGE_MAX];

	visible(word, strlen(word), text, sizeof(text));
	fprintf(stderr, "%s: ", *text ? text : "''");
}

bool parse_error(struct parse *parse, const char *word, const char *format, ...)
{
	char text[MESSAGE_MAX], shown[MESSAGE_MAX];
	va_list arguments;

	parse->failed = true;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (parse->message) {
		snprintf(parse->message, parse->size, "%s%s%s", word ? word : "", word ? ": " : "",
			text);
		return false;
	}
	fputs("pcpctl: ", stderr);
	if (parse->command)
		fprintf(stderr, "%s: ", parse->command);
	if (word)
		print_word(word);
	visible(text, strlen(text), shown, sizeof(shown));
	fprintf(stderr, "%s\n", shown);
	return false;
}

static void add_row(struct getopt_tables *tables, const struct option_row *row, void *settings)
{
	size_t i = tables->count++;
	struct option *end = tables->longs;

	tables->rows[i] = row;
	tables->settings[i] = settings;
	while (end->name)
		end++;
	if (row->name)
		*end = (struct option){ row->name, row->argument ? required_argument : no_argument,
			NULL, (int)(ROW_VALUE + i) };
	if (row->letter) {
		char letter[3] = { row->letter, row->argument ? ':' : '\0', '\0' };

		strcat(tables->letters, letter);
	}
}

static void make_tables(struct getopt_tables *tables, const struct option_set *sets, size_t count,
	bool stop_at_word)
{
	memset(tables, 0, sizeof(*tables));
	/* `+` keeps the subcommand's options from main's scan; `:` tells a missing
	 * value from an unknown option. */
	strcpy(tables->letters, stop_at_word ? "+:" : ":");
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < sets[i].count; j++)
			add_row(tables, &sets[i].rows[j], sets[i].settings);
	}
}

static int row_of(const struct getopt_tables *tables, int value)
{
	if (value >= ROW_VALUE)
		return value - ROW_VALUE;
	for (size_t i = 0; i < tables->count; i++) {
		if (tables->rows[i]->letter == value)
			return (int)i;
	}
	return -1;
}

static const char *nearest_option(const struct getopt_tables *tables, const char *word)
{
	const char *names[ROWS_MAX + 1] = { NULL };
	size_t n = 0;

	for (size_t i = 0; i < tables->count; i++) {
		if (tables->rows[i]->name)
			names[n++] = tables->rows[i]->name;
	}
	return words_nearest(word, names);
}

/* Several options may begin with the word: which ones? False: none. */
static bool list_begun(const struct getopt_tables *tables, const char *word, char *list,
	size_t size)
{
	size_t used = 0, length = strcspn(word + 2, "=");

	for (size_t i = 0; i < tables->count && length && used < size; i++) {
		const char *name = tables->rows[i]->name;

		if (name && strncmp(name, word + 2, length) == 0)
			used += (size_t)snprintf(list + used, size - used, "%s--%s",
				used ? ", " : "", name);
	}
	return used > 0;
}

static bool unknown_option(struct parse *parse, const struct getopt_tables *tables,
	const char *word)
{
	char letter[3] = { '-', (char)optopt, '\0' };
	char list[MESSAGE_MAX];
	const char *nearest;

	if (optopt >= ROW_VALUE) /* a long option with =VALUE that takes none */
		return parse_error(parse, word, "--%s takes no value",
			tables->rows[optopt - ROW_VALUE]->name);
	if (optopt) {
		if (optopt >= '0' && optopt <= '9')
			return parse_error(parse, letter,
				"unknown option; a word that starts with - is written after --");
		return parse_error(parse, letter, "unknown option, see --help");
	}
	if (list_begun(tables, word, list, sizeof(list)))
		return parse_error(parse, word, "may be the beginning of %s", list);
	nearest = nearest_option(tables, word + 2);
	if (nearest)
		return parse_error(parse, word, "unknown option, nearest is --%s", nearest);
	return parse_error(parse, word, "unknown option, see --help");
}

static bool missing_value(struct parse *parse, const struct getopt_tables *tables)
{
	int i = row_of(tables, optopt);
	char word[64] = { '-', (char)optopt };

	if (i < 0)
		return parse_error(parse, word, "needs a value");
	if (optopt >= ROW_VALUE)
		snprintf(word, sizeof(word), "--%s", tables->rows[i]->name);
	return parse_error(parse, word, "needs a value, %s", tables->rows[i]->argument);
}

/* getopt takes the next word as the value whatever it looks like: `-s --json` is a
 * forgotten value more likely than a server of that name. */
static bool looks_forgotten(const struct getopt_tables *tables, const char *word)
{
	if (word[0] != '-' || word[1] == '\0')
		return false;
	if (word[1] == '-')
		return true;
	return !(word[1] >= '0' && word[1] <= '9') && row_of(tables, word[1]) >= 0;
}

static bool take(struct parse *parse, const struct getopt_tables *tables, int value,
	const char *word)
{
	int i = row_of(tables, value);
	const struct option_row *row = tables->rows[i];

	if (row->argument && optarg == word && looks_forgotten(tables, optarg)) {
		if (row->name)
			return parse_error(parse, optarg,
				"is an option where --%s needs %s; a value that starts with - is "
				"written --%s=%s",
				row->name, row->argument, row->name, optarg);
		return parse_error(parse, optarg, "is an option where -%c needs %s", row->letter,
			row->argument);
	}
	if (row->take)
		return row->take(parse, tables->settings[i], optarg);
	*(bool *)((char *)tables->settings[i] + row->flag) = true;
	return true;
}

int options_parse(struct parse *parse, const struct option_set *sets, size_t count, int argc,
	char **argv, bool stop_at_word)
{
	struct getopt_tables tables;
	int value;

	make_tables(&tables, sets, count, stop_at_word);
	opterr = 0;
	optind = 0; /* glibc: start anew */
	for (;;) {
		optopt = 0;
		value = getopt_long(argc, argv, tables.letters, tables.longs, NULL);
		if (value == -1)
			return optind;
		if (value == '?') {
			unknown_option(parse, &tables, argv[optind - 1]);
			return -1;
		}
		if (value == ':') {
			missing_value(parse, &tables);
			return -1;
		}
		if (!take(parse, &tables, value, argv[optind - 1]))
			return -1;
	}
}

static bool is_offered(const struct option_set *set, const struct option_row *row)
{
	for (const char *const *name = set->elsewhere; name && *name; name++) {
		if (row->name && strcmp(*name, row->name) == 0)
			return false;
	}
	return true;
}

void options_help(const struct option_set *set, FILE *out)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct option_row *row = &set->rows[i];
		char left[64];
		int n = 0;

		if (!is_offered(set, row))
			continue;
		n = row->letter ? snprintf(left, sizeof(left), "-%c", row->letter) :
				  snprintf(left, sizeof(left), "    ");
		if (row->name)
			n += snprintf(left + n, sizeof(left) - (size_t)n, "%s--%s",
				row->letter ? ", " : "", row->name);
		if (row->argument)
			snprintf(left + n, sizeof(left) - (size_t)n, " %s", row->argument);
		fprintf(out, "  %-32s %s\n", left, row->help);
	}
}

void options_list(const struct option_set *set, FILE *out)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct option_row *row = &set->rows[i];

		if (!is_offered(set, row))
			continue;
		if (row->letter)
			fprintf(out, "-%c%s\n", row->letter, row->argument ? " =" : "");
		if (row->name)
			fprintf(out, "--%s%s\n", row->name, row->argument ? " =" : "");
	}
}
