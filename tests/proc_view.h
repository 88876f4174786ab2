/* SPDX-License-Identifier: MIT */
#ifndef TESTS_PROC_VIEW_H
#define TESTS_PROC_VIEW_H
/* What a process holds, seen from outside. Failures are cmocka's. */
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

unsigned int proc_descriptors(pid_t pid);
/* Memory that no file stands behind: heap and stacks, in KiB. */
unsigned long proc_anonymous_kib(pid_t pid);
/* Time on a processor so far, nanoseconds. */
uint64_t proc_cpu_ns(pid_t pid);
/* @size bytes at @address of a process that was forked from this one without an exec: where a variable of ours
 * is, its own is too. */
void proc_read(pid_t pid, const void *address, void *out, size_t size);

#endif
