/* SPDX-License-Identifier: MIT */
#ifndef _LINUX_MUTEX_H
#define _LINUX_MUTEX_H
#include <linux/wait.h>

struct mutex {
	struct task_struct *owner;
	struct wait_queue_head wait;
};
#define __MUTEX_INITIALIZER(name)                                \
	{                                                        \
		NULL, __WAIT_QUEUE_HEAD_INITIALIZER((name).wait) \
	}
#define DEFINE_MUTEX(name) struct mutex name = __MUTEX_INITIALIZER(name)

static inline void mutex_init(struct mutex *lock)
{
	lock->owner = NULL;
	init_waitqueue_head(&lock->wait);
}

static inline bool mutex_is_locked(struct mutex *lock)
{
	return lock->owner != NULL;
}

#define mutex_destroy(lock) \
	do {                \
	} while (0)
void mutex_lock(struct mutex *lock) LINUX_SYMBOL(mutex_lock);
int mutex_trylock(struct mutex *lock) LINUX_SYMBOL(mutex_trylock);
void mutex_unlock(struct mutex *lock) LINUX_SYMBOL(mutex_unlock);
#define mutex_lock_interruptible(lock) (mutex_lock(lock), 0)
#define mutex_lock_killable(lock) (mutex_lock(lock), 0)
#define mutex_lock_nested(lock, subclass) mutex_lock(lock)

#endif
