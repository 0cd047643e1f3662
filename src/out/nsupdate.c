/* SPDX-License-Identifier: MIT
 * What is published, what should be, and the commands that lead from one to the other.
 */
#include "out/nsupdate.h"

#include <stdlib.h>
#include <string.h>

#include "out/publication.h"

/* A mapping that is published. */
struct slot {
	char owner[PUBLICATION_NAME_MAX];
	struct publication last; /* what it last published */
	bool told; /* in this run; else that is an earlier run's word */
};

struct nsupdate {
	struct nsupdate_settings settings; /* its texts are these: */
	char target[PUBLICATION_NAME_MAX], zone[PUBLICATION_NAME_MAX];
	struct slot *slots;
	size_t count;
};

/* --- making it --- */

const char *nsupdate_check(const struct nsupdate_settings *settings, const char *owner)
{
	struct publication longest = { .has_srv = true,
		.has_address = true,
		.priority = UINT16_MAX,
		.weight = UINT16_MAX,
		.port = UINT16_MAX };
	char text[4 * PUBLICATION_NAME_MAX];

	publication_name(owner, longest.owner);
	publication_name(settings->target, longest.target);
	if (settings->zone) {
		publication_name(settings->zone, longest.zone);
		if (!publication_in_zone(longest.owner, longest.zone))
			return "the name lies outside of the zone";
		if (!settings->no_address && !publication_in_zone(longest.target, longest.zone))
			return "the target lies outside of the zone (--no-address publishes "
			       "none for it)";
	}
	memset(&longest.address, 0xff, sizeof(longest.address));
	publication_format(&longest, text, sizeof(text));
	if (strlen(text) >= NSUPDATE_PUBLISHED_MAX)
		return "the names are too long together";
	return NULL;
}

struct nsupdate *nsupdate_new(const struct nsupdate_settings *settings)
{
	struct nsupdate *update = calloc(1, sizeof(*update));

	if (!update)
		return NULL;
	update->settings = *settings;
	publication_name(settings->target, update->target);
	if (settings->zone)
		publication_name(settings->zone, update->zone);
	update->settings.target = update->target;
	update->settings.zone = update->zone;
	return update;
}

void nsupdate_free(struct nsupdate *update)
{
	if (!update)
		return;
	free(update->slots);
	free(update);
}

int nsupdate_add(struct nsupdate *update, const char *owner, const char *published,
	bool *understood)
{
	struct slot *slots = realloc(update->slots, (update->count + 1) * sizeof(*slots));
	struct slot *slot;

	if (!slots)
		return -1;
	update->slots = slots;
	slot = &slots[update->count];
	memset(slot, 0, sizeof(*slot));
	publication_name(owner, slot->owner);
	*understood = publication_parse(published, &slot->last);
	return (int)update->count++;
}

const char *nsupdate_published(const struct nsupdate *update, size_t mapping,
	char text[static NSUPDATE_PUBLISHED_MAX])
{
	publication_format(&update->slots[mapping].last, text, NSUPDATE_PUBLISHED_MAX);
	return text;
}

/* --- what should be published --- */

/* The address that goes with the port. One that is not known right now (NAT-PMP asks
 * for it apart) is taken to be the one published last. */
static enum nsupdate_result choose_address(const struct nsupdate *update, const struct slot *slot,
	const struct event_mapping *m, struct publication *next)
{
	const struct publication *last = &slot->last;
	bool known = m->has_external_address;

	if (known && !update->settings.publish_any &&
		ip_classify(&m->external_address, NULL) != IP_PUBLIC)
		return NSUPDATE_PRIVATE;
	next->has_address = !update->settings.no_address;
	if (!next->has_address)
		return NSUPDATE_PUBLISHED;
	if (!known && (!last->has_address || strcmp(last->target, next->target) != 0))
		return NSUPDATE_UNKNOWN;
	next->address = known ? m->external_address : last->address;
	return NSUPDATE_PUBLISHED;
}

