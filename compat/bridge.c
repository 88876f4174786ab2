/* SPDX-License-Identifier: MIT */
/* What the Linux side asks of the bus, the store and the process. */
#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <xen/io/xs_wire.h>
#include <xenbus/client.h>
#include "process.h"

static_assert(sizeof(struct bridge_sleep) == sizeof(struct xenbus_completion) &&
		      offsetof(struct bridge_sleep, waiter) == offsetof(struct xenbus_completion, waiter),
	      "a sleep is a completion");

/* -- the process -- */

uint64_t bridge_now_ns(void)
{
	return xenbus_host_now(process.host);
}

uint64_t bridge_wallclock_ns(void)
{
	return xenbus_host_wallclock(process.host);
}

int bridge_random(void *buf, size_t len)
{
	return xenbus_host_random(process.host, buf, len);
}

/* As a kernel prints it; what a terminal might obey is not let through. */
void bridge_log(int level, const char *line)
{
	uint64_t us = bridge_now_ns() / 1000;
	char text[LOGFILE_LINE_MAX];
	size_t n = 0;

	for (; *line && n + 1 < sizeof(text); line++)
		text[n++] = *line == '\t' || ((unsigned char)*line >= 0x20 && *line != 0x7f) ? *line : '?';
	text[n] = '\0';
	if (process.dmesg)
		logfile_line(process.dmesg, text);
	if (process.foreground)
		fprintf(stderr, "[%5llu.%06llu] %s\n", (unsigned long long)(us / 1000000),
			(unsigned long long)(us % 1000000), text);
}

bool bridge_symbol(const void *address, char *buf, size_t size)
{
	const char *file;
	Dl_info info;

	if (!dladdr(address, &info) || !info.dli_fname)
		return false;
	file = strrchr(info.dli_fname, '/');
	file = file ? file + 1 : info.dli_fname;
	if (info.dli_sname)
		snprintf(buf, size, "%s+0x%zx [%s]", info.dli_sname,
			 (size_t)((const char *)address - (const char *)info.dli_saddr), file);
	else
		snprintf(buf, size, "%s+0x%zx", file,
			 (size_t)((const char *)address - (const char *)info.dli_fbase));
	return true;
}

#define BACKTRACE_MAX 24

void bridge_backtrace(void (*line)(const char *text))
{
	void *frames[BACKTRACE_MAX];
	int count = backtrace(frames, BACKTRACE_MAX);
	char text[256];

	for (int i = 2; i < count; i++) /* without this function and the one that wants to know */
		if (bridge_symbol(frames[i], text, sizeof(text)))
			line(text);
}

const char *bridge_errno_name(int err)
{
	return strerrorname_np(err);
}

int bridge_format(char *buf, size_t size, const char *spec, ...)
{
	va_list args;
	int n;

	va_start(args, spec);
	n = vsnprintf(buf, size, spec, args);
	va_end(args);
	return n;
}

void bridge_abort(void)
{
	control_close();
	abort();
}

unsigned int bridge_own_domid(void)
{
	return process.domid;
}

const char *bridge_module_name(void)
{
	return process.name;
}

/* -- fibers -- */

static __thread bool in_fiber_; /* of this thread, the only one; see FIBER() */

bool bridge_in_fiber(void)
{
	return in_fiber_;
}

/* While something waits, others run, on the loop or in fibers of their own. */
#define WAITS(call)                      \
	({                               \
		__typeof__(call) waits_; \
		in_fiber_ = false;       \
		waits_ = (call);         \
		in_fiber_ = true;        \
		waits_;                  \
	})

int bridge_sleep(struct bridge_sleep *sleep, uint64_t timeout_ns)
{
	return WAITS(xenbus_wait(process.bus, (struct xenbus_completion *)sleep, timeout_ns));
}

void bridge_wake(struct bridge_sleep *sleep)
{
	xenbus_complete(process.bus, (struct xenbus_completion *)sleep);
}

struct plain_task {
	void (*fn)(void *arg);
	void *arg;
};

static int plain_task_run(struct xenbus *bus, void *arg)
{
	struct plain_task task = *(struct plain_task *)arg;

	free(arg);
	in_fiber_ = true;
	task.fn(task.arg);
	in_fiber_ = false;
	return 0;
}

