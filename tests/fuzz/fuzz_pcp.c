/* SPDX-License-Identifier: MIT
 * Fuzzes everything that reads PCP: header, mapping, options and their bodies,
 * version answers. What reads as a request that may be sent is encoded again:
 * as long as it was, and stable. From the top directory:
 *
 * clang -g -O1 -std=c11 -D_GNU_SOURCE -fsanitize=fuzzer,address,undefined
 *   -fno-sanitize-recover=all -Isrc -Itests/unit tests/fuzz/fuzz_pcp.c
 *   tests/unit/pcp_read.c src/base/ip.c src/wire/codes.c src/wire/pcp*.c
 */
#include <stdlib.h>

#include "pcp_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void read_bodies(const struct pcp_option *option)
{
	struct pcp_prefix64 prefix;
	struct pcp_port_set set;
	struct pcp_filter filter;
	struct ip third_party;
	char text[40];
	size_t length;

	must(rd_left(&option->body) == option->length);
	must(!pcp_option_third_party(option, &third_party) || option->code == 1);
	must(!pcp_option_filter(option, &filter) || pcp_filter_length(&filter) >= 0);
	must(!pcp_option_prefix64(option, &prefix) || prefix.length >= 32);
	must(!pcp_option_port_set(option, &set) || set.size > 0);
	if (pcp_option_description(option, text, sizeof(text), &length))
		must(strlen(text) <= length && length <= PCP_DESCRIPTION_MAX);
}

static void read_options(struct rd r)
{
	struct pcp_option option;

	while (pcp_option_next(&r, &option))
		read_bodies(&option);
	must(rd_left(&r) == 0);
}

static void read_message(const uint8_t *data, size_t n)
{
	struct rd r = rd_on(data, n);
	struct pcp_version_answer answer;
	struct pcp_mapping mapping;
	struct pcp_header header;

	must(!pcp_version_answer(data, n, &answer) || n >= 4);
	must(pcp_header_decode(&r, &header) == (n >= PCP_HEADER));
	if (r.bad)
		return;
	read_options(r);
	if (pcp_mapping_decode(&r, header.opcode, &mapping))
		read_options(r);
}

static void write_request(const uint8_t *data, size_t n)
{
	static struct pcp_read first, second;
	static uint8_t out[PCP_MAX], again[PCP_MAX];
	size_t length, length2;
	enum pcp_encode reason;

	if (!pcp_read(data, n, &first))
		return;
	reason = pcp_encode(&first.request, out, &length);
	must((reason == PCP_ENCODE_OK) == (pcp_encode_reason(reason)[0] == '\0'));
	must((reason == PCP_ENCODE_OK) == (length > 0));
	if (reason != PCP_ENCODE_OK)
		return;
	must(length == n && pcp_read(out, length, &second));
	must(pcp_encode(&second.request, again, &length2) == PCP_ENCODE_OK);
	must(length2 == length && memcmp(again, out, length) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	read_message(data, n);
	read_options(rd_on(data, n));
	write_request(data, n);
	return 0;
}
