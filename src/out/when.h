/* SPDX-License-Identifier: MIT
 * Unix time in milliseconds -> text. The only place that knows of time zones.
 */
#ifndef OUT_WHEN_H
#define OUT_WHEN_H

#include <stddef.h>
#include <stdint.h>

#define WHEN_MAX 48

/* 2026-10-12T04:11:00.123Z (RFC 3339), for JSON */
const char *when_utc(int64_t wall_ms, char *text, size_t size);

/* 14:03:10, local */
const char *when_time(int64_t wall_ms, char *text, size_t size);

/* 14:03:10.123, local */
const char *when_time_ms(int64_t wall_ms, char *text, size_t size);

/* 2026-10-12 04:11, local */
const char *when_date(int64_t wall_ms, char *text, size_t size);

/* 14:03:10, or 2026-10-14 14:03:10 when it is not within a day of `now_ms`; local */
const char *when_near(int64_t wall_ms, int64_t now_ms, char *text, size_t size);

#endif
