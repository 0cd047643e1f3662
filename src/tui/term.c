/* SPDX-License-Identifier: MIT
 * The terminal, by ncurses.
 */
#include "tui/term.h"

#include <curses.h>
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include "tui/glyph.h"

#define RESTORE_MAX  512
#define ESCAPE_DELAY 25 /* ms that an ESC may take to become a key: a person is slower */

/* One terminal: what is open, and what gives it back. */
static struct {
	bool open, gone, colors, own_input;
	int in, out; /* descriptors */
	FILE *in_stream;
	SCREEN *screen;
	int signals[2]; /* a pipe: what came, one octet each */
	struct termios before, during;
	char restore[RESTORE_MAX]; /* what to write to have it as it was */
	size_t restore_length;
	void *stack; /* for the fatal signals: the usual one may be full */
} term = { .in = -1, .out = -1, .signals = { -1, -1 } };

/* --- signals --- */

static const int told[] = { SIGWINCH, SIGTSTP, SIGCONT };
static const int fatal[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGQUIT, SIGSYS, SIGTRAP };

static struct sigaction told_before[sizeof(told) / sizeof(*told)];
static struct sigaction fatal_before[sizeof(fatal) / sizeof(*fatal)];

static void note_signal(int number)
{
	int saved = errno;
	uint8_t octet = (uint8_t)number;
	ssize_t n = write(term.signals[1], &octet, 1); /* full: enough is known already */

	(void)n;
	errno = saved;
}

/* Only what a handler may call. */
static void give_back(void)
{
	size_t done = 0;

	while (done < term.restore_length) {
		ssize_t n = write(term.out, term.restore + done, term.restore_length - done);

		if (n < 0 && errno != EINTR)
			break;
		done += n > 0 ? (size_t)n : 0;
	}
	tcsetattr(term.in, TCSANOW, &term.before);
}

/* The handler was reset on entry: when it returns, the signal comes again by itself,
 * or from here, and ends the process as it would have. */
static void die(int number)
{
	give_back();
	raise(number);
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = note_signal, .sa_flags = SA_RESTART };
	stack_t stack = { .ss_sp = term.stack, .ss_size = (size_t)SIGSTKSZ };

	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(told) / sizeof(*told); i++) {
		sigaction(told[i], NULL, &told_before[i]);
		/* started where nobody would continue it: it may not stop */
		if (told_before[i].sa_handler != SIG_IGN)
			sigaction(told[i], &action, NULL);
	}
	action.sa_handler = die;
	action.sa_flags = (int)(SA_RESETHAND | SA_NODEFER);
	if (term.stack && sigaltstack(&stack, NULL) == 0)
		action.sa_flags |= SA_ONSTACK;
	for (size_t i = 0; i < sizeof(fatal) / sizeof(*fatal); i++) {
		sigaction(fatal[i], NULL, &fatal_before[i]);
		/* one that somebody else wants, such as a sanitizer, is left to it */
		if (fatal_before[i].sa_handler == SIG_DFL)
			sigaction(fatal[i], &action, NULL);
	}
}

static void release_signals(void)
{
	stack_t none = { .ss_flags = SS_DISABLE };

	for (size_t i = 0; i < sizeof(told) / sizeof(*told); i++)
		sigaction(told[i], &told_before[i], NULL);
	for (size_t i = 0; i < sizeof(fatal) / sizeof(*fatal); i++)
		sigaction(fatal[i], &fatal_before[i], NULL);
	if (term.stack)
		sigaltstack(&none, NULL);
}

/* --- what gives the terminal back in a fatal signal --- */

/* What terminfo has under that name; NULL: nothing. */
static const char *capability(const char *name)
{
	const char *text = tigetstr(name);

	return (intptr_t)text == -1 ? NULL : text;
}

