/* SPDX-License-Identifier: MIT */
#include "files.h"

#include <base/list.h>
#include <errno.h>
#include <stdlib.h>
#include <xenbus/host.h>

#define CHUNKS 4u
#define CHUNK_BYTES (256u * 1024) /* written when it holds at least so many */

/* free -> filled by commits -> writing -> free */
struct chunk {
	struct xenbus_file_io io;
	struct alice_sink *sink;
	bool writing;
	size_t used, written; /* bytes */
	uint64_t offset;      /* of the first byte in the file */
	uint8_t data[CHUNK_BYTES + ALICE_SINK_PAGE];
};

struct alice_sink {
	struct alice_files *files;
	void (*ready)(void *ctx); /* NULL: detached, goes when the transfers are over */
	void *ctx;
	int fd;
	bool flush, flushed;
	int error; /* the first; from then on bytes are dropped */
	uint64_t offset;
	unsigned int current;  /* the chunk being filled, or to be filled next */
	unsigned int inflight; /* transfers */
	struct xenbus_file_io flush_io;
	struct chunk chunks[CHUNKS];
};

static void release(struct alice_sink *sink)
{
	struct alice_files *files = sink->files;

	free(sink);
	files->busy--;
	if (files->released)
		files->released(files);
}

static void transfer_over(struct alice_sink *sink)
{
	sink->inflight--;
	if (sink->ready)
		sink->ready(sink->ctx);
	else if (!sink->inflight)
		release(sink);
}

static void chunk_done(struct xenbus_file_io *io);

static int write_rest(struct chunk *chunk)
{
	chunk->io = (struct xenbus_file_io){
		.done = chunk_done,
		.op = XENBUS_FILE_WRITE,
		.fd = chunk->sink->fd,
		.data = chunk->data + chunk->written,
		.len = chunk->used - chunk->written,
		.offset = chunk->offset + chunk->written,
	};
	return xenbus_file_submit(chunk->sink->files->host, &chunk->io);
}

static void chunk_free(struct chunk *chunk)
{
	chunk->writing = false;
	chunk->used = chunk->written = 0;
}

/* A short write is continued, where somebody still wants it. */
static void chunk_done(struct xenbus_file_io *io)
{
	struct chunk *chunk = list_entry(io, struct chunk, io);
	struct alice_sink *sink = chunk->sink;
	int err = io->result < 0 ? (int)io->result : io->result == 0 ? -EIO : 0;

	if (!err) {
		chunk->written += (size_t)io->result;
		if (chunk->written < chunk->used && sink->ready) {
			err = write_rest(chunk);
			if (!err)
				return;
		}
	}
	if (err && !sink->error)
		sink->error = alice_file_error(err);
	chunk_free(chunk);
	transfer_over(sink);
}

/* The current chunk goes to the file, the next becomes current. */
static void submit(struct alice_sink *sink)
{
	struct chunk *chunk = &sink->chunks[sink->current];
	int err;

	chunk->offset = sink->offset;
	sink->offset += chunk->used;
	sink->current = (sink->current + 1) % CHUNKS;
	err = sink->error ? sink->error : write_rest(chunk);
	if (err) {
		sink->error = alice_file_error(err);
		chunk_free(chunk);
		return;
	}
	chunk->writing = true;
	sink->inflight++;
}

int alice_sink_new(struct alice_files *files, int fd, bool flush, void (*ready)(void *ctx), void *ctx,
		   struct alice_sink **out)
{
	struct alice_sink *sink = calloc(1, sizeof(*sink));

	if (!sink)
		return -ENOMEM;
	*sink = (struct alice_sink){ .files = files, .ready = ready, .ctx = ctx, .fd = fd, .flush = flush };
	for (unsigned int i = 0; i < CHUNKS; i++)
		sink->chunks[i].sink = sink;
	files->busy++;
	*out = sink;
	return 0;
}

void alice_sink_free(struct alice_sink *sink)
{
	if (!sink)
		return;
	sink->ready = NULL;
	if (!sink->inflight)
		release(sink);
}

uint8_t *alice_sink_reserve(void *arg)
{
	struct alice_sink *sink = arg;
	struct chunk *chunk = &sink->chunks[sink->current];

	return chunk->writing ? NULL : chunk->data + chunk->used;
}

void alice_sink_commit(void *arg, uint32_t len)
{
	struct alice_sink *sink = arg;
	struct chunk *chunk = &sink->chunks[sink->current];

	chunk->used += len;
	if (chunk->used >= CHUNK_BYTES)
		submit(sink);
}

static void flush_done(struct xenbus_file_io *io)
{
	struct alice_sink *sink = list_entry(io, struct alice_sink, flush_io);

	if (io->result < 0 && !sink->error)
		sink->error = alice_file_error(io->result);
	transfer_over(sink);
}

static int flush(struct alice_sink *sink)
{
	int err;

	sink->flushed = true;
	sink->flush_io =
		(struct xenbus_file_io){ .done = flush_done, .op = XENBUS_FILE_FLUSH, .fd = sink->fd };
	err = xenbus_file_submit(sink->files->host, &sink->flush_io);
	if (err) {
		sink->error = alice_file_error(err);
		return sink->error;
	}
	sink->inflight++;
	return -EINPROGRESS;
}

int alice_sink_finish(void *arg)
{
	struct alice_sink *sink = arg;

	if (!sink->chunks[sink->current].writing && sink->chunks[sink->current].used)
		submit(sink);
	if (sink->inflight)
		return -EINPROGRESS;
	if (sink->flush && !sink->flushed && !sink->error)
		return flush(sink);
	return sink->error;
}

int alice_sink_error(void *arg)
{
	return ((struct alice_sink *)arg)->error;
}
