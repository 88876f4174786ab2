/* SPDX-License-Identifier: MIT */
#ifndef _LINUX_FREEZER_H
#define _LINUX_FREEZER_H
#include <linux/sched.h>

#define try_to_freeze() false
#define set_freezable() false
#define freezing(task) false

#endif
