/* SPDX-License-Identifier: MIT */
/* Lines for the log, and what is said when something is wrong. */
#include <linux/bug.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/string.h>
#include "runtime.h"

#define LEVEL_DEFAULT 4

/* A unit that was compiled without its module's name calls itself by its file's: "alice_front.c: hello". */
static void drop_suffix(char *line)
{
	const char *name = bridge_module_name();
	size_t len = strlen(name);

	if (!strncmp(line, name, len) && !strncmp(line + len, ".c:", 3))
		memmove(line + len, line + len + 2, strlen(line + len + 2) + 1);
}

static void flush_line(void)
{
	char line[sizeof(rt.line)];

	if (!rt.line[0])
		return;
	strcpy(line, rt.line);
	rt.line[0] = '\0';
	drop_suffix(line);
	bridge_log(rt.line_level, line);
}

/* Adds a piece without newline in it to the line that is being made. */
static void add_piece(const char *text, size_t len)
{
	size_t at = strlen(rt.line);

	len = min(len, sizeof(rt.line) - 1 - at);
	memcpy(rt.line + at, text, len);
	rt.line[at + len] = '\0';
}

/* The level that @text begins with, which is skipped; 'c': it goes on; -1: none. */
static int take_level(const char **text)
{
	int level = -1;

	while ((*text)[0] == '\001' && (*text)[1]) {
		level = (*text)[1] == 'c' ? 'c' : (*text)[1] - '0';
		*text += 2;
	}
	return level;
}

/* As the kernel: what has no newline at its end may be gone on with, until somebody begins another line. */
static void emit(const char *text)
{
	int level = take_level(&text);

	if (level != 'c') {
		flush_line();
		rt.line_level = level < 0 ? LEVEL_DEFAULT : level;
	}
	while (*text) {
		const char *newline = strchr(text, '\n');
		size_t len = newline ? (size_t)(newline - text) : strlen(text);

		add_piece(text, len);
		if (!newline)
			return;
		flush_line();
		text += len + 1;
	}
}

int vprintk(const char *fmt, va_list args)
{
	char text[sizeof(rt.line)];
	int n = vscnprintf(text, sizeof(text), fmt, args);

	emit(text);
	return n;
}

int printk(const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vprintk(fmt, args);
	va_end(args);
	return n;
}

bool linux_printk_ratelimit(unsigned long state[2], const char *where)
{
	const unsigned long burst = 10, window = 5 * HZ;

	if (!state[0] || time_after(jiffies, state[0] + window)) {
		if (state[1] > burst)
			printk(KERN_WARNING "%s: %lu lines suppressed\n", where, state[1] - burst);
		state[0] = jiffies | 1;
		state[1] = 0;
	}
	return ++state[1] <= burst;
}

static void stack_line(const char *text)
{
	printk(KERN_WARNING "  %s\n", text);
}

void dump_stack(void)
{
	printk(KERN_WARNING "Call trace of %s:\n", bridge_module_name());
	bridge_backtrace(stack_line);
}

void linux_warn(const char *file, int line, const char *function, const char *fmt, ...)
{
	va_list args;

	printk(KERN_WARNING "WARNING: at %s:%d %s() [%s]\n", file, line, function, bridge_module_name());
	if (*fmt && strcmp(fmt, "%s")) {
		va_start(args, fmt);
		vprintk(fmt, args);
		va_end(args);
		printk(KERN_CONT "\n");
	}
	dump_stack();
}

void linux_bug(const char *file, int line, const char *function)
{
	printk(KERN_EMERG "kernel BUG at %s:%d! %s() [%s]\n", file, line, function, bridge_module_name());
	dump_stack();
	printk(KERN_EMERG "module %s is ended\n", bridge_module_name());
	bridge_abort();
}

void leak(const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vscnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	printk(KERN_WARNING "%s: leaked: %s\n", bridge_module_name(), text);
}
