/* SPDX-License-Identifier: MIT */
#ifndef XENBUS_HOST_OPS_H
#define XENBUS_HOST_OPS_H
/*
 * For those who implement a host; everybody else wants <xenbus/host.h>. A host embeds struct
 * xenbus_host as the first member of its own. No function may be NULL. The contract of each is that of
 * the xenbus_* call of its name; host.c has checked already what stands beside it. The first word of impl
 * is not NULL while a source is added or work is posted: that is how host.c tells.
 */
#include <stdbool.h>

#include <xenbus/host.h>

struct xenbus_host {
	const struct xenbus_host_ops *ops;
	bool stopped;  /* host.c's: xenbus_host_stop() was called */
	int stop_code; /* host.c's: with what */
};

struct xenbus_host_ops {
	void (*free)(struct xenbus_host *host); /* @host is not NULL */
	int (*fd)(struct xenbus_host *host);
	int (*dispatch)(struct xenbus_host *host, int timeout_ms);
	uint64_t (*now)(struct xenbus_host *host);
	uint64_t (*wallclock)(struct xenbus_host *host);
	int (*random)(struct xenbus_host *host, void *buf, size_t len);
	void (*timer_set)(struct xenbus_host *host, struct xenbus_timer *timer, uint64_t deadline_ns);
	void (*timer_cancel)(struct xenbus_host *host, struct xenbus_timer *timer); /* it is armed */
	/* It is not added; @events holds nothing but READ and WRITE, so for modify. */
	int (*source_add)(struct xenbus_host *host, struct xenbus_source *source, int fd,
			  unsigned int events);
	int (*source_modify)(struct xenbus_host *host, struct xenbus_source *source, unsigned int events);
	void (*source_remove)(struct xenbus_host *host, struct xenbus_source *source); /* it is added */
	void (*work_post)(struct xenbus_host *host, struct xenbus_work *work);	       /* it is not posted */
	void (*work_cancel)(struct xenbus_host *host, struct xenbus_work *work);       /* it is posted */
	int (*file_submit)(struct xenbus_host *host, struct xenbus_file_io *io);
	int (*stream_connect)(struct xenbus_host *host, const char *path);
	ssize_t (*stream_send)(struct xenbus_host *host, int fd, const void *data, size_t len);
	ssize_t (*stream_recv)(struct xenbus_host *host, int fd, void *buf, size_t size);
	void (*stream_close)(struct xenbus_host *host, int fd);
};

#endif
