/* SPDX-License-Identifier: MIT */
#ifndef _LINUX_SEMAPHORE_H
#define _LINUX_SEMAPHORE_H
#include <linux/wait.h>

struct semaphore {
	unsigned int count;
	struct wait_queue_head wait;
};
#define __SEMAPHORE_INITIALIZER(name, n)                      \
	{                                                     \
		n, __WAIT_QUEUE_HEAD_INITIALIZER((name).wait) \
	}
#define DEFINE_SEMAPHORE(name) struct semaphore name = __SEMAPHORE_INITIALIZER(name, 1)

static inline void sema_init(struct semaphore *sem, int n)
{
	sem->count = (unsigned int)n;
	init_waitqueue_head(&sem->wait);
}

void down(struct semaphore *sem) LINUX_SYMBOL(down);
int down_trylock(struct semaphore *sem) LINUX_SYMBOL(down_trylock); /* 1: it was not to be had */
void up(struct semaphore *sem) LINUX_SYMBOL(up);
#define down_interruptible(sem) (down(sem), 0)

#endif
