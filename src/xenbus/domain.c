/* SPDX-License-Identifier: MIT */
#include "domain.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
#include <xen/io/xs_wire.h>
#include <xenbus/client.h>
#include <xenbus/host.h>
#include <xenbus/local.h>
#include <xenbus/toolstack.h>
#include <xenbus/xenbus.h>

#include "cli.h"
#include "world.h"

#define RETRIES 64	      /* of a transaction that conflicts */
#define DETACH_NS 2000000000u /* what a device's backend gets to close after its frontend's domain ended */
#define PATH_BYTES 128u

/* A random UUID (version 4) behind "/vm/". */
static int make_uuid(char vm[DOMAIN_VM_MAX])
{
	struct xenbus_host *host;
	uint8_t b[16];
	int err = xenbus_host_new(&host);

	if (err)
		return err;
	err = xenbus_host_random(host, b, sizeof(b));
	xenbus_host_free(host);
	b[6] = (b[6] & 0x0f) | 0x40; /* version 4, */
	b[8] = (b[8] & 0x3f) | 0x80; /* random */
	snprintf(vm, DOMAIN_VM_MAX,
		 "/vm/%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2],
		 b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
	return err;
}

int domain_init(struct domain *domain, uint32_t domid, const struct xen_local_store *store, const char *name)
{
	*domain = (struct domain){ .domid = domid, .gfn = store->gfn, .port = store->port };
	if (name)
		snprintf(domain->name, sizeof(domain->name), "%s", name);
	else
		snprintf(domain->name, sizeof(domain->name), "Domain-%u", domid);
	return make_uuid(domain->vm);
}

/* @op on @path, then @len bytes. */
static int request(struct xenstore *xs, uint32_t op, uint32_t tx, const char *path, const void *rest,
		   size_t len)
{
	const struct iovec iov[] = {
		{ .iov_base = (void *)(uintptr_t)path, .iov_len = strlen(path) + 1 },
		{ .iov_base = (void *)(uintptr_t)rest, .iov_len = len },
	};

	return xenstore_call(xs, op, tx, iov, len ? 2 : 1, NULL, NULL);
}

static int write_value(struct xenstore *xs, uint32_t tx, const char *dir, const char *name, const char *value)
{
	char path[PATH_BYTES];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return request(xs, XS_WRITE, tx, path, value, strlen(value));
}

static int write_number(struct xenstore *xs, uint32_t tx, const char *dir, const char *name, uint64_t number)
{
	char value[24];

	snprintf(value, sizeof(value), "%" PRIu64, number);
	return write_value(xs, tx, dir, name, value);
}

/* Makes @dir/@name with @owner as owner and, if it is another domain, @reader as reader. */
static int make_node(struct xenstore *xs, uint32_t tx, const char *dir, const char *name, uint32_t owner,
		     uint32_t reader)
{
	char path[PATH_BYTES], perms[32];
	int len, err;

	snprintf(path, sizeof(path), "%s%s%s", dir, *name ? "/" : "", name);
	len = snprintf(perms, sizeof(perms), "n%u", owner) + 1;
	if (reader != owner)
		len += snprintf(perms + len, sizeof(perms) - (size_t)len, "r%u", reader) + 1;
	err = request(xs, XS_MKDIR, tx, path, NULL, 0);
	return err ? err : request(xs, XS_SET_PERMS, tx, path, perms, (size_t)len);
}

static int make_nodes(struct xenstore *xs, uint32_t tx, const char *home, uint32_t domid)
{
	static const char *const toolstacks[] = { "", "cpu", "memory", "device", "control", "store", NULL };
	static const char *const guests[] = { "data",  "drivers",	   "feature", "attr",
					      "error", "control/shutdown", NULL };
	int err = 0;

	for (int i = 0; toolstacks[i] && !err; i++)
		err = make_node(xs, tx, home, toolstacks[i], 0, domid);
	for (int i = 0; guests[i] && !err; i++)
		err = make_node(xs, tx, home, guests[i], domid, domid);
	return err;
}

static int write_values(struct xenstore *xs, uint32_t tx, const char *home, const struct domain *d)
{
	int err = write_value(xs, tx, home, "name", d->name);

	if (!err)
		err = write_number(xs, tx, home, "domid", d->domid);
	if (!err)
		err = write_value(xs, tx, home, "vm", d->vm);
	if (!err)
		err = write_number(xs, tx, home, "store/port", d->port);
	if (!err)
		err = write_number(xs, tx, home, "store/ring-ref", d->gfn);
	if (!err)
		err = make_node(xs, tx, d->vm, "", 0, d->domid);
	if (!err)
		err = write_value(xs, tx, d->vm, "uuid", d->vm + strlen("/vm/"));
	return err ? err : write_value(xs, tx, d->vm, "name", d->name);
}

static int write_domain(struct xenstore *xs, uint32_t tx, const struct domain *d)
{
	char home[PATH_BYTES];
	int err;

	snprintf(home, sizeof(home), "/local/domain/%u", d->domid);
	err = request(xs, XS_RM, tx, home, NULL, 0); /* of a domain that had the number before */
	if (err && err != -ENOENT)
		return err;
	err = make_nodes(xs, tx, home, d->domid);
	return err ? err : write_values(xs, tx, home, d);
}

static int write_once(struct xenstore *xs, const struct domain *d)
{
	char *id = NULL;
	const struct iovec nothing = { .iov_base = (void *)(uintptr_t) "", .iov_len = 1 };
	int err = xenstore_call(xs, XS_TRANSACTION_START, XBT_NULL, &nothing, 1, &id, NULL), end;
	uint32_t tx;

	if (err)
		return err;
	tx = (uint32_t)strtoul(id, NULL, 10);
	free(id);
	err = write_domain(xs, tx, d);
	end = request(xs, XS_TRANSACTION_END, tx, err ? "F" : "T", NULL, 0);
	return err ? err : end;
}

int domain_introduce(struct xenstore *xs, const struct domain *domain)
{
	char number[16], rest[48];
	int err = -EAGAIN, len;

	for (int tries = 0; tries < RETRIES && err == -EAGAIN; tries++)
		err = write_once(xs, domain);
	if (err)
		return err;
	snprintf(number, sizeof(number), "%u", domain->domid);
	len = snprintf(rest, sizeof(rest), "%" PRIu64 "%c%u", domain->gfn, 0, domain->port) + 1;
	err = request(xs, XS_INTRODUCE, XBT_NULL, number, rest, (size_t)len);
	if (err)
		domain_forget(xs, domain->domid);
	return err;
}

/* Where the domain's /vm node is; "" unknown. */
static void read_vm(struct xenstore *xs, const char *home, char vm[PATH_BYTES])
{
	char path[PATH_BYTES], *value = NULL;
	struct iovec iov = { .iov_base = path };

	*vm = '\0';
	iov.iov_len = (size_t)snprintf(path, sizeof(path), "%s/vm", home) + 1;
	if (xenstore_call(xs, XS_READ, XBT_NULL, &iov, 1, &value, NULL))
		return;
	if (!strncmp(value, "/vm/", 4) && strlen(value) < DOMAIN_VM_MAX)
		strcpy(vm, value);
	free(value);
}

int domain_forget(struct xenstore *xs, uint32_t domid)
{
	char home[PATH_BYTES], vm[PATH_BYTES], number[16];
	int err[3] = { 0 }, some = 0;

	snprintf(home, sizeof(home), "/local/domain/%u", domid);
	snprintf(number, sizeof(number), "%u", domid);
	read_vm(xs, home, vm);
	if (*vm)
		err[0] = request(xs, XS_RM, XBT_NULL, vm, NULL, 0);
	err[1] = request(xs, XS_RM, XBT_NULL, home, NULL, 0);
	err[2] = request(xs, XS_RELEASE, XBT_NULL, number, NULL, 0);
	for (int i = 0; i < 3; i++)
		if (err[i] && err[i] != -ENOENT)
			some = err[i];
	return some;
}

int domain_write_dom0(struct xenstore *xs)
{
	int err = write_value(xs, XBT_NULL, "/local/domain/0", "name", "Domain-0");

	return err ? err : write_number(xs, XBT_NULL, "/local/domain/0", "domid", 0);
}

static int detach_all(struct xenbus *bus, void *arg)
{
	const uint32_t domid = *(const uint32_t *)arg;
	struct xenbus_toolstack_entry *list;
	size_t count;
	int err = xenbus_toolstack_list(bus, &list, &count), one;

	if (err)
		return err;
	for (size_t i = 0; i < count; i++) {
		const struct xenbus_toolstack_device device = { .devicetype = list[i].devicetype,
								.frontend_id = list[i].frontend_id,
								.backend_id = list[i].backend_id,
								.id = list[i].id };

		if (device.frontend_id != domid && device.backend_id != domid)
			continue;
		/* A backend that ended with its domain closes no more. */
		one = xenbus_toolstack_detach(bus, &device, true, device.backend_id == domid ? 0 : DETACH_NS);
		if (one && one != -ENOENT && !err)
			err = one;
	}
	xenbus_toolstack_list_free(list, count);
	return err;
}

int domain_detach_devices(const char *run_dir, uint32_t domid)
{
	return world_bus_run(run_dir, detach_all, &domid);
}

bool domain_exists(struct xenstore *xs, uint32_t domid)
{
	char home[PATH_BYTES];

	snprintf(home, sizeof(home), "/local/domain/%u", domid);
	return !request(xs, XS_READ, XBT_NULL, home, NULL, 0);
}

static int clear_store(const struct world_dir *dir, uint32_t domid)
{
	struct world_store store;
	int err = domain_detach_devices(dir->path, domid);

	if (err < 0)
		err = cli_fail("domain %u's devices: %s", domid, strerror(-err));
	if (err || world_store_open(dir->path, &store))
		return CLI_FAILURE;
	err = domain_forget(store.xs, domid);
	if (err)
		err = cli_fail("domain %u in the store: %s", domid, strerror(-err));
	world_store_close(&store);
	return err;
}

int domain_clear(const struct world_dir *dir, struct xen_local *local, uint32_t domid)
{
	struct xen_local_stats stats;
	int lock = world_lock(dir, WORLD_USE), err = 0;

	if (lock < 0)
		return CLI_FAILURE;
	if (xen_local_stats(local, 0, &stats) != -ENOTCONN)
		err = clear_store(dir, domid);
	close(lock);
	return err;
}
