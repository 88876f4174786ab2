/* SPDX-License-Identifier: MIT */
#ifndef XENSTORED_JSON_H
#define XENSTORED_JSON_H
/*
 * JSON into a buffer of fixed size. A copy of the struct is a place to go back to: what did not fit is undone by
 * assigning it.
 *
 *     struct json j, before;
 *     json_init(&j, buffer, size);
 *     json_open(&j, NULL, '{');                  NULL: a value without a key
 *     json_number(&j, "domain", 5);
 *     before = j;
 *     json_string(&j, "path", path, len);
 *     if (j.full)
 *             j = before;
 *     json_close(&j, '}');                       {"domain":5}
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json {
	char *text;
	size_t used, size;
	bool follows; /* a value stands before: a comma is due */
	bool full;    /* it did not fit: what came after is lost */
};

void json_init(struct json *j, char *buffer, size_t size);
/* @bracket is '{' or '[', and for json_close() '}' or ']'. */
void json_open(struct json *j, const char *key, char bracket);
void json_close(struct json *j, char bracket);
void json_number(struct json *j, const char *key, uint64_t number);
void json_bool(struct json *j, const char *key, bool value);
void json_null(struct json *j, const char *key);
/* @len bytes of anybody's: one that is not printable ASCII is the character of its number. */
void json_string(struct json *j, const char *key, const char *bytes, size_t len);
/* A word of ours. */
void json_word(struct json *j, const char *key, const char *word);

#endif
