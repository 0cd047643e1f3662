/* SPDX-License-Identifier: MIT
 * Announcements, confirmed by a question.
 */
#include "proto/announce.h"

#include "wire/natpmp.h"

static bool decode_pcp(const void *data, size_t length, struct announcement *out, uint8_t *result)
{
	struct rd r = rd_on(data, length);
	struct pcp_header header;

	if (length > PCP_MAX || length % 4 || !pcp_header_decode(&r, &header) || !header.response ||
		header.version != PCP_VERSION || header.opcode != PCP_ANNOUNCE)
		return false;
	*result = header.result;
	*out = (struct announcement){ .via = VIA_PCP, .epoch = header.epoch };
	return true;
}

static bool decode_natpmp(const void *data, size_t length, struct announcement *out)
{
	struct natpmp_response response;

	if (natpmp_response_decode(data, length, &response) != NATPMP_DECODE_OK ||
		response.opcode != NATPMP_ADDRESS || !response.has_epoch)
		return false;
	*out = (struct announcement){
		.via = VIA_NAT_PMP,
		.epoch = response.epoch,
		.has_external =
			response.result == NATPMP_SUCCESS && !ip_is_any(&response.external_address),
		.external = response.external_address,
	};
	return true;
}

bool announcement_decode(const void *data, size_t length, struct announcement *out)
{
	const uint8_t *octets = data;
	struct announcement announcement;
	uint8_t result;

	if (length < 4 || octets[0] != PCP_VERSION)
		return length >= 4 && decode_natpmp(data, length, out);
	if (!decode_pcp(data, length, &announcement, &result) || result != PCP_SUCCESS)
		return false;
	*out = announcement;
	return true;
}

bool announcement_decode_answer(enum via via, const void *data, size_t length,
	struct announcement *out)
{
	uint8_t result;

	return via == VIA_NAT_PMP ? decode_natpmp(data, length, out) :
				    decode_pcp(data, length, out, &result);
}

static bool in_range(const struct epoch *last, enum via via, uint32_t epoch, struct mono now)
{
	struct epoch copy = *last;
	struct epoch_check check =
		via == VIA_NAT_PMP ? epoch_natpmp(&copy, epoch, now) : epoch_pcp(&copy, epoch, now);

	return check.valid;
}

bool announce_is_news(const struct epoch *last, enum via via, uint32_t epoch, struct mono now)
{
	/* Nothing is known of its clock: it may have restarted since we last asked. */
	return !last->known || !in_range(last, via, epoch, now);
}

bool announce_heard(struct announce *announce, enum via via, const struct epoch *last,
	struct mono now, struct prng *prng)
{
	if (announce->state != ANNOUNCE_NONE)
		return false;
	announce->state = ANNOUNCE_HEARD;
	announce->via = via;
	announce->before = *last;
	announce->heard = now;
	announce->due = mono_after(now, prng_between(prng, 0, ANNOUNCE_DELAY));
	return true;
}

bool announce_asks(struct announce *announce, struct mono now)
{
	if (announce->state != ANNOUNCE_HEARD || !mono_due(announce->due, now))
		return false;
	announce->state = ANNOUNCE_ASKED;
	announce->due = mono_after(now, ANNOUNCE_PATIENCE);
	return true;
}

bool announce_answered(struct announce *announce, uint32_t epoch, struct mono now)
{
	/* An answer during the delay tells as much as one to the question. */
	if (announce->state == ANNOUNCE_NONE)
		return false;
	announce->state = ANNOUNCE_NONE;
	return announce->before.known && !in_range(&announce->before, announce->via, epoch, now);
}

bool announce_unanswered(struct announce *announce, struct mono now)
{
	if (announce->state != ANNOUNCE_ASKED || !mono_due(announce->due, now))
		return false;
	announce->state = ANNOUNCE_NONE;
	return true;
}

struct mono announce_deadline(const struct announce *announce)
{
	return announce->state == ANNOUNCE_NONE ? MONO_NEVER : announce->due;
}