static int run_in_fiber(struct xenbus *bus, void *arg)
{
	int (*fn)(void) = *(int (**)(void))arg;
	int result;

	in_fiber_ = true;
	result = fn();
	in_fiber_ = false;
	return result;
}

int bridge_run(int (*fn)(void))
{
	return xenbus_task_run(process.bus, run_in_fiber, &fn);
}

int bridge_task(void (*fn)(void *arg), void *arg)
{
	struct plain_task *task = malloc(sizeof(*task));
	int err;

	if (!task)
		return -ENOMEM;
	*task = (struct plain_task){ fn, arg };
	err = xenbus_task(process.bus, plain_task_run, task, NULL);
	if (err)
		free(task);
	return err;
}

static void timer_fired(struct xenbus_timer *timer)
{
	linux_on_timer();
}

void bridge_timer(uint64_t deadline_ns)
{
	process.timer.fire = timer_fired;
	if (deadline_ns)
		xenbus_timer_set(process.host, &process.timer, deadline_ns);
	else
		xenbus_timer_cancel(process.host, &process.timer);
}

/* -- drivers -- */

struct bus_driver {
	struct list
		link; /* process.drivers: the bus may hold on to it for a while after it is unregistered */
	struct xenbus_driver drv;
	struct bridge_driver *bridge;
	struct xenbus_device_id ids[];
};

static struct bus_driver *driver_of(const struct xenbus_device *dev)
{
	return list_entry(dev->driver, struct bus_driver, drv);
}

static int probe(struct xenbus_device *dev, const struct xenbus_device_id *id)
{
	struct bus_driver *b = driver_of(dev);
	const struct bridge_device_info info = { .devicetype = dev->devicetype,
						 .nodename = dev->nodename,
						 .otherend = dev->otherend,
						 .otherend_id = dev->otherend_id,
						 .state = (unsigned int)dev->state,
						 .type_index = (size_t)(id - b->ids),
						 .is_backend = dev->is_backend };
	int err;

	in_fiber_ = true;
	err = linux_on_probe(b->bridge->linux_driver, dev, &info, &dev->drvdata);
	in_fiber_ = false;
	return err;
}

static void otherend_changed(struct xenbus_device *dev, enum xenbus_state state)
{
	in_fiber_ = true;
	linux_on_otherend_changed(dev->drvdata, (unsigned int)state);
	in_fiber_ = false;
}

static void remove_device(struct xenbus_device *dev)
{
	in_fiber_ = true;
	linux_on_remove(dev->drvdata);
	in_fiber_ = false;
}

int bridge_register(struct bridge_driver *driver, const char *name)
{
	size_t count = 0;
	struct bus_driver *b;
	int err;

	while (driver->types[count])
		count++;
	b = calloc(1, sizeof(*b) + (count + 1) * sizeof(b->ids[0]));
	if (!b)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		snprintf(b->ids[i].devicetype, sizeof(b->ids[i].devicetype), "%s", driver->types[i]);
	b->bridge = driver;
	b->drv = (struct xenbus_driver){ .name = name,
					 .ids = b->ids,
					 .uninterrupted = true,
					 .probe = probe,
					 .otherend_changed = otherend_changed,
					 .remove = remove_device };
	err = driver->is_backend ? xenbus_register_backend(process.bus, &b->drv)
				 : xenbus_register_frontend(process.bus, &b->drv);
	if (err) {
		free(b);
		return err;
	}
	driver->impl = b;
	list_add(&process.drivers, &b->link);
	return 0;
}

void bridge_unregister(struct bridge_driver *driver)
{
	struct bus_driver *b = driver->impl;
	struct xenbus_completion gone = { 0 };

	xenbus_unregister_driver(process.bus, &b->drv);
	process.unregistering = &gone;
	while (xenbus_driver_devices(process.bus, &b->drv))
		WAITS(xenbus_wait(process.bus, &gone, 0));
	process.unregistering = NULL;
}

int bridge_device_unregister(void *bus_device)
{
	return WAITS(xenbus_unregister_device(bus_device));
}

int bridge_switch_state(void *bus_device, unsigned int state)
{
	return WAITS(xenbus_switch_state(bus_device, (enum xenbus_state)state));
}

