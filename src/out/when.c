/* SPDX-License-Identifier: MIT
 * Unix time in milliseconds -> text.
 */
#include "out/when.h"

#include <stdio.h>
#include <time.h>

#define DAY_MS INT64_C(86400000)

/* Rounds down, before 1970 too. */
static time_t seconds_of(int64_t wall_ms, unsigned *ms)
{
	int64_t rest = (wall_ms % 1000 + 1000) % 1000;

	*ms = (unsigned)rest;
	return (time_t)((wall_ms - rest) / 1000);
}

static const char *local(int64_t wall_ms, const char *format, char *text, size_t size)
{
	unsigned ms;
	time_t t = seconds_of(wall_ms, &ms);
	struct tm tm;

	if (!localtime_r(&t, &tm) || strftime(text, size, format, &tm) == 0)
		snprintf(text, size, "?");
	return text;
}

const char *when_utc(int64_t wall_ms, char *text, size_t size)
{
	unsigned ms;
	time_t t = seconds_of(wall_ms, &ms);
	char date[WHEN_MAX];
	struct tm tm;

	if (!gmtime_r(&t, &tm) || strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		snprintf(date, sizeof(date), "1970-01-01T00:00:00");
	snprintf(text, size, "%s.%03uZ", date, ms);
	return text;
}

const char *when_time(int64_t wall_ms, char *text, size_t size)
{
	return local(wall_ms, "%H:%M:%S", text, size);
}

const char *when_time_ms(int64_t wall_ms, char *text, size_t size)
{
	char time[WHEN_MAX];
	unsigned ms;

	seconds_of(wall_ms, &ms);
	snprintf(text, size, "%s.%03u", when_time(wall_ms, time, sizeof(time)), ms);
	return text;
}

const char *when_date(int64_t wall_ms, char *text, size_t size)
{
	return local(wall_ms, "%Y-%m-%d %H:%M", text, size);
}

const char *when_near(int64_t wall_ms, int64_t now_ms, char *text, size_t size)
{
	int64_t away = wall_ms > now_ms ? wall_ms - now_ms : now_ms - wall_ms;

	return away < DAY_MS ? when_time(wall_ms, text, size) :
			       local(wall_ms, "%Y-%m-%d %H:%M:%S", text, size);
}
