/* SPDX-License-Identifier: MIT
 * The inside of peer, shared by its files: peer.c (the run), peer_options.c (options),
 * peer_words.c (words), peer_flows.c (the connections of this host), peer_show.c (what is said).
 */
#ifndef CMD_PEER_H
#define CMD_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/net.h"
#include "cmd/keep.h"
#include "cmd/options.h"
#include "cmd/run.h"
#include "wire/pcp.h"

#define PEER_LIFETIME	   10 /* a question: what is there lives longer (RFC 6887, 12.3) */
#define PEER_KEEP_LIFETIME 7200 /* with -k */
#define PEER_WORD_MAX	   128
#define PEER_HOST_MAX	   254 /* a host name with its NUL */
#define PEER_HOSTS_MAX	   32 /* addresses of one name */

/* ADDR:PORT, [ADDR]:PORT, HOST:PORT, :PORT */
struct peer_place {
	char host[PEER_HOST_MAX]; /* "" when there is none */
	bool is_address;
	struct ip address;
	uint16_t port;
};

struct peer_settings {
	bool has_lifetime;
	uint32_t lifetime; /* seconds */
	bool has_external;
	struct ip external; /* -e; a wildcard: only the port is asked for */
	uint16_t external_port;
	bool has_third_party;
	struct ip third_party;
	const char *description;
	bool has_nonce;
	struct pcp_nonce nonce;
	const char *established; /* the word; NULL: not given */
	struct peer_place established_with;
	bool has_pid;
	int pid;
	bool keep;
	const char *exec; /* -x, NULL: none */
	bool shell, dry_run;
};

struct option_set peer_options(void *settings);
/* --established, of watch as well: `settings` is a struct peer_settings. */
bool peer_take_established(struct parse *parse, void *settings, const char *word);

/* LOCAL and REMOTE as typed. */
struct peer_words {
	const char *local_word, *remote_word;
	struct peer_place local, remote;
	uint8_t protocol;
};

#define PEER_REMOTE_GRAMMAR                                                                        \
	"REMOTE is ADDR:PORT[/PROTO], as 203.0.113.7:443 or [2001:db8::7]:443/tcp"

/* One word -> a place; `grammar` ends the message about what is none. */
bool peer_place(struct parse *parse, const char *word, const char *grammar, struct peer_place *out);

/* The two words -> struct peer_words. False after a message. */
bool peer_words(struct parse *parse, char *const *words, struct peer_words *out);

/* Do options and words fit together? `count` of words. False after a message. */
bool peer_check(struct parse *parse, const struct common *common,
	const struct peer_settings *settings, const struct peer_words *words, size_t count);

/* Is it a connection of this host, as far as the kernel tells? */
enum peer_there { PEER_NOT_KNOWN, PEER_NOT_THERE, PEER_THERE };

struct peer_flow {
	char word[PEER_WORD_MAX]; /* "tcp 50000 to 203.0.113.7:443", for messages */
	struct net_flow flow; /* local address a wildcard: not known yet */
	enum peer_there there;
};

/* One flow at one server. */
struct peer_result {
	size_t flow;
	bool known;
	bool moved; /* it has another external port than it had: a connection is lost */
	int64_t wall_ms;
	struct event_mapping mapping; /* of its last event */
};

struct peer {
	struct common *common;
	struct peer_settings settings;
	struct peer_words words;
	struct peer_flow *flows;
	size_t flow_count;
	struct ip *sources; /* the local addresses of the flows, each once */
	size_t source_count;
	struct peer_result
		*results; /* in the order of printing; their index is the want's number */
	size_t result_count;
	struct keep *keep; /* NULL: neither -k nor -x */
	struct run *run;
};

/* peer->flows and peer->sources: what was named, or what the kernel has. False after a
 * message; there is none is EXIT_NO_SERVER. */
bool peer_gather(struct peer *peer);
/* Is that flow to be asked for at that server? Its own address is the one to send from. */
bool peer_is_asked_at(const struct peer *peer, const struct peer_flow *flow, size_t server);
/* What is to be asked for a flow at a server, by that number. False after a message. */
bool peer_prepare(struct peer *peer, struct peer_flow *flow, size_t server, size_t number,
	struct want *want);
/* Now that the address is known that it would be asked from: is it there? */
void peer_look(struct peer *peer, struct peer_flow *flow, const struct ip *local);

/* Prints the results, what they are worth, and the findings; makes run.status. */
void peer_show(struct peer *peer);
/* What was printed as an event of -k needs a word more. */
void peer_explain(struct peer *peer, struct peer_result *result, const struct event *event);
/* Interrupted: what may be left needs a word. */
void peer_show_left(struct run *run);

#endif
