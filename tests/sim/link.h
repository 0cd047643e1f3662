/* SPDX-License-Identifier: MIT
 * The links between the client and the routers: they lose, repeat, delay and reorder.
 */
#ifndef TESTS_SIM_LINK_H
#define TESTS_SIM_LINK_H

#include "sim.h"

/* A request of the client on its way to a router. */
void link_request(struct sim *sim, unsigned router, const struct ip *local, const uint8_t *octets,
	size_t length);
/* A datagram of a router on its way to the client, `delay` after now. */
void link_answer(struct sim *sim, unsigned router, const struct ip *local, const uint8_t *octets,
	size_t length, int64_t delay);
/* The same to everybody on the network. */
void link_multicast(struct sim *sim, unsigned router, const uint8_t *octets, size_t length,
	int64_t delay);
/* What a stranger makes of an answer: another nonce, an Epoch that would be an alarm;
 * from the router's address, or from another. */
void link_forge(struct sim *sim, const struct flight *flight);

/* When the next one arrives. */
struct mono link_deadline(const struct sim *sim);
/* Takes it; false: none has arrived. */
bool link_take(struct sim *sim, struct flight *flight);

#endif
