/* SPDX-License-Identifier: MIT */
#ifndef ADVISORIES_READ_ONCE_H
#define ADVISORIES_READ_ONCE_H
#include <stdbool.h>

/* Does a byte ring look at each of its indices exactly once a call? Seen by a page that cannot be touched
 * unnoticed, so no luck with a race is needed. Where the processor gives no way to see it: true. */
bool indices_are_read_once(void);

#endif
