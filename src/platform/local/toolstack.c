/* SPDX-License-Identifier: MIT */
/* dom0's toolstack: requests over "broker.sock". */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <base/list.h>
#include <xenbus/local.h>

#include "address.h"
#include "message.h"
#include "spawn.h"

/* A notice may come while an answer is awaited. It is kept, and @kept says so to who polls @epoll. */
struct notice {
	struct list link;
	struct xen_local_exit exit;
};

struct xen_local {
	int sock, kept, epoll;
	bool dead;
	struct list notices;
};

/* -- connecting -- */

static int connect_to(const char *rundir)
{
	struct local_address address;
	int sock, err = local_address(&address, rundir);

	if (err)
		return err;
	sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (sock < 0 || connect(sock, (struct sockaddr *)&address.un, sizeof(address.un))) {
		err = -errno;
		if (sock >= 0)
			close(sock);
	}
	local_address_release(&address);
	return err ? err : sock;
}

static int watch(struct xen_local *local)
{
	struct epoll_event ev = { .events = EPOLLIN };

	local->kept = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	local->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (local->kept < 0 || local->epoll < 0 || epoll_ctl(local->epoll, EPOLL_CTL_ADD, local->sock, &ev) ||
	    epoll_ctl(local->epoll, EPOLL_CTL_ADD, local->kept, &ev))
		return -errno;
	return 0;
}

int xen_local_connect(const char *rundir, struct xen_local **out)
{
	struct xen_local *local = calloc(1, sizeof(*local));
	int err;

	if (!local)
		return -ENOMEM;
	list_init(&local->notices);
	local->kept = local->epoll = -1;
	local->sock = connect_to(rundir);
	err = local->sock < 0 ? local->sock : watch(local);
	if (err) {
		xen_local_disconnect(local);
		return err;
	}
	*out = local;
	return 0;
}

static void free_notice(struct notice *notice)
{
	list_del(&notice->link);
	free(notice);
}

void xen_local_disconnect(struct xen_local *local)
{
	if (!local)
		return;
	while (!list_empty(&local->notices))
		free_notice(list_first(&local->notices, struct notice, link));
	if (local->sock >= 0)
		close(local->sock);
	if (local->kept >= 0)
		close(local->kept);
	if (local->epoll >= 0)
		close(local->epoll);
	free(local);
}

int xen_local_fd(struct xen_local *local)
{
	return local->epoll;
}

/* -- messages -- */

static int lost(struct xen_local *local)
{
	local->dead = true;
	shutdown(local->sock, SHUT_RDWR);
	return -ENOTCONN;
}

static int keep_notice(struct xen_local *local, const struct local_reply *reply)
{
	struct notice *notice = calloc(1, sizeof(*notice));

	if (!notice)
		return -ENOMEM;
	notice->exit.domid = reply->id;
	notice->exit.pid = (int32_t)reply->refs[0];
	notice->exit.status = (int32_t)reply->refs[1];
	list_add_tail(&local->notices, &notice->link);
	eventfd_write(local->kept, 1);
	return 0;
}

/* The next message; a notice is kept, and said so by 0. Returns 1 for an answer. */
static int take(struct xen_local *local, struct local_reply *reply, struct message_fds *fds, int flags)
{
	int n = message_recv(local->sock, reply, sizeof(*reply), fds, flags);

	if (n == -EAGAIN || n == -EMFILE)
		return n;
	if (n < (int)LOCAL_HEAD(local_reply, refs)) {
		message_close_fds(fds);
		return lost(local);
	}
	if (reply->op != LOCAL_EXITED)
		return 1;
	message_close_fds(fds);
	return keep_notice(local, reply) ? lost(local) : 0;
}

static int call(struct xen_local *local, const struct local_request *r, const struct message_fds *send,
		struct local_reply *reply, struct message_fds *fds)
{
	int n;

	fds->n = 0;
	if (local->dead)
		return -ENOTCONN;
	if (message_send(local->sock, r, LOCAL_HEAD(local_request, refs), send, 0))
		return lost(local);
	do
		n = take(local, reply, fds, 0);
	while (n == 0);
	return n < 0 ? n : reply->result;
}

/* For requests and answers without descriptors. */
static int ask(struct xen_local *local, const struct local_request *r, struct local_reply *reply)
{
	struct message_fds fds;
	int err = call(local, r, NULL, reply, &fds);

	message_close_fds(&fds);
	return err;
}

