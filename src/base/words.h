/* SPDX-License-Identifier: MIT
 * One word of a command line -> a value. The word is consumed whole: decimal
 * digits only, no sign, no blank, no leading zero. All return false, leaving
 * the output alone, when the word is not of the form or out of range; the
 * caller knows what was asked and writes the message.
 */
#ifndef BASE_WORDS_H
#define BASE_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ip.h"

#define WORDS_SCOPE_MAX 16 /* an interface name with its NUL */

/* A server as typed: ADDR, ADDR:PORT, ADDR%SCOPE, [ADDR%SCOPE]:PORT. */
struct words_address {
	struct ip ip;
	uint16_t port; /* 0: none typed */
	char scope[WORDS_SCOPE_MAX]; /* "": none typed */
};

bool words_number(const char *word, uint64_t min, uint64_t max, uint64_t *out);

/* TIME: one number and one unit, `500ms`, `5`, `5s`, `2m`, `1h`, `1d`; in ns. */
bool words_time(const char *word, int64_t *ns);

/* Exactly `n` octets written as 2n hex digits. */
bool words_hex(const char *word, uint8_t *out, size_t n);

/* Is this word meant as an address (digits and dots only, or a colon, percent or
 * bracket in it), not as a host name? */
bool words_looks_like_address(const char *word);

/* A bare IPv6 address takes no port: it needs the brackets. */
bool words_address(const char *word, struct words_address *out);

/* Of the NULL-terminated `choices` the one nearest to `word` by edit distance,
 * NULL when none is near enough to be what was meant. */
const char *words_nearest(const char *word, const char *const *choices);

#endif
