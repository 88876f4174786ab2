/* SPDX-License-Identifier: MIT */
/* printf as the kernel has it: ordinary conversions are the C library's, %p's are made here. */
#include <linux/ctype.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/slab.h>
#include "runtime.h"

struct out {
	char *buf;
	size_t size, len; /* len goes on past size */
};

static void put(struct out *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++, out->len++)
		if (out->len + 1 < out->size)
			out->buf[out->len] = text[i];
}

/* One conversion: "%-08.3lld". */
struct spec {
	char text[32]; /* as the C library wants it, '*' resolved */
	char length;   /* 'H' hh, 'h', 'l', 'L' ll, 'z', 't', 'j', or 0 */
	char kind;
	int width;
};

static const char *take_number(const char *fmt, int *value)
{
	*value = 0;
	while (isdigit(*fmt))
		*value = *value * 10 + (*fmt++ - '0');
	return fmt;
}

/* "*" or digits; @max bounds what a driver can ask of the C library. */
static const char *take_size(const char *fmt, va_list *args, int *value)
{
	if (*fmt != '*')
		return take_number(fmt, value);
	*value = va_arg(*args, int);
	return fmt + 1;
}

static const char *take_length(const char *fmt, struct spec *spec)
{
	spec->length = 0;
	if ((*fmt == 'h' || *fmt == 'l') && fmt[1] == *fmt) {
		spec->length = *fmt == 'h' ? 'H' : 'L';
		return fmt + 2;
	}
	if (*fmt == 'h' || *fmt == 'l' || *fmt == 'z' || *fmt == 't' || *fmt == 'j')
		spec->length = *fmt++;
	else if (*fmt == 'Z' || *fmt == 'L')
		spec->length = *fmt++ == 'Z' ? 'z' : 'L';
	return fmt;
}

/* Behind the '%'. */
static const char *take_spec(const char *fmt, va_list *args, struct spec *spec)
{
	static const char *const lengths[] = {
		['H'] = "hh", ['h'] = "h", ['l'] = "l", ['L'] = "ll", ['z'] = "z", ['t'] = "t", ['j'] = "j"
	};
	char flags[8] = "";
	int n = 0, precision = -1;

	while (*fmt && strchr("-+ #0", *fmt)) {
		if (n < 6)
			flags[n++] = *fmt;
		fmt++;
	}
	flags[n] = '\0';
	fmt = take_size(fmt, args, &spec->width);
	if (*fmt == '.')
		fmt = take_size(fmt + 1, args, &precision);
	fmt = take_length(fmt, spec);
	spec->kind = *fmt;
	bridge_format(spec->text, sizeof(spec->text), "%%%s", flags);
	n = (int)strlen(spec->text);
	if (spec->width)
		n += bridge_format(spec->text + n, sizeof(spec->text) - (size_t)n, "%d", spec->width);
	if (precision >= 0)
		n += bridge_format(spec->text + n, sizeof(spec->text) - (size_t)n, ".%d", precision);
	bridge_format(spec->text + n, sizeof(spec->text) - (size_t)n, "%s%c",
		      spec->length ? lengths[(int)spec->length] : "", spec->kind);
	return *fmt ? fmt + 1 : fmt;
}

#define PUT_CONVERTED(out, spec, value)                                            \
	do {                                                                       \
		char text_[128];                                                   \
		int n_ = bridge_format(text_, sizeof(text_), (spec)->text, value); \
		put(out, text_, (size_t)min(max(n_, 0), (int)sizeof(text_) - 1));  \
	} while (0)

static void put_integer(struct out *out, const struct spec *spec, va_list *args)
{
	if (spec->length == 'L' || spec->length == 'j')
		PUT_CONVERTED(out, spec, va_arg(*args, long long));
	else if (spec->length == 'l' || spec->length == 'z' || spec->length == 't')
		PUT_CONVERTED(out, spec, va_arg(*args, long));
	else
		PUT_CONVERTED(out, spec, va_arg(*args, int));
}

/* As long as the string is: not through a buffer of bounded size. */
static void put_string(struct out *out, const struct spec *spec, const char *s)
{
	const char *dot = strchr(spec->text, '.');
	int precision = -1, len, pad;

	if ((unsigned long)s < PAGE_SIZE || IS_ERR(s))
		s = s ? "(efault)" : "(null)";
	if (dot)
		take_number(dot + 1, &precision);
	len = (int)strnlen(s, precision >= 0 ? (size_t)precision : (size_t)-1);
	pad = (spec->width < 0 ? -spec->width : spec->width) - len;
	if (spec->width < 0 || strchr(spec->text, '-')) {
		put(out, s, (size_t)len);
		while (pad-- > 0)
			put(out, " ", 1);
		return;
	}
	while (pad-- > 0)
		put(out, " ", 1);
	put(out, s, (size_t)len);
}

static void put_hex(struct out *out, const u8 *bytes, int count, const char *between)
{
	char text[4];

	for (int i = 0; i < count; i++) {
		if (i)
			put(out, between, strlen(between));
		bridge_format(text, sizeof(text), "%02x", bytes[i]);
		put(out, text, 2);
	}
}

