/* SPDX-License-Identifier: MIT
 * Faults planted between the client, the routers and the checker, so that each invariant
 * is seen to fail. Nothing here is called on the way of a run without a fault.
 */
#ifndef TESTS_SIM_PLANT_H
#define TESTS_SIM_PLANT_H

#include "sim.h"

struct plant {
	enum fault fault;
	const char *name;
	const char *family; /* where it is tried */
	const char *invariant; /* which must refuse it */
};

extern const struct plant plant_table[];
extern const unsigned plant_count;

/* NULL: none of that name. */
const struct plant *plant_find(const char *name);

/* Before the client is made. */
void plant_setup(struct sim *sim, struct client_config *config);
/* Is this want kept from the client? */
bool plant_hides(const struct sim *sim, unsigned want);
/* An event on its way to the checker: may be changed; false: it does not arrive. */
bool plant_event(struct sim *sim, struct event *event);
/* A request: may be changed. False: it is not sent. `again`: it is sent once more. */
bool plant_request(struct sim *sim, uint8_t *octets, size_t length, bool *again);
/* An answer that the checker has seen, before the client does. False: it does not arrive. */
bool plant_answer(struct sim *sim, uint8_t *octets, size_t length);
/* Does a request reach a router that should have it? */
bool plant_arrives(const struct sim *sim);
/* Is its deadline said to be in the past still? */
bool plant_spins(const struct sim *sim);
/* At every step. */
void plant_step(struct sim *sim);

#endif