void bridge_dev_error(void *bus_device, int err, const char *message)
{
	struct xenbus_device *dev = bus_device;
	char dir[XENSTORE_PATH_MAX + 1];

	if (snprintf(dir, sizeof(dir), "error/%s", dev->nodename) < (int)sizeof(dir))
		WAITS(xenbus_printf(process.bus, XBT_NIL, dir, "error", "%d %s", err, message));
}

/* -- the store -- */

static struct xenbus_transaction tx_of(uint32_t tx)
{
	return (struct xenbus_transaction){ tx };
}

int bridge_read(uint32_t tx, const char *dir, const char *node, char **out, size_t *len)
{
	return WAITS(xenbus_read(process.bus, tx_of(tx), dir, node, out, len));
}

int bridge_write(uint32_t tx, const char *dir, const char *node, const char *value)
{
	return WAITS(xenbus_write(process.bus, tx_of(tx), dir, node, value));
}

int bridge_mkdir(uint32_t tx, const char *dir, const char *node)
{
	return WAITS(xenbus_mkdir(process.bus, tx_of(tx), dir, node));
}

int bridge_rm(uint32_t tx, const char *dir, const char *node)
{
	return WAITS(xenbus_rm(process.bus, tx_of(tx), dir, node));
}

int bridge_directory(uint32_t tx, const char *dir, const char *node, char ***names, size_t *count)
{
	return WAITS(xenbus_directory(process.bus, tx_of(tx), dir, node, names, count));
}

int bridge_tx_start(uint32_t *tx)
{
	struct xenbus_transaction t = { 0 };
	int err = WAITS(xenbus_transaction_start(process.bus, &t));

	*tx = t.id;
	return err;
}

int bridge_tx_end(uint32_t tx, bool abort)
{
	return WAITS(xenbus_transaction_end(process.bus, tx_of(tx), abort));
}

struct bridge_watch {
	struct xenstore_watch watch;
	struct xenstore_request req;
	struct xenbus_completion set;
	void (*fired)(void *ctx, const char *path);
	void *ctx;
	char *path;
	int error;
};

static void watch_fired(struct xenstore_watch *watch, const char *path)
{
	struct bridge_watch *w = list_entry(watch, struct bridge_watch, watch);

	w->fired(w->ctx, path);
}

static void watch_set(struct xenstore_request *req, int error, const char *reply, size_t len)
{
	struct bridge_watch *w = list_entry(req, struct bridge_watch, req);

	w->error = error;
	xenbus_complete(process.bus, &w->set);
}

static void watch_free(struct bridge_watch *w)
{
	free(w->path);
	free(w);
}

int bridge_watch(const char *path, void (*fired)(void *ctx, const char *path), void *ctx, void **watch)
{
	struct bridge_watch *w = calloc(1, sizeof(*w));
	int err;

	if (w)
		w->path = strdup(path);
	if (!w || !w->path) {
		free(w);
		return -ENOMEM;
	}
	w->fired = fired;
	w->ctx = ctx;
	w->watch = (struct xenstore_watch){ .path = w->path, .fired = watch_fired };
	w->req.done = watch_set;
	err = xenstore_watch_add(xenbus_store(process.bus), &w->watch, &w->req);
	if (!err) {
		WAITS(xenbus_wait(process.bus, &w->set, 0));
		err = w->error == -ENOTCONN ? 0 : w->error; /* it is set on the next connection */
	}
	if (err) {
		watch_free(w);
		return err;
	}
	*watch = w;
	return 0;
}

void bridge_unwatch(void *watch)
{
	struct bridge_watch *w = watch;

	xenstore_watch_remove(xenbus_store(process.bus), &w->watch, NULL);
	watch_free(w);
}

/* -- event channels -- */

/* Unbound ports and bound ones storm alike: the store and the timers get their turn. */
#define EVENTS_A_TURN 64

static void events_ready(struct xenbus_source *source, unsigned int events)
{
	for (int i = 0; i < EVENTS_A_TURN; i++) {
		int port = xen_platform_evtchn_pending(process.xce);

		if (port == -ENOTCONN)
			xenbus_source_remove(process.host, source); /* the world ended */
		if (port < 0)
			return;
		linux_on_event((uint32_t)port);
	}
}

int bridge_evtchn_alloc(unsigned int domid)
{
	return xen_platform_evtchn_bind_unbound_port(process.xce, domid);
}

int bridge_evtchn_bind(unsigned int domid, uint32_t remote_port)
{
	return xen_platform_evtchn_bind_interdomain(process.xce, domid, remote_port);
}

