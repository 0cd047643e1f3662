/* SPDX-License-Identifier: MIT
 * The server's Epoch clock: has it forgotten our mappings? (RFC 6887, 8.5 and
 * RFC 6886, 3.6.) The two clocks of one box are never compared with each other.
 */
#ifndef PROTO_EPOCH_H
#define PROTO_EPOCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mono.h"
#include "proto/event.h"

/* The last sample; zero-initialised: none yet. */
struct epoch {
	bool known;
	uint32_t server; /* seconds */
	struct mono at; /* our clock */
};

struct epoch_check {
	bool valid;
	bool first; /* there was nothing to compare with */
	uint32_t previous, current;
	int64_t elapsed; /* seconds of our clock since the previous sample */
	int64_t expected; /* previous + elapsed */
};

/* Compares a PCP Epoch with the last one and keeps it, valid or not: exactly the
 * arithmetic of RFC 6887, 8.5, with `now` in whole seconds. */
struct epoch_check epoch_pcp(struct epoch *epoch, uint32_t server, struct mono now);

/* The same by NAT-PMP's one-sided rule (RFC 6886, 3.6): only a clock that runs
 * behind 7/8 of ours by more than 2 s has been reset. */
struct epoch_check epoch_natpmp(struct epoch *epoch, uint32_t server, struct mono now);

/* Why a check is not valid (EPOCH_UNKNOWN for one that is). `wall_s` is Unix time as
 * we have it, 0 when unknown; `external_changed`: the answer, or the one after it,
 * shows another external address than before. It goes by what the clock did, so the
 * same for both protocols; it is a diagnosis only, nothing is decided by it. */
enum epoch_kind epoch_kind_of(const struct epoch_check *check, int64_t wall_s,
	bool external_changed);

#endif
