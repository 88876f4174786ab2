/* SPDX-License-Identifier: MIT */
#include "files.h"

#include <base/list.h>
#include <errno.h>
#include <stdlib.h>
#include <xenbus/host.h>

#define BUFFER_BYTES (128u * 1024)

/* One buffer is being consumed while the other is read into. */
struct alice_source {
	struct xenbus_file_io io;
	struct alice_files *files;
	void (*ready)(void *ctx); /* NULL: detached, goes when the read is over */
	void *ctx;
	int fd;
	uint64_t offset; /* of the next read */
	bool reading, at_end, starving;
	int error;
	unsigned int current; /* the buffer being consumed */
	size_t taken;	      /* bytes of it */
	size_t len[2];
	uint8_t data[2][BUFFER_BYTES];
};

static void release(struct alice_source *source)
{
	struct alice_files *files = source->files;

	free(source);
	files->busy--;
	if (files->released)
		files->released(files);
}

static void read_done(struct xenbus_file_io *io);

/* Reads into the buffer that is not being consumed, where it is empty. */
static void read_ahead(struct alice_source *source)
{
	const unsigned int other = !source->current;
	int err;

	if (source->reading || source->at_end || source->error || source->len[other])
		return;
	source->io = (struct xenbus_file_io){
		.done = read_done,
		.op = XENBUS_FILE_READ,
		.fd = source->fd,
		.data = source->data[other],
		.len = BUFFER_BYTES,
		.offset = source->offset,
	};
	err = xenbus_file_submit(source->files->host, &source->io);
	if (err)
		source->error = alice_file_error(err);
	else
		source->reading = true;
}

static void read_done(struct xenbus_file_io *io)
{
	struct alice_source *source = list_entry(io, struct alice_source, io);

	source->reading = false;
	if (!source->ready) {
		release(source);
		return;
	}
	if (io->result < 0)
		source->error = alice_file_error(io->result);
	else if (io->result == 0)
		source->at_end = true;
	else
		source->len[!source->current] = (size_t)io->result;
	source->offset += io->result > 0 ? (uint64_t)io->result : 0;
	if (source->starving) {
		source->starving = false;
		source->ready(source->ctx);
	}
}

int alice_source_new(struct alice_files *files, int fd, void (*ready)(void *ctx), void *ctx,
		     struct alice_source **out)
{
	struct alice_source *source = calloc(1, sizeof(*source));
	int err;

	if (!source)
		return -ENOMEM;
	source->files = files;
	source->ready = ready;
	source->ctx = ctx;
	source->fd = fd;
	files->busy++;
	read_ahead(source);
	err = source->error;
	if (err) {
		release(source);
		return err;
	}
	*out = source;
	return 0;
}

void alice_source_free(struct alice_source *source)
{
	if (!source)
		return;
	source->ready = NULL;
	if (!source->reading)
		release(source);
}

/* What was read stays good although a later read failed or found the end. */
int alice_source_peek(struct alice_source *source, const uint8_t **data, size_t *len)
{
	if (source->taken == source->len[source->current]) {
		source->len[source->current] = source->taken = 0;
		if (source->len[!source->current])
			source->current = !source->current;
		read_ahead(source);
	}
	*data = source->data[source->current] + source->taken;
	*len = source->len[source->current] - source->taken;
	if (*len)
		return 0;
	if (source->error)
		return source->error;
	if (source->at_end)
		return -ENODATA;
	source->starving = true;
	return -EAGAIN;
}

void alice_source_take(struct alice_source *source, size_t len)
{
	source->taken += len;
}
