/* SPDX-License-Identifier: MIT */
/*
 * Streams: what connected unix sockets are to their users.
 *
 *      end A: data[] on their way to A  <--- send --- end B
 *      end A  --- send --->  end B: data[] on their way to B
 *
 * A send or receive of several bytes is cut short now and then, as any may be. Who closes with data unread resets
 * its peer, as Linux does.
 */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "streams.h"

#define BACKLOG 128u
#define SHORT_ONE_IN 32u

/* -- ends -- */

static int end_new(struct sim_process *process, struct sim_end **out)
{
	struct sim_end *end = malloc(sizeof(*end));
	int err;

	if (!end)
		return -ENOMEM;
	memset(end, 0, offsetof(struct sim_end, data));
	err = sim_token_add(process, &end->token, SIM_TOKEN_STREAM);
	if (err) {
		free(end);
		return err;
	}
	list_init(&end->waiting);
	list_add_tail(&process->streams, &end->link);
	*out = end;
	return 0;
}

/* Its peer sees the end, or a reset. */
static void hang_up(struct sim_end *end)
{
	if (!end->peer)
		return;
	if (end->used || !end->accepted)
		end->peer->error = ECONNRESET;
	end->peer->peer = NULL;
	end->peer = NULL;
}

static void leave_queue(struct sim_end *end)
{
	list_del(&end->waiting);
}

void sim_end_free(struct sim_end *end)
{
	hang_up(end);
	leave_queue(end);
	sim_token_forget(&end->token);
	sim_token_del(&end->token);
	list_del(&end->link);
	free(end);
}

unsigned int sim_end_events(const struct sim_end *end)
{
	unsigned int events = 0;

	if (end->used || !end->peer || end->error)
		events |= XENBUS_SOURCE_READ;
	if (!end->peer || end->peer->used < SIM_STREAM_BYTES)
		events |= XENBUS_SOURCE_WRITE;
	if (!end->peer)
		events |= XENBUS_SOURCE_HANGUP;
	return events;
}

/* -- listening -- */

static struct sim_listener *find_listener(struct sim_domain *domain, const char *path)
{
	list_for_each (link, &domain->listeners) {
		struct sim_listener *listener = list_entry(link, struct sim_listener, link);

		if (!strcmp(listener->path, path))
			return listener;
	}
	return NULL;
}

static struct sim_listener *listener_new(struct sim_domain *domain, const char *path)
{
	struct sim_listener *listener = calloc(1, sizeof(*listener) + strlen(path) + 1);

	if (!listener)
		return NULL;
	strcpy(listener->path, path);
	list_init(&listener->waiting);
	list_add_tail(&domain->listeners, &listener->link);
	return listener;
}

int sim_listen(struct sim_process *process, const char *path, void (*accepted)(void *ctx, int fd), void *ctx)
{
	struct sim_listener *listener;

	assert(!process->dead);
	listener = find_listener(process->domain, path);
	if (listener && listener->process)
		return -EEXIST;
	if (!listener)
		listener = listener_new(process->domain, path);
	if (!listener)
		return -ENOMEM;
	listener->process = process;
	listener->accepted = accepted;
	listener->ctx = ctx;
	return 0;
}

void sim_listeners_free(struct sim_domain *domain)
{
	while (!list_empty(&domain->listeners)) {
		struct sim_listener *listener = list_first(&domain->listeners, struct sim_listener, link);

		list_del(&listener->link);
		free(listener);
	}
}

void sim_accept(struct sim_process *process, struct sim_listener *listener)
{
	struct sim_end *end = list_first(&listener->waiting, struct sim_end, waiting);

	leave_queue(end);
	listener->count--;
	end->accepted = true;
	listener->accepted(listener->ctx, end->token.fd);
}

/* The names stay: who connects is refused. */
static void stop_listening(struct sim_process *process)
{
	list_for_each (link, &process->domain->listeners) {
		struct sim_listener *listener = list_entry(link, struct sim_listener, link);

		if (listener->process != process)
			continue;
		listener->process = NULL;
		listener->count = 0;
	}
}

