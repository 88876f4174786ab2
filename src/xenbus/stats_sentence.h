/* SPDX-License-Identifier: MIT */
#ifndef XENBUS_STATS_SENTENCE_H
#define XENBUS_STATS_SENTENCE_H
/* What a reading of the store's statistics says that an operator should do something about, in words. */
#include <stddef.h>

struct json_value;

/* On standard output, what is not printable ASCII as \xHH; "?" for NULL. */
void stats_print_escaped(const char *text);
/* "domain 5" of a ring, "qemu (1234)" of a socket's process; escaped. Returns @buf. */
const char *stats_program(const struct json_value *connection, char *buf, size_t size);
/* Conflicts, who is at a limit, who does not take its replies: a line each, on standard output, or nothing. */
void stats_sentences(const struct json_value *reading);

#endif
