/* SPDX-License-Identifier: MIT
 * Epoch arithmetic. All in int64_t: with the unsigned numbers that the RFC
 * allows, a clock that goes back by the tolerated second would look like a leap
 * of 136 years.
 */
#include "proto/epoch.h"

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
