/* SPDX-License-Identifier: MIT */
#ifndef ALICE_FRONT_H
#define ALICE_FRONT_H
/*
 * The frontend driver of the class "alice_dev": says hello and, where the backend has feature-stream,
 * sends one stream a connection. protocol.h is what goes over the wire.
 *
 *     file or callback --> [ data pages, granted read-only ] --> backend --> result, to done()
 *
 * Each device under device/alice_dev/ gets the same stream from its first byte; after a reconnection it
 * starts again from there.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct alice_front;
struct xenbus;
struct xenbus_device;
struct xenbus_host;

/* What became of one stream. */
struct alice_front_result {
	/* 0: sent, stored, and the digests agree where they were asked for
	 *   -EBADMSG     the backend stored something else than what was sent
	 *   -EIO         the backend's storage failed
	 *   -EOPNOTSUPP  no stream: the backend has no feature-stream, or no version in common
	 *   -ECONNRESET  the connection ended before the stream did
	 *   -EPROTO      the backend broke the protocol
	 *   -errno       of reading what was to be sent */
	int error;
	uint64_t bytes_sent, bytes_stored; /* as we counted; as the backend said */
	bool has_digest;		   /* the two below are valid: SHA-256 */
	uint8_t sent_digest[32], stored_digest[32];
	uint64_t duration_ns;	/* first request to last response */
	uint64_t requests;	/* put on the ring, HELLO and END included */
	uint64_t notifications; /* sent to the backend */
	uint64_t wakeups;	/* received from it */
	uint32_t pages;		/* data pages used */
};

struct alice_front_config {
	struct xenbus_host *host; /* the bus's; borrowed */
	/* What is sent: a file that has positions (borrowed; read to its end), or, where fd is -1, what fill()
	 * gives: at most @len (<= 4096) bytes from @offset of the stream to @buf; it returns their number, 0
	 * at the end, or -errno, and may not block. Neither: hello is all. */
	int fd;
	int64_t (*fill)(void *ctx, uint64_t offset, void *buf, size_t len);
	unsigned int pages; /* data pages, 1..256, the backend's limit permitting; 0: 64 */
	bool no_digest;	    /* neither end hashes */
	/* On the loop, or in the device's fiber: once a connection that was to carry a stream, when that is
	 * over. @result is borrowed for the call. May be NULL. */
	void (*done)(void *ctx, struct xenbus_device *dev, const struct alice_front_result *result);
	void *ctx;
};

/* Registers the driver on @bus. @config is copied. 0 and *@out; -EINVAL pages, or fd has no positions;
 * -ENOMEM; errors of xenbus_register_frontend(). */
int alice_front_start(struct xenbus *bus, const struct alice_front_config *config, struct alice_front **out);
/* After the driver's last device went, that is after xenbus_close(). Runs the host's loop until the last
 * read is over. NULL is allowed. */
void alice_front_free(struct alice_front *front);

#endif
