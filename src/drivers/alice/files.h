/* SPDX-License-Identifier: MIT */
#ifndef ALICE_FILES_H
#define ALICE_FILES_H
/*
 * The file behind either end: a source reads ahead of the stream, a sink writes behind it. Both belong
 * to one connection and move data through private buffers, so that shared pages may go at any moment.
 *
 *      file --read--> [buffer][buffer] --peek, take--> pages        source
 *      pages --reserve, commit--> [chunk][chunk][chunk][chunk] --write--> file        sink
 *
 * A transfer cannot be cancelled. One that is under way when its connection ends keeps its buffers until
 * it is over; struct alice_files counts them for the owner, who outlives all.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct xenbus_host;

struct alice_files {
	struct xenbus_host *host; /* borrowed */
	size_t busy;		  /* sources and sinks that stand, detached ones included */
	void (*released)(struct alice_files *files); /* one of them went; may be NULL */
};

/* Runs the host's loop until none is left; for who frees the owner. */
void alice_files_drain(struct alice_files *files);

/* A failure as source and sink tell it: one that would be taken for "not yet" or "the end" is -EIO. */
int alice_file_error(int64_t err);

/* -- source ------------------------------------------------------------------------------------ */

struct alice_source;

/* Reads @fd, a file with positions, from its first byte. @ready(@ctx) runs on the loop when a peek that
 * said "not yet" would say something else. 0 and *@out; -ENOMEM; -errno of the first submission. */
int alice_source_new(struct alice_files *files, int fd, void (*ready)(void *ctx), void *ctx,
		     struct alice_source **out);
/* Ends it; ready() never runs again. NULL is allowed. */
void alice_source_free(struct alice_source *source);
/* The bytes at hand: *@len (> 0) of them at *@data, valid until take(). 0; -EAGAIN not yet; -ENODATA the
 * file's end was reached; -errno of a read. */
int alice_source_peek(struct alice_source *source, const uint8_t **data, size_t *len);
/* @len of the bytes just peeked are done with. */
void alice_source_take(struct alice_source *source, size_t len);

/* -- sink -------------------------------------------------------------------------------------- */

#define ALICE_SINK_PAGE 4096u /* a reservation's bytes */

struct alice_sink;

/* Writes @fd, a file with positions, from its first byte. @ready(@ctx) runs on the loop when chunks were
 * written. @flush: finish() brings the bytes to the medium, too. 0 and *@out; -ENOMEM. */
int alice_sink_new(struct alice_files *files, int fd, bool flush, void (*ready)(void *ctx), void *ctx,
		   struct alice_sink **out);
void alice_sink_free(struct alice_sink *sink);
/* As struct stream_sink has them; the argument is the sink. */
uint8_t *alice_sink_reserve(void *sink);
void alice_sink_commit(void *sink, uint32_t len);
int alice_sink_finish(void *sink);
int alice_sink_error(void *sink);

#endif
