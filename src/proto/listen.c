/* SPDX-License-Identifier: MIT
 * Announcements, folded and compared.
 */
#include "proto/listen.h"

#include <string.h>

/* The first gap between two repeats; each is twice the one before (RFC 6887, 14.1.3). */
#define FIRST_GAP (250 * MSEC)
/* Multicast gets lost: so long after the last one a repeat is still one. */
#define PATIENCE_MIN (5 * SEC)

/* An Epoch so young began with the announcement. */
#define JUST_NOW (2 * SEC)

/* The gap after the count-th. */
static int64_t gap_after(unsigned count)
{
	return FIRST_GAP << (count - 1);
}

static int64_t patience(unsigned count)
{
	int64_t lost_one = 4 * gap_after(count);

	return lost_one > PATIENCE_MIN ? lost_one : PATIENCE_MIN;
}

/* When the series is over: no repeat can come any more. */
static struct mono end_of(const struct listen_source *source)
{
	if (!source->open)
		return MONO_NEVER;
	if (source->announce.count >= LISTEN_REPEATS)
		return source->heard;
	return mono_after(source->heard, patience(source->announce.count));
}

/* --- sources --- */

static bool is_source(const struct listen_source *source, const struct event_announce *of)
{
	return source->used && source->announce.via == of->via &&
		endpoint_equal(&source->announce.source, &of->source) &&
		strcmp(source->announce.interface, of->interface) == 0;
}

static struct listen_source *find(struct listen *listen, const struct event_announce *of)
{
	struct listen_source *table = of->trusted ? listen->trusted : listen->others;

	for (size_t i = 0; i < LISTEN_SOURCES; i++)
		if (is_source(&table[i], of))
			return &table[i];
	return NULL;
}

/* Its place, or a new one: where nobody is, else of who has been quiet for longest. */
static struct listen_source *place_of(struct listen *listen, const struct event_announce *of)
{
	struct listen_source *table = of->trusted ? listen->trusted : listen->others;
	struct listen_source *place = &table[0], *known = find(listen, of);

	if (known)
		return known;
	for (size_t i = 0; i < LISTEN_SOURCES; i++) {
		if (place->used && (!table[i].used || table[i].heard.ns < place->heard.ns))
			place = &table[i];
	}
	*place = (struct listen_source){ .used = true, .announce = *of };
	return place;
}

/* --- one series --- */

/* By PCP's rule, which has two sides, for both protocols: a clock that leaps ahead is
 * no repeat either. */
static bool goes_on(const struct epoch *last, uint32_t epoch, struct mono now)
{
	struct epoch copy = *last;

	return epoch_pcp(&copy, epoch, now).valid;
}

/* The same octets sent again: then the Epoch stands still. That is told from a server
 * that restarts again and again by the gaps, which double. */
static bool is_same_octets(const struct listen_source *source, uint32_t epoch, struct mono now)
{
	int64_t gap = mono_since(now, source->heard);
	int64_t expected = gap_after(source->announce.count);

	return epoch == source->announce.epoch && gap >= expected * 4 / 5 &&
		gap <= expected * 5 / 2;
}

static bool is_repeat(const struct listen_source *source, const struct event_announce *heard,
	struct mono now)
{
	const struct event_announce *first = &source->announce;

	return source->open && !mono_due(end_of(source), now) &&
		heard->has_external == first->has_external &&
		(!heard->has_external ||
			ip_equal(&heard->external_address, &first->external_address)) &&
		(goes_on(&source->last, heard->epoch, now) ||
			is_same_octets(source, heard->epoch, now));
}

/* Compares the Epoch with the last one known, and keeps it. */
static void compare(struct listen_source *source, struct event_announce *announce, struct mono now)
{
	struct epoch_check check = announce->via == VIA_NAT_PMP ?
		epoch_natpmp(&source->last, announce->epoch, now) :
		epoch_pcp(&source->last, announce->epoch, now);

	announce->has_expected = !check.first;
	announce->previous = check.previous;
	announce->expected = check.expected;
	announce->restarted = !check.valid;
}

static void count_repeat(struct listen_source *source, uint32_t epoch, struct mono now)
{
	source->last = (struct epoch){ true, epoch, now };
	source->heard = now;
	source->announce.count++;
}

struct listen_result listen_heard(struct listen *listen, const struct event_announce *heard,
	struct mono now)
{
	struct listen_source *source = place_of(listen, heard);
	struct listen_result result = { .repeat = is_repeat(source, heard, now) };
	struct event_announce announce = *heard;

	if (result.repeat) {
		count_repeat(source, heard->epoch, now);
		result.announce = source->announce;
		result.announce.epoch = heard->epoch;
		return result;
	}
	result.ended = source->open && source->announce.count > 1;
	result.before = source->announce;
	result.before_heard = source->heard;
	announce.count = 1;
	announce.asked = announce.verified = announce.answered = false;
	compare(source, &announce, now);
	source->announce = result.announce = announce;
	source->heard = now;
	source->open = true;
	return result;
}

/* --- what else is known --- */

bool listen_knows(struct listen *listen, const struct event_announce *source)
{
	const struct listen_source *known = find(listen, source);

	return known && known->last.known;
}

void listen_learn(struct listen *listen, const struct event_announce *source, uint32_t epoch,
	struct mono at)
{
	place_of(listen, source)->last = (struct epoch){ true, epoch, at };
}

void listen_verified(struct listen *listen, const struct event_announce *announce)
{
	struct listen_source *source = find(listen, announce);

	/* Another may have begun meanwhile, or taken its place. */
	if (!source || !source->open || source->announce.epoch != announce->epoch)
		return;
	source->announce.asked = announce->asked;
	source->announce.verified = announce->verified;
	source->announce.answered = announce->answered;
	source->announce.answer_epoch = announce->answer_epoch;
}

/* --- ends --- */

static bool take_end(struct listen_source *source, struct mono now)
{
	if (!mono_due(end_of(source), now))
		return false;
	source->open = false;
	return source->announce.count > 1;
}

bool listen_ended(struct listen *listen, struct mono now, struct event_announce *announce,
	struct mono *heard)
{
	for (size_t i = 0; i < 2 * (size_t)LISTEN_SOURCES; i++) {
		struct listen_source *source = i < LISTEN_SOURCES ?
			&listen->trusted[i] :
			&listen->others[i - LISTEN_SOURCES];

		if (take_end(source, now)) {
			*announce = source->announce;
			*heard = source->heard;
			return true;
		}
	}
	return false;
}

struct mono listen_deadline(const struct listen *listen)
{
	struct mono deadline = MONO_NEVER;

	for (size_t i = 0; i < LISTEN_SOURCES; i++)
		deadline = mono_min(deadline,
			mono_min(end_of(&listen->trusted[i]), end_of(&listen->others[i])));
	return deadline;
}

/* --- answers --- */

bool listen_confirms(const struct event_announce *announce, struct mono heard,
	const struct announcement *answer, struct mono now)
{
	struct epoch then = { true, announce->epoch, heard };
	int64_t age = mono_since(now, heard);

	if (announce->has_external != answer->has_external ||
		(answer->has_external && !ip_equal(&answer->external, &announce->external_address)))
		return false;
	/* miniupnpd announces its new address by NAT-PMP first, and resets its Epoch then. */
	return goes_on(&then, answer->epoch, now) || answer->epoch * SEC <= age + JUST_NOW;
}
