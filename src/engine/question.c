/* SPDX-License-Identifier: MIT
 * Questions under way.
 */
#include "engine/question.h"

#include <errno.h>
#include <stdlib.h>

#include "engine/inventory.h"
#include "host/loop.h"
#include "host/random.h"
#include "host/udp.h"
#include "proto/listen.h"
#include "proto/schedule.h"
#include "wire/natpmp.h"

enum state { FREE, ASKED, OVER };

struct question {
	enum state state;
	struct question_result result;
	struct mono heard; /* the announcement */
	int fd;
	uint8_t octets[PCP_MAX];
	size_t length;
	struct retry retry;
	struct mono next, end;
};

struct questions {
	struct questions_config config;
	struct prng prng;
	struct question list[QUESTIONS_MAX];
};

struct questions *questions_new(const struct questions_config *config)
{
	struct questions *questions = calloc(1, sizeof(*questions));

	if (!questions)
		return NULL;
	questions->config = *config;
	if (random_fill(&questions->prng.state, sizeof(questions->prng.state)) == 0)
		return questions;
	free(questions);
	return NULL;
}

static void close_socket(struct questions *questions, struct question *question)
{
	loop_remove(questions->config.loop, question->fd);
	udp_close(question->fd);
}

void questions_free(struct questions *questions)
{
	if (!questions)
		return;
	for (size_t i = 0; i < QUESTIONS_MAX; i++)
		if (questions->list[i].state == ASKED)
			close_socket(questions, &questions->list[i]);
	free(questions);
}

static void end(struct questions *questions, struct question *question, struct mono now)
{
	close_socket(questions, question);
	question->state = OVER;
	question->result.at = now;
}

/* --- asking --- */

static bool encode(struct question *question)
{
	struct pcp_request pcp = { .opcode = PCP_ANNOUNCE,
		.client = question->result.server.local };
	struct natpmp_request natpmp = { .opcode = NATPMP_ADDRESS };

	if (question->result.announce.via == VIA_NAT_PMP)
		return natpmp_encode(&natpmp, question->octets, &question->length);
	return pcp_encode(&pcp, question->octets, &question->length) == PCP_ENCODE_OK;
}

/* Our address towards the sender, and a socket on it that stays on that interface. */
static int open_socket(struct questions *questions, struct server_id *id, uint32_t interface_index)
{
	const struct ip *bind = questions->config.bind;
	bool fits = bind && ip_is_v4(bind) == ip_is_v4(&id->server.address);
	struct inventory_source wanted = {
		.server = id->server,
		.interface_index = interface_index,
		.mark = questions->config.mark,
		.bind = fits ? bind : NULL,
	};
	struct udp_options options = { .interface_index = interface_index,
		.mark = questions->config.mark };
	int fd;

	if (inventory_source(&wanted, &id->local, id->interface) < 0)
		return -1;
	options.local.address = id->local;
	if (!ip_is_v4(&id->local) && ip_is_link_local(&id->local))
		options.local.scope = interface_index;
	fd = udp_open(&options);
	if (fd >= 0 && loop_add(questions->config.loop, fd) < 0) {
		int error = errno;

		udp_close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

/* A send that fails is like one that is lost: others follow. */
static void send_it(struct questions *questions, struct question *question, struct mono now)
{
	udp_send(question->fd, &question->result.server.server, question->octets, question->length);
	question->next = retry_sent(&question->retry, &schedule_quick, 0, now, &questions->prng);
}

int questions_ask(struct questions *questions, const struct event_announce *announce,
	const struct endpoint *to, uint32_t interface_index, struct mono now)
{
	struct question *question = NULL;

	for (size_t i = 0; i < QUESTIONS_MAX && !question; i++)
		if (questions->list[i].state == FREE)
			question = &questions->list[i];
	if (!question) {
		errno = EBUSY;
		return -1;
	}
	*question = (struct question){
		.result = { .announce = *announce, .server.server = *to },
		.heard = now,
		.end = mono_after(now, QUESTION_PATIENCE),
	};
	question->result.announce.asked = true;
	question->fd = open_socket(questions, &question->result.server, interface_index);
	if (question->fd < 0)
		return -1;
	question->state = ASKED;
	if (!encode(question)) {
		close_socket(questions, question);
		question->state = FREE;
		errno = EINVAL;
		return -1;
	}
	send_it(questions, question, now);
	return 0;
}

/* --- answers --- */

static void take_answer(struct questions *questions, struct question *question, struct mono now)
{
	struct event_announce *announce = &question->result.announce;
	const struct endpoint *asked = &question->result.server.server;
	uint8_t octets[PCP_RECEIVE_MAX];
	struct announcement answer;
	struct udp_datagram got;

	while (udp_receive(question->fd, octets, sizeof(octets), &got) > 0) {
		if (!ip_equal(&got.from.address, &asked->address) || got.from.port != asked->port ||
			!announcement_decode_answer(announce->via, octets, got.length, &answer))
			continue;
		announce->answered = true;
		announce->answer_epoch = answer.epoch;
		announce->verified = listen_confirms(announce, question->heard, &answer, now);
		end(questions, question, now);
		return;
	}
}

/* Nobody listens there: an end. All else may pass. The queue is emptied in any case, or
 * the descriptor would stay ready. */
static bool is_refused(const struct question *question)
{
	struct net_error error;
	uint8_t quoted[64];
	size_t length;
	bool refused = false;

	while (udp_error(question->fd, &error, quoted, sizeof(quoted), &length) > 0)
		refused = refused || error.kind == NET_ERROR_PORT_UNREACHABLE;
	return refused;
}

bool questions_ready(struct questions *questions, int fd, struct mono now)
{
	for (size_t i = 0; i < QUESTIONS_MAX; i++) {
		struct question *question = &questions->list[i];

		if (question->state != ASKED || question->fd != fd)
			continue;
		take_answer(questions, question, now);
		if (question->state == ASKED && is_refused(question))
			end(questions, question, now);
		return true;
	}
	return false;
}

void questions_tick(struct questions *questions, struct mono now)
{
	for (size_t i = 0; i < QUESTIONS_MAX; i++) {
		struct question *question = &questions->list[i];

		if (question->state != ASKED)
			continue;
		if (mono_due(question->end, now))
			end(questions, question, now);
		else if (mono_due(question->next, now))
			send_it(questions, question, now);
	}
}

bool questions_result(struct questions *questions, struct question_result *result)
{
	for (size_t i = 0; i < QUESTIONS_MAX; i++) {
		if (questions->list[i].state != OVER)
			continue;
		*result = questions->list[i].result;
		questions->list[i].state = FREE;
		return true;
	}
	return false;
}

struct mono questions_deadline(const struct questions *questions)
{
	struct mono deadline = MONO_NEVER;

	for (size_t i = 0; i < QUESTIONS_MAX; i++) {
		const struct question *question = &questions->list[i];

		if (question->state == ASKED)
			deadline = mono_min(deadline, mono_min(question->next, question->end));
	}
	return deadline;
}

bool questions_busy(const struct questions *questions)
{
	for (size_t i = 0; i < QUESTIONS_MAX; i++)
		if (questions->list[i].state != FREE)
			return true;
	return false;
}
