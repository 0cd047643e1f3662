/* SPDX-License-Identifier: MIT
 * Values of options that several commands take.
 */
#include "cmd/values.h"

#include <string.h>

#include "base/words.h"

bool values_lifetime(struct parse *parse, const char *word, const char *zero, uint32_t *out)
{
	int64_t ns;

	if (!words_time(word, &ns) || ns % SEC || ns / SEC > UINT32_MAX)
		return parse_error(parse, word,
			"lifetime must be whole seconds up to 4294967295, as 90, 2h or 1d");
	if (ns == 0)
		return parse_error(parse, word, "%s", zero);
	*out = (uint32_t)(ns / SEC);
	return true;
}

bool values_third_party(struct parse *parse, const char *word, struct ip *out)
{
	struct ip ip;

	if (!ip_parse(word, &ip) || ip_is_any(&ip))
		return parse_error(parse, word, "not the IPv4 or IPv6 address of a host");
	*out = ip;
	return true;
}

bool values_description(struct parse *parse, const char *word, const char **out)
{
	if (strlen(word) > PCP_DESCRIPTION_MAX)
		return parse_error(parse, "--description", "at most %d octets",
			PCP_DESCRIPTION_MAX);
	*out = word;
	return true;
}

bool values_nonce(struct parse *parse, const char *word, struct pcp_nonce *out)
{
	if (!words_hex(word, out->octets, sizeof(out->octets)))
		return parse_error(parse, word, "nonce must be 24 hex digits");
	return true;
}

bool values_exec(struct parse *parse, const char *word, const char **out)
{
	if (!*word)
		return parse_error(parse, "--exec", "an empty command");
	*out = word;
	return true;
}
