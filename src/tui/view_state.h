/* SPDX-License-Identifier: MIT
 * Inside of the view: its state, and what its files share.
 */
#ifndef TUI_VIEW_STATE_H
#define TUI_VIEW_STATE_H

#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "diag/phrase.h"
#include "tui/press.h"
#include "tui/view.h"

#define LINE_MAX_TEXT 1024 /* a line of the log */
#define ALARM_LEAST   (60 * SEC) /* so long at least a regression is set off */
#define EVENT_DELAY   (50 * MSEC) /* events that come together are drawn together */
#define PENDING_MAX   64 /* responses that came before their mapping's first event */

/* --- servers --- */

/* Samples of one Epoch clock since the last regression. */
struct sample {
	uint32_t epoch;
	struct mono at;
};

struct clock {
	bool known;
	struct sample first, last;
	int64_t since_ms; /* Unix time at which the Epoch was 0, by the first sample */
};

struct recovery {
	bool active;
	struct mono from;
	unsigned total, waiting, back;
};

struct view_server {
	struct server_id id;
	char name[PHRASE_MAX];
	enum via via; /* that it last answered in */
	struct clock clocks[VIA_NAT_PMP + 1];
	bool has_rtt;
	int64_t rtt;
	bool heard;
	struct mono heard_at;
	bool has_external;
	struct ip external;
	bool has_error; /* since it was last heard */
	struct net_error error;
	unsigned regressions;
	struct event_epoch last; /* the last regression */
	struct mono last_at;
	int64_t last_ms;
	struct recovery recovery;
};

/* --- mappings --- */

enum row_state { /* worst first: the order of the sort by state */
	ROW_LOST,
	ROW_UNREACHABLE,
	ROW_REFUSED,
	ROW_UNANSWERED,
	ROW_RECOVERING,
	ROW_CHANGED,
	ROW_RECOVERED,
	ROW_GRANTED,
	ROW_RENEWED,
	ROW_STATES,
};

/* Hashed as octets: without a gap between the fields. */
struct want_key {
	uint64_t server, want;
};

struct flow_key { /* what a response says of itself */
	uint64_t server;
	struct ip remote;
	uint16_t internal_port, remote_port, opcode, protocol;
};

_Static_assert(sizeof(struct want_key) == 16 && sizeof(struct flow_key) == 32, "no gap");

struct response {
	uint8_t *octets; /* NULL: none came */
	size_t length;
	int64_t wall_ms;
};

enum row_recovery { ROW_NOT_HIT, ROW_WAITING, ROW_BACK, ROW_GONE };

struct row {
	struct want_key want;
	struct flow_key flow;
	UT_hash_handle by_want, by_flow;
	struct event_mapping told; /* the last event; its options are below */
	struct pcp_options options;
	struct pcp_filter *filters;
	char *description;
	int64_t wall_ms; /* of that event */
	enum row_state state;
	bool held; /* granted, and not yet over: valid below */
	bool has_external;
	struct ip external;
	uint16_t external_port;
	uint32_t lifetime;
	struct mono granted, expires;
	struct response response;
	enum row_recovery recovery;
	bool shown; /* the filter lets it through */
	size_t place; /* in view->rows */
};

/* --- the log --- */

struct entry {
	int64_t wall_ms;
	enum look look;
	bool keep; /* a regression, or its recovery */
	char *text;
};

/* --- the whole --- */

enum view_screen { SCREEN_TABLE, SCREEN_DETAIL, SCREEN_LOG, SCREEN_HELP };
enum view_prompt { PROMPT_NONE, PROMPT_ADD, PROMPT_LIFETIME, PROMPT_FILTER, PROMPT_DELETE };
enum view_sort { SORT_STATE, SORT_LEFT, SORT_INTERNAL, SORT_EXTERNAL, SORTS };

struct prompt {
	enum view_prompt kind;
	uint32_t text[VIEW_TEXT_MAX]; /* code points */
	size_t length, cursor;
	char error[PHRASE_MAX];
	struct want_key about; /* the mapping: it may go while one types */
	char label[PHRASE_MAX];
};

struct pending {
	struct flow_key flow;
	struct response response;
};

struct view {
	struct view_settings settings;

	struct view_server *servers;
	size_t server_count;

	struct row *by_want, *by_flow;
	struct row **rows; /* all, in the order they came */
	size_t row_count, row_room;
	unsigned counts[ROW_STATES];
	struct pending pending[PENDING_MAX];
	size_t pending_next;
	int widest_protocol, widest_internal, widest_external, widest_remote, widest_server;