void sim_streams_end(struct sim_process *process)
{
	stop_listening(process);
	list_for_each_safe (link, tmp, &process->streams) {
		struct sim_end *end = list_entry(link, struct sim_end, link);

		if (end->accepted)
			hang_up(end);
		else
			sim_end_free(end);
	}
}

/* -- calls -- */

static int connect_to(struct sim_process *process, struct sim_listener *listener)
{
	struct sim_end *ours, *theirs;
	int err = end_new(process, &ours);

	if (err)
		return err;
	err = end_new(listener->process, &theirs);
	if (err) {
		sim_end_free(ours);
		return err;
	}
	ours->accepted = true;
	ours->peer = theirs;
	theirs->peer = ours;
	list_add_tail(&listener->waiting, &theirs->waiting);
	listener->count++;
	return ours->token.fd;
}

int sim_stream_connect(struct sim_process *process, const char *path)
{
	struct sim_listener *listener = find_listener(process->domain, path);

	if (strlen(path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return -ENAMETOOLONG;
	if (!listener)
		return -ENOENT;
	if (!listener->process)
		return -ECONNREFUSED;
	return listener->count < BACKLOG ? connect_to(process, listener) : -EAGAIN;
}

/* NULL is a mistake of the caller's. */
static struct sim_end *own_end(struct sim_process *process, int fd, const char *what)
{
	struct sim_token *token = sim_token_of(process, fd);

	if (token && token->kind == SIM_TOKEN_STREAM && list_entry(token, struct sim_end, token)->accepted)
		return list_entry(token, struct sim_end, token);
	sim_violation(process->sim, process, "%s of a stream that is not its own", what);
	return NULL;
}

static size_t cut_short(struct sim *sim, size_t n)
{
	size_t most = n - 1 < 65535 ? n - 1 : 65535;

	if (n < 2 || !sim_pick_one_in(sim, SHORT_ONE_IN))
		return n;
	return 1 + sim_choose(sim, (unsigned int)most);
}

/* An error that came meanwhile is told once. */
static int take_error(struct sim_end *end)
{
	int error = end->error;

	end->error = 0;
	return -error;
}

static void put_bytes(struct sim_end *to, const uint8_t *data, size_t n)
{
	uint32_t at = (to->first + to->used) % SIM_STREAM_BYTES;
	size_t head = n < SIM_STREAM_BYTES - at ? n : SIM_STREAM_BYTES - at;

	memcpy(to->data + at, data, head);
	memcpy(to->data, data + head, n - head);
	to->used += (uint32_t)n;
}

static void take_bytes(struct sim_end *from, uint8_t *buf, size_t n)
{
	size_t head = n < SIM_STREAM_BYTES - from->first ? n : SIM_STREAM_BYTES - from->first;

	memcpy(buf, from->data + from->first, head);
	memcpy(buf + head, from->data, n - head);
	from->first = (uint32_t)((from->first + n) % SIM_STREAM_BYTES);
	from->used -= (uint32_t)n;
}

ssize_t sim_stream_send(struct sim_process *process, int fd, const void *data, size_t len)
{
	struct sim_end *end = own_end(process, fd, "send");
	size_t n;

	if (!end)
		return -EBADF;
	if (end->error)
		return take_error(end);
	if (!end->peer)
		return -EPIPE;
	if (!len)
		return 0;
	n = SIM_STREAM_BYTES - end->peer->used;
	if (!n)
		return -EAGAIN;
	n = cut_short(process->sim, n < len ? n : len);
	put_bytes(end->peer, data, n);
	return (ssize_t)n;
}

ssize_t sim_stream_recv(struct sim_process *process, int fd, void *buf, size_t size)
{
	struct sim_end *end = own_end(process, fd, "receive");
	size_t n;

	if (!end)
		return -EBADF;
	if (!end->used && end->error)
		return take_error(end);
	if (!end->used || !size)
		return end->peer && size ? -EAGAIN : 0;
	n = cut_short(process->sim, end->used < size ? end->used : size);
	take_bytes(end, buf, n);
	return (ssize_t)n;
}

void sim_stream_close(struct sim_process *process, int fd)
{
	struct sim_end *end = own_end(process, fd, "close");

	if (end)
		sim_end_free(end);
}
