/* SPDX-License-Identifier: MIT
 * Version negotiation and fallback.
 */
#include "proto/version.h"

void version_init(struct version *version, enum version_policy policy)
{
	*version = (struct version){ .policy = policy, .decide = MONO_NEVER };
}

void version_again(struct version *version)
{
	version_init(version, version->policy);
}

void version_retry(struct version *version)
{
	version->retrying = true;
}

bool version_heard_pcp(struct version *version)
{
	bool later = version->state == VERSION_SILENT && !version->retrying;

	/* A refusal of version 2 that came beside was an answer to our version 0. */
	if (version->v2_refusal)
		version_refused_natpmp(version);
	if (version->state == VERSION_ASKING || version->retrying)
		version->state = VERSION_PCP;
	version->retrying = false;
	version->decide = MONO_NEVER;
	return later;
}

static bool said_no(struct version *version)
{
	if (version->state == VERSION_SAID_NO)
		return false;
	version->state = VERSION_SAID_NO;
	version->decide = MONO_NEVER;
	return true;
}

void version_refused_natpmp(struct version *version)
{
	if (!version->natpmp_heard)
		version->natpmp_unsupported = true;
}

void version_heard_natpmp(struct version *version, int64_t rtt, struct mono now)
{
	int64_t patience = 4 * rtt > VERSION_PATIENCE ? 4 * rtt : VERSION_PATIENCE;

	version->natpmp_heard = true;
	version->natpmp_unsupported = false;
	if (version->state == VERSION_ASKING && version->policy == VERSION_PCP_FIRST &&
		mono_is_never(version->decide))
		version->decide = mono_after(now, patience);
}

bool version_refused(struct version *version, const struct pcp_version_answer *answer,
	struct version_asked asked)
{
	if (answer->version != PCP_VERSION)
		return asked.pcp && said_no(version);
	/* Who names version 2 as the nearest he speaks refuses version 0, were it not
	 * for servers that answer version 2 so: then we asked nothing else. */
	if (asked.pcp && !asked.natpmp && version->state != VERSION_PCP)
		return said_no(version);
	version->v2_refusal = true;
	if (!asked.pcp || version->state == VERSION_PCP)
		version_refused_natpmp(version);
	return asked.pcp && version->natpmp_heard && version->state != VERSION_PCP &&
		said_no(version);
}

bool version_decide(struct version *version, bool wanted, struct mono now)
{
	if (!mono_due(version->decide, now))
		return false;
	version->decide = MONO_NEVER;
	if (version->state != VERSION_ASKING || (!wanted && !version->v2_refusal))
		return false;
	version->state = version->v2_refusal ? VERSION_SAID_NO : VERSION_SILENT;
	return true;
}

bool version_is_natpmp(const struct version *version)
{
	if (version->policy != VERSION_PCP_FIRST)
		return version->policy == VERSION_NAT_PMP_ONLY;
	return version->state == VERSION_SAID_NO || version->state == VERSION_SILENT;
}

bool version_probe(struct version *version, unsigned round)
{
	if (version->policy != VERSION_PCP_FIRST || version->state != VERSION_ASKING ||
		round <= version->round)
		return false;
	version->round = round;
	return true;
}
