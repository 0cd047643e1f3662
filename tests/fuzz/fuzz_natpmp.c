/* SPDX-License-Identifier: MIT
 * Fuzzes the NAT-PMP decoders; a request that may be sent is encoded again to
 * the octets it came from, but for the reserved ones. From the top directory:
 *
 * clang -g -O1 -std=c11 -D_GNU_SOURCE -fsanitize=fuzzer,address,undefined
 *   -fno-sanitize-recover=all -Isrc tests/fuzz/fuzz_natpmp.c src/base/ip.c
 *   src/wire/codes.c src/wire/natpmp.c
 */
#include <stdlib.h>

#include "wire/natpmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void read_response(const uint8_t *data, size_t n)
{
	struct natpmp_response response;

	if (natpmp_response_decode(data, n, &response) != NATPMP_DECODE_OK)
		return;
	must(response.opcode < 128 && n >= 4);
	must(n >= NATPMP_ERROR_MIN || !response.has_epoch);
	must(n >= NATPMP_ADDRESS_RESPONSE || !response.has_body);
	must(response.has_epoch || !response.has_body);
	must(ip_equal(&response.external_address, &ip_any6) ||
		(response.opcode == NATPMP_ADDRESS && response.result == NATPMP_SUCCESS));
}

static void write_request(const uint8_t *data, size_t n)
{
	struct natpmp_request request;
	uint8_t out[NATPMP_MAX];
	size_t length;

	if (!natpmp_request_decode(data, n, &request))
		return;
	if (!natpmp_encode(&request, out, &length)) {
		must(length == 0 && request.lifetime == 0 && request.external_port != 0);
		return;
	}
	must(length == n && memcmp(out, data, 2) == 0);
	must(n <= 4 || memcmp(out + 4, data + 4, n - 4) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	read_response(data, n);
	write_request(data, n);
	return 0;
}
