/* SPDX-License-Identifier: MIT
 * The state directory from the shell, for the bats tests and by hand:
 *	store_tool DIR put FIRST COUNT		mappings of ports FIRST ...; their nonces are made of the port
 *	store_tool DIR remove FIRST COUNT
 *	store_tool DIR check FIRST COUNT	are they all there, as put?
 *	store_tool DIR list			one line each
 *	store_tool DIR hammer			put for ever, to be killed
 *	store_tool DIR epoch VALUE | epoch	put, or find, an Epoch sample
 *	store_tool DIR keep			keep until killed
 *	store_tool DIR alive PID
 *	store_tool DIR bench COUNT		times of a find and two puts
 * Status 1 when something was not as it should be; warnings on stderr.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/store.h"
#include "host/clock.h"

static void warn(void *context, const char *text)
{
	(void)context;
	fprintf(stderr, "store_tool: %s\n", text);
}

static struct store_network network(void)
{
	return (struct store_network){
		.interface = "eth0", .link_length = 6, .link = { 2, 0, 0, 0, 0, 1 }
	};
}

static struct store_record record_of(unsigned port)
{
	struct store_record r;

	memset(&r, 0, sizeof(r));
	r.key.network = network();
	r.key.server = (struct endpoint){ ip_from_u32(0xc0a80101), 0, 5351 };
	r.key.via = VIA_PCP;
	r.key.opcode = PCP_MAP;
	r.key.internal = ip_from_u32(0xc0a8010a);
	r.key.protocol = PROTOCOL_TCP;
	r.key.internal_port = (uint16_t)port;
	r.key.external_family = IP_FAMILY_4;
	for (size_t i = 0; i < PCP_NONCE; i++)
		r.nonce.octets[i] = (uint8_t)(port >> (i % 2 ? 8 : 0));
	r.granted = r.has_external_address = true;
	r.external_address = ip_from_u32(0xcb007107);
	r.external_port = (uint16_t)port;
	r.lifetime = 7200;
	r.expires_wall = clock_wall_ms() / 1000 + 7200;
	return r;
}

static unsigned number(char **words, int i)
{
	return words[i] ? (unsigned)strtoul(words[i], NULL, 10) : 0;
}

static int put(struct store *store, char **words)
{
	unsigned first = number(words, 0), failed = 0;

	for (unsigned port = first; port < first + number(words, 1); port++) {
		struct store_record r = record_of(port);

		failed += !store_put(store, &r);
	}
	return failed != 0;
}

static int removes(struct store *store, char **words)
{
	unsigned first = number(words, 0), failed = 0;

	for (unsigned port = first; port < first + number(words, 1); port++) {
		struct store_record r = record_of(port);

		failed += !store_remove(store, &r.key);
	}
	return failed != 0;
}

static int check(struct store *store, char **words)
{
	unsigned first = number(words, 0), missing = 0;

	for (unsigned port = first; port < first + number(words, 1); port++) {
		struct store_record r = record_of(port), got;

		missing += !store_find(store, &r.key, &got) ||
			   memcmp(&got.nonce, &r.nonce, sizeof(r.nonce)) != 0;
	}
	if (missing)
		printf("%u missing\n", missing);
	return missing != 0;
}

static void print(void *context, const struct store_record *r)
{
	(void)context;
	printf("%s %u/%u until %" PRId64 "\n", r->key.network.interface, r->key.internal_port,
		r->key.protocol, r->expires_wall);
}

static int list(struct store *store, char **words)
{
	(void)words;
	store_each(store, print, NULL);
	return 0;
}

static int hammer(struct store *store, char **words)
{
	(void)words;
	for (unsigned i = 0;; i++) {
		struct store_record r = record_of(1000 + i % 32);

		if (!store_put(store, &r))
			return 1;
	}
}

static int epoch(struct store *store, char **words)
{
	struct store_epoch sample = { .network = network(),
		.server = ip_from_u32(0xc0a80101),
		.own = ip_from_u32(0xc0a8010a),
		.via = VIA_PCP,
		.epoch = number(words, 0),
		.at = clock_now() };

	if (words[0])
		return !store_epoch_put(store, &sample);
	if (!store_epoch_find(store, &sample))
		return 1;
	printf("%" PRIu32 "\n", sample.epoch);
	return 0;
}

static int keep(struct store *store, char **words)
{
	(void)words;
	if (!store_keep(store))
		return 1;
	printf("%ld\n", (long)getpid());
	fflush(stdout);
	pause();
	return 0;
}

static int alive(struct store *store, char **words)
{
	return !store_keeper_alive(store, (pid_t)number(words, 0));
}

static int bench(struct store *store, char **words)
{
	unsigned count = number(words, 0);
	struct mono start = clock_now();
	int64_t first = 0;

	for (unsigned i = 0; i < count; i++) {
		struct store_record r = record_of(1024 + i), got;

		r.granted = false;
		store_find(store, &r.key, &got);
		store_put(store, &r);
		r.granted = true;
		store_put(store, &r);
		if (i == 0)
			first = mono_since(clock_now(), start);
	}
	printf("find + put + put: the first %" PRId64 " us, on average %" PRId64 " us\n",
		first / USEC, mono_since(clock_now(), start) / (count ? count : 1) / USEC);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(struct store *, char **);
	} commands[] = {
		{ "put", put },
		{ "remove", removes },
		{ "check", check },
		{ "list", list },
		{ "hammer", hammer },
		{ "epoch", epoch },
		{ "keep", keep },
		{ "alive", alive },
		{ "bench", bench },
	};

	for (size_t i = 0; argc > 2 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[2], commands[i].name) == 0) {
			struct store *store = store_open(
				argv[1], warn, NULL, clock_now(), clock_wall_ms() / 1000);
			int status = store ? commands[i].run(store, argv + 3) : 2;

			store_close(store);
			return status;
		}
	fprintf(stderr, "store_tool: unknown command\n");
	return 2;
}
