/* SPDX-License-Identifier: MIT
 * Octets to test with: the sample packets of tests/vectors/packets.txt, copies
 * that end where their memory ends, and random octets that are the same in
 * every run.
 */
#ifndef TESTS_UNIT_VECTORS_H
#define TESTS_UNIT_VECTORS_H

#include <stddef.h>
#include <stdint.h>

struct vector {
	char id[8];	   /* P1 */
	char kind[24];	   /* pcp-request */
	const uint8_t *data; /* exactly `length` octets of memory */
	size_t length;
};

/* The file is named by $TEST_VECTORS, else by the macro TEST_VECTORS. A file or
 * an ID that is missing ends the program with status 1. */
const struct vector *vector_of(const char *id);
/* The n-th vector in file order, NULL behind the last. */
const struct vector *vector_at(size_t n);

/* `n` octets (zero, or a copy) right in front of memory that must not be read:
 * with the address sanitizer one octet too many is seen, also for n = 0. */
uint8_t *octets_new(size_t n);
uint8_t *octets_copy(const void *data, size_t n);
void octets_free(uint8_t *octets);

/* A sequence that depends on the seed alone. */
struct random_source {
	uint64_t state;
};

uint32_t random_next(struct random_source *source);
/* 0 to below - 1. */
uint32_t random_below(struct random_source *source, uint32_t below);

/* A random input: noise, or one of the vectors whose kind starts with `kind`,
 * cut, stretched and damaged. For octets_free; *length is set. */
uint8_t *random_octets(struct random_source *source, const char *kind, size_t *length);

#endif
