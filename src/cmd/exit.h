/* SPDX-License-Identifier: MIT
 * The exit statuses (pcpctl(1)).
 */
#ifndef CMD_EXIT_H
#define CMD_EXIT_H

#include "engine/discovery.h"

enum exit_status {
	EXIT_DONE = 0,
	EXIT_SAID_NO = 1, /* the server answered no */
	EXIT_USAGE = 2, /* nothing has been sent */
	EXIT_NO_ANSWER = 3,
	EXIT_NO_SERVER = 4,
	EXIT_LOCAL = 5,
};

/* Of several results the worst decides: 5, 4, 3, 1, 0. */
enum exit_status exit_worse(enum exit_status a, enum exit_status b);

/* Of a server that was not found. */
enum exit_status exit_of_discovery(enum discovery_result result);

#endif
