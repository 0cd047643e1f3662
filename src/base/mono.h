/* SPDX-License-Identifier: MIT
 * An instant of a clock that never goes backwards. A struct, so that adding
 * two instants does not compile; a duration is a plain int64_t in nanoseconds.
 */
#ifndef BASE_MONO_H
#define BASE_MONO_H

#include <stdbool.h>
#include <stdint.h>

#define USEC INT64_C(1000)
#define MSEC INT64_C(1000000)
#define SEC  INT64_C(1000000000)

struct mono {
	int64_t ns;
};

/* Later than every instant: min() of deadlines just works. */
#define MONO_NEVER ((struct mono){ INT64_MAX })

static inline bool mono_is_never(struct mono m)
{
	return m.ns == INT64_MAX;
}

/* `duration` after `m`, at most MONO_NEVER. The duration is not negative. */
static inline struct mono mono_after(struct mono m, int64_t duration)
{
	return m.ns > INT64_MAX - duration ? MONO_NEVER : (struct mono){ m.ns + duration };
}

static inline struct mono mono_min(struct mono a, struct mono b)
{
	return a.ns < b.ns ? a : b;
}

/* Has the deadline come? Never, for MONO_NEVER. */
static inline bool mono_due(struct mono deadline, struct mono now)
{
	return !mono_is_never(deadline) && deadline.ns <= now.ns;
}

/* How long ago was `then`; negative when it lies ahead. */
static inline int64_t mono_since(struct mono now, struct mono then)
{
	return now.ns - then.ns;
}

#endif
