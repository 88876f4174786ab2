/* SPDX-License-Identifier: MIT */
/* Linked with --wrap for each of the functions below; those with offsets have 64 in their linked names. */
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "faults.h"

static struct {
	_Atomic int left[2]; /* calls until the one that fails; 0: none is to */
	_Atomic bool hit[2];
	pid_t client;
} * faults;

void faults_init(void)
{
	faults = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	faults->client = getpid();
}

void faults_arm(enum faulty who, int nth)
{
	atomic_store(&faults->hit[who], false);
	atomic_store(&faults->left[who], nth);
}

bool faults_disarm(enum faulty who)
{
	atomic_store(&faults->left[who], 0);
	return atomic_load(&faults->hit[who]);
}

static bool fails(int error)
{
	enum faulty who;

	if (!faults)
		return false;
	who = getpid() == faults->client ? FAULTY_CLIENT : FAULTY_BROKER;
	if (!atomic_load(&faults->left[who]) || atomic_fetch_sub(&faults->left[who], 1) != 1)
		return false;
	atomic_store(&faults->hit[who], true);
	errno = error;
	return true;
}

#define WRAP(type, name, params, args, error, result)                \
	type __real_##name params;                                   \
	type __wrap_##name params;                                   \
	type __wrap_##name params                                    \
	{                                                            \
		return fails(error) ? (result) : __real_##name args; \
	}

WRAP(void *, malloc, (size_t n), (n), ENOMEM, NULL)
WRAP(void *, calloc, (size_t n, size_t m), (n, m), ENOMEM, NULL)
WRAP(void *, realloc, (void *p, size_t n), (p, n), ENOMEM, NULL)
WRAP(int, socketpair, (int d, int t, int p, int *s), (d, t, p, s), EMFILE, -1)
WRAP(int, socket, (int d, int t, int p), (d, t, p), EMFILE, -1)
WRAP(ssize_t, sendmsg, (int s, const struct msghdr *m, int f), (s, m, f), ECONNRESET, -1)
WRAP(ssize_t, recvmsg, (int s, struct msghdr *m, int f), (s, m, f), ECONNRESET, -1)
WRAP(int, epoll_create1, (int f), (f), EMFILE, -1)
WRAP(int, eventfd, (unsigned int v, int f), (v, f), EMFILE, -1)
WRAP(int, memfd_create, (const char *n, unsigned int f), (n, f), EMFILE, -1)
WRAP(int, ftruncate64, (int fd, off_t n), (fd, n), ENOSPC, -1)
WRAP(int, pipe2, (int *p, int f), (p, f), EMFILE, -1)
WRAP(int, pidfd_open, (pid_t p, unsigned int f), (p, f), EMFILE, -1)
WRAP(pid_t, fork, (void), (), EAGAIN, -1)
WRAP(void *, mmap64, (void *a, size_t n, int p, int f, int fd, off_t o), (a, n, p, f, fd, o), ENOMEM,
     MAP_FAILED)

WRAP(int, accept4, (int s, struct sockaddr *a, socklen_t *l, int f), (s, a, l, f), EMFILE, -1)

/* Taking out does not fail. */
int __real_epoll_ctl(int ep, int op, int fd, struct epoll_event *ev);
int __wrap_epoll_ctl(int ep, int op, int fd, struct epoll_event *ev);
int __wrap_epoll_ctl(int ep, int op, int fd, struct epoll_event *ev)
{
	return op != EPOLL_CTL_DEL && fails(ENOMEM) ? -1 : __real_epoll_ctl(ep, op, fd, ev);
}
