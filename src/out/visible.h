/* SPDX-License-Identifier: MIT
 * Foreign octets -> text that a terminal can be shown (and that is valid UTF-8).
 */
#ifndef OUT_VISIBLE_H
#define OUT_VISIBLE_H

#include <stddef.h>

/* Valid UTF-8 without control characters stays (C0, DEL, C1, bidirectional and
 * line/paragraph separators are escaped); everything else becomes \xNN, a
 * backslash \\. Always ends with a NUL; returns how many octets of `text` were
 * used, less than `n` when `size` was too small. */
size_t visible(const void *text, size_t n, char *out, size_t size);

#endif
