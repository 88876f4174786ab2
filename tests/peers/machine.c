/* SPDX-License-Identifier: MIT */
#include "machine.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define RINGS_SIZE ((off_t)MACHINE_DOMAINS * MACHINE_PAGE)

int machine_format(int fd)
{
	return ftruncate(fd, RINGS_SIZE + (off_t)sizeof(struct machine)) < 0 ? -errno : 0;
}

static void *map(int fd, size_t size, off_t offset)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);

	return at == MAP_FAILED ? NULL : at;
}

struct machine *machine_map(int fd)
{
	return map(fd, sizeof(struct machine), RINGS_SIZE);
}

void machine_unmap(struct machine *machine)
{
	munmap(machine, sizeof(*machine));
}

struct xenstore_domain_interface *machine_map_ring(int fd, uint32_t domid)
{
	return map(fd, MACHINE_PAGE, (off_t)domid * MACHINE_PAGE);
}

/* Each bound port is in the FIFO at most once: it is never full. */
static void tell(int fifo, uint32_t port)
{
	ssize_t n;

	do
		n = write(fifo, &port, sizeof(port));
	while (n < 0 && errno == EINTR);
}

void machine_raise(struct machine *machine, int fifo, uint32_t port)
{
	_Atomic uint32_t *state = &machine->ports[port].state;
	uint32_t was = atomic_load(state), next;

	do
		next = was == MACHINE_IDLE ? MACHINE_QUEUED : MACHINE_QUEUED_AGAIN;
	while (!atomic_compare_exchange_weak(state, &was, next));
	if (next == MACHINE_QUEUED)
		tell(fifo, port);
}

void machine_unmask(struct machine *machine, int fifo, uint32_t port)
{
	_Atomic uint32_t *state = &machine->ports[port].state;
	uint32_t was = atomic_load(state), next;

	do
		next = was == MACHINE_QUEUED_AGAIN ? MACHINE_QUEUED : MACHINE_IDLE;
	while (!atomic_compare_exchange_weak(state, &was, next));
	if (next == MACHINE_QUEUED)
		tell(fifo, port);
}

void machine_notify(struct machine *machine, uint32_t domid)
{
	_Atomic uint32_t *events = &machine->domains[domid].events;

	atomic_fetch_add(events, 1);
	syscall(SYS_futex, events, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void machine_await(struct machine *machine, uint32_t domid, uint32_t seen, int ms)
{
	const struct timespec patience = { ms / 1000, (ms % 1000) * 1000000L };

	syscall(SYS_futex, &machine->domains[domid].events, FUTEX_WAIT, seen, &patience, NULL, 0);
}
