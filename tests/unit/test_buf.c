/* SPDX-License-Identifier: MIT
 * The cursors: big-endian order, the last octet, the one behind it, and that
 * an error stays.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "vectors.h"
#include "wire/buf.h"

static void reads_are_big_endian(void **state)
{
	const uint8_t data[] = { 0x01, 0x82, 0x03, 0x84, 0x05, 0x86, 0x07 };
	struct rd r = rd_on(data, sizeof(data));

	(void)state;
	assert_int_equal(rd_u8(&r), 0x01);
	assert_int_equal(rd_u16(&r), 0x8203);
	assert_int_equal(rd_u32(&r), 0x84058607);
	assert_int_equal(rd_left(&r), 0);
	assert_false(r.bad);
}

static void the_top_bit_is_no_sign(void **state)
{
	const uint8_t data[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	struct rd r = rd_on(data, sizeof(data));

	(void)state;
	assert_true(rd_u8(&r) == 0xff);
	assert_true(rd_u16(&r) == 0xffff);
	assert_true(rd_u32(&r) == 0xffffffff);
}

/* Each read with one octet less than it needs: zero, bad, and nothing taken. */
static void a_short_read_gives_zero(void **state)
{
	uint8_t *data = octets_new(15);
	uint8_t to[16];
	struct rd r;

	(void)state;
	memset(data, 0xee, 15);
	r = rd_on(data + 15, 0);
	assert_int_equal(rd_u8(&r), 0);
	assert_true(r.bad);
	r = rd_on(data + 14, 1);
	assert_int_equal(rd_u16(&r), 0);
	assert_true(r.bad);
	r = rd_on(data + 12, 3);
	assert_int_equal(rd_u32(&r), 0);
	assert_true(r.bad);
	r = rd_on(data, 15);
	assert_memory_equal(rd_ip(&r).octets, ip_any6.octets, 16);
	assert_true(r.bad);
	r = rd_on(data, 15);
	memset(to, 0xaa, sizeof(to));
	rd_copy(&r, to, 16);
	assert_memory_equal(to, ip_any6.octets, 16);
	octets_free(data);
}

static void an_error_stays(void **state)
{
	const uint8_t data[] = { 1, 2, 3, 4 };
	struct rd r = rd_on(data, sizeof(data));

	(void)state;
	assert_null(rd_take(&r, 5));
	assert_true(r.bad);
	assert_int_equal(rd_left(&r), 0);
	assert_int_equal(rd_u8(&r), 0);
	assert_null(rd_take(&r, 0));
	assert_true(rd_sub(&r, 0).bad);
	assert_true(r.bad);
}

static void a_take_too_large_for_any_memory(void **state)
{
	const uint8_t data[] = { 1, 2, 3, 4 };
	struct rd r = rd_on(data, sizeof(data));

	(void)state;
	assert_null(rd_take(&r, SIZE_MAX));
	assert_true(r.bad);
}

static void a_take_of_all_and_of_nothing(void **state)
{
	const uint8_t data[] = { 1, 2, 3, 4 };
	struct rd r = rd_on(data, sizeof(data));

	(void)state;
	assert_ptr_equal(rd_take(&r, 0), data);
	assert_ptr_equal(rd_take(&r, 4), data);
	assert_int_equal(rd_left(&r), 0);
	assert_ptr_equal(rd_take(&r, 0), data + 4);
	assert_false(r.bad);
}

static void a_window_ends_at_its_end(void **state)
{
	const uint8_t data[] = { 1, 2, 3, 4, 5 };
	struct rd r = rd_on(data, sizeof(data)), sub;

	(void)state;
	rd_u8(&r);
	sub = rd_sub(&r, 2);
	assert_int_equal(rd_left(&sub), 2);
	assert_int_equal(rd_u16(&sub), 0x0203);
	assert_int_equal(rd_u8(&sub), 0);
	assert_true(sub.bad);
	assert_false(r.bad);
	assert_int_equal(rd_u16(&r), 0x0405);
	sub = rd_sub(&r, 0);
	assert_false(sub.bad);
	assert_int_equal(rd_left(&sub), 0);
	sub = rd_sub(&r, 1);
	assert_true(sub.bad);
	assert_true(r.bad);
	assert_int_equal(rd_left(&sub), 0);
	assert_int_equal(rd_u32(&sub), 0);
}

static void writes_are_big_endian(void **state)
{
	const uint8_t expected[] = { 0x01, 0x82, 0x03, 0x84, 0x05, 0x86, 0x07, 9, 8 };
	uint8_t *data = octets_new(sizeof(expected));
	struct wr w = wr_on(data, sizeof(expected));

	(void)state;
	wr_u8(&w, 0x01);
	wr_u16(&w, 0x8203);
	wr_u32(&w, 0x84058607);
	wr_copy(&w, "\x09\x08", 2);
	assert_false(w.bad);
	assert_int_equal(wr_length(&w), sizeof(expected));
	assert_memory_equal(data, expected, sizeof(expected));
	wr_copy(&w, "", 0);
	assert_false(w.bad);
	wr_u8(&w, 1);
	assert_true(w.bad);
	octets_free(data);
}

static void room_is_zeroed(void **state)
{
	uint8_t data[8];
	struct wr w = wr_on(data, sizeof(data));

	(void)state;
	memset(data, 0xee, sizeof(data));
	assert_ptr_equal(wr_room(&w, 3), data);
	assert_memory_equal(data, "\0\0\0\xee", 4);
	assert_int_equal(wr_length(&w), 3);
}

static void a_writer_without_room_drops(void **state)
{
	uint8_t *data = octets_new(17);
	struct wr w = wr_on(data, 15);

	(void)state;
	wr_ip(&w, &ip_any4);
	assert_true(w.bad);
	assert_int_equal(wr_length(&w), 0);
	wr_u8(&w, 7); /* there would be room, but an error stays */
	assert_int_equal(wr_length(&w), 0);
	assert_int_equal(data[0], 0);
	w = wr_on(data, 17);
	wr_ip(&w, &ip_any4);
	assert_memory_equal(data, ip_any4.octets, 16);
	wr_u16(&w, 0x0102);
	assert_true(w.bad);
	w = wr_on(data, 3);
	wr_u32(&w, 0x01020304);
	assert_true(w.bad);
	octets_free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_are_big_endian),
		cmocka_unit_test(the_top_bit_is_no_sign),
		cmocka_unit_test(a_short_read_gives_zero),
		cmocka_unit_test(an_error_stays),
		cmocka_unit_test(a_take_too_large_for_any_memory),
		cmocka_unit_test(a_take_of_all_and_of_nothing),
		cmocka_unit_test(a_window_ends_at_its_end),
		cmocka_unit_test(writes_are_big_endian),
		cmocka_unit_test(room_is_zeroed),
		cmocka_unit_test(a_writer_without_room_drops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
