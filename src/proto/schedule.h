/* SPDX-License-Identifier: MIT
 * When to send again, and how many requests may be under way: timers and the
 * window as data. Asking for a deadline changes nothing: the jitter was drawn
 * when the packet was sent.
 */
#ifndef PROTO_SCHEDULE_H
#define PROTO_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mono.h"
#include "base/prng.h"

/* A schedule of retransmission; durations in ns. */
struct schedule {
	int64_t first; /* the wait after the first send */
	int64_t max; /* of a wait, before its jitter */
	unsigned tries; /* sends in all; 0: no limit */
	unsigned jitter_percent;
	bool follows_rtt; /* the first wait is at least 4 smoothed round trips */
	unsigned quick; /* so many sends, then as RFC 6887, 8.1.1, from its first wait on;
			 * 0: no change */
};

/* pcpctl(1): sends at about 0, 0.25, 0.75, 1.75, 3.75 s ..., each wait +-10 %. */
extern const struct schedule schedule_quick;
/* RFC 6887, 8.1.1: IRT 3 s, MRT 1024 s, no MRC, +-10 %. */
extern const struct schedule schedule_pcp;
/* RFC 6886, 3.1: 250 ms doubling, nine tries, the last wait 64 s. */
extern const struct schedule schedule_natpmp;

/* How what is kept is asked for: as `base`; where that is the quick schedule only five
 * times, then by RFC 6887, 8.1.1, with MRT = min(1024 s, max(30 s, lifetime / 2)), and
 * never given up. `lifetime` in s: the last that was granted, or the one asked for. */
struct schedule schedule_kept(const struct schedule *base, uint32_t lifetime);

/* The state of one exchange. Zero-initialised: nothing sent. */
struct retry {
	unsigned sends;
	int64_t wait; /* the last wait, with its jitter */
	struct mono first, last; /* sends */
};

/* A packet is being sent at `now`: draws the wait until the next one and
 * returns its deadline. `rtt` is the smoothed round trip, 0 when unknown. */
struct mono retry_sent(struct retry *retry, const struct schedule *schedule, int64_t rtt,
	struct mono now, struct prng *prng);

/* Has the schedule run out: all tries sent, so that the deadline is the end? */
bool retry_exhausted(const struct retry *retry, const struct schedule *schedule);

/* The smoothed round trip (RFC 6298's 7/8): 0 before the first sample. */
int64_t rtt_smooth(int64_t smoothed, int64_t sample);

/* How many requests a server is trusted with at once (pcpctl(1), How a server is
 * asked): 8, one more per answer up to 64, halved at a retransmission. */
struct window {
	unsigned size;
	unsigned used; /* outstanding requests */
	struct mono halved; /* when last: one loss event halves once */
};

#define WINDOW_FIRST 8
#define WINDOW_MAX   64

void window_init(struct window *window);
bool window_has_room(const struct window *window);
void window_take(struct window *window);
/* A place comes free; `answered`: because an answer came. */
void window_give(struct window *window, bool answered);
/* A request that was first sent at `sent` goes out again. */
void window_lost(struct window *window, struct mono sent, struct mono now);

#endif
