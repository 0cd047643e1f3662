/* SPDX-License-Identifier: MIT
 * What the store remembers: every field, by its whole key; what ends, and Epoch samples.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/store_state.h"
#include "host/iface.h"
#include "store_dir.h"

static void assert_same(const struct store_record *got, const struct store_record *put)
{
	assert_true(store_key_equal(&got->key, &put->key));
	assert_memory_equal(&got->nonce, &put->nonce, sizeof(put->nonce));
	assert_int_equal(got->granted, put->granted);
	assert_int_equal(got->has_external_address, put->has_external_address);
	assert_true(ip_equal(&got->external_address, &put->external_address));
	assert_int_equal(got->external_port, put->external_port);
	assert_int_equal(got->lifetime, put->lifetime);
	assert_true(got->expires_wall == put->expires_wall);
	assert_int_equal(got->has_third_party, put->has_third_party);
	assert_int_equal(got->has_port_set, put->has_port_set);
	assert_int_equal(got->port_set.size, put->port_set.size);
	assert_int_equal(got->port_set.first_internal_port, put->port_set.first_internal_port);
	assert_int_equal(got->port_set.parity, put->port_set.parity);
	assert_int_equal(got->keeper, put->keeper);
	assert_string_equal(got->published, put->published);
	assert_false(got->expired);
}

/* Another run finds what this one put. */
static void assert_round_trip(struct fixture *f, const struct store_record *put)
{
	struct store_record got;

	memset(&got, 0x5a, sizeof(got));
	assert_true(fixture_put(f, put));
	assert_true(fixture_find(f, &put->key, &got));
	assert_same(&got, put);
	assert_string_equal(f->warned, "");
}

static struct ip address(const char *text)
{
	struct ip ip;

	assert_true(ip_parse(text, &ip));
	return ip;
}

static void test_a_plain_mapping(void **state)
{
	struct store_record r = sample_record(8080);

	assert_round_trip(*state, &r);
}

static void test_asked_and_not_yet_granted(void **state)
{
	struct store_record r = sample_record(8080);

	r.granted = r.has_external_address = false;
	r.external_address = ip_any6;
	r.external_port = 0;
	assert_round_trip(*state, &r);
}

/* Not zero, and the largest there is. */
static struct store_record full_record(void)
{
	struct store_record r = sample_record(65535);

	strcpy(r.key.network.interface, "fifteen-letters");
	r.key.network.link_length = sizeof(r.key.network.link);
	memset(r.key.network.link, 0xfe, sizeof(r.key.network.link));
	r.key.server.port = 65535;
	r.key.opcode = PCP_PEER;
	r.key.internal = address("2001:db8::1234:5678:9abc:def0");
	r.key.protocol = 255;
	r.key.external_family = IP_FAMILY_6;
	r.key.remote = address("2001:db8:1:2:3:4:5:6");
	r.key.remote_port = 65535;
	memset(r.nonce.octets, 0xff, PCP_NONCE);
	r.external_address = address("2001:db8::ffff");
	r.external_port = 65535;
	r.lifetime = UINT32_MAX;
	r.expires_wall = INT64_MAX;
	r.has_third_party = r.has_port_set = true;
	r.port_set = (struct pcp_port_set){ 65535, 65535, true };
	r.keeper = INT32_MAX;
	memset(r.published, '"', sizeof(r.published) - 1);
	memcpy(r.published, "update add a.example. 60 SRV 0 0 1 b.\nsend\n\\", 44);
	return r;
}

static void test_every_field_at_its_largest(void **state)
{
	struct store_record r = full_record();

	assert_round_trip(*state, &r);
}

static void test_nothing_but_zeros(void **state)
{
	struct store_record r;

	memset(&r, 0, sizeof(r));
	r.expires_wall = WALL;
	assert_round_trip(*state, &r);
}

/* 0 is a port that was given; no flag, no value. */
static void test_options_of_zero(void **state)
{
	struct store_record r = sample_record(0);

	r.key.via = VIA_NAT_PMP;
	r.has_port_set = true;
	r.external_address = ip_any6;
	assert_round_trip(*state, &r);
}

