/* SPDX-License-Identifier: MIT
 * The one place that reads clocks.
 */
#ifndef HOST_CLOCK_H
#define HOST_CLOCK_H

#include <stdint.h>

#include "base/mono.h"

/* CLOCK_BOOTTIME: leases go on expiring while the machine sleeps. */
struct mono clock_now(void);

/* Unix time in milliseconds. Only to print, never to compute with. */
int64_t clock_wall_ms(void);

/* Stands still for `ns`. Only before a loop is there. */
void clock_pause(int64_t ns);

#endif
