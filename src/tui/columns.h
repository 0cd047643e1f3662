/* SPDX-License-Identifier: MIT
 * Which columns of a table fit, and how wide they are.
 */
#ifndef TUI_COLUMNS_H
#define TUI_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>

struct column {
	int least; /* columns of the screen it needs to be of use; 0: never shown */
	int wish; /* more is of no use */
	int rank; /* 1: the first to be shown, and so on to the number of columns */
	int growth; /* 1: the first to grow; several may have the same */
	bool whole; /* as wide as it wishes or as narrow as it can be, nothing between */
};

/* The width of each, 0: not shown; with `gap` between them all is within `width`. One
 * of rank 1 is always shown, however little there is. */
void columns_fit(const struct column *columns, size_t n, int width, int gap, int *widths);

#endif
