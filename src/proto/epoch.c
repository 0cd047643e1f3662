/* SPDX-License-Identifier: MIT
 * Epoch arithmetic. All in int64_t: with the unsigned numbers that the RFC
 * allows, a clock that goes back by the tolerated second would look like a leap
 * of 136 years.
 */
#include "proto/epoch.h"

#include <stddef.h>

static int64_t whole_seconds(struct mono m)
{
	return m.ns / SEC;
}

static struct epoch_check compare(struct epoch *epoch, uint32_t server, struct mono now)
{
	struct epoch_check check = { .valid = true, .current = server };

	if (!epoch->known) {
		check.first = true;
		check.expected = server;
	} else {
		check.previous = epoch->server;
		check.elapsed = whole_seconds(now) - whole_seconds(epoch->at);
		check.expected = epoch->server + check.elapsed;
	}
	*epoch = (struct epoch){ true, server, now };
	return check;
}

struct epoch_check epoch_pcp(struct epoch *epoch, uint32_t server, struct mono now)
{
	struct epoch_check check = compare(epoch, server, now);
	int64_t server_delta, client_delta;

	if (check.first)
		return check;
	server_delta = (int64_t)check.current - check.previous;
	client_delta = check.elapsed;
	if (server_delta < -1) {
		check.valid = false;
		return check;
	}
	if (server_delta < 0)
		server_delta = 0;
	check.valid = client_delta + 2 >= server_delta - server_delta / 16 &&
		server_delta + 2 >= client_delta - client_delta / 16;
	return check;
}

struct epoch_check epoch_natpmp(struct epoch *epoch, uint32_t server, struct mono now)
{
	struct epoch_check check = compare(epoch, server, now);

	/* new + 2 < previous + 7/8 elapsed, without dividing */
	if (!check.first)
		check.valid = 8 * ((int64_t)server + 2) >=
			8 * (int64_t)check.previous + 7 * check.elapsed;
	return check;
}

/* --- what kind of regression --- */

#define WALL_NEAR (7 * INT64_C(86400)) /* a clock that is set wrong by days still tells a date */

/* What a clock of tenths, ticks, milliseconds or microseconds would do in a second. */
static const struct {
	int64_t slow, fast;
} units[] = { { 9, 11 }, { 50, 2000 }, { 500000, 2000000 } };

/* Seconds of a 32-bit clock reach no wrap; what counts faster does: every 49.7 days
 * for milliseconds. From the lower half a fall to a low value is a restart. */
static int64_t ticks_of(const struct epoch_check *check)
{
	int64_t ticks = (int64_t)check->current - check->previous;

	return ticks < 0 && check->previous > UINT32_MAX / 2 ? ticks + UINT32_MAX + 1 : ticks;
}

static bool is_not_seconds(const struct epoch_check *check)
{
	/* two answers within a second of ours may be nearly a second apart */
	int64_t elapsed = check->elapsed > 0 ? check->elapsed : 1;
	int64_t ticks = ticks_of(check);

	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (ticks >= units[i].slow * elapsed && ticks <= units[i].fast * elapsed)
			return true;
	}
	return false;
}

static bool is_wall_clock(const struct epoch_check *check, int64_t wall_s)
{
	int64_t off = (int64_t)check->current - wall_s;

	return wall_s > WALL_NEAR && off >= -WALL_NEAR && off <= WALL_NEAR;
}

/* It went back; or it is behind, and a start since the last sample explains that. */
static bool is_restart(const struct epoch_check *check)
{
	return check->current < check->previous ||
		(check->current < check->expected && (int64_t)check->current <= check->elapsed + 1);
}

enum epoch_kind epoch_kind_of(const struct epoch_check *check, int64_t wall_s,
	bool external_changed)
{
	if (check->valid)
		return EPOCH_UNKNOWN;
	if (is_wall_clock(check, wall_s))
		return EPOCH_WALL_CLOCK;
	if (is_not_seconds(check))
		return EPOCH_NOT_SECONDS;
	if (check->current == check->previous)
		return EPOCH_FROZEN;
	if (!is_restart(check))
		return EPOCH_RATE;
	return external_changed ? EPOCH_EXTERNAL : EPOCH_RESTART;
}
