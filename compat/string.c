/* SPDX-License-Identifier: MIT */
/* Strings and numbers, where the kernel's functions are not the C library's. */
#include <linux/ctype.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "runtime.h"

/* The C library's. */
int libc_vsscanf(const char *buf, const char *fmt, va_list args) __asm__("vsscanf");
unsigned long long strtoull(const char *s, char **end, int base);
long long strtoll(const char *s, char **end, int base);
int *__errno_location(void);

ssize_t strscpy(char *to, const char *from, size_t size)
{
	size_t len = size ? strnlen(from, size) : 0;

	if (!size)
		return -E2BIG;
	memcpy(to, from, len < size ? len : size - 1);
	to[len < size ? len : size - 1] = '\0';
	return len < size ? (ssize_t)len : -E2BIG;
}

size_t strlcpy(char *to, const char *from, size_t size)
{
	if (size)
		strscpy(to, from, size);
	return strlen(from);
}

size_t strlcat(char *to, const char *from, size_t size)
{
	size_t at = strnlen(to, size);

	return at + (at < size ? strlcpy(to + at, from, size - at) : strlen(from));
}

char *skip_spaces(const char *s)
{
	while (isspace(*s))
		s++;
	return (char *)s;
}

char *strim(char *s)
{
	char *end = s + strlen(s);

	while (end > s && isspace(end[-1]))
		*--end = '\0';
	return skip_spaces(s);
}

bool sysfs_streq(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b || (!*a && *b == '\n' && !b[1]) || (*a == '\n' && !a[1] && !*b);
}

void *memchr_inv(const void *from, int byte, size_t len)
{
	const u8 *bytes = from;

	for (size_t i = 0; i < len; i++)
		if (bytes[i] != (u8)byte)
			return (void *)(bytes + i);
	return NULL;
}

void memzero_explicit(void *to, size_t len)
{
	memset(to, 0, len);
	barrier();
	__asm__ __volatile__("" ::"r"(to) : "memory");
}

char *block_strdup(const char *text, size_t len, const char *where)
{
	char *copy = block_alloc(len + 1, false, where);

	if (!copy)
		return NULL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

char *linux_kstrdup(const char *s, size_t max, const char *where)
{
	return s ? block_strdup(s, strnlen(s, max), where) : NULL;
}

void *linux_kmemdup(const void *from, size_t len, const char *where)
{
	void *copy = block_alloc(len, false, where);

	if (copy)
		memcpy(copy, from, len);
	return copy;
}

int vsscanf(const char *buf, const char *fmt, va_list args)
{
	return libc_vsscanf(buf, fmt, args);
}

int sscanf(const char *buf, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsscanf(buf, fmt, args);
	va_end(args);
	return n;
}

/* Is what strtoull() left the end, or one newline? */
static bool is_end(const char *end)
{
	return !*end || (*end == '\n' && !end[1]);
}

int kstrtoull(const char *s, unsigned int base, unsigned long long *res)
{
	char *end;

	if (*s == '+')
		s++;
	if (!isxdigit(*s))
		return -EINVAL;
	*__errno_location() = 0;
	*res = strtoull(s, &end, (int)base);
	if (*__errno_location())
		return -ERANGE;
	return end == s || !is_end(end) ? -EINVAL : 0;
}

int kstrtoll(const char *s, unsigned int base, long long *res)
{
	char *end;

	if (!isxdigit(*s == '-' || *s == '+' ? s[1] : *s))
		return -EINVAL;
	*__errno_location() = 0;
	*res = strtoll(s, &end, (int)base);
	if (*__errno_location())
		return -ERANGE;
	return end == s || !is_end(end) ? -EINVAL : 0;
}

#define KSTRTO(name, type, wide, parse)                       \
	int name(const char *s, unsigned int base, type *res) \
	{                                                     \
		wide value;                                   \
		int err = parse(s, base, &value);             \
                                                              \
		if (err)                                      \
			return err;                           \
		if (value != (wide)(type)value)               \
			return -ERANGE;                       \
		*res = (type)value;                           \
		return 0;                                     \
	}
KSTRTO(kstrtoul, unsigned long, unsigned long long, kstrtoull)
KSTRTO(kstrtouint, unsigned int, unsigned long long, kstrtoull)
KSTRTO(kstrtou16, u16, unsigned long long, kstrtoull)
KSTRTO(kstrtou8, u8, unsigned long long, kstrtoull)
KSTRTO(kstrtol, long, long long, kstrtoll)
KSTRTO(kstrtoint, int, long long, kstrtoll)

int kstrtobool(const char *s, bool *res)
{
	if (strchr("yYtT1", *s) && *s)
		*res = true;
	else if (strchr("nNfF0", *s) && *s)
		*res = false;
	else if ((*s == 'o' || *s == 'O') && (s[1] == 'n' || s[1] == 'N' || s[1] == 'f' || s[1] == 'F'))
		*res = s[1] == 'n' || s[1] == 'N';
	else
		return -EINVAL;
	return 0;
}

unsigned long simple_strtoul(const char *s, char **end, unsigned int base)
{
	return (unsigned long)strtoull(s, end, (int)base);
}

long simple_strtol(const char *s, char **end, unsigned int base)
{
	return (long)strtoll(s, end, (int)base);
}