static enum nsupdate_result publish(const struct nsupdate *update, const struct slot *slot,
	const struct event_mapping *m, struct publication *next)
{
	if (!m->has_external_port || m->external_port == 0)
		return NSUPDATE_UNKNOWN;
	next->has_srv = true;
	memcpy(next->zone, update->zone, sizeof(next->zone));
	memcpy(next->owner, slot->owner, sizeof(next->owner));
	memcpy(next->target, update->target, sizeof(next->target));
	next->priority = update->settings.priority;
	next->weight = update->settings.weight;
	next->port = m->external_port;
	return choose_address(update, slot, m, next);
}

/* NOTHING: the event says nothing about what should be published. */
static enum nsupdate_result decide(const struct nsupdate *update, const struct slot *slot,
	const struct event_mapping *m, struct publication *next)
{
	switch (m->outcome) {
	case OUTCOME_GRANTED:
	case OUTCOME_RENEWED:
	case OUTCOME_CHANGED:
	case OUTCOME_RECOVERED:
		return publish(update, slot, m, next);
	case OUTCOME_LOST:
	case OUTCOME_DELETED:
		return NSUPDATE_WITHDRAWN;
	default:
		return NSUPDATE_NOTHING;
	}
}

/* --- the difference --- */

typedef bool is_same(const struct publication *a, const struct publication *b);

/* The first mapping that claims the record, not counting `except`; `told`: one that
 * this run has printed. NULL: none. */
static const struct slot *claimant(const struct nsupdate *update, const struct slot *except,
	bool told, is_same *same, const struct publication *p)
{
	for (size_t i = 0; i < update->count; i++) {
		const struct slot *s = &update->slots[i];

		if (s != except && (s->told || !told) && same(&s->last, p))
			return s;
	}
	return NULL;
}

struct change {
	bool delete_srv, delete_address; /* of what was last published */
	bool add_srv, add_address;
};

static struct change difference(const struct nsupdate *update, const struct slot *slot,
	const struct publication *next)
{
	const struct publication *last = &slot->last;

	return (struct change){
		.delete_srv = last->has_srv && !publication_same_srv(last, next) &&
			!claimant(update, slot, false, publication_same_srv, last),
		.delete_address = last->has_address && !publication_same_address(last, next) &&
			!claimant(update, slot, false, publication_same_address, last),
		.add_srv =
			next->has_srv && !claimant(update, NULL, true, publication_same_srv, next),
		.add_address = next->has_address &&
			!claimant(update, NULL, true, publication_same_address, next),
	};
}

/* --- the commands --- */

static void print_zone(const struct publication *p, FILE *out)
{
	if (p->zone[0])
		fprintf(out, "zone %s\n", p->zone);
}

static void print_deletes(const struct publication *p, const struct change *change, FILE *out)
{
	char ip[IP_TEXT_MAX];

	if (change->delete_srv)
		fprintf(out, "update delete %s SRV %u %u %u %s\n", p->owner, p->priority, p->weight,
			p->port, p->target);
	if (change->delete_address)
		fprintf(out, "update delete %s %s %s\n", p->target, publication_type(&p->address),
			ip_format(&p->address, ip));
}

static void print_srv(const struct publication *p, uint32_t ttl, FILE *out)
{
	fprintf(out, "update add %s %u SRV %u %u %u %s\n", p->owner, ttl, p->priority, p->weight,
		p->port, p->target);
}

static void print_address(const struct publication *p, uint32_t ttl, FILE *out)
{
	char ip[IP_TEXT_MAX];

	fprintf(out, "update add %s %u %s %s\n", p->target, ttl, publication_type(&p->address),
		ip_format(&p->address, ip));
}

static void print_adds(const struct publication *p, const struct change *change, uint32_t ttl,
	FILE *out)
{
	if (change->add_srv)
		print_srv(p, ttl, out);
	if (change->add_address)
		print_address(p, ttl, out);
}

/* --replace: what is in the set of `p`'s record is deleted, whoever put it there. */
static void print_set_deletes(const struct publication *p, const struct change *change, FILE *out)
{
	if (change->add_srv)
		fprintf(out, "update delete %s SRV\n", p->owner);
	if (change->add_address)
		fprintf(out, "update delete %s %s\n", p->target, publication_type(&p->address));
}

