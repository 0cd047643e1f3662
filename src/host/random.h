/* SPDX-License-Identifier: MIT
 * Unguessable octets from the kernel (RFC 6887, 11.2: nonces by RFC 4086).
 */
#ifndef HOST_RANDOM_H
#define HOST_RANDOM_H

#include <stddef.h>

/* Fills `out`. 0, or -1 with errno when the kernel has none to give. */
int random_fill(void *out, size_t n);

#endif