/* A string of terminfo without its delays ("$<5>"), which are for printing terminals. */
static void add_restore(const char *name)
{
	const char *text = capability(name);

	while (text && *text && term.restore_length < sizeof(term.restore)) {
		if (text[0] == '$' && text[1] == '<' && strchr(text, '>'))
			text = strchr(text, '>') + 1;
		else
			term.restore[term.restore_length++] = *text++;
	}
}

static void prepare_restore(void)
{
	/* plain letters, keys as they were, the cursor, and the screen from before */
	static const char *const names[] = { "sgr0", "op", "rmkx", "cnorm", "rmcup" };

	term.restore_length = 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		add_restore(names[i]);
}

/* --- colours --- */

enum { PAIR_RED = 1, PAIR_GREEN, PAIR_YELLOW, PAIR_HEAD, PAIR_SELECTED, PAIR_BLUE };

static void prepare_colors(bool wanted)
{
	term.colors = wanted && has_colors() && start_color() == OK;
	if (!term.colors)
		return;
	/* the terminal's own background where it can be had */
	short back = use_default_colors() == OK ? -1 : COLOR_BLACK;

	init_pair(PAIR_RED, COLOR_WHITE, COLOR_RED);
	init_pair(PAIR_GREEN, COLOR_GREEN, back);
	init_pair(PAIR_YELLOW, COLOR_YELLOW, back);
	init_pair(PAIR_HEAD, COLOR_BLACK, COLOR_GREEN);
	init_pair(PAIR_SELECTED, COLOR_BLACK, COLOR_CYAN);
	init_pair(PAIR_BLUE, COLOR_CYAN, back);
}

static attr_t attributes(enum look look, short *pair)
{
	static const struct {
		attr_t plain, colored;
		short pair;
	} looks[LOOKS] = {
		[LOOK_NORMAL] = { A_NORMAL, A_NORMAL, 0 },
		[LOOK_TITLE] = { A_BOLD, A_BOLD, 0 },
		[LOOK_HEAD] = { A_BOLD | A_UNDERLINE, A_NORMAL, PAIR_HEAD },
		[LOOK_BOLD] = { A_BOLD, A_BOLD, 0 },
		[LOOK_DIM] = { A_NORMAL, A_DIM, 0 },
		[LOOK_GOOD] = { A_NORMAL, A_NORMAL, PAIR_GREEN },
		[LOOK_WARN] = { A_BOLD, A_NORMAL, PAIR_YELLOW },
		[LOOK_BAD] = { A_REVERSE, A_BOLD, PAIR_RED },
		[LOOK_SELECTED] = { A_REVERSE | A_BOLD, A_NORMAL, PAIR_SELECTED },
		[LOOK_KEY] = { A_BOLD, A_BOLD, PAIR_BLUE },
	};

	*pair = term.colors ? looks[look].pair : (short)0;
	return term.colors ? looks[look].colored : looks[look].plain;
}

/* --- opening and closing --- */