static void test_a_link_local_server_by_the_name_of_its_interface(void **state)
{
	struct fixture *f = *state;
	struct store_record r = sample_record(8080);
	char path[PATH_MAX], text[4096];

	r.key.server.address = address("fe80::1");
	r.key.server.scope = iface_index("lo");
	if (!r.key.server.scope)
		skip();
	assert_round_trip(f, &r);
	fixture_file(f, "net-*/map-*.json", path);
	read_file(path, text, sizeof(text));
	assert_non_null(strstr(text, "\"scope\":\"lo\""));
	r.key.server.scope++;
	assert_false(fixture_find(f, &r.key, &r));
}

static void test_a_network_without_link_layer_addresses(void **state)
{
	struct store_record r = sample_record(8080);

	r.key.network.link_length = 0;
	memset(r.key.network.link, 0, sizeof(r.key.network.link));
	r.key.network.own = address("100.64.0.5");
	assert_round_trip(*state, &r);
	r.key.network.own = address("100.64.0.6");
	assert_false(fixture_find(*state, &r.key, &r));
}

/* --- keys --- */

/* One change each: it must not be found. */
static const struct change {
	const char *what;
	size_t at;
} changes[] = {
	{ "interface", offsetof(struct store_key, network.interface) },
	{ "link length", offsetof(struct store_key, network.link_length) },
	{ "link", offsetof(struct store_key, network.link) },
	{ "server", offsetof(struct store_key, server.address) },
	{ "scope", offsetof(struct store_key, server.scope) },
	{ "server port", offsetof(struct store_key, server.port) },
	{ "via", offsetof(struct store_key, via) },
	{ "opcode", offsetof(struct store_key, opcode) },
	{ "internal address", offsetof(struct store_key, internal) },
	{ "protocol", offsetof(struct store_key, protocol) },
	{ "internal port", offsetof(struct store_key, internal_port) },
	{ "external family", offsetof(struct store_key, external_family) },
	{ "remote address", offsetof(struct store_key, remote) },
	{ "remote port", offsetof(struct store_key, remote_port) },
};

static void test_another_key_is_another_mapping(void **state)
{
	struct fixture *f = *state;
	const struct store_record r = sample_record(8080);

	assert_true(fixture_put(f, &r));
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		struct store_record got = r;
		struct store_key other = r.key;

		((uint8_t *)&other)[changes[i].at] ^= 1;
		if (fixture_find(f, &other, &got))
			fail_msg("found with another %s", changes[i].what);
		assert_memory_equal(&got, &r, sizeof(r)); /* untouched */
	}
	assert_true(fixture_find(f, &r.key, &(struct store_record){ 0 }));
}

/* 192.168.1.1 is on every network: the nonce of one never shows in another. */
static void test_the_same_server_on_two_networks(void **state)
{
	struct fixture *f = *state;
	struct store_record home = sample_record(8080), cafe = home, got;

	cafe.key.network.link[5] = 2;
	memset(cafe.nonce.octets, 0xca, PCP_NONCE);
	assert_true(fixture_put(f, &home));
	assert_false(fixture_find(f, &cafe.key, &got));
	assert_true(fixture_put(f, &cafe));
	assert_true(fixture_find(f, &home.key, &got));
	assert_same(&got, &home);
	assert_true(fixture_find(f, &cafe.key, &got));
	assert_same(&got, &cafe);
}

/* Two keys in one file, as when hashes collide. */
static void test_a_shared_file_shares_nothing_else(void **state)
{
	struct fixture *f = *state;
	struct store_record r = sample_record(8080), got;
	char path[PATH_MAX], text[4096], *server;

	assert_true(fixture_put(f, &r));
	fixture_file(f, "net-*/map-*.json", path);
	read_file(path, text, sizeof(text));
	server = strstr(text, "\"02005e000001\"");
	assert_non_null(server);
	memcpy(server, "\"02005e000002\"", 14);
	write_file(path, text, strlen(text));
	assert_false(fixture_find(f, &r.key, &got));
	assert_true(fixture_put(f, &r));
	assert_int_equal(fixture_count(f), 2);
	assert_int_equal(fixture_files(f, "net-*/map-*.json"), 1);
}

