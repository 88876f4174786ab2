/* SPDX-License-Identifier: MIT */
#include "channel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <xen/io/xs_wire.h>
#include <xenbus/client.h>
#include <xenbus/host.h>

#define PARTNER_SECONDS 120 /* until it is there */
#define REPLY_SECONDS 60

struct channel {
	struct xenbus_host *host;
	struct xenstore *xs;
	struct xenstore_watch watch;
	char dir[64], in[80], out[80];
	uint32_t number;
	bool fired;
};

static void die(const char *what, int err)
{
	fprintf(stderr, "contract: %s: %s\n", what, strerror(-err));
	exit(99);
}

static int call(struct channel *c, uint32_t op, const char *path, const void *data, size_t len, char **reply,
		size_t *got)
{
	const struct iovec iov[] = { { (void *)(uintptr_t)path, strlen(path) + 1 },
				     { (void *)(uintptr_t)data, len } };

	return xenstore_call(c->xs, op, XBT_NULL, iov, len ? 2 : 1, reply, got);
}

static void fired(struct xenstore_watch *watch, const char *path)
{
	((struct channel *)((char *)watch - offsetof(struct channel, watch)))->fired = true;
}

static struct channel *channel_new(struct xen_platform *platform, const char *dir, const char *in,
				   const char *out)
{
	struct channel *c = calloc(1, sizeof(*c));
	const char *why = "store";
	int err;

	if (!c || xenbus_host_new(&c->host))
		die("host", -ENOMEM);
	err = xenstore_open(c->host, platform, NULL, &c->xs, &why);
	if (err)
		die(why, err);
	snprintf(c->dir, sizeof(c->dir), "%s", dir);
	snprintf(c->in, sizeof(c->in), "%s/%s", dir, in);
	snprintf(c->out, sizeof(c->out), "%s/%s", dir, out);
	c->watch.path = c->in;
	c->watch.fired = fired;
	return c;
}

static void channel_watch(struct channel *c)
{
	int err = xenstore_watch_add(c->xs, &c->watch, NULL);

	if (err)
		die(c->in, err);
}

struct channel *channel_to(struct xen_platform *dom0, uint32_t domid)
{
	char dir[64], ready[80];
	struct channel *c;
	int err;

	snprintf(dir, sizeof(dir), "/local/domain/%u/data/contract", domid);
	snprintf(ready, sizeof(ready), "%s/ready", dir);
	c = channel_new(dom0, dir, "reply", "request");
	for (int i = 0; (err = call(c, XS_READ, ready, NULL, 0, NULL, NULL)) == -ENOENT; i++) {
		if (i == PARTNER_SECONDS * 10)
			die("no partner in the guest", -ETIMEDOUT);
		xenbus_host_dispatch(c->host, 100);
	}
	if (err)
		die(ready, err);
	channel_watch(c);
	return c;
}

struct channel *channel_serve(struct xen_platform *guest)
{
	struct channel *c = channel_new(guest, "data/contract", "request", "reply");
	int err = call(c, XS_RM, c->dir, NULL, 0, NULL, NULL);

	if (err && err != -ENOENT)
		die(c->dir, err);
	channel_watch(c);
	err = call(c, XS_WRITE, "data/contract/ready", "1", 1, NULL, NULL);
	if (err)
		die("data/contract/ready", err);
	return c;
}

void channel_hide(struct channel *c)
{
	call(c, XS_RM, "data/contract/ready", NULL, 0, NULL, NULL);
}

void channel_close(struct channel *c)
{
	call(c, XS_RM, c->dir, NULL, 0, NULL, NULL);
	xenstore_close(c->xs);
	xenbus_host_free(c->host);
	free(c);
}

/* A message whose number is not @last; false: nothing new. */
static bool take(struct channel *c, uint32_t last, struct message *m)
{
	char *text;
	size_t len;
	int err;

	c->fired = false;
	err = call(c, XS_READ, c->in, NULL, 0, &text, &len);
	if (err == -ENOENT)
		return false;
	if (err)
		die(c->in, err);
	if (len < offsetof(struct message, data) || len > sizeof(*m))
		die(c->in, -EPROTO);
	memset(m, 0, sizeof(*m));
	memcpy(m, text, len);
	free(text);
	return m->number != last;
}

static int put(struct channel *c, const struct message *m)
{
	return call(c, XS_WRITE, c->out, m, offsetof(struct message, data) + m->len, NULL, NULL);
}

static time_t seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

int channel_call(struct channel *c, struct message *m)
{
	const time_t end = seconds() + REPLY_SECONDS;
	const uint32_t number = ++c->number;
	int err;

	m->number = number;
	err = put(c, m);
	if (err)
		return -ENOTCONN;
	do {
		while (!c->fired && seconds() < end)
			xenbus_host_dispatch(c->host, 1000);
		if (!c->fired)
			return -ENOTCONN;
	} while (!take(c, number - 1, m) || m->number != number);
	return 0;
}

void channel_next(struct channel *c, struct message *m)
{
	do {
		while (!c->fired)
			xenbus_host_dispatch(c->host, -1);
	} while (!take(c, c->number, m));
	c->number = m->number;
}

void channel_reply(struct channel *c, const struct message *m)
{
	int err = put(c, m);

	if (err)
		die(c->out, err);
}
