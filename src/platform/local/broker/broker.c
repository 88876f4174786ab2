/* SPDX-License-Identifier: MIT */
/* The broker's own life: its socket, its signals, its end. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../address.h"
#include "broker.h"
#include "connection.h"
#include "domain.h"
#include "toolstack.h"

#define BACKLOG 64
#define MOST_DESCRIPTORS 1000000u /* where the hard limit is none */
#define PATIENCE_NS 5000000000ull /* for killed processes to go */

/* -- who connects -- */

static bool may_rule(int sock)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return false;
	return cred.uid == 0 || cred.uid == geteuid();
}

static void knocked(struct xenbus_source *source, unsigned int events)
{
	struct xen_local_broker *broker = list_entry(source, struct xen_local_broker, listener);
	struct broker_connection *c;
	int sock = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC);

	if (sock >= 0 && (!may_rule(sock) || connection_new(broker, NULL, sock, &c)))
		close(sock);
}

static void signalled(struct xenbus_source *source, unsigned int events)
{
	struct signalfd_siginfo info;

	if (read(source->fd, &info, sizeof(info)) == sizeof(info))
		broker_end(list_entry(source, struct xen_local_broker, signals));
}

/* -- its end -- */

static void lost_patience(struct xenbus_timer *timer)
{
	xenbus_host_stop(list_entry(timer, struct xen_local_broker, patience)->host, 0);
}

void broker_end(struct xen_local_broker *broker)
{
	if (broker->ending)
		return;
	broker->ending = true;
	for (uint32_t domid = 1; domid < XEN_PLATFORM_DOMID_FIRST_RESERVED; domid++)
		if (broker->domains[domid])
			domain_end(broker->domains[domid]);
	if (list_empty(&broker->processes))
		xenbus_host_stop(broker->host, 0);
	broker->patience.fire = lost_patience;
	xenbus_timer_set(broker->host, &broker->patience, xenbus_host_now(broker->host) + PATIENCE_NS);
}

static void leave(struct xen_local_broker *broker)
{
	if (broker->domains[0])
		domain_end(broker->domains[0]);
	while (!list_empty(&broker->tools))
		connection_free(list_first(&broker->tools, struct broker_connection, link));
	xenbus_source_remove(broker->host, &broker->listener);
	xenbus_source_remove(broker->host, &broker->signals);
	xenbus_timer_cancel(broker->host, &broker->patience);
	xenbus_host_free(broker->host);
	broker->host = NULL;
}

/* -- its beginning -- */

static int raise_limit(struct xen_local_broker *broker)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &broker->old_nofile))
		return -errno;
	limit = broker->old_nofile;
	limit.rlim_cur = limit.rlim_max < MOST_DESCRIPTORS ? limit.rlim_max : MOST_DESCRIPTORS;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		return -errno;
	if (limit.rlim_cur < 128)
		return -EMFILE;
	account_init_total(&broker->account, (uint32_t)limit.rlim_cur);
	return 0;
}

static void interrupt(int sig)
{
}

static int take_signals(struct xen_local_broker *broker)
{
	struct sigaction alarm = { .sa_handler = interrupt }; /* no SA_RESTART: see channel_raise() */
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	broker->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigaction(SIGALRM, &alarm, NULL);
	return broker->signal_fd < 0 ? -errno : 0;
}

static int arrive(struct xen_local_broker *broker)
{
	struct broker_domain *dom0;
	int err = raise_limit(broker);

	if (!err)
		err = take_signals(broker);
	if (!err)
		err = domain_new(broker, 0, &dom0);
	broker->listener.ready = knocked;
	broker->signals.ready = signalled;
	if (!err)
		err = xenbus_source_add(broker->host, &broker->listener, broker->listen_fd,
					XENBUS_SOURCE_READ);
	if (!err)
		err = xenbus_source_add(broker->host, &broker->signals, broker->signal_fd,
					XENBUS_SOURCE_READ);
	return err;
}

int xen_local_broker_run(struct xen_local_broker *broker)
{
	int err = xenbus_host_new(&broker->host);

	if (err)
		return err;
	err = arrive(broker);
	if (!err)
		err = xenbus_host_run(broker->host);
	leave(broker);
	unlink(broker->socket_path);
	return err;
}

static int take_lock(struct xen_local_broker *broker, const char *rundir)
{
	char *path;
	int err = 0;

	if (asprintf(&path, "%s/%s", rundir, LOCAL_LOCK) < 0)
		return -ENOMEM;
	broker->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (broker->lock_fd < 0)
		err = -errno;
	else if (flock(broker->lock_fd, LOCK_EX | LOCK_NB))
		err = errno == EWOULDBLOCK ? -EBUSY : -errno;
	free(path);
	return err;
}

/* We hold the lock: a socket that is there is a dead broker's. */
static int make_socket(struct xen_local_broker *broker, const char *rundir)
{
	struct local_address address;
	mode_t mask;
	int err;

	if (asprintf(&broker->socket_path, "%s/%s", rundir, LOCAL_SOCKET) < 0) {
		broker->socket_path = NULL;
		return -ENOMEM;
	}
	unlink(broker->socket_path);
	broker->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (broker->listen_fd < 0)
		return -errno;
	err = local_address(&address, rundir);
	if (err)
		return err;
	mask = umask(0177);
	if (bind(broker->listen_fd, (struct sockaddr *)&address.un, sizeof(address.un)) ||
	    listen(broker->listen_fd, BACKLOG))
		err = -errno;
	umask(mask);
	local_address_release(&address);
	return err;
}

int xen_local_broker_new(const char *rundir, struct xen_local_broker **out)
{
	struct xen_local_broker *broker = calloc(1, sizeof(*broker));
	int err;

	if (!broker)
		return -ENOMEM;
	broker->listen_fd = broker->signal_fd = broker->lock_fd = -1;
	list_init(&broker->tools);
	list_init(&broker->processes);
	err = take_lock(broker, rundir);
	if (!err)
		err = make_socket(broker, rundir);
	if (err) {
		xen_local_broker_free(broker);
		return err;
	}
	*out = broker;
	return 0;
}

void xen_local_broker_free(struct xen_local_broker *broker)
{
	if (!broker)
		return;
	if (broker->listen_fd >= 0)
		close(broker->listen_fd);
	if (broker->signal_fd >= 0)
		close(broker->signal_fd);
	if (broker->lock_fd >= 0)
		close(broker->lock_fd);
	free(broker->socket_path);
	free(broker);
}
