/* SPDX-License-Identifier: MIT
 * --verify: the sender of an announcement is asked by unicast whether it is its own
 * (RFC 7652, 3.2, does so with signatures). A few questions at a time, each with a
 * socket of its own, on the interface that the announcement came in on.
 */
#ifndef ENGINE_QUESTION_H
#define ENGINE_QUESTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mono.h"
#include "proto/event.h"

#define QUESTION_PATIENCE (2 * SEC)
#define QUESTIONS_MAX	  16 /* under way at once: who floods us makes us flood nobody */

struct loop;

struct questions_config {
	struct loop *loop; /* sockets are added to it */
	uint32_t mark; /* --mark */
	const struct ip *bind; /* -b, NULL: the kernel's choice */
};

/* What became of a question. */
struct question_result {
	struct event_announce announce; /* as asked about, with asked and what follows set */
	struct server_id server; /* who was asked, and our address towards it */
	struct mono at; /* of the answer */
};

struct questions;

/* NULL: no memory or no randomness (errno). */
struct questions *questions_new(const struct questions_config *config);
void questions_free(struct questions *questions);

/* Asks at once, and again after 0.25, 0.75, 1.75 s: a PCP ANNOUNCE, or the NAT-PMP
 * external address. `to` is the sender with the port to ask. 0, or -1 with errno; EBUSY:
 * too many are under way. */
int questions_ask(struct questions *questions, const struct event_announce *announce,
	const struct endpoint *to, uint32_t interface_index, struct mono now);

/* A descriptor of the loop is ready: false when it is none of ours. */
bool questions_ready(struct questions *questions, int fd, struct mono now);

/* Sends what is due. */
void questions_tick(struct questions *questions, struct mono now);

/* The next result, of an answer, of a refusal (ICMP), or of none in time. */
bool questions_result(struct questions *questions, struct question_result *result);

struct mono questions_deadline(const struct questions *questions);
/* Is one under way, or a result not fetched? */
bool questions_busy(const struct questions *questions);

#endif
