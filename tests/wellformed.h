/* SPDX-License-Identifier: MIT */
#ifndef TESTS_WELLFORMED_H
#define TESTS_WELLFORMED_H
/* Is it JSON, is it XML? And what is in the JSON, as far as tests of flat objects ask. */
#include <stdbool.h>
#include <stddef.h>

/* One value, and nothing but blanks behind it. */
bool is_json(const char *text);
/* One element of any depth, behind declarations: tags nest, attributes are quoted, no bare & or <. */
bool is_xml(const char *text);

/* The objects of the JSON array that follows "@key": begin and end of the next one from *@at on, which moves behind it.
 * false: no more. Of well-formed text only. */
bool next_object(const char **at, const char **begin, size_t *len);
/* The value of "@key" in the object's own members: a number, or -1 none. */
double number_in(const char *object, size_t len, const char *key);
/* Has it the member "@key":"@value"? */
bool has_string(const char *object, size_t len, const char *key, const char *value);

#endif