bool term_utf8(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

/* Where keys come from. */
static bool open_input(char *why, size_t size)
{
	term.in = STDIN_FILENO;
	term.own_input = !isatty(STDIN_FILENO);
	if (term.own_input)
		term.in = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (term.in < 0 || tcgetattr(term.in, &term.before) < 0) {
		snprintf(why, size, "there is no terminal to read keys from");
		return false;
	}
	term.in_stream = term.own_input ? fdopen(term.in, "r") : stdin;
	if (!term.in_stream)
		snprintf(why, size, "%s", strerror(errno));
	return term.in_stream != NULL;
}

static void close_input(void)
{
	if (term.own_input && term.in_stream)
		fclose(term.in_stream);
	else if (term.own_input && term.in >= 0)
		close(term.in);
	term.in_stream = NULL;
	term.in = -1;
}

static void close_pipe(void)
{
	for (int i = 0; i < 2; i++) {
		if (term.signals[i] >= 0)
			close(term.signals[i]);
		term.signals[i] = -1;
	}
}

/* The screen of ncurses; it has written nothing before it is known to be of use. */
static bool open_screen(char *why, size_t size)
{
	const char *name = getenv("TERM");

	if (!name || !*name) {
		snprintf(why, size, "TERM is not set");
		return false;
	}
	term.screen = newterm(NULL, stdout, term.in_stream);
	if (!term.screen) {
		snprintf(why, size, "TERM is '%s', which is not known here", name);
		return false;
	}
	if (capability("cup"))
		return true;
	snprintf(why, size, "TERM is '%s', which cannot place a cursor", name);
	endwin();
	delscreen(term.screen);
	term.screen = NULL;
	tcsetattr(term.in, TCSANOW, &term.before);
	return false;
}

/* How keys come, and how it is drawn. */
static void set_modes(void)
{
	cbreak();
	noecho();
	nonl();
	nodelay(stdscr, TRUE);
	keypad(stdscr, TRUE);
	intrflush(stdscr, FALSE);
	leaveok(stdscr, FALSE);
	curs_set(0);
	tcgetattr(term.in, &term.during);
}

bool term_open(bool color, char *why, size_t size)
{
	term.out = STDOUT_FILENO;
	term.gone = false;
	if (!isatty(STDOUT_FILENO)) {
		snprintf(why, size, "stdout is not a terminal");
		return false;
	}
	if (!open_input(why, size)) {
		close_input();
		return false;
	}
	/* set before newterm(), so that curses does not read them at each key */
	set_escdelay(ESCAPE_DELAY);
	use_tioctl(TRUE);
	if (pipe2(term.signals, O_CLOEXEC | O_NONBLOCK) < 0) {
		snprintf(why, size, "%s", strerror(errno));
		close_input();
		return false;
	}
	term.stack = malloc((size_t)SIGSTKSZ);
	catch_signals(); /* before curses, which then leaves them alone */
	if (!open_screen(why, size)) {
		release_signals();
		free(term.stack);
		close_pipe();
		close_input();
		return false;
	}
	prepare_restore();
	prepare_colors(color);
	set_modes();
	term.open = true;
	return true;
}

void term_close(void)
{
	if (!term.open)
		return;
	term.open = false;
	if (!term.gone)
		endwin();
	release_signals();
	delscreen(term.screen);
	term.screen = NULL;
	tcsetattr(term.in, TCSADRAIN, &term.before);
	free(term.stack);
	term.stack = NULL;
	close_pipe();
	close_input();
}

/* --- keys --- */

void term_fds(int fds[static 2])
{
	fds[0] = term.in;
	fds[1] = term.signals[0];
}

static void take_size(void)
{
	int width, height;

	term_size(&width, &height);
	resizeterm(height, width);
}

/* Continued by somebody, perhaps after SIGSTOP: the shell has had the terminal. */
static void take_again(void)
{
	tcsetattr(term.in, TCSADRAIN, &term.during);
	take_size();
	term_redraw();
}

static int signal_key(void)
{
	uint8_t number;

	if (read(term.signals[0], &number, 1) != 1)
		return PRESS_NONE;
	switch (number) {
	case SIGWINCH:
		take_size();
		return PRESS_RESIZE;
	case SIGTSTP:
		return PRESS_SUSPEND;
	default:
		take_again();
		return PRESS_REDRAW;
	}
}

/* Nobody is at the other end any more: hung up, or at its end. */
static bool is_gone(void)
{
	struct pollfd fd = { .fd = term.in, .events = POLLIN };
	int n = 0;

	if (poll(&fd, 1, 0) <= 0)
		return false;
	if (fd.revents & (POLLHUP | POLLERR | POLLNVAL))
		return true;
	return ioctl(term.in, FIONREAD, &n) < 0 || n == 0;
}

static int named_key(wint_t c)
{
	static const struct {
		wint_t curses;
		int press;
	} names[] = {
		{ KEY_UP, PRESS_UP },
		{ KEY_DOWN, PRESS_DOWN },
		{ KEY_LEFT, PRESS_LEFT },
		{ KEY_RIGHT, PRESS_RIGHT },
		{ KEY_PPAGE, PRESS_PAGE_UP },
		{ KEY_NPAGE, PRESS_PAGE_DOWN },
		{ KEY_HOME, PRESS_HOME },
		{ KEY_END, PRESS_END },
		{ KEY_BACKSPACE, PRESS_BACKSPACE },
		{ KEY_DC, PRESS_DELETE },
		{ KEY_ENTER, PRESS_ENTER },
		{ KEY_RESIZE, PRESS_RESIZE },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (names[i].curses == c)
			return names[i].press;
	}
	return PRESS_OTHER;
}

int term_key(void)
{
	wint_t c;
	int key = term.gone ? PRESS_GONE : signal_key();

	if (key != PRESS_NONE)
		return key;
	switch (get_wch(&c)) {
	case KEY_CODE_YES:
		return named_key(c);
	case OK:
		if (c == '\r')
			return PRESS_ENTER;
		if (c == 0x7f || c == '\b')
			return PRESS_BACKSPACE;
		return c == 0 ? PRESS_OTHER : (int)c;
	default:
		term.gone = is_gone();
		return term.gone ? PRESS_GONE : PRESS_NONE;
	}
}

/* --- the picture --- */

void term_size(int *width, int *height)
{
	struct winsize size;

	*width = COLS;
	*height = LINES;
	if (ioctl(term.out, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
		*width = size.ws_col;
		*height = size.ws_row;
	}
	if (*width < 1)
		*width = 1;
	if (*height < 1)
		*height = 1;
}

/* A character of which the locale has another opinion than glyph.h would shift the
 * rest of the row. */
static wchar_t shown(uint32_t c)
{
	return c < 0x7f || wcwidth((wchar_t)c) == glyph_width(c) ? (wchar_t)c : L'?';
}

static void show_row(const struct frame *frame, int y, cchar_t *cells)
{
	int n = 0;

	for (int x = 0; x < frame->width; x++) {
		const struct cell *cell = frame_cell(frame, y, x);
		wchar_t text[2] = { L' ', L'\0' };
		short pair;
		attr_t attr = attributes(cell->look, &pair);

		if (cell->c == 0)
			continue;
		text[0] = shown(cell->c);
		setcchar(&cells[n++], text, attr, pair, NULL);
		/* what became narrow leaves a column */
		if (glyph_width(cell->c) == 2 && text[0] == L'?')
			setcchar(&cells[n++], L" ", attr, pair, NULL);
	}
	/* no cursor is moved by this, so the last corner scrolls nothing */
	mvadd_wchnstr(y, 0, cells, n);
}

void term_show(const struct frame *frame)
{
	int height = frame->height < LINES ? frame->height : LINES;
	cchar_t *cells = term.gone ? NULL : calloc((size_t)frame->width, sizeof(*cells));

	if (!cells)
		return;
	erase();
	for (int y = 0; y < height; y++)
		show_row(frame, y, cells);
	free(cells);
	curs_set(frame->cursor_y >= 0);
	move(frame->cursor_y >= 0 && frame->cursor_y < LINES ? frame->cursor_y : LINES - 1,
		frame->cursor_x >= 0 && frame->cursor_x < COLS ? frame->cursor_x : 0);
	refresh();
}

void term_redraw(void)
{
	clearok(curscr, TRUE);
}

void term_suspend(void)
{
	struct sigaction stop = { .sa_handler = SIG_DFL }, ours;

	endwin();
	tcsetattr(term.in, TCSADRAIN, &term.before);
	sigemptyset(&stop.sa_mask);
	sigaction(SIGTSTP, &stop, &ours);
	raise(SIGTSTP);
	sigaction(SIGTSTP, &ours, NULL);
	take_again();
}
