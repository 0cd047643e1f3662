/* SPDX-License-Identifier: MIT
 * Reads tests/vectors/packets.txt: `ID KIND hex`, one packet a line, # comments.
 */
#include "vectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef TEST_VECTORS
#define TEST_VECTORS "tests/vectors/packets.txt"
#endif

#define VECTORS_MAX 200
#define LINE_MAX    4096

static struct vector vectors[VECTORS_MAX];
static size_t vector_count;

static void die(const char *what, const char *which)
{
	fprintf(stderr, "vectors: %s: %s\n", which, what);
	exit(1);
}

uint8_t *octets_new(size_t n)
{
	uint8_t *base = calloc(1, n + 1);

	if (!base)
		die("no memory", "octets");
	return base + 1;
}

uint8_t *octets_copy(const void *data, size_t n)
{
	uint8_t *octets = octets_new(n);

	if (n)
		memcpy(octets, data, n);
	return octets;
}

void octets_free(uint8_t *octets)
{
	if (octets)
		free(octets - 1);
}

static void add_vector(const char *line)
{
	struct vector *v = &vectors[vector_count];
	char hex[LINE_MAX];
	uint8_t *data;
	unsigned octet;

	if (vector_count == VECTORS_MAX)
		die("too many vectors", line);
	if (sscanf(line, "%7s %23s %4095[0-9a-f]", v->id, v->kind, hex) != 3 ||
		strlen(hex) % 2 != 0)
		die("not `ID KIND hex`", line);
	v->length = strlen(hex) / 2;
	data = octets_new(v->length);
	for (size_t i = 0; i < v->length; i++) {
		sscanf(hex + 2 * i, "%2x", &octet);
		data[i] = (uint8_t)octet;
	}
	v->data = data;
	vector_count++;
}

static void load(void)
{
	const char *path = getenv("TEST_VECTORS");
	char line[LINE_MAX];
	FILE *file;

	if (vector_count > 0)
		return;
	if (!path)
		path = TEST_VECTORS;
	file = fopen(path, "r");
	if (!file)
		die("cannot be read", path);
	while (fgets(line, sizeof(line), file))
		if (line[0] != '#' && line[0] != '\n')
			add_vector(line);
	fclose(file);
	if (vector_count == 0)
		die("is empty", path);
}

const struct vector *vector_at(size_t n)
{
	load();
	return n < vector_count ? &vectors[n] : NULL;
}

const struct vector *vector_of(const char *id)
{
	load();
	for (size_t i = 0; i < vector_count; i++)
		if (strcmp(vectors[i].id, id) == 0)
			return &vectors[i];
	die("no such vector", id);
	return NULL;
}

/* splitmix64: the same on every machine, unlike rand(). */
uint32_t random_next(struct random_source *source)
{
	uint64_t z = source->state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (uint32_t)((z ^ z >> 31) >> 32);
}

uint32_t random_below(struct random_source *source, uint32_t below)
{
	return random_next(source) % below;
}

static uint8_t *noise(struct random_source *source, size_t *length)
{
	uint8_t *octets;

	*length = random_below(source, 140);
	octets = octets_new(*length);
	for (size_t i = 0; i < *length; i++)
		octets[i] = (uint8_t)random_next(source);
	return octets;
}

static const struct vector *pick(struct random_source *source, const char *kind)
{
	const struct vector *v;

	load();
	do
		v = &vectors[random_below(source, (uint32_t)vector_count)];
	while (strncmp(v->kind, kind, strlen(kind)) != 0);
	return v;
}

uint8_t *random_octets(struct random_source *source, const char *kind, size_t *length)
{
	const struct vector *v, *tail;
	uint8_t *octets;
	size_t whole;

	if (random_below(source, 4) == 0)
		return noise(source, length);
	v = pick(source, kind);
	tail = pick(source, kind);
	whole = v->length + tail->length;
	*length = random_below(source, 2) ? v->length : random_below(source, (uint32_t)whole + 1);
	octets = octets_new(*length);
	memcpy(octets, v->data, *length < v->length ? *length : v->length);
	if (*length > v->length)
		memcpy(octets + v->length, tail->data, *length - v->length);
	for (uint32_t n = random_below(source, 4); n > 0 && *length > 0; n--)
		octets[random_below(source, (uint32_t)*length)] ^= (uint8_t)random_next(source);
	return octets;
}
