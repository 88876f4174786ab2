/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "domain.h"
#include "events.h"
#include "process.h"
#include "toolstack.h"

int op_domain_create(struct broker_connection *c, const struct local_request *r, struct message_fds *fds,
		     struct broker_answer *a)
{
	struct xen_local_broker *broker = c->broker;
	struct broker_domain *domain;
	int domid, err;

	if (r->domid >= XEN_PLATFORM_DOMID_FIRST_RESERVED)
		return -EINVAL;
	domid = r->domid ? (int)r->domid : domain_free_id(broker);
	if (domid < 0 || broker->ending)
		return -ENOSPC;
	err = domain_new(broker, (uint32_t)domid, &domain);
	if (err)
		return err;
	if (!r->domid)
		broker->last_domid = domain->domid;
	a->reply.id = domain->domid;
	a->reply.refs[0] = domain->store_port->number;
	a->words = 1;
	return 0;
}

int op_domain_store(struct broker_connection *c, const struct local_request *r, struct message_fds *fds,
		    struct broker_answer *a)
{
	struct broker_domain *domain = domain_find(c->broker, r->domid);

	if (!domain)
		return -ESRCH;
	if (!domain->store_port)
		return -EINVAL;
	a->reply.refs[0] = domain->store_port->number;
	a->words = 1;
	return 0;
}

int op_domain_fd(struct broker_connection *c, const struct local_request *r, struct message_fds *fds,
		 struct broker_answer *a)
{
	struct broker_domain *domain = domain_find(c->broker, r->domid);

	if (!domain)
		return -ESRCH;
	a->fds.fd[a->fds.n++] = domain->descriptor;
	return 0;
}

int op_domain_destroy(struct broker_connection *c, const struct local_request *r, struct message_fds *fds,
		      struct broker_answer *a)
{
	struct broker_domain *domain = domain_find(c->broker, r->domid);

	if (!r->domid)
		return -EINVAL;
	if (!domain)
		return -ESRCH;
	domain_end(domain);
	return 0;
}

int op_domains(struct broker_connection *c, const struct local_request *r, struct message_fds *fds,
	       struct broker_answer *a)
{
	if (r->count > LOCAL_MAX_WORDS / 2)
		return -EINVAL;
	for (uint32_t domid = r->domid;
	     domid < XEN_PLATFORM_DOMID_FIRST_RESERVED && a->reply.count < r->count; domid++) {
		struct broker_domain *domain = c->broker->domains[domid];

		if (!domain)
			continue;
		a->reply.words[a->words++] = domid;
		a->reply.words[a->words++] = domain->process ? (uint32_t)domain->process->pid : 0;
		a->reply.count++;
	}
	return 0;
}

static uint32_t count_domains(const struct xen_local_broker *broker)
{
	uint32_t n = 0;

	for (uint32_t domid = 0; domid < XEN_PLATFORM_DOMID_FIRST_RESERVED; domid++)
		n += broker->domains[domid] != NULL;
	return n;
}

int op_stats(struct broker_connection *c, const struct local_request *r, struct message_fds *fds,
	     struct broker_answer *a)
{
	struct broker_domain *domain = domain_find(c->broker, r->domid);
	const struct account *account = domain ? domain->account : &c->broker->account;
	const uint32_t *used = account->used;
	struct xen_local_stats stats = {
		.domains = domain ? 1 : count_domains(c->broker),
		.connections = used[RESOURCE_CONNECTIONS],
		.handles = used[RESOURCE_HANDLES],
		.ports = used[RESOURCE_PORTS],
		.grants = used[RESOURCE_GRANTS],
		.pages = used[RESOURCE_PAGES],
		.mappings = used[RESOURCE_MAPPINGS],
		.parts = used[RESOURCE_PARTS],
		.descriptors = used[RESOURCE_DESCRIPTORS],
	};

	if (!domain && r->domid != XEN_LOCAL_ALL)
		return -ESRCH;
	memcpy(a->reply.words, &stats, sizeof(stats));
	a->words = sizeof(stats) / sizeof(a->reply.words[0]);
	return 0;
}

int op_down(struct broker_connection *c, const struct local_request *r, struct message_fds *fds,
	    struct broker_answer *a)
{
	broker_end(c->broker);
	return 0;
}
