/* SPDX-License-Identifier: MIT
 * Events -> nsupdate, and what is published -> the store.
 */
#include "cmd/publish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(NSUPDATE_PUBLISHED_MAX <= STORE_PUBLISHED_MAX, "it fits into a record");

struct publish {
	struct run *run;
	const char *owner;
	struct nsupdate *update;
};

struct publish *publish_new(struct run *run, const char *owner,
	const struct nsupdate_settings *settings)
{
	struct publish *publish = calloc(1, sizeof(*publish));

	if (!publish)
		return NULL;
	publish->run = run;
	publish->owner = owner;
	publish->update = nsupdate_new(settings);
	if (publish->update)
		return publish;
	free(publish);
	return NULL;
}

void publish_free(struct publish *publish)
{
	if (!publish)
		return;
	nsupdate_free(publish->update);
	free(publish);
}

bool publish_add_published(struct publish *publish, const char *published)
{
	bool understood;

	if (nsupdate_add(publish->update, publish->owner, published, &understood) < 0) {
		run_fail(publish->run, EXIT_LOCAL, "out of memory");
		return false;
	}
	if (!understood)
		output_note(publish->run->output,
			"what was published earlier is recorded in a form that is not understood: "
			"it is not withdrawn");
	return true;
}

bool publish_add(struct publish *publish, size_t server, const struct want *want)
{
	struct run *run = publish->run;
	const struct run_network *network = run_network_at(run, server);
	char published[STORE_PUBLISHED_MAX] = "";

	if (network)
		memory_published(run->memory, &network->network, &run->servers[server], want,
			published);
	return publish_add_published(publish, published);
}

static void tell_private(struct publish *publish, const struct event_mapping *m)
{
	struct run *run = publish->run;
	char address[IP_TEXT_MAX];
	const char *why = NULL;

	ip_classify(&m->external_address, &why);
	ip_format(&m->external_address, address);
	if (run->keeps)
		output_note(run->output,
			"%s: %s is not public (%s): not published (--publish-any does it all the "
			"same)",
			publish->owner, address, why);
	else
		run_fail(run, EXIT_SAID_NO,
			"%s: %s is not public (%s): not published (--publish-any does it all the "
			"same)",
			publish->owner, address, why);
}

void publish_event(struct publish *publish, const struct event *event)
{
	const struct event_mapping *m = &event->mapping;
	struct run_network *network = run_network_of(publish->run, &m->server);
	char text[NSUPDATE_PUBLISHED_MAX];

	if (publish->run->reader_gone)
		return; /* what was published stays recorded: a later run withdraws it */
	switch (nsupdate_event(publish->update, m->want, m, stdout)) {
	case NSUPDATE_PRIVATE:
		if (m->outcome != OUTCOME_RENEWED)
			tell_private(publish, m);
		break;
	case NSUPDATE_UNKNOWN:
		output_note(publish->run->output,
			"%s: the external address is not known: not published", publish->owner);
		break;
	case NSUPDATE_NOTHING:
	case NSUPDATE_PUBLISHED:
	case NSUPDATE_WITHDRAWN:
		break;
	}
	if (network)
		memory_publish(publish->run->memory, &network->network, m,
			nsupdate_published(publish->update, m->want, text));
}
