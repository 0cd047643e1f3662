/* SPDX-License-Identifier: MIT
 * The one place that reads clocks.
 */
#include "host/clock.h"

#include <time.h>

static int64_t read_ns(clockid_t clock)
{
	struct timespec t = { 0, 0 };

	/* It cannot fail for these two; the vDSO answers, no system call. */
	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * SEC + t.tv_nsec;
}

struct mono clock_now(void)
{
	return (struct mono){ read_ns(CLOCK_BOOTTIME) };
}

int64_t clock_wall_ms(void)
{
	return read_ns(CLOCK_REALTIME) / MSEC;
}

void clock_pause(int64_t ns)
{
	struct timespec left = { ns / SEC, ns % SEC };

	nanosleep(&left, NULL);
}
