/* SPDX-License-Identifier: MIT */
/* Sources of the loop: impl[0] is the loop while it is added, impl[1] what is asked for. */
#include <errno.h>
#include <stdlib.h>

#include "loop.h"

static int control(struct loop *loop, int op, struct xenbus_source *source, int fd, unsigned int events)
{
	struct epoll_event ev = { .data.ptr = source };

	ev.events =
		(events & XENBUS_SOURCE_READ ? EPOLLIN : 0) | (events & XENBUS_SOURCE_WRITE ? EPOLLOUT : 0);
	if (epoll_ctl(loop->epoll, op, fd, &ev))
		return -errno;
	source->impl[1] = (void *)(uintptr_t)events;
	return 0;
}

int loop_make_room(struct loop *loop, int size)
{
	int grown = loop->batch_size ? loop->batch_size : size;
	struct epoll_event *batch;

	while (grown < size)
		grown *= 2;
	if (grown == loop->batch_size)
		return 0;
	batch = realloc(loop->batch, (size_t)grown * sizeof(*batch));
	if (!batch)
		return -ENOMEM;
	loop->batch = batch;
	loop->batch_size = grown;
	return 0;
}

/* A batch too short would leave out some that are ready, each time others, while what was in it had its turn: thus there is
 * room for every source, the timer and the kick. */
int loop_source_add(struct xenbus_host *host, struct xenbus_source *source, int fd, unsigned int events)
{
	struct loop *loop = loop_of(host);
	int err = loop_make_room(loop, loop->sources + 3);

	if (!err)
		err = control(loop, EPOLL_CTL_ADD, source, fd, events);
	if (err)
		return err;
	loop->sources++;
	source->impl[0] = host;
	source->fd = fd;
	return 0;
}

int loop_source_modify(struct xenbus_host *host, struct xenbus_source *source, unsigned int events)
{
	return control(loop_of(host), EPOLL_CTL_MOD, source, source->fd, events);
}

void loop_source_remove(struct xenbus_host *host, struct xenbus_source *source)
{
	struct loop *loop = loop_of(host);

	epoll_ctl(loop->epoll, EPOLL_CTL_DEL, source->fd, NULL);
	for (int i = loop->batch_at; i < loop->batch_len; i++) /* it must not be called any more */
		if (loop->batch[i].data.ptr == source)
			loop->batch[i].data.ptr = NULL;
	source->impl[0] = NULL;
	source->fd = -1;
	loop->sources--;
}

int loop_source_run(struct xenbus_source *source, uint32_t got)
{
	unsigned int events = 0;

	if (got & (EPOLLHUP | EPOLLERR))
		events |= XENBUS_SOURCE_HANGUP;
	if (got & (EPOLLIN | EPOLLHUP | EPOLLERR))
		events |= XENBUS_SOURCE_READ;
	if (got & (EPOLLOUT | EPOLLERR))
		events |= XENBUS_SOURCE_WRITE;
	/* Another callback of this turn may have changed what is asked for. */
	events &= (unsigned int)(uintptr_t)source->impl[1] | XENBUS_SOURCE_HANGUP;
	if (!events)
		return 0;
	source->ready(source, events);
	return 1;
}
