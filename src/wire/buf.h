/* SPDX-License-Identifier: MIT
 * The cursors: rd reads octets, wr writes them, big-endian. Errors are sticky:
 * past the end a reader gives zeros and a writer drops, and `bad` stays set,
 * so a codec has no branches and one check at its end.
 */
#ifndef WIRE_BUF_H
#define WIRE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/ip.h"

struct rd {
	const uint8_t *p, *end;
	bool bad;
};

struct wr {
	uint8_t *start, *p, *end;
	bool bad;
};

/* `data` is never NULL, not even for no octets: NULL + 0 is undefined in C. */
static inline struct rd rd_on(const void *data, size_t n)
{
	return (struct rd){ data, (const uint8_t *)data + n, false };
}

/* Octets not yet read; 0 once bad. */
static inline size_t rd_left(const struct rd *r)
{
	return r->bad ? 0 : (size_t)(r->end - r->p);
}

/* The only place that compares a length. NULL when fewer than `n` are left. */
static inline const uint8_t *rd_take(struct rd *r, size_t n)
{
	const uint8_t *p = r->p;

	if (r->bad || n > rd_left(r)) {
		r->bad = true;
		return NULL;
	}
	r->p += n;
	return p;
}

static inline uint8_t rd_u8(struct rd *r)
{
	const uint8_t *p = rd_take(r, 1);

	return p ? p[0] : 0;
}

static inline uint16_t rd_u16(struct rd *r)
{
	const uint8_t *p = rd_take(r, 2);

	if (!p)
		return 0;
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t rd_u32(struct rd *r)
{
	const uint8_t *p = rd_take(r, 4);

	return p ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}

/* Zeros when not enough is left. */
static inline void rd_copy(struct rd *r, void *to, size_t n)
{
	const uint8_t *p = rd_take(r, n);

	if (p)
		memcpy(to, p, n);
	else
		memset(to, 0, n);
}

static inline struct ip rd_ip(struct rd *r)
{
	struct ip ip;

	rd_copy(r, ip.octets, sizeof(ip.octets));
	return ip;
}

/* A window inside the window: an option body cannot read its neighbour. */
static inline struct rd rd_sub(struct rd *r, size_t n)
{
	const uint8_t *p = rd_take(r, n);

	return (struct rd){ p, p ? p + n : NULL, p == NULL };
}

static inline struct wr wr_on(void *data, size_t n)
{
	return (struct wr){ data, data, (uint8_t *)data + n, false };
}

/* Octets written so far. */
static inline size_t wr_length(const struct wr *w)
{
	return (size_t)(w->p - w->start);
}

/* Room for `n` octets, zeroed, or NULL and bad. */
static inline uint8_t *wr_room(struct wr *w, size_t n)
{
	uint8_t *p = w->p;

	if (w->bad || n > (size_t)(w->end - w->p)) {
		w->bad = true;
		return NULL;
	}
	memset(p, 0, n);
	w->p += n;
	return p;
}

static inline void wr_u8(struct wr *w, uint8_t v)
{
	uint8_t *p = wr_room(w, 1);

	if (p)
		p[0] = v;
}

static inline void wr_u16(struct wr *w, uint16_t v)
{
	wr_u8(w, (uint8_t)(v >> 8));
	wr_u8(w, (uint8_t)v);
}

static inline void wr_u32(struct wr *w, uint32_t v)
{
	wr_u16(w, (uint16_t)(v >> 16));
	wr_u16(w, (uint16_t)v);
}

static inline void wr_copy(struct wr *w, const void *from, size_t n)
{
	uint8_t *p = wr_room(w, n);

	if (p && n)
		memcpy(p, from, n);
}

static inline void wr_ip(struct wr *w, const struct ip *ip)
{
	wr_copy(w, ip->octets, sizeof(ip->octets));
}

#endif
