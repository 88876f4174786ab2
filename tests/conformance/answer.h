/* SPDX-License-Identifier: MIT */
#ifndef TESTS_CONFORMANCE_ANSWER_H
#define TESTS_CONFORMANCE_ANSWER_H
/* What servers say, as scripts write it. */
#include <peer.h>

#define ANSWER_MAX 60000u

/* Printable text that only grows; what does not fit is lost. */
struct answer {
	size_t len;
	char text[ANSWER_MAX];
};

void answer_add(struct answer *answer, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* OK, the name of an error, or the payload in quotes: a NUL is |, and what cannot be printed as in C. */
void answer_reply(struct answer *answer, uint32_t op, const struct peer_message *reply);
/* "path token" */
void answer_event(struct answer *answer, const struct peer_message *event);

/* @text with its long runs of one character as scripts write them, "{a*300}", cut to @size. */
void answer_short(const char *text, char *out, size_t size);

#endif
