/* SPDX-License-Identifier: MIT
 * Retransmission schedules and the window.
 */
#include "proto/schedule.h"

#define KEPT_QUICK     5
#define KEPT_MAX_LEAST (30 * SEC)

const struct schedule schedule_quick = { 250 * MSEC, 1024 * SEC, 0, 10, true, 0 };
const struct schedule schedule_pcp = { 3 * SEC, 1024 * SEC, 0, 10, false, 0 };
const struct schedule schedule_natpmp = { 250 * MSEC, 64 * SEC, 9, 0, false, 0 };

struct schedule schedule_kept(const struct schedule *base, uint32_t lifetime)
{
	struct schedule kept = *base;
	int64_t half = lifetime * SEC / 2;

	kept.max = half > schedule_pcp.max ? schedule_pcp.max : half;
	if (kept.max < KEPT_MAX_LEAST)
		kept.max = KEPT_MAX_LEAST;
	kept.tries = 0;
	if (base->first < schedule_pcp.first)
		kept.quick = KEPT_QUICK;
	return kept;
}

static int64_t jittered(int64_t wait, unsigned percent, struct prng *prng)
{
	int64_t spread = wait / 100 * percent;

	return prng_between(prng, wait - spread, wait + spread);
}

struct mono retry_sent(struct retry *retry, const struct schedule *schedule, int64_t rtt,
	struct mono now, struct prng *prng)
{
	int64_t wait;

	if (retry->sends == 0) {
		retry->first = now;
		wait = schedule->first;
		if (schedule->follows_rtt && wait < 4 * rtt)
			wait = 4 * rtt;
	} else if (retry->sends == schedule->quick) {
		wait = schedule_pcp.first;
	} else {
		wait = 2 * retry->wait; /* RTprev holds its jitter already (RFC 6887, 8.1.1) */
	}
	if (wait > schedule->max)
		wait = schedule->max;
	retry->sends++;
	retry->last = now;
	retry->wait = jittered(wait, schedule->jitter_percent, prng);
	return mono_after(now, retry->wait);
}

bool retry_exhausted(const struct retry *retry, const struct schedule *schedule)
{
	return schedule->tries != 0 && retry->sends >= schedule->tries;
}

int64_t rtt_smooth(int64_t smoothed, int64_t sample)
{
	return smoothed == 0 ? sample : smoothed - smoothed / 8 + sample / 8;
}

void window_init(struct window *window)
{
	*window = (struct window){ .size = WINDOW_FIRST, .halved = { INT64_MIN } };
}

bool window_has_room(const struct window *window)
{
	return window->used < window->size;
}

void window_take(struct window *window)
{
	window->used++;
}

void window_give(struct window *window, bool answered)
{
	window->used--;
	if (answered && window->size < WINDOW_MAX)
		window->size++;
}

/* The requests of one burst are lost by one cause: they halve the window once,
 * else a single drop of eight packets would close it. */
void window_lost(struct window *window, struct mono sent, struct mono now)
{
	if (window->halved.ns != INT64_MIN && sent.ns <= window->halved.ns)
		return;
	window->halved = now;
	if (window->size > 1)
		window->size /= 2;
}
