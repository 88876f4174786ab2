/* SPDX-License-Identifier: MIT */
#include "proc_view.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <cmocka.h>

unsigned int proc_descriptors(pid_t pid)
{
	unsigned int count = 0;
	struct dirent *entry;
	char path[48];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

unsigned long proc_anonymous_kib(pid_t pid)
{
	unsigned long kib = 0;
	char line[128];
	FILE *f;

	snprintf(line, sizeof(line), "/proc/%d/smaps_rollup", (int)pid);
	f = fopen(line, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) && sscanf(line, "Anonymous: %lu", &kib) != 1)
		;
	fclose(f);
	assert_true(kib > 0);
	return kib;
}

uint64_t proc_cpu_ns(pid_t pid)
{
	unsigned long long ns;
	char path[48];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)pid);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%llu", &ns), 1);
	fclose(f);
	return ns;
}

void proc_read(pid_t pid, const void *address, void *out, size_t size)
{
	const struct iovec from = { (void *)(uintptr_t)address, size }, to = { out, size };

	assert_int_equal(process_vm_readv(pid, &to, 1, &from, 1, 0), size);
}
