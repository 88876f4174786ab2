/* SPDX-License-Identifier: MIT */
#ifndef _LINUX_SPINLOCK_H
#define _LINUX_SPINLOCK_H
/*
 * A module runs on one processor: fibers leave only where they wait, and handlers run in between. So nobody ever spins;
 * what these do is to see that nobody waits with a lock held, or takes one twice, and say so.
 */
#include <asm/barrier.h>
#include <linux/bug.h>

typedef struct spinlock {
	bool locked;
	const char *where; /* it was taken */
} spinlock_t;
typedef struct spinlock raw_spinlock_t;
typedef struct {
	struct spinlock lock;
	int readers;
} rwlock_t;

#define __SPIN_LOCK_UNLOCKED(name) \
	{                          \
		false, NULL        \
	}
#define DEFINE_SPINLOCK(name) spinlock_t name = __SPIN_LOCK_UNLOCKED(name)
#define DEFINE_RAW_SPINLOCK(name) raw_spinlock_t name = __SPIN_LOCK_UNLOCKED(name)
#define DEFINE_RWLOCK(name) rwlock_t name = { { false, NULL }, 0 }

void linux_spin_lock(struct spinlock *lock, const char *where) LINUX_SYMBOL(spin_lock_at);
bool linux_spin_trylock(struct spinlock *lock, const char *where) LINUX_SYMBOL(spin_trylock_at);
void linux_spin_unlock(struct spinlock *lock, const char *where) LINUX_SYMBOL(spin_unlock_at);

#define spin_lock_init(lock) (*(lock) = (struct spinlock)__SPIN_LOCK_UNLOCKED())
#define raw_spin_lock_init(lock) spin_lock_init(lock)
#define spin_is_locked(lock) ((lock)->locked)
#define spin_lock(lock) linux_spin_lock(lock, LINUX_HERE)
#define spin_unlock(lock) linux_spin_unlock(lock, LINUX_HERE)
#define spin_trylock(lock) linux_spin_trylock(lock, LINUX_HERE)
#define spin_lock_bh(lock) spin_lock(lock)
#define spin_unlock_bh(lock) spin_unlock(lock)
#define spin_lock_irq(lock) spin_lock(lock)
#define spin_unlock_irq(lock) spin_unlock(lock)
#define spin_lock_irqsave(lock, flags) \
	do {                           \
		(flags) = 0;           \
		spin_lock(lock);       \
	} while (0)
#define spin_unlock_irqrestore(lock, flags) \
	do {                                \
		(void)(flags);              \
		spin_unlock(lock);          \
	} while (0)
#define raw_spin_lock(lock) spin_lock(lock)
#define raw_spin_unlock(lock) spin_unlock(lock)
#define raw_spin_lock_irqsave(lock, flags) spin_lock_irqsave(lock, flags)
#define raw_spin_unlock_irqrestore(lock, flags) spin_unlock_irqrestore(lock, flags)

#define rwlock_init(rw) (*(rw) = (rwlock_t){ { false, NULL }, 0 })
#define read_lock(rw) spin_lock(&(rw)->lock)
#define read_unlock(rw) spin_unlock(&(rw)->lock)
#define write_lock(rw) spin_lock(&(rw)->lock)
#define write_unlock(rw) spin_unlock(&(rw)->lock)
#define local_irq_save(flags) ((flags) = 0)
#define local_irq_restore(flags) ((void)(flags))
#define local_irq_disable() \
	do {                \
	} while (0)
#define local_irq_enable() \
	do {               \
	} while (0)
#define lockdep_assert_held(lock) \
	do {                      \
	} while (0)
#define assert_spin_locked(lock) BUG_ON(!(lock)->locked)

#endif
