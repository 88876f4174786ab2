/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FAILING_ALLOC_H
#define TESTS_FAILING_ALLOC_H
/*
 * malloc, calloc, realloc, strdup, asprintf, vasprintf and free of a test program and of our libraries in it
 * (link with alloc_args of the build: --wrap): counted, and failing when asked.
 */
#include <stdbool.h>

struct failing_alloc {
	long live;    /* allocated and not freed */
	long calls;   /* allocations asked for */
	long fail_at; /* the call that fails, counted from alloc_fail(); 0: none */
	bool forever; /* and all behind it */
};
extern struct failing_alloc failing_alloc;

/* The @nth allocation from now fails; 0: none does. */
void alloc_fail(long nth, bool forever);
/* Stops failing. True: an allocation did fail since alloc_fail(). */
bool alloc_failed(void);

#endif