void bridge_evtchn_close(uint32_t port)
{
	xen_platform_evtchn_unbind(process.xce, port);
}

void bridge_evtchn_notify(uint32_t port)
{
	xen_platform_evtchn_notify(process.xce, port);
}

void bridge_evtchn_unmask(uint32_t port)
{
	xen_platform_evtchn_unmask(process.xce, port);
}

struct event_again {
	struct list link;
	struct xenbus_work work;
	uint32_t port;
};

static void again_free(struct event_again *again)
{
	list_del(&again->link);
	free(again);
}

static void tell_again(struct xenbus_work *work)
{
	struct event_again *again = list_entry(work, struct event_again, work);
	uint32_t port = again->port;

	again_free(again);
	linux_on_event(port);
}

void bridge_evtchn_again(uint32_t port)
{
	struct event_again *again = calloc(1, sizeof(*again));

	if (!again) {
		bridge_evtchn_unmask(port); /* a later event will have to do */
		return;
	}
	again->port = port;
	again->work.run = tell_again;
	list_add_tail(&process.again, &again->link);
	xenbus_work_post(process.host, &again->work);
}

/* -- pages of others -- */

int bridge_map(unsigned int domid, const uint32_t *refs, unsigned int count, void **addr)
{
	return xen_platform_gnttab_map(process.xgt, domid, refs, count, PROT_READ | PROT_WRITE, addr);
}

int bridge_unmap(void *addr, unsigned int count)
{
	return xen_platform_gnttab_unmap(process.xgt, addr, count);
}

/* -- opened and closed -- */

static void bus_log(void *ctx, enum xenbus_log_level level, const char *line)
{
	if (level != XENBUS_LOG_DEBUG)
		bridge_log(level == XENBUS_LOG_ERROR ? 3 : 6, line);
}

static void bus_changed(void *ctx, struct xenbus_device *dev)
{
	if (process.unregistering)
		xenbus_complete(process.bus, process.unregistering);
}

static int open_handles(const char **why)
{
	int err;

	*why = "opening event channels";
	err = xen_platform_evtchn_open(process.platform, &process.xce);
	if (err)
		return err;
	process.event_source.ready = events_ready;
	err = xenbus_source_add(process.host, &process.event_source, xen_platform_evtchn_fd(process.xce),
				XENBUS_SOURCE_READ);
	*why = "opening the grant table";
	if (!err)
		err = xen_platform_gnttab_open(process.platform, &process.xgt);
	if (!err)
		err = xen_platform_gntshr_open(process.platform, &process.xgs);
	return err;
}

/* A domU on Xen learns it from its store. */
static int learn_domid(const char **why)
{
	int domid = xen_platform_domid(process.platform);
	struct iovec iov = { (void *)"domid", sizeof("domid") };
	char *value;

	if (domid < 0) {
		*why = "reading the own domid";
		domid = xenstore_call(xenbus_store(process.bus), XS_READ, XBT_NULL, &iov, 1, &value, NULL);
		if (domid)
			return domid;
		domid = atoi(value);
		free(value);
	}
	process.domid = (unsigned int)domid;
	return 0;
}

int bridge_open(const char **why)
{
	const struct xenbus_config config = {
		.host = process.host, .platform = process.platform, .log = bus_log, .changed = bus_changed
	};
	int err = xenbus_open(&config, &process.bus, why);

	if (!err)
		err = learn_domid(why);
	if (!err)
		err = open_handles(why);
	return err;
}

void bridge_close(void)
{
	xenbus_timer_cancel(process.host, &process.timer);
	while (!list_empty(&process.again)) {
		struct event_again *again = list_first(&process.again, struct event_again, link);

		xenbus_work_cancel(process.host, &again->work);
		again_free(again);
	}
	xenbus_close(process.bus);
	process.bus = NULL;
	if (process.event_source.fd >= 0)
		xenbus_source_remove(process.host, &process.event_source);
	xen_platform_gntshr_close(process.xgs);
	xen_platform_gnttab_close(process.xgt);
	xen_platform_evtchn_close(process.xce);
	while (!list_empty(&process.drivers)) {
		struct bus_driver *b = list_first(&process.drivers, struct bus_driver, link);

		list_del(&b->link);
		free(b);
	}
}