	struct row **order; /* those the filter lets through, sorted */
	size_t order_count;
	bool stale; /* the order is */
	enum view_sort sort;
	char filter[VIEW_TEXT_MAX];
	struct row *selected;
	size_t selected_at; /* its place in the order when that was made */
	size_t top; /* first row shown */
	size_t page; /* rows that the last frame had room for */

	unsigned dropped; /* datagrams that were no answer */
	unsigned drop_logged; /* bits by reason */

	struct entry log[VIEW_LOG_MAX];
	size_t log_count;

	enum view_screen screen;
	size_t scroll; /* of DETAIL, LOG and HELP: the first line */
	size_t scroll_max; /* as of the last frame */
	bool log_follows; /* LOG: stays at the end */
	size_t server_top;
	struct prompt prompt;
	char note[LINE_MAX_TEXT];

	struct mono drawn; /* when it last was */
	bool changed; /* an event came since */
	bool pressed; /* a key came since */
	uint64_t formatted;
};

/* view_server.c: NULL when there is no memory, or none. */
struct view_server *server_get(struct view *view, const struct server_id *id);
/* The one a datagram came from, as far as its addresses say; NULL: none of them. */
struct view_server *server_from(struct view *view, const struct server_id *id);
size_t server_number(const struct view *view, const struct view_server *server);
/* A sample of the clock of `via`, read at `at`. */
void server_sample(struct view_server *server, enum via via, uint32_t epoch, struct mono at,
	int64_t wall_ms);
bool server_alarmed(const struct view_server *server, struct mono now);
/* The clock it last answered with; NULL: none. */
const struct clock *server_clock(const struct view_server *server);

/* view_epoch.c */
bool epoch_regressed(struct view *view, struct view_server *server, const struct event *event);
/* After a mapping has had its event: is the recovery over? */
bool recovery_step(struct view *view, struct row *row, const struct event *event);

/* view_row.c */
/* Finds or makes it. */
struct row *row_of(struct view *view, const struct event_mapping *mapping);
void row_remove(struct view *view, struct row *row);
void row_state(struct view *view, struct row *row, enum row_state state);
/* Keeps a response for the mapping it says it is about. */
bool row_response(struct view *view, size_t server, const struct event *event);
void row_free(struct row *row);

/* view_log.c */
bool log_add(struct view *view, int64_t wall_ms, enum look look, bool keep, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
/* The last lines, one row each. */
void log_draw(struct view *view, struct frame *frame, int y, int height);
void log_draw_whole(struct view *view, struct frame *frame, int y, int height);

/* view_order.c */
void order_refresh(struct view *view); /* sorts and filters, where that is stale */
void order_filter(struct view *view); /* the filter is another */
void order_touch(struct view *view, struct row *row); /* the row is another */
void order_move(struct view *view, long rows); /* the selection */
const char *order_name(enum view_sort sort);

/* view_text.c: words for cells; all write `text` and return it */
/* phrase_side() in at most `width` columns: without the address, or with a part of it. */
const char *text_endpoint_in(const struct ip *ip, uint16_t port, bool any_port, int width,
	char *text, size_t size);
const char *text_internal(const struct row *row, int width, char *text, size_t size);
const char *text_external(const struct row *row, int width, char *text, size_t size);
const char *text_state(const struct row *row, int width, char *text, size_t size);
const char *text_left(const struct row *row, struct mono now, char *text, size_t size);
const char *text_renewal(const struct row *row, struct mono now, char *text, size_t size);
enum look text_state_look(enum row_state state);
/* "4.2 s", "2m 5s" */
const char *text_span(int64_t ns, char *text, size_t size);
/* In how much of its lifetime is it, 1 at the grant to 0 at the end, in 1/1000? */
int text_life(const struct row *row, struct mono now);

/* view_header.c: how many lines it would take, and draws it in `height` of them */
int header_height(const struct view *view, struct mono now);
void header_title(struct view *view, struct frame *frame, struct mono now, int64_t wall_ms);
void header_draw(struct view *view, struct frame *frame, int y, int height, struct mono now,
	int64_t wall_ms);

/* view_table.c */
void table_draw(struct view *view, struct frame *frame, int y, int height, struct mono now);

/* view_detail.c, view_help.c */
void detail_draw(struct view *view, struct frame *frame, int y, int height, struct mono now,
	int64_t wall_ms);
void help_draw(struct view *view, struct frame *frame, int y, int height);

/* view_prompt.c */
void prompt_open(struct view *view, enum view_prompt kind);
void prompt_key(struct view *view, int key, struct view_action *action);
int prompt_height(const struct view *view);
void prompt_draw(const struct view *view, struct frame *frame);

#endif
