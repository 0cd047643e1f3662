/* SPDX-License-Identifier: MIT
 * sim: seeded runs of a client against model routers in virtual time, as TAP.
 *
 *	build/sim                        every family with its seeds, then the planted faults
 *	build/sim --seeds 1-5000         the same with these seeds
 *	build/sim --family loss --seed 7 one run; with --verbose all that happens in it
 *	build/sim --plant deaf --seed 1  the same with a fault: must fail
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "plant.h"
#include "scenario.h"
#include "sim.h"
#include "trace.h"

/* Seeds in which a fault must have shown itself. */
#define PLANT_SEEDS 8

struct options {
	const struct family *family; /* NULL: all */
	const struct plant *plant;
	uint64_t first, last;
	unsigned days;
	bool verbose, one;
};

static void add(struct tally *sum, const struct tally *tally)
{
	sum->sent += tally->sent;
	sum->came += tally->came;
	sum->events += tally->events;
	sum->settled += tally->settled;
	sum->alarms += tally->alarms;
	sum->losses += tally->losses;
	sum->changes += tally->changes;
	sum->renewals += tally->renewals;
}

static void print_tally(const struct tally *tally)
{
	printf("#   %" PRIu64 " sent, %" PRIu64 " came, %" PRIu64 " renewals, %" PRIu64
	       " settled, %" PRIu64 " lost, %" PRIu64 " changed, %" PRIu64 " alarms\n",
		tally->sent, tally->came, tally->renewals, tally->settled, tally->losses,
		tally->changes, tally->alarms);
}

static void print_failure(const struct sim *sim, unsigned days)
{
	char instant[32], fault[40] = "", more[24] = "";

	for (unsigned i = 0; i < plant_count; i++) {
		if (plant_table[i].fault == sim->fault)
			snprintf(fault, sizeof(fault), " --plant %s", plant_table[i].name);
	}
	if (days)
		snprintf(more, sizeof(more), " --days %u", days);
	printf("#   seed %" PRIu64 ", %s\n#   %s\n", sim->seed,
		trace_instant(sim->failed_at, instant), sim->failure);
	trace_print(sim, stdout);
	printf("#   again: build/sim --family %s --seed %" PRIu64 "%s%s --verbose\n",
		sim->family->name, sim->seed, more, fault);
}

/* Does a run pass? */
static bool run_one(const struct sim_options *options, struct tally *tally)
{
	struct sim *sim = sim_run(options);
	bool passed = sim && !sim->failed;

	if (!sim)
		printf("#   no memory\n");
	else if (!passed)
		print_failure(sim, options->days);
	if (sim)
		add(tally, &sim->tally);
	sim_free(sim);
	return passed;
}

/* Every seed of a family; its first failure is shown. */
static bool run_family(const struct options *options, const struct family *family)
{
	struct tally tally = { 0 };
	uint64_t seed;
	bool passed = true;

	for (seed = options->first; seed <= options->last && passed; seed++) {
		struct sim_options run = {
			.family = family,
			.seed = seed,
			.days = options->days,
			.verbose = options->verbose,
			.fault = options->plant ? options->plant->fault : FAULT_NONE,
		};

		passed = run_one(&run, &tally);
	}
	print_tally(&tally);
	/* A checker that never had to decide has shown nothing. */
	if (passed && !family->learns_nothing && tally.settled == 0) {
		printf("#   no mapping was ever settled\n");
		passed = false;
	}
	return passed;
}

/* The same seed fails the same way twice, and as it should. */
static bool run_plant(const struct plant *plant)
{
	struct sim_options run = { .family = scenario_find(plant->family), .fault = plant->fault };
	size_t length = strlen(plant->invariant);

	for (run.seed = 1; run.seed <= PLANT_SEEDS; run.seed++) {
		struct sim *first = sim_run(&run), *second = sim_run(&run);
		bool failed = first && first->failed;
		bool same = first && second && first->failed == second->failed &&
			first->failed_at.ns == second->failed_at.ns &&
			strcmp(first->failure, second->failure) == 0;
		bool right = failed && strncmp(first->failure, plant->invariant, length) == 0 &&
			first->failure[length] == ':';

		if (!same)
			printf("#   seed %" PRIu64 " ends in two ways\n", run.seed);
		else if (failed && !right)
			print_failure(first, 0);
		sim_free(first);
		sim_free(second);
		if (failed || !same)
			return same && right;
	}
	printf("#   not noticed in %d seeds\n", PLANT_SEEDS);
	return false;
}

static void usage(void)
{
	fprintf(stderr,
		"usage: sim [--family NAME] [--seeds FROM-TO | --seed N] [--days N]"
		" [--plant FAULT] [--verbose]\n");
	exit(2);
}

static void parse_seeds(const char *text, struct options *options)
{
	char *end;

	options->first = options->last = strtoull(text, &end, 10);
	if (*end == '-')
		options->last = strtoull(end + 1, &end, 10);
	if (*end || end == text || options->last < options->first)
		usage();
}

static void parse(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {
		{ "family", required_argument, NULL, 'f' },
		{ "seeds", required_argument, NULL, 's' },
		{ "seed", required_argument, NULL, 's' },
		{ "days", required_argument, NULL, 'd' },
		{ "plant", required_argument, NULL, 'p' },
		{ "verbose", no_argument, NULL, 'v' },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (option == 'f' && !(options->family = scenario_find(optarg)))
			usage();
		if (option == 'p' && !(options->plant = plant_find(optarg)))
			usage();
		if (option == 's')
			parse_seeds(optarg, options);
		if (option == 'd')
			options->days = (unsigned)strtoul(optarg, NULL, 10);
		if (option == '?')
			usage();
		options->verbose = options->verbose || option == 'v';
	}
	if (optind < argc)
		usage();
	if (options->plant && !options->family)
		options->family = scenario_find(options->plant->family);
}

int main(int argc, char **argv)
{
	struct options options = { .first = 1, .last = 25 };
	bool passed = true, ok;

	parse(argc, argv, &options);
	for (unsigned i = 0; i < scenario_count; i++) {
		const struct family *family = &scenario_families[i];

		if (options.family && options.family != family)
			continue;
		ok = run_family(&options, family);
		printf("%s - %s, seeds %" PRIu64 "-%" PRIu64 "\n", ok ? "ok" : "not ok",
			family->name, options.first, options.last);
		passed = passed && ok;
	}
	for (unsigned i = 0; i < plant_count && !options.family; i++) {
		ok = run_plant(&plant_table[i]);
		printf("%s - %s is refused: %s\n", ok ? "ok" : "not ok", plant_table[i].name,
			plant_table[i].invariant);
		passed = passed && ok;
	}
	return fflush(stdout) != 0 || !passed;
}
