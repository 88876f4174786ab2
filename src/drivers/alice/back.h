/* SPDX-License-Identifier: MIT */
#ifndef ALICE_BACK_H
#define ALICE_BACK_H
/*
 * The backend driver of the class "alice_dev": answers hello and receives one stream a connection.
 * protocol.h is what goes over the wire.
 *
 *     frontend --> [ data pages, mapped read-only ] --copy, hash--> file or callback --> result, to done()
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct alice_back;
struct xenbus;
struct xenbus_device;
struct xenbus_host;

/* What became of one stream. */
struct alice_back_result {
	/* 0: received and stored
	 *   -EBADMSG     the frontend says it sent another number of bytes
	 *   -ECONNRESET  the connection ended before the stream did
	 *   -EPROTO      the frontend broke the protocol
	 *   -errno       of storing */
	int error;
	uint64_t bytes;	 /* received */
	bool has_digest; /* SHA-256 of them, as stored, where the frontend asked for it */
	uint8_t digest[32];
	uint64_t duration_ns;	/* connected to END's response */
	uint64_t requests;	/* taken from the ring */
	uint64_t notifications; /* sent to the frontend */
	uint64_t wakeups;	/* received from it */
};

struct alice_back_config {
	struct xenbus_host *host; /* the bus's; borrowed */
	/* Where it goes: a file that has positions (borrowed; written from its first byte, each connection
	 * anew; not cut at the stream's end), or, where fd is -1, consume(): the @len (1..4096) bytes from
	 * @offset of the stream, borrowed for the call; 0 or -errno; may not block. Neither: nowhere.
	 * A file serves one device at a time: a second one is refused with -EBUSY. */
	int fd;
	int (*consume)(void *ctx, uint64_t offset, const void *data, size_t len);
	bool flush;	    /* a stream is stored when it is on the medium */
	bool no_stream;	    /* do not offer feature-stream: hello and hi is all */
	unsigned int pages; /* data pages that a frontend may bring, 1..256; 0: 256 */
	/* On the loop, or in the device's fiber: once a connection that carried a stream, when that is over.
	 * @result is borrowed for the call. May be NULL. */
	void (*done)(void *ctx, struct xenbus_device *dev, const struct alice_back_result *result);
	void *ctx;
};

/* Registers the driver on @bus. @config is copied. 0 and *@out; -EINVAL pages, or fd has no positions;
 * -ENOMEM; errors of xenbus_register_backend(). */
int alice_back_start(struct xenbus *bus, const struct alice_back_config *config, struct alice_back **out);
/* After the driver's last device went, that is after xenbus_close(). Runs the host's loop until the last
 * write is over. NULL is allowed. */
void alice_back_free(struct alice_back *back);

#endif