int xen_local_exit(struct xen_local *local, struct xen_local_exit *out)
{
	struct local_reply reply;
	struct message_fds fds;
	struct notice *notice;
	eventfd_t count;
	int n = list_empty(&local->notices) && !local->dead ? take(local, &reply, &fds, MSG_DONTWAIT) : 0;

	if (n == 1) { /* an answer nobody asked for */
		message_close_fds(&fds);
		n = lost(local);
	}
	if (n < 0 && list_empty(&local->notices))
		return n;
	if (list_empty(&local->notices))
		return -ENOTCONN;
	notice = list_first(&local->notices, struct notice, link);
	*out = notice->exit;
	free_notice(notice);
	if (list_empty(&local->notices))
		eventfd_read(local->kept, &count);
	return 0;
}

/* -- requests -- */

static void fill_store(struct xen_local_store *store, uint32_t domid, const struct local_reply *reply)
{
	store->gfn = LOCAL_FIRST_GFN + domid;
	store->port = reply->refs[0];
}

int xen_local_domain_create(struct xen_local *local, uint32_t domid, struct xen_local_store *store)
{
	struct local_request r = { .op = LOCAL_DOMAIN_CREATE, .domid = domid };
	struct local_reply reply;
	int err = ask(local, &r, &reply);

	if (err)
		return err;
	fill_store(store, reply.id, &reply);
	return (int)reply.id;
}

int xen_local_domain_store(struct xen_local *local, uint32_t domid, struct xen_local_store *store)
{
	struct local_request r = { .op = LOCAL_DOMAIN_STORE, .domid = domid };
	struct local_reply reply;
	int err = ask(local, &r, &reply);

	if (!err)
		fill_store(store, domid, &reply);
	return err;
}

int xen_local_domain_fd(struct xen_local *local, uint32_t domid)
{
	struct local_request r = { .op = LOCAL_DOMAIN_FD, .domid = domid };
	struct local_reply reply;
	struct message_fds fds;
	int err = call(local, &r, NULL, &reply, &fds);

	if (!err && fds.n != 1) {
		message_close_fds(&fds);
		err = lost(local);
	}
	return err ? err : fds.fd[0];
}

int xen_local_domain_spawn(struct xen_local *local, uint32_t domid, const struct xen_local_spawn *spawn)
{
	struct local_request r = { .op = LOCAL_DOMAIN_SPAWN, .domid = domid };
	struct message_fds send = { .n = 4 }, fds;
	struct local_reply reply;
	int err;

	send.fd[0] = spawn_text(spawn);
	if (send.fd[0] < 0)
		return send.fd[0];
	for (int i = 0; i < 3; i++)
		send.fd[1 + i] = spawn->stdio[i] < 0 ? i : spawn->stdio[i];
	err = call(local, &r, &send, &reply, &fds);
	message_close_fds(&fds);
	close(send.fd[0]);
	return err ? err : (int)reply.id;
}

int xen_local_domain_destroy(struct xen_local *local, uint32_t domid)
{
	struct local_request r = { .op = LOCAL_DOMAIN_DESTROY, .domid = domid };
	struct local_reply reply;

	return ask(local, &r, &reply);
}

int xen_local_domains(struct xen_local *local, uint32_t from, struct xen_local_domain *out, uint32_t count)
{
	struct local_request r = { .op = LOCAL_DOMAINS, .domid = from, .count = count };
	struct local_reply reply;
	int err = ask(local, &r, &reply);

	if (err)
		return err;
	for (uint32_t i = 0; i < reply.count && i < count; i++)
		out[i] = (struct xen_local_domain){ reply.words[2 * i], (int32_t)reply.words[2 * i + 1] };
	return (int)reply.count;
}

int xen_local_stats(struct xen_local *local, uint32_t domid, struct xen_local_stats *out)
{
	struct local_request r = { .op = LOCAL_STATS, .domid = domid };
	struct local_reply reply;
	int err = ask(local, &r, &reply);

	if (!err)
		memcpy(out, reply.words, sizeof(*out));
	return err;
}

int xen_local_down(struct xen_local *local)
{
	struct local_request r = { .op = LOCAL_DOWN };
	struct local_reply reply;
	struct message_fds fds;
	int err = ask(local, &r, &reply);

	while (!err && !local->dead)
		take(local, &reply, &fds, 0);
	return err;
}