static void put_text(struct out *out, const char *text)
{
	put(out, text, strlen(text));
}

static void put_error(struct out *out, const struct spec *spec, const void *ptr)
{
	const char *name = IS_ERR(ptr) ? bridge_errno_name((int)-PTR_ERR(ptr)) : NULL;
	char text[32];

	if (name)
		bridge_format(text, sizeof(text), "-%s", name);
	else
		bridge_format(text, sizeof(text), "%ld", PTR_ERR(ptr));
	put_text(out, text);
}

static void put_symbol(struct out *out, const void *address)
{
	char text[160];

	if (!bridge_symbol(address, text, sizeof(text)))
		bridge_format(text, sizeof(text), "0x%lx", (unsigned long)address);
	put_text(out, text);
}

/* Addresses are nobody's business: a number that is the same for the same pointer. */
static void put_pointer(struct out *out, const void *ptr)
{
	u64 hash = (u64)(unsigned long)ptr * 0x9e3779b97f4a7c15ull;
	char text[24];

	if (!ptr) {
		put_text(out, "(null)");
		return;
	}
	bridge_format(text, sizeof(text), "%016llx", hash >> 32);
	put_text(out, text);
}

static void put_uuid(struct out *out, const u8 *uuid)
{
	static const int groups[] = { 4, 2, 2, 2, 6 };

	for (int i = 0; i < 5; uuid += groups[i++]) {
		if (i)
			put_text(out, "-");
		put_hex(out, uuid, groups[i], "");
	}
}

static void put_va_format(struct out *out, const struct va_format *format);

/* %p and what follows it. */
static const char *put_extended(struct out *out, const struct spec *spec, const char *fmt, const void *ptr)
{
	static const char *const between[] = { ['C'] = ":", ['D'] = "-", ['N'] = "" };
	char how = *fmt, more = how ? fmt[1] : '\0';

	if (how == 'V')
		put_va_format(out, ptr);
	else if (how == 'e')
		put_error(out, spec, ptr);
	else if (how == 's' || how == 'S')
		put_symbol(out, ptr);
	else if (how == 'M')
		put_hex(out, ptr, 6, ":");
	else if (how == 'U')
		put_uuid(out, ptr);
	else if (how == 'h')
		put_hex(out, ptr, min(max(spec->width, 1), 64),
			more == 'C' || more == 'D' || more == 'N' ? between[(int)more] : " ");
	else if (how == 'x')
		PUT_CONVERTED(out, &(struct spec){ .text = "%lx" }, (unsigned long)ptr);
	else {
		put_pointer(out, ptr);
		return fmt;
	}
	for (fmt++; isalnum(*fmt); fmt++)
		; /* further letters are refinements of the same */
	return fmt;
}

static void format(struct out *out, const char *fmt, va_list *args)
{
	struct spec spec;
	char c;

	while (*fmt) {
		const char *percent = strchr(fmt, '%');
		size_t plain = percent ? (size_t)(percent - fmt) : strlen(fmt);

		put(out, fmt, plain);
		fmt += plain;
		if (!*fmt)
			break;
		fmt = take_spec(fmt + 1, args, &spec);
		if (spec.kind == '%')
			put(out, "%", 1);
		else if (spec.kind == 'c')
			c = (char)va_arg(*args, int), put(out, &c, 1);
		else if (spec.kind == 's')
			put_string(out, &spec, va_arg(*args, const char *));
		else if (spec.kind == 'p')
			fmt = put_extended(out, &spec, fmt, va_arg(*args, const void *));
		else if (spec.kind && strchr("diouxX", spec.kind))
			put_integer(out, &spec, args);
		else
			break; /* no conversion of the kernel's: what its argument is, is not known */
	}
}

static void put_va_format(struct out *out, const struct va_format *nested)
{
	va_list args;

	va_copy(args, *nested->va);
	format(out, nested->fmt, &args);
	va_end(args);
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list args)
{
	struct out out = { .buf = buf, .size = size };
	va_list copy;

	va_copy(copy, args);
	format(&out, fmt, &copy);
	va_end(copy);
	if (size)
		buf[min(out.len, size - 1)] = '\0';
	return (int)out.len;
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(buf, size, fmt, args);
	va_end(args);
	return n;
}

int vscnprintf(char *buf, size_t size, const char *fmt, va_list args)
{
	int n = vsnprintf(buf, size, fmt, args);

	return size ? min(n, (int)size - 1) : 0;
}

int scnprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vscnprintf(buf, size, fmt, args);
	va_end(args);
	return n;
}

int vsprintf(char *buf, const char *fmt, va_list args)
{
	return vsnprintf(buf, INT_MAX, fmt, args);
}

int sprintf(char *buf, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsprintf(buf, fmt, args);
	va_end(args);
	return n;
}

char *linux_kvasprintf(const char *where, const char *fmt, va_list args)
{
	int len = vsnprintf(NULL, 0, fmt, args);
	char *text = block_alloc((size_t)len + 1, false, where);

	if (text)
		vsnprintf(text, (size_t)len + 1, fmt, args);
	return text;
}

char *linux_kasprintf(const char *where, const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	text = linux_kvasprintf(where, fmt, args);
	va_end(args);
	return text;
}
