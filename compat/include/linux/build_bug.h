/* SPDX-License-Identifier: MIT */
#ifndef _LINUX_BUILD_BUG_H
#define _LINUX_BUILD_BUG_H

/* An expression, also where a declaration may not stand; the condition is a constant. */
#define BUILD_BUG_ON(condition) ((void)sizeof(char[1 - 2 * !!(condition)]))
#define BUILD_BUG_ON_MSG(condition, msg) BUILD_BUG_ON(condition)
#define BUILD_BUG_ON_ZERO(condition) ((int)sizeof(char[1 - 2 * !!(condition)]) - 1)
#define BUILD_BUG_ON_NOT_POWER_OF_2(n) BUILD_BUG_ON((n) == 0 || ((n) & ((n)-1)))
#define static_assert(condition, ...) _Static_assert(condition, #condition)

#endif
