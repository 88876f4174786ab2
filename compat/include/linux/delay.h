/* SPDX-License-Identifier: MIT */
#ifndef _LINUX_DELAY_H
#define _LINUX_DELAY_H
#include <linux/jiffies.h>

void msleep(unsigned int ms) LINUX_SYMBOL(msleep);
unsigned long msleep_interruptible(unsigned int ms) LINUX_SYMBOL(msleep_interruptible);
void usleep_range(unsigned long min_us, unsigned long max_us) LINUX_SYMBOL(usleep_range);
void udelay(unsigned long us) LINUX_SYMBOL(udelay); /* spins: nothing else of the module runs */
#define ndelay(ns) udelay(((ns) + 999) / 1000)
#define mdelay(ms) udelay((ms)*1000UL)
#define ssleep(s) msleep((s)*1000)
#define fsleep(us) usleep_range(us, (us)*2)

#endif
