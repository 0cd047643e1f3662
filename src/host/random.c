/* SPDX-License-Identifier: MIT
 * Unguessable octets from the kernel.
 */
#include "host/random.h"

#include <errno.h>
#include <sys/random.h>

int random_fill(void *out, size_t n)
{
	unsigned char *p = out;

	while (n > 0) {
		ssize_t got = getrandom(p, n, 0);

		if (got < 0 && errno != EINTR)
			return -1;
		if (got > 0) {
			p += got;
			n -= (size_t)got;
		}
	}
	return 0;
}
