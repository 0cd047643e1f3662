/* SPDX-License-Identifier: MIT
 * The worst of several exit statuses.
 */
#include "cmd/exit.h"

/* pcpctl(1): in the order 5, 4, 3, 1, 0; 2 is decided before anything is sent. */
enum exit_status exit_worse(enum exit_status a, enum exit_status b)
{
	return a > b ? a : b;
}
