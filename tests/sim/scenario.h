/* SPDX-License-Identifier: MIT
 * Families of scenarios: what there is, and what goes wrong with it in the course of a
 * run. Trouble and calm take turns, their lengths and kinds drawn from the seed.
 */
#ifndef TESTS_SIM_SCENARIO_H
#define TESTS_SIM_SCENARIO_H

#include "sim.h"

enum trouble {
	TROUBLE_LOSS = 1,
	TROUBLE_DOWN = 2, /* silent, and forgets nothing */
	TROUBLE_REBOOT = 4,
	TROUBLE_FLUSH = 8, /* forgets all without an Epoch reset */
	TROUBLE_RENUMBER = 16, /* another external address */
	TROUBLE_ERRORS = 32,
	TROUBLE_VERSION = 64, /* speaks other protocols for a while */
	TROUBLE_SLOW = 128, /* a proxy, waiting for the next server */
	TROUBLE_ROAM = 256, /* our own address, router or network is another */
};

struct family {
	const char *name;
	unsigned troubles; /* bits: which there may be */
	int64_t length, calm; /* of a run; of its end */
	void (*setup)(struct sim *sim);
	bool learns_nothing; /* no want need ever be seen settled: there is no calm */
};

extern const struct family scenario_families[];
extern const unsigned scenario_count;

/* NULL: none of that name. */
const struct family *scenario_find(const char *name);

/* The instant for that has come: the next change. */
void scenario_change(struct sim *sim);

#endif