/* --- changes --- */

static void test_put_replaces(void **state)
{
	struct fixture *f = *state;
	struct store_record r = sample_record(8080), got;

	assert_true(fixture_put(f, &r));
	r.external_port = 61234;
	r.has_external_address = false;
	r.external_address = ip_any6;
	assert_true(fixture_put(f, &r));
	assert_true(fixture_find(f, &r.key, &got));
	assert_same(&got, &r);
	assert_int_equal(fixture_count(f), 1);
}

static void test_the_last_removed_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct store_record a = sample_record(8080), b = sample_record(8081);
	struct store *store;

	assert_true(fixture_put(f, &a) && fixture_put(f, &b));
	store = fixture_open(f);
	assert_true(store_remove(store, &a.key));
	assert_false(store_find(store, &a.key, &a));
	assert_true(store_find(store, &b.key, &b));
	assert_true(store_remove(store, &b.key));
	assert_true(store_remove(store, &b.key));
	store_close(store);
	assert_int_equal(fixture_files(f, "net-*"), 0);
	assert_int_equal(fixture_count(f), 0);
	assert_string_equal(f->warned, "");
}

static void test_reading_makes_nothing(void **state)
{
	struct fixture *f = *state;
	struct store_record r = sample_record(8080);
	struct store *store = fixture_open(f);

	assert_false(store_find(store, &r.key, &r));
	assert_true(store_remove(store, &r.key));
	assert_false(store_keeper_alive(store, 1));
	store_close(store);
	assert_int_equal(fixture_count(f), 0);
	assert_int_not_equal(access(f->path, F_OK), 0);
	assert_string_equal(f->warned, "");
}

static void test_the_directory_goes_away_while_open(void **state)
{
	struct fixture *f = *state;
	struct store_record r = sample_record(8080), got;
	struct store *store = fixture_open(f);
	char command[256];

	assert_true(store_put(store, &r));
	snprintf(command, sizeof(command), "rm -r %s", f->path);
	assert_int_equal(system(command), 0);
	assert_false(store_find(store, &r.key, &got));
	assert_true(store_put(store, &r));
	store_close(store);
	assert_true(fixture_find(f, &r.key, &got));
	assert_string_equal(f->warned, "");
}

static void collect(void *context, const struct store_record *record)
{
	char **at = context, text[IP_TEXT_MAX];

	*at += sprintf(*at, "%s %s %u/%u\n", record->key.network.interface,
		ip_format(&record->key.server.address, text), record->key.internal_port,
		record->key.protocol);
}

static void test_the_order_of_the_list(void **state)
{
	static const uint16_t ports[] = { 9000, 80, 65000 };
	struct store *store = fixture_open(*state);
	char text[4096], *at = text;

	for (size_t i = 0; i < 12; i++) {
		struct store_record r = sample_record(ports[i % 3]);

		r.key.protocol = i % 2 ? PROTOCOL_UDP : PROTOCOL_TCP;
		r.key.server.address = ip_from_u32(i < 6 ? 0xc0a80102 : 0xc0a80101);
		strcpy(r.key.network.interface, i < 9 ? "eth1" : "eth0");
		assert_true(store_put(store, &r));
	}
	store_each(store, collect, &at);
	store_close(store);
	assert_string_equal(text, "eth0 192.168.1.1 80/6\n"
				  "eth0 192.168.1.1 9000/17\n"
				  "eth0 192.168.1.1 65000/17\n"
				  "eth1 192.168.1.1 9000/6\n"
				  "eth1 192.168.1.1 65000/6\n"
				  "eth1 192.168.1.1 80/17\n"
				  "eth1 192.168.1.2 80/6\n"
				  "eth1 192.168.1.2 9000/6\n"
				  "eth1 192.168.1.2 65000/6\n"
				  "eth1 192.168.1.2 80/17\n"
				  "eth1 192.168.1.2 9000/17\n"
				  "eth1 192.168.1.2 65000/17\n");
}

