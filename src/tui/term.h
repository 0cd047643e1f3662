/* SPDX-License-Identifier: MIT
 * The terminal: shows frames, gives keys. The only place that knows curses, and the
 * only one with state of its own, as there is one terminal and signals have no other
 * way to find it. It is left as it was found, whatever happens: at term_close(), when
 * stopped, and in a fatal signal.
 *
 * Before term_open() and term_utf8() the caller (cmd/watch) calls
 * setlocale(LC_CTYPE, ""), and nothing else of the locale: numbers keep their point.
 */
#ifndef TUI_TERM_H
#define TUI_TERM_H

#include <stdbool.h>
#include <stddef.h>

#include "tui/frame.h"
#include "tui/press.h"

/* Takes the terminal: that of stdout, with the keys of stdin, or of /dev/tty where
 * stdin is something else. False, with a reason in `why` and the terminal untouched,
 * when there is none or it cannot place a cursor: "TERM is 'foo', which is not known
 * here". Then the caller goes on as with --plain. `color`: colours may be used where
 * the terminal has them. */
bool term_open(bool color, char *why, size_t size);

/* Gives it back. May be called twice, and without term_open(). */
void term_close(void);

/* Can characters beyond ASCII be shown, by the locale? */
bool term_utf8(void);

/* Two descriptors for the caller's loop; one that is readable means: call term_key()
 * until it says PRESS_NONE. The second one tells of signals (SIGWINCH, SIGTSTP,
 * SIGCONT, whose handlers are set while it is open). */
void term_fds(int fds[static 2]);

/* The next key, without waiting: a character, or enum press. PRESS_GONE: the terminal
 * is lost, and will be for ever; the descriptors are to be left out of the loop. */
int term_key(void);

/* Its size now, at least 1x1. */
void term_size(int *width, int *height);

/* Shows the frame, of which only what has changed is sent. One that is smaller than
 * the terminal leaves the rest empty, of a larger one the rest is not shown. */
void term_show(const struct frame *frame);

/* Forgets what is on the screen: the next term_show() sends everything. */
void term_redraw(void);

/* Gives the terminal back, stops this process as SIGTSTP would have, and returns when
 * it is continued, with the terminal taken again. Then draw. */
void term_suspend(void);

#endif
