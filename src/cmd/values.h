/* SPDX-License-Identifier: MIT
 * Values of options that several commands take. All return false after a message, and
 * leave the output alone then.
 */
#ifndef CMD_VALUES_H
#define CMD_VALUES_H

#include "cmd/options.h"
#include "wire/pcp.h"

/* -l, in seconds. `zero` says why it cannot be 0. */
bool values_lifetime(struct parse *parse, const char *word, const char *zero, uint32_t *out);
/* -3 */
bool values_third_party(struct parse *parse, const char *word, struct ip *out);
/* --description; whether it is UTF-8 is the encoder's to see. */
bool values_description(struct parse *parse, const char *word, const char **out);
/* --nonce */
bool values_nonce(struct parse *parse, const char *word, struct pcp_nonce *out);
/* -x */
bool values_exec(struct parse *parse, const char *word, const char **out);

#endif
