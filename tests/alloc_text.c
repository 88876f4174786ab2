/* SPDX-License-Identifier: MIT */
/*
 * What the C library allocates for text would go behind the back of who wraps malloc(): here it goes by
 * __wrap_malloc(), which is another's (failing_alloc.c, scenes/alloc.c). Link with --wrap of each.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void *__wrap_malloc(size_t size);
char *__wrap_strdup(const char *string);
int __wrap_vasprintf(char **out, const char *format, va_list ap);
int __wrap_asprintf(char **out, const char *format, ...);

char *__wrap_strdup(const char *string)
{
	char *copy = __wrap_malloc(strlen(string) + 1);

	return copy ? strcpy(copy, string) : NULL;
}

/* The C library's own would allocate behind our back. */
int __wrap_vasprintf(char **out, const char *format, va_list ap)
{
	va_list again;
	int len;

	va_copy(again, ap);
	len = vsnprintf(NULL, 0, format, again);
	va_end(again);
	*out = len < 0 ? NULL : __wrap_malloc((size_t)len + 1);
	return *out ? vsnprintf(*out, (size_t)len + 1, format, ap) : -1;
}

int __wrap_asprintf(char **out, const char *format, ...)
{
	va_list ap;
	int len;

	va_start(ap, format);
	len = __wrap_vasprintf(out, format, ap);
	va_end(ap);
	return len;
}
