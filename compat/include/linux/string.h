/* SPDX-License-Identifier: MIT */
#ifndef _LINUX_STRING_H
#define _LINUX_STRING_H
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/stdarg.h>

/* The C library's, which mean the same. */
void *memcpy(void *to, const void *from, size_t len);
void *memmove(void *to, const void *from, size_t len);
void *memset(void *to, int byte, size_t len);
int memcmp(const void *a, const void *b, size_t len);
void *memchr(const void *from, int byte, size_t len);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t len);
int strcasecmp(const char *a, const char *b);
int strncasecmp(const char *a, const char *b, size_t len);
char *strcpy(char *to, const char *from);
char *strncpy(char *to, const char *from, size_t len);
char *strcat(char *to, const char *from);
char *strncat(char *to, const char *from, size_t len);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strstr(const char *s, const char *part);
char *strpbrk(const char *s, const char *accept);
char *strsep(char **s, const char *delimiters);
size_t strspn(const char *s, const char *accept);
size_t strcspn(const char *s, const char *reject);

/* Length that was copied; -E2BIG it was cut (NUL-terminated all the same). */
ssize_t strscpy(char *to, const char *from, size_t size) LINUX_SYMBOL(strscpy);
size_t strlcpy(char *to, const char *from, size_t size) LINUX_SYMBOL(strlcpy);
size_t strlcat(char *to, const char *from, size_t size) LINUX_SYMBOL(strlcat);
char *strim(char *s) LINUX_SYMBOL(strim);
char *skip_spaces(const char *s) LINUX_SYMBOL(skip_spaces);
bool sysfs_streq(const char *a, const char *b) LINUX_SYMBOL(sysfs_streq);
void *memchr_inv(const void *from, int byte, size_t len) LINUX_SYMBOL(memchr_inv);
void memzero_explicit(void *to, size_t len) LINUX_SYMBOL(memzero_explicit);
#define strstarts(s, prefix) (strncmp(s, prefix, strlen(prefix)) == 0)

/* Freed with kfree(). NULL: no memory. */
char *linux_kstrdup(const char *s, size_t max, const char *where) LINUX_SYMBOL(kstrdup_at);
void *linux_kmemdup(const void *from, size_t len, const char *where) LINUX_SYMBOL(kmemdup_at);
#define kstrdup(s, gfp) ((void)(gfp), linux_kstrdup(s, (size_t)-1, LINUX_HERE))
#define kstrdup_const(s, gfp) kstrdup(s, gfp)
#define kstrndup(s, max, gfp) ((void)(gfp), linux_kstrdup(s, max, LINUX_HERE))
#define kmemdup(from, len, gfp) ((void)(gfp), linux_kmemdup(from, len, LINUX_HERE))
#define kfree_const(s) kfree(s)

#endif
