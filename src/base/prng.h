/* SPDX-License-Identifier: MIT
 * A small generator for jitter (RFC 6887, 8.1.1: "need not be cryptographic").
 * Nonces come from the system (host/random), never from here.
 */
#ifndef BASE_PRNG_H
#define BASE_PRNG_H

#include <stdint.h>

struct prng {
	uint64_t state;
};

static inline uint64_t prng_next(struct prng *p)
{
	uint64_t z = p->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* Uniform in [low, high]; low <= high, both >= 0. */
static inline int64_t prng_between(struct prng *p, int64_t low, int64_t high)
{
	return low + (int64_t)(prng_next(p) % ((uint64_t)(high - low) + 1));
}

#endif
