/* SPDX-License-Identifier: MIT */
/*
 * The indices lie on a page without access. Each touch faults: it is counted, let through by one single step, and the
 * page is closed again.
 */
#include "read_once.h"

#if defined(__x86_64__)

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <xenbus/ring.h>

enum { PAGE = 4096, SIZE = 1024, TRAP_FLAG = 0x100, WROTE = 2 };

static struct {
	uint8_t *page; /* cons at its start, prod behind it */
	unsigned int reads[2];
} watched; /* a signal handler has nothing else */

static void touched(int signo, siginfo_t *info, void *context)
{
	const uintptr_t at = (uintptr_t)info->si_addr - (uintptr_t)watched.page;
	ucontext_t *uc = context;

	if (at >= PAGE) {
		signal(signo, SIG_DFL); /* not ours: it happens again, and ends the program */
		return;
	}
	if (at < 8 && !(uc->uc_mcontext.gregs[REG_ERR] & WROTE))
		watched.reads[at / 4]++;
	mprotect(watched.page, PAGE, PROT_READ | PROT_WRITE);
	uc->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
}

static void stepped(int signo, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	mprotect(watched.page, PAGE, PROT_NONE);
	uc->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)TRAP_FLAG;
}

static bool each_was_read_once(int taken, int want)
{
	const bool once = watched.reads[0] == 1 && watched.reads[1] == 1;

	watched.reads[0] = watched.reads[1] = 0;
	return taken == want && once;
}

static bool try_all(struct byte_ring *ring, uint8_t *bytes)
{
	bool good;

	mprotect(watched.page, PAGE, PROT_NONE);
	good = each_was_read_once(byte_ring_put(ring, bytes, 1000), 1000);
	good = each_was_read_once(byte_ring_get(ring, bytes, 900), 900) && good;
	good = each_was_read_once(byte_ring_put(ring, bytes, 500), 500) && good; /* across the end */
	good = each_was_read_once(byte_ring_used(ring), 600) && good;
	good = each_was_read_once(byte_ring_space(ring), SIZE - 600) && good;
	good = each_was_read_once(byte_ring_get(ring, bytes, SIZE), 600) && good;
	mprotect(watched.page, PAGE, PROT_READ | PROT_WRITE);
	return good;
}

bool indices_are_read_once(void)
{
	struct sigaction fault = { .sa_sigaction = touched, .sa_flags = SA_SIGINFO };
	struct sigaction trap = { .sa_sigaction = stepped, .sa_flags = SA_SIGINFO }, fault_before,
			 trap_before;
	uint8_t data[SIZE] = { 0 }, bytes[SIZE] = { 0 };
	struct byte_ring ring = { .data = data, .size = SIZE };
	bool good;

	watched.page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (watched.page == MAP_FAILED)
		return false;
	ring.cons = (_Atomic uint32_t *)(void *)watched.page;
	ring.prod = ring.cons + 1;
	sigaction(SIGSEGV, &fault, &fault_before);
	sigaction(SIGTRAP, &trap, &trap_before);
	good = try_all(&ring, bytes);
	sigaction(SIGSEGV, &fault_before, NULL);
	sigaction(SIGTRAP, &trap_before, NULL);
	munmap(watched.page, PAGE);
	return good;
}

#else

bool indices_are_read_once(void)
{
	return true;
}

#endif
