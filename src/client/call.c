/* SPDX-License-Identifier: MIT */
/* One request, waited for. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "session.h"

struct call {
	struct xenstore_request req;
	bool want_reply, finished;
	int error;
	char *reply;
	size_t len;
};

static void call_done(struct xenstore_request *req, int error, const char *reply, size_t len)
{
	struct call *call = list_entry(req, struct call, req);

	call->finished = true;
	call->error = error;
	if (error || !call->want_reply)
		return;
	call->reply = malloc(len + 1);
	if (!call->reply) {
		call->error = -ENOMEM;
		return;
	}
	memcpy(call->reply, reply, len + 1);
	call->len = len;
}

int xenstore_call(struct xenstore *xs, uint32_t op, uint32_t tx, const struct iovec *iov, int count,
		  char **reply, size_t *len)
{
	struct call call = { .req.done = call_done, .want_reply = reply };
	struct xenbus_host *host = xs->host;
	int err;

	if (reply)
		*reply = NULL;
	if (xs->depth)
		return -EDEADLK;
	err = xenstore_submit(xs, &call.req, op, tx, iov, count);
	if (err)
		return err;
	while (!call.finished) {
		err = xenbus_host_dispatch(host, -1);
		if (err < 0 && err != -EINTR) {
			xenstore_cancel(xs, &call.req);
			return err;
		}
	}
	if (reply)
		*reply = call.reply;
	if (len)
		*len = call.len;
	return call.error;
}
