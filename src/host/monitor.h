/* SPDX-License-Identifier: MIT
 * Tells that interfaces, addresses or routes have changed (rtnetlink
 * notifications). What they are now is then asked anew: nothing is pieced together
 * from the messages.
 */
#ifndef HOST_MONITOR_H
#define HOST_MONITOR_H

#include <stdbool.h>

/* A descriptor that becomes readable at a change, or -1 with errno. */
int monitor_open(void);
void monitor_close(int fd);

/* Takes what waits. True when it concerns links, addresses or routes, or when so
 * much has happened that messages were lost. */
bool monitor_changed(int fd);

#endif