static void remove_it(void *context, const struct store_record *record)
{
	assert_true(store_remove(context, &record->key));
}

static void test_removing_from_within_the_list(void **state)
{
	struct fixture *f = *state;
	struct store *store = fixture_open(f);

	for (uint16_t port = 1; port <= 100; port++) {
		struct store_record r = sample_record(port);

		assert_true(store_put(store, &r));
	}
	store_each(store, remove_it, store);
	store_close(store);
	assert_int_equal(fixture_count(f), 0);
	assert_int_equal(fixture_files(f, "net-*"), 0);
}

/* --- the end of a mapping --- */

static void test_what_has_ended_is_not_found(void **state)
{
	struct fixture *f = *state;
	struct store_record r = sample_record(8080), other = sample_record(8081), got;
	struct store *store;

	other.expires_wall += 1000;
	assert_true(fixture_put(f, &r) && fixture_put(f, &other));
	store = fixture_open_at(f, NOW, r.expires_wall);
	assert_true(store_find(store, &r.key, &got));
	store_time(store, NOW, r.expires_wall + 1);
	assert_false(store_find(store, &r.key, &got));
	assert_true(store_find(store, &other.key, &got));
	/* It goes with the next change of its file. */
	assert_true(store_put(store, &other));
	store_close(store);
	assert_int_equal(fixture_count(f), 1);
}

static void test_the_list_drops_what_has_ended(void **state)
{
	struct fixture *f = *state;
	struct store_record r = sample_record(8080);
	struct store *store;

	assert_true(fixture_put(f, &r));
	store = fixture_open_at(f, NOW, r.expires_wall + 1);
	store_each(store, remove_it, NULL); /* not called */
	store_close(store);
	assert_int_equal(fixture_files(f, "net-*"), 0);
}

static void test_another_network_sweeps(void **state)
{
	struct fixture *f = *state;
	struct store_record r = sample_record(8080);
	struct store *store;

	assert_true(fixture_put(f, &r));
	store = fixture_open_at(f, NOW, r.expires_wall + 1);
	r.key.network.link[5] = 2;
	r.expires_wall += 1000;
	assert_true(store_put(store, &r));
	store_close(store);
	assert_int_equal(fixture_files(f, "net-*"), 1);
}

/* What stands in the DNS must be withdrawn, however late. */
static void test_what_is_published_outlives_the_mapping(void **state)
{
	struct fixture *f = *state;
	struct store_record r = sample_record(8080), got;
	struct store *store;

	strcpy(r.published, "update delete x. SRV 0 0 1 y.\n");
	assert_true(fixture_put(f, &r));
	store = fixture_open_at(f, NOW, r.expires_wall + 1000000);
	assert_true(store_find(store, &r.key, &got));
	assert_true(got.expired);
	assert_string_equal(got.published, r.published);
	r.key.internal_port++;
	assert_true(store_put(store, &r));
	r.key.internal_port--;
	assert_true(store_find(store, &r.key, &got));
	assert_true(store_remove(store, &r.key));
	assert_false(store_find(store, &r.key, &got));
	store_close(store);
}

/* --- Epoch samples --- */

static struct store_epoch sample_epoch(uint32_t epoch)
{
	return (struct store_epoch){ .network = sample_record(1).key.network,
		.server = address("fe80::1"),
		.own = address("2001:db8::2"),
		.via = VIA_NAT_PMP,
		.epoch = epoch,
		.at = { NOW.ns - 7 } };
}

/* The Epoch found, 0 when there is none. */
static uint32_t found(struct store *store, struct store_epoch key)
{
	key.epoch = 0;
	key.at.ns = 0;
	if (!store_epoch_find(store, &key))
		return 0;
	assert_true(key.at.ns == NOW.ns - 7);
	return key.epoch;
}

