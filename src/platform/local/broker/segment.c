/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "events.h"
#include "segment.h"

static size_t bytes(const struct broker_segment *segment)
{
	return (size_t)segment->pages * XEN_PLATFORM_PAGE_SIZE;
}

static int make_memfd(size_t len)
{
	int fd = memfd_create("xen-grant", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -ENOSPC;
	if (ftruncate(fd, (off_t)len) || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW)) {
		close(fd);
		return -ENOSPC;
	}
	return fd;
}

int segment_new(struct account *payer, uint32_t pages, bool writable, struct broker_segment **out)
{
	struct broker_segment *segment = calloc(1, sizeof(*segment) + pages * sizeof(segment->mapped[0]));
	int err = segment ? account_take(payer, RESOURCE_DESCRIPTORS, 1) : -ENOMEM;

	if (err)
		goto free_segment;
	err = account_take(payer, RESOURCE_PAGES, pages);
	if (err)
		goto give_descriptor;
	segment->refs = 1;
	segment->read_fd = -1;
	segment->pages = pages;
	segment->writable = writable;
	segment->payer = payer;
	segment->fd = make_memfd(bytes(segment));
	err = segment->fd;
	if (err < 0)
		goto give_pages;
	*out = segment;
	return 0;

give_pages:
	account_give(payer, RESOURCE_PAGES, pages);
give_descriptor:
	account_give(payer, RESOURCE_DESCRIPTORS, 1);
free_segment:
	free(segment);
	return err;
}

void segment_get(struct broker_segment *segment)
{
	segment->refs++;
}

void segment_put(struct broker_segment *segment)
{
	uint32_t pages = segment->pages, descriptors = segment->read_fd < 0 ? 1 : 2;
	struct account *payer = segment->payer;

	if (--segment->refs)
		return;
	if (segment->view)
		munmap(segment->view, bytes(segment));
	if (segment->read_fd >= 0)
		close(segment->read_fd);
	close(segment->fd);
	free(segment);
	account_give_two(payer, RESOURCE_DESCRIPTORS, descriptors, RESOURCE_PAGES, pages);
}

int segment_view(struct broker_segment *segment)
{
	void *view = mmap(NULL, bytes(segment), PROT_READ | PROT_WRITE, MAP_SHARED, segment->fd, 0);

	if (view == MAP_FAILED)
		return -ENOMEM;
	segment->view = view;
	return 0;
}

int segment_seal(struct broker_segment *segment)
{
	int want = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL | (segment->writable ? 0 : F_SEAL_FUTURE_WRITE);

	/* The granter has the descriptor too: it may have sealed what it had no business to. */
	if (fcntl(segment->fd, F_ADD_SEALS, want) || fcntl(segment->fd, F_GET_SEALS) != want)
		return -EPERM;
	return 0;
}

/* A descriptor open for writing cannot be narrowed, only opened again. */
static int open_for_reading(int fd)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDONLY | O_CLOEXEC);
}

int segment_descriptor(struct broker_segment *segment, bool write)
{
	if (write || !segment->writable) /* sealed against writing: safe to hand over */
		return segment->fd;
	if (segment->read_fd < 0) {
		int fd, err = account_take(segment->payer, RESOURCE_DESCRIPTORS, 1);

		if (err)
			return err;
		fd = open_for_reading(segment->fd);
		if (fd < 0) {
			account_give(segment->payer, RESOURCE_DESCRIPTORS, 1);
			return -ENOSPC;
		}
		segment->read_fd = fd;
	}
	return segment->read_fd;
}

/* -- notifications -- */

static void clear_byte(const struct broker_notify *notify)
{
	static const uint8_t zero;

	if (notify->segment->view)
		__atomic_store_n(&notify->segment->view[notify->at], 0, __ATOMIC_RELEASE);
	else if (pwrite(notify->segment->fd, &zero, 1, (off_t)notify->at) != 1)
		return; /* a granter that sealed the page against us harms itself */
}

void notify_drop(struct broker_notify *notify)
{
	if (notify->segment)
		segment_put(notify->segment);
	if (notify->channel)
		channel_put(notify->channel);
	*notify = (struct broker_notify){ 0 };
}

void notify_fire(struct broker_notify *notify)
{
	if (notify->segment)
		clear_byte(notify);
	if (notify->channel)
		channel_raise(notify->channel, notify->side);
	notify_drop(notify);
}

int notify_set(struct broker_notify *notify, struct broker_connection *c, const struct local_request *r,
	       struct broker_segment *segment, uint32_t page)
{
	struct broker_port *port = r->notify_port ? port_of(c, r->notify_port) : NULL;

	if (r->notify_port && (!port || port->channel->in[!port->side] < 0))
		return -EINVAL;
	*notify = (struct broker_notify){ 0 };
	if (port) {
		channel_get(port->channel);
		notify->channel = port->channel;
		notify->side = !port->side;
	}
	if (r->notify_offset != LOCAL_NO_OFFSET) {
		segment_get(segment);
		notify->segment = segment;
		notify->at = (uint64_t)page * XEN_PLATFORM_PAGE_SIZE + r->notify_offset;
	}
	return 0;
}
