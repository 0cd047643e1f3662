/* SPDX-License-Identifier: MIT
 * Which columns of a table fit, and how wide they are.
 */
#include "tui/columns.h"

static int show(const struct column *columns, size_t n, int rank, int gap, int room, int *widths)
{
	for (size_t i = 0; i < n; i++) {
		int need = columns[i].least + (rank > 1 ? gap : 0);

		if (columns[i].rank != rank || columns[i].least == 0 || (need > room && rank > 1))
			continue;
		widths[i] = columns[i].least;
		room -= need;
	}
	return room;
}

static int grow(const struct column *columns, size_t n, int turn, int room, int *widths)
{
	for (size_t i = 0; i < n; i++) {
		int more = columns[i].wish - columns[i].least;

		if (columns[i].growth != turn || widths[i] == 0 || more <= 0)
			continue;
		if (more > room)
			more = columns[i].whole ? 0 : room;
		widths[i] += more;
		room -= more;
	}
	return room;
}

void columns_fit(const struct column *columns, size_t n, int width, int gap, int *widths)
{
	int room = width;

	for (size_t i = 0; i < n; i++)
		widths[i] = 0;
	for (int rank = 1; rank <= (int)n; rank++)
		room = show(columns, n, rank, gap, room, widths);
	for (int turn = 1; turn <= (int)n && room > 0; turn++)
		room = grow(columns, n, turn, room, widths);
}
