/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "connection.h"
#include "domain.h"
#include "process.h"
#include "spawn_text.h"

/* -- its end -- */

void process_kill(struct broker_process *process)
{
	process->domain = NULL;
	child_kill_session(process->pid);
}

void process_forget_tool(struct broker_connection *tool)
{
	list_for_each (link, &tool->broker->processes) {
		struct broker_process *process = list_entry(link, struct broker_process, link);

		if (process->tool == tool)
			process->tool = NULL;
	}
}

static void stop_listening(struct xen_local_broker *broker, struct xenbus_source *source)
{
	int fd = source->fd;

	xenbus_source_remove(broker->host, source);
	close(fd);
	account_give(&broker->account, RESOURCE_DESCRIPTORS, 1);
}

/* exec has succeeded (@err 0) or failed: the toolstack's request is answered. */
static void finish_start(struct broker_process *process, int err)
{
	struct broker_answer a = { .reply.op = LOCAL_DOMAIN_SPAWN, .reply.id = (uint32_t)process->pid };
	struct broker_connection *tool = process->tool;

	process->starting = false;
	stop_listening(process->broker, &process->started);
	if (!err && !process->domain)
		err = ESRCH;
	if (err) {
		if (process->domain)
			process->domain->process = NULL;
		process->domain = NULL;
		process->tool = NULL;
		a.reply.result = -err;
	}
	if (tool)
		connection_send_later(tool, &a);
}

static void started(struct xenbus_source *source, unsigned int events)
{
	int err = 0;
	ssize_t n = read(source->fd, &err, sizeof(err));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	finish_start(list_entry(source, struct broker_process, started), n == sizeof(err) ? err : 0);
}

static void tell(struct broker_connection *tool, const struct broker_process *process, int status)
{
	struct broker_answer a = { .reply.op = LOCAL_EXITED, .reply.id = process->domid, .words = 2 };

	a.reply.refs[0] = (uint32_t)process->pid;
	a.reply.refs[1] = (uint32_t)status;
	if (connection_send(tool, &a)) /* it does not read what it asked for */
		connection_free(tool);
}

static void died(struct xenbus_source *source, unsigned int events)
{
	struct broker_process *process = list_entry(source, struct broker_process, died);
	struct xen_local_broker *broker = process->broker;
	int status = 0;

	if (process->starting)
		started(&process->started, XENBUS_SOURCE_READ);
	if (process->starting)
		finish_start(process, 0);
	child_kill_session(process->pid); /* before it is reaped: the number is still its own */
	waitpid(process->pid, &status, 0);
	if (process->domain) {
		process->domain->process = NULL;
		domain_end(process->domain);
	}
	if (process->tool)
		tell(process->tool, process, status);
	stop_listening(broker, &process->died);
	list_del(&process->link);
	free(process);
	if (broker->ending && list_empty(&broker->processes))
		xenbus_host_stop(broker->host, 0);
}

/* -- its beginning -- */

static int listen_to(struct xen_local_broker *broker, struct xenbus_source *source, int fd,
		     void (*ready)(struct xenbus_source *source, unsigned int events))
{
	int err = fd < 0 ? -ENOSPC : account_take(&broker->account, RESOURCE_DESCRIPTORS, 1);

	if (err)
		return err;
	source->ready = ready;
	err = xenbus_source_add(broker->host, source, fd, XENBUS_SOURCE_READ);
	if (err)
		account_give(&broker->account, RESOURCE_DESCRIPTORS, 1);
	return err;
}

static int start(struct broker_process *process, const struct spawn_text *text, const struct message_fds *fds)
{
	struct xen_local_broker *broker = process->broker;
	int status, pidfd, err;
	struct child child;

	err = child_start(&child, text, &fds->fd[1], process->domain->descriptor, &broker->old_nofile);
	if (err)
		return err;
	process->pid = child.pid;
	pidfd = pidfd_open(child.pid, 0);
	err = listen_to(broker, &process->died, pidfd, died);
	if (err)
		goto kill;
	err = listen_to(broker, &process->started, child.report, started);
	if (err)
		goto close_pidfd;
	return 0;

close_pidfd:
	stop_listening(broker, &process->died);
	pidfd = -1;
kill:
	child_kill_session(child.pid);
	waitpid(child.pid, &status, 0);
	if (pidfd >= 0)
		close(pidfd);
	close(child.report);
	return err;
}

static int process_new(struct broker_connection *tool, struct broker_domain *domain,
		       const struct spawn_text *text, const struct message_fds *fds)
{
	struct broker_process *process = calloc(1, sizeof(*process));
	int err;

	if (!process)
		return -ENOMEM;
	process->broker = domain->broker;
	process->domain = domain;
	process->domid = domain->domid;
	process->tool = tool;
	process->starting = true;
	err = start(process, text, fds);
	if (err) {
		free(process);
		return err;
	}
	list_add_tail(&domain->broker->processes, &process->link);
	domain->process = process;
	return 0;
}

int op_domain_spawn(struct broker_connection *c, const struct local_request *r, struct message_fds *fds,
		    struct broker_answer *a)
{
	struct broker_domain *domain = domain_find(c->broker, r->domid);
	struct spawn_text text;
	int err;

	if (!r->domid)
		return -EINVAL;
	if (!domain || c->broker->ending)
		return -ESRCH;
	if (domain->process)
		return -EBUSY;
	err = spawn_text_read(&text, fds->fd[0]);
	if (err)
		return err == -EPROTO ? BROKEN : err;
	err = process_new(c, domain, &text, fds);
	spawn_text_free(&text);
	a->later = !err;
	return err;
}
