/* SPDX-License-Identifier: MIT */
#ifndef _LINUX_COMPLETION_H
#define _LINUX_COMPLETION_H
#include <linux/wait.h>

struct completion {
	unsigned int done;
	struct wait_queue_head wait;
};
#define COMPLETION_INITIALIZER(name)                          \
	{                                                     \
		0, __WAIT_QUEUE_HEAD_INITIALIZER((name).wait) \
	}
#define DECLARE_COMPLETION(name) struct completion name = COMPLETION_INITIALIZER(name)
#define DECLARE_COMPLETION_ONSTACK(name) DECLARE_COMPLETION(name)

static inline void init_completion(struct completion *c)
{
	c->done = 0;
	init_waitqueue_head(&c->wait);
}

static inline void reinit_completion(struct completion *c)
{
	c->done = 0;
}

static inline bool completion_done(struct completion *c)
{
	return c->done != 0;
}

void complete(struct completion *c) LINUX_SYMBOL(complete);
void complete_all(struct completion *c) LINUX_SYMBOL(complete_all);
void wait_for_completion(struct completion *c) LINUX_SYMBOL(wait_for_completion);
/* Jiffies that were left, at least 1; 0: the time is over. */
unsigned long wait_for_completion_timeout(struct completion *c, unsigned long timeout)
	LINUX_SYMBOL(wait_for_completion_timeout);
bool try_wait_for_completion(struct completion *c) LINUX_SYMBOL(try_wait_for_completion);
#define wait_for_completion_interruptible(c) (wait_for_completion(c), 0)
#define wait_for_completion_killable(c) (wait_for_completion(c), 0)
#define wait_for_completion_interruptible_timeout(c, timeout) ((long)wait_for_completion_timeout(c, timeout))

#endif