static void test_an_epoch_sample(void **state)
{
	struct fixture *f = *state;
	struct store_epoch a = sample_epoch(UINT32_MAX), b = sample_epoch(2);
	struct store *store = fixture_open(f);

	assert_int_equal(found(store, a), 0);
	assert_true(store_epoch_put(store, &a));
	assert_int_equal(found(store, a), UINT32_MAX);
	b.via = VIA_PCP;
	assert_int_equal(found(store, b), 0);
	assert_true(store_epoch_put(store, &b));
	b.own = address("2001:db8::3");
	assert_int_equal(found(store, b), 0);
	b = sample_epoch(2);
	b.server = address("fe80::2");
	assert_int_equal(found(store, b), 0);
	b = sample_epoch(2);
	b.network.link[0]++;
	assert_int_equal(found(store, b), 0);
	a.epoch = 5;
	assert_true(store_epoch_put(store, &a));
	store_close(store);
	store = fixture_open(f);
	assert_int_equal(found(store, a), 5);
	store_close(store);
	assert_string_equal(f->warned, "");
}

static void test_a_sample_of_another_boot(void **state)
{
	struct fixture *f = *state;
	struct store_epoch a = sample_epoch(1000), b = sample_epoch(2000);
	struct store *store = fixture_open(f);
	char path[PATH_MAX], text[4096];

	assert_true(store_epoch_put(store, &a));
	store_boot(store, "99999999-2222-3333-4444-555555555555");
	assert_int_equal(found(store, a), 0);
	b.via = VIA_PCP;
	assert_true(store_epoch_put(store, &b));
	assert_int_equal(found(store, b), 2000);
	store_close(store);
	fixture_file(f, "net-*/epochs.json", path);
	read_file(path, text, sizeof(text));
	assert_null(strstr(text, BOOT)); /* replaced, not kept */
	/* A clock that stands before the sample is not the one it was read from. */
	store = fixture_open_at(f, (struct mono){ NOW.ns - 8 }, WALL);
	store_boot(store, "99999999-2222-3333-4444-555555555555");
	assert_int_equal(found(store, b), 0);
	store_close(store);
}

/* That a server lost its state is known from every address of ours, across boots, and as
 * long as a mapping of before may live. */
static void test_a_reset(void **state)
{
	struct fixture *f = *state;
	struct store_epoch a = sample_epoch(3), b = sample_epoch(900);
	struct store *store = fixture_open(f);

	assert_int_equal(store_reset_wall(store, &a.network, &a.server, a.via), 0);
	a.reset_wall = WALL - 60;
	assert_true(store_epoch_put(store, &a));
	assert_int_equal(store_reset_wall(store, &a.network, &a.server, a.via), WALL - 60);
	assert_int_equal(store_reset_wall(store, &a.network, &a.server, VIA_PCP), 0);
	b.own = address("2001:db8::3");
	assert_true(store_epoch_put(store, &b)); /* which has seen nothing */
	a.reset_wall = 0;
	a.epoch = 63;
	assert_true(store_epoch_put(store, &a)); /* all is well since */
	store_close(store);
	store = fixture_open(f);
	store_boot(store, "99999999-2222-3333-4444-555555555555");
	assert_int_equal(found(store, a), 0);
	assert_int_equal(store_reset_wall(store, &a.network, &a.server, a.via), WALL - 60);
	assert_true(store_epoch_put(store, &b));
	assert_int_equal(store_reset_wall(store, &a.network, &a.server, a.via), WALL - 60);
	store_close(store);
	store = fixture_open_at(f, NOW, WALL + 8 * 86400);
	store_boot(store, "99999999-2222-3333-4444-555555555555");
	assert_true(store_epoch_put(store, &b));
	assert_int_equal(store_reset_wall(store, &a.network, &a.server, a.via), 0);
	store_close(store);
}

