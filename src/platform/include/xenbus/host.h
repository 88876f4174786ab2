/* SPDX-License-Identifier: MIT */
#ifndef XENBUS_HOST_H
#define XENBUS_HOST_H
/*
 * The other half of the seam: what code above it may want of an operating system. Time, timers,
 * readiness, file data, random bytes and streams to a server, and nothing else: whoever is given another host (the
 * simulator's) runs unchanged in virtual time.
 *
 *      caller's loop --- poll(xenbus_host_fd) ---> xenbus_host_dispatch ---> callbacks
 *      or                xenbus_host_run                                 ---> callbacks
 *
 * Callbacks run on the loop, one at a time, never from inside a call that arms or disarms. A callback
 * may arm, disarm and free anything, its own object too. Times are nanoseconds of a monotonic clock
 * that starts anywhere. All objects are embedded in the caller's own, zero-initialised, and owned by
 * it; they must be disarmed before their memory goes. Errors are -errno.
 */
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#pragma GCC visibility push(default)

struct xenbus_host;

/* One shot. */
struct xenbus_timer {
	void (*fire)(struct xenbus_timer *timer); /* set by the owner before the first set */
	uint64_t deadline_ns;			  /* 0: not armed; written by the host only */
	void *impl[3];				  /* the host's */
};

/* Readiness of a descriptor of the seam (or a socket of a transport); level triggered. */
struct xenbus_source {
	void (*ready)(struct xenbus_source *source, unsigned int events);
	int fd;	       /* while added; written by the host only */
	void *impl[3]; /* the host's */
};
#define XENBUS_SOURCE_READ 1u
#define XENBUS_SOURCE_WRITE 2u
#define XENBUS_SOURCE_HANGUP 4u /* always reported, never asked for */

/* Runs once, in the next turn of the loop, in the order of posting. */
struct xenbus_work {
	void (*run)(struct xenbus_work *work);
	void *impl[3]; /* the host's; all NULL: not posted */
};

enum xenbus_file_op { XENBUS_FILE_READ, XENBUS_FILE_WRITE, XENBUS_FILE_FLUSH };

/* One transfer between memory and a file. @done runs on the loop when it is over. */
struct xenbus_file_io {
	void (*done)(struct xenbus_file_io *io);
	enum xenbus_file_op op;
	int fd;		 /* open file, borrowed */
	void *data;	 /* @len bytes, borrowed until done; NULL for FLUSH */
	size_t len;	 /* bytes */
	uint64_t offset; /* bytes from the start of the file; UINT64_MAX: the current position (a pipe) */
	int64_t result;	 /* bytes moved (short at end of file), 0 for FLUSH, or -errno */
	void *impl[4];	 /* the host's */
};

/* A host of this operating system: epoll, timerfd, and one worker thread for files (started by the
 * first transfer). Returns 0 and *@out, freed with xenbus_host_free(). */
int xenbus_host_new(struct xenbus_host **out);
/* Nothing may be armed any more, transfers included. NULL is allowed. */
void xenbus_host_free(struct xenbus_host *host);

/* Readable when dispatch has something to do; -ENOSYS in the simulator. Borrowed. */
int xenbus_host_fd(struct xenbus_host *host);
/* Waits at most @timeout_ms (0: not at all, -1: for ever) and runs what is due.
 * Returns the number of callbacks run; 0 on timeout; -EINTR after a signal. */
int xenbus_host_dispatch(struct xenbus_host *host, int timeout_ms);
/* Dispatches until xenbus_host_stop(@code) is called from a callback, then returns its @code (>= 0),
 * or -errno of a dispatch. A signal does not end it: who wants to hear of one adds a signalfd as a source. */
int xenbus_host_run(struct xenbus_host *host);
void xenbus_host_stop(struct xenbus_host *host, int code);

uint64_t xenbus_host_now(struct xenbus_host *host);
/* Wall clock, nanoseconds since 1970, for people to read. */
uint64_t xenbus_host_wallclock(struct xenbus_host *host);
/* Fills @len bytes at @buf, unpredictable to guests. 0 or -errno. */
int xenbus_host_random(struct xenbus_host *host, void *buf, size_t len);

/* Arms (or re-arms) @timer for the absolute @deadline_ns; never fails. */
void xenbus_timer_set(struct xenbus_host *host, struct xenbus_timer *timer, uint64_t deadline_ns);
void xenbus_timer_cancel(struct xenbus_host *host, struct xenbus_timer *timer);

/* Adds @fd with the @events asked for; @fd stays the caller's. -EEXIST already added; -EPERM the
 * descriptor cannot be waited for (a regular file). */
int xenbus_source_add(struct xenbus_host *host, struct xenbus_source *source, int fd, unsigned int events);
/* Changes what is asked for, 0 included. */
int xenbus_source_modify(struct xenbus_host *host, struct xenbus_source *source, unsigned int events);
void xenbus_source_remove(struct xenbus_host *host, struct xenbus_source *source);

/* Posts @work; posting what is posted already does nothing. */
void xenbus_work_post(struct xenbus_host *host, struct xenbus_work *work);
void xenbus_work_cancel(struct xenbus_host *host, struct xenbus_work *work);

/* Starts @io, whose fields op, fd, data, len, offset and done are set. 0, and done() will run; or
 * -errno, and it will not. There is no cancel: the owner waits for done(). */
int xenbus_file_submit(struct xenbus_host *host, struct xenbus_file_io *io);

/* -- streams: connected unix sockets ------------------------------------------------------------
 *
 * A descriptor that connect() gives, or that a server accepted on its own, belongs to who got it, for
 * xenbus_source_add() and the calls below only: in the simulator it is a token. None of them blocks,
 * but that connect() waits half a second at most for a server whose backlog is full. */

/* Connects to who listens at @path. The descriptor, closed with xenbus_stream_close(); -ENOENT or
 * -ECONNREFUSED nobody does; -EAGAIN its backlog is full; -ENAMETOOLONG; other -errno of connect(2). */
int xenbus_stream_connect(struct xenbus_host *host, const char *path);
/* Bytes taken, 1..@len; -EAGAIN none now; -EPIPE, -ECONNRESET the peer is gone. */
ssize_t xenbus_stream_send(struct xenbus_host *host, int fd, const void *data, size_t len);
/* Bytes, 1..@size; 0 the end; -EAGAIN none now; -ECONNRESET. */
ssize_t xenbus_stream_recv(struct xenbus_host *host, int fd, void *buf, size_t size);
/* No source may be added for it any more. */
void xenbus_stream_close(struct xenbus_host *host, int fd);

#pragma GCC visibility pop

#endif
