/* SPDX-License-Identifier: MIT
 * An output into memory, for the tests of the forms.
 */
#ifndef UNIT_PRINTED_H
#define UNIT_PRINTED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "out/output.h"

struct printed {
	struct output *output;
	FILE *out_stream, *err_stream;
	char *out, *err; /* what was printed, after printed_end() */
	size_t out_size, err_size;
};

static inline void printed_begin(
	struct printed *p, enum output_form form, unsigned verbose, bool color)
{
	struct output_settings settings = {
		.form = form, .command = "map", .verbose = verbose, .color = color
	};

	memset(p, 0, sizeof(*p));
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	settings.out = p->out_stream = open_memstream(&p->out, &p->out_size);
	settings.err = p->err_stream = open_memstream(&p->err, &p->err_size);
	p->output = output_new(&settings);
	assert_non_null(p->output);
}

static inline void printed_end(struct printed *p)
{
	assert_int_equal(output_end(p->output), 0);
	output_free(p->output);
	fclose(p->out_stream);
	fclose(p->err_stream);
}

static inline void printed_free(struct printed *p)
{
	free(p->out);
	free(p->err);
}

#endif