static void test_the_boot_id_of_the_kernel(void **state)
{
	struct fixture *f = *state;
	struct store_epoch a = sample_epoch(1000);
	struct store *store = fixture_open(f);

	if (access("/proc/sys/kernel/random/boot_id", R_OK) != 0) {
		store_close(store);
		skip();
	}
	store_boot(store, "");
	assert_true(store_epoch_put(store, &a));
	store_boot(store, "");
	assert_int_equal(found(store, a), 1000);
	store_boot(store, BOOT);
	assert_int_equal(found(store, a), 0);
	store_close(store);
}

static void test_samples_are_bounded(void **state)
{
	struct fixture *f = *state;
	struct store *store = fixture_open(f);
	struct store_epoch a = sample_epoch(1);
	struct stat before, after;
	char path[PATH_MAX];

	for (uint8_t i = 0; i < 200; i++) {
		a.own.octets[15] = i;
		assert_true(store_epoch_put(store, &a));
		if (i == 100) {
			fixture_file(f, "net-*/epochs.json", path);
			assert_int_equal(stat(path, &before), 0);
		}
	}
	assert_int_equal(found(store, a), 1);
	a.own.octets[15] = 0;
	assert_int_equal(found(store, a), 0);
	store_close(store);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_size, after.st_size);
}

/* --- which directory --- */

static void test_the_path(void **state)
{
	static const char *const names[] = { "PCPCTL_STATE_DIR", "STATE_DIRECTORY",
		"XDG_STATE_HOME", "HOME" };
	char path[64], tight[10];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		unsetenv(names[i]);
	assert_false(store_path(path, sizeof(path)));
	setenv("HOME", "/h", 1);
	assert_true(store_path(path, sizeof(path)));
	assert_string_equal(path, "/h/.local/state/pcpctl");
	assert_false(store_path(tight, sizeof(tight)));
	setenv("XDG_STATE_HOME", "relative", 1);
	assert_true(store_path(path, sizeof(path)));
	assert_string_equal(path, "/h/.local/state/pcpctl");
	setenv("XDG_STATE_HOME", "/x", 1);
	assert_true(store_path(path, sizeof(path)));
	assert_string_equal(path, "/x/pcpctl");
	setenv("STATE_DIRECTORY", "/var/lib/a:/var/lib/b", 1);
	assert_true(store_path(path, sizeof(path)));
	assert_string_equal(path, "/var/lib/a");
	setenv("PCPCTL_STATE_DIR", "", 1);
	assert_true(store_path(path, sizeof(path)));
	assert_string_equal(path, "/var/lib/a");
	setenv("PCPCTL_STATE_DIR", "/p", 1);
	assert_true(store_path(path, sizeof(path)));
	assert_string_equal(path, "/p");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_plain_mapping),
		TEST(test_asked_and_not_yet_granted),
		TEST(test_every_field_at_its_largest),
		TEST(test_nothing_but_zeros),
		TEST(test_options_of_zero),
		TEST(test_a_link_local_server_by_the_name_of_its_interface),
		TEST(test_a_network_without_link_layer_addresses),
		TEST(test_another_key_is_another_mapping),
		TEST(test_the_same_server_on_two_networks),
		TEST(test_a_shared_file_shares_nothing_else),
		TEST(test_put_replaces),
		TEST(test_the_last_removed_leaves_nothing),
		TEST(test_reading_makes_nothing),
		TEST(test_the_directory_goes_away_while_open),
		TEST(test_the_order_of_the_list),
		TEST(test_removing_from_within_the_list),
		TEST(test_what_has_ended_is_not_found),
		TEST(test_the_list_drops_what_has_ended),
		TEST(test_another_network_sweeps),
		TEST(test_what_is_published_outlives_the_mapping),
		TEST(test_an_epoch_sample),
		TEST(test_a_sample_of_another_boot),
		TEST(test_the_boot_id_of_the_kernel),
		TEST(test_samples_are_bounded),
		cmocka_unit_test(test_the_path),
		TEST(test_a_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
