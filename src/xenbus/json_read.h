/* SPDX-License-Identifier: MIT */
#ifndef XENBUS_JSON_READ_H
#define XENBUS_JSON_READ_H
/*
 * JSON as xenstored writes it, as a tree: whole numbers from 0 to 2^64-1, and strings whose characters are bytes.
 *
 *     {"domains":[{"domain":5}],"next":null}
 *
 *     object -first-> array "domains" -next-> null "next"
 *                       '-first-> object -first-> number "domain"
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_DEPTH 16u /* at most */

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json_value {
	enum json_type type;
	bool truth;
	uint64_t number;
	char *key;    /* in an object; else NULL */
	char *string; /* @len bytes and a NUL */
	size_t len;
	struct json_value *first, *last, *next;
};

/* One value and nothing behind it, in @len bytes. 0 and *@out, freed with json_free(); -EINVAL; -ENOMEM. */
int json_read(const char *text, size_t len, struct json_value **out);
/* NULL is allowed. */
void json_free(struct json_value *value);

/* The member @key; NULL: there is none, or @object is NULL or none. */
struct json_value *json_member(const struct json_value *object, const char *key);
/* Its number; 0: there is none. */
uint64_t json_number_of(const struct json_value *object, const char *key);
/* Its string; NULL: there is none. */
const char *json_string_of(const struct json_value *object, const char *key);

/* An object or array without members. NULL: out of memory. */
struct json_value *json_new(enum json_type type);
/* Takes @value over, as the last; @key is copied, NULL in an array. 0; -ENOMEM, and @value is freed (NULL: it was what failed). */
int json_append(struct json_value *to, const char *key, struct json_value *value);

/* 0 and *@out, another tree of the same; -ENOMEM, and *@out is NULL. */
int json_copy(const struct json_value *value, struct json_value **out);

/* On standard output, without a newline. */
void json_print(const struct json_value *value);

#endif
