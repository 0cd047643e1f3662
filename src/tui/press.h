/* SPDX-License-Identifier: MIT
 * A key as the view takes it: a character is its code point, the rest has a name.
 */
#ifndef TUI_PRESS_H
#define TUI_PRESS_H

enum press {
	PRESS_NONE = 0, /* nothing (more) was pressed */
	PRESS_ENTER = 0x0a,
	PRESS_REDRAW = 0x0c, /* Ctrl-L, and back from being stopped */
	PRESS_ERASE_LINE = 0x15, /* Ctrl-U */
	PRESS_ERASE_WORD = 0x17, /* Ctrl-W */
	PRESS_ESCAPE = 0x1b,
	/* beyond Unicode */
	PRESS_UP = 0x110000,
	PRESS_DOWN,
	PRESS_LEFT,
	PRESS_RIGHT,
	PRESS_PAGE_UP,
	PRESS_PAGE_DOWN,
	PRESS_HOME,
	PRESS_END,
	PRESS_BACKSPACE,
	PRESS_DELETE,
	PRESS_RESIZE, /* the terminal has another size: draw again */
	PRESS_SUSPEND, /* Ctrl-Z, SIGTSTP: the caller calls term_suspend() */
	PRESS_GONE, /* the terminal is lost: nothing will ever be pressed again */
	PRESS_OTHER, /* a key without a meaning here */
};

#endif
