/* SPDX-License-Identifier: MIT
 * Which exit status it is.
 */
#include "cmd/exit.h"

/* pcpctl(1): in the order 5, 4, 3, 1, 0; 2 is decided before anything is sent. */
enum exit_status exit_worse(enum exit_status a, enum exit_status b)
{
	return a > b ? a : b;
}

enum exit_status exit_of_discovery(enum discovery_result result)
{
	return result == DISCOVERY_LOCAL || result == DISCOVERY_NOT_OURS ? EXIT_LOCAL :
									   EXIT_NO_SERVER;
}