static bool same_srv_set(const struct publication *a, const struct publication *b)
{
	return a->has_srv && b->has_srv && strcmp(a->owner, b->owner) == 0;
}

static bool same_address_set(const struct publication *a, const struct publication *b)
{
	return a->has_address && b->has_address && ip_is_v4(&a->address) == ip_is_v4(&b->address) &&
		strcmp(a->target, b->target) == 0;
}

/* And then all of this run's records in it are added again, each once. */
static void print_set_adds(const struct nsupdate *update, const struct publication *p,
	const struct change *change, uint32_t ttl, FILE *out)
{
	const struct slot *end = update->slots + update->count;

	for (const struct slot *s = update->slots; s < end; s++)
		if (change->add_srv && s->told && same_srv_set(&s->last, p) &&
			claimant(update, NULL, true, publication_same_srv, &s->last) == s)
			print_srv(&s->last, ttl, out);
	for (const struct slot *s = update->slots; s < end; s++)
		if (change->add_address && s->told && same_address_set(&s->last, p) &&
			claimant(update, NULL, true, publication_same_address, &s->last) == s)
			print_address(&s->last, ttl, out);
}

static uint32_t ttl_of(const struct nsupdate *update, uint32_t lifetime)
{
	uint32_t quarter = lifetime / 4;

	if (update->settings.ttl)
		return update->settings.ttl;
	return quarter < 1 ? 1 : quarter > NSUPDATE_TTL_MAX ? NSUPDATE_TTL_MAX : quarter;
}

static bool same_names(const struct publication *a, const struct publication *b)
{
	return strcmp(a->zone, b->zone) == 0 && strcmp(a->owner, b->owner) == 0 &&
		strcmp(a->target, b->target) == 0;
}

/* One message, or two: what an earlier run published by other names may lie in another
 * zone, and a message is for one zone. `next` is in its slot already. */
static void print_change(const struct nsupdate *update, const struct publication *last,
	const struct publication *next, struct change change, uint32_t ttl, FILE *out)
{
	bool deletes = change.delete_srv || change.delete_address;
	bool adds = change.add_srv || change.add_address;
	bool apart = deletes && adds && !same_names(last, next);

	print_zone(deletes ? last : next, out);
	if (apart) {
		print_deletes(last, &change, out);
		fputs("send\n", out);
		print_zone(next, out);
	}
	if (adds && update->settings.replace) {
		/* covered by the deletion of the set */
		change.delete_srv = change.delete_srv && !change.add_srv;
		change.delete_address = change.delete_address &&
			!(change.add_address && same_address_set(last, next));
		print_set_deletes(next, &change, out);
	}
	if (!apart)
		print_deletes(last, &change, out);
	if (update->settings.replace)
		print_set_adds(update, next, &change, ttl, out);
	else
		print_adds(next, &change, ttl, out);
	fputs("send\n", out);
}

enum nsupdate_result nsupdate_event(struct nsupdate *update, size_t mapping,
	const struct event_mapping *m, FILE *out)
{
	static const struct publication nothing = { .has_srv = false };
	struct slot *slot = &update->slots[mapping];
	struct publication next = nothing, last = slot->last;
	enum nsupdate_result result = decide(update, slot, m, &next);
	struct change change;

	if (result == NSUPDATE_NOTHING || result == NSUPDATE_UNKNOWN)
		return result;
	if (result == NSUPDATE_PRIVATE)
		next = nothing;
	change = difference(update, slot, &next);
	slot->last = next;
	slot->told = true;
	if (change.add_srv || change.add_address || change.delete_srv || change.delete_address)
		print_change(update, &last, &next, change, ttl_of(update, m->lifetime), out);
	else if (result != NSUPDATE_PRIVATE)
		return NSUPDATE_NOTHING;
	if (result == NSUPDATE_PUBLISHED && !change.add_srv && !change.add_address)
		return NSUPDATE_WITHDRAWN;
	return result;
}
