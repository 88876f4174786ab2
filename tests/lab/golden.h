/* SPDX-License-Identifier: MIT */
#ifndef TESTS_LAB_GOLDEN_H
#define TESTS_LAB_GOLDEN_H
/*
 * What Linux's own split drivers answer: one end's nodes are written by hand, the other end is the kernel's.
 *
 *     this program --- socket ---> xenstored <--- ring --- a Linux kernel, its xenwatch thread
 *                                                          handles one event after the other
 *
 * So nothing here waits for a time: when a second device of the same driver, the sentinel, has answered what was
 * written to it later, everything before has been handled. Whatever cannot go on ends the program with a message.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define GOLDEN_PATH 128	   /* bytes of a node's path */
#define GOLDEN_WRITES 32   /* states that a row shows at most */
#define GOLDEN_TEXT 200	   /* bytes of an error's text */
#define GOLDEN_PATIENCE 30 /* seconds; a kernel that has not answered then is not going to */

struct golden_store;

void golden_die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

/* -- the store, blocking */
struct golden_store *golden_store_open(void);
void golden_store_close(struct golden_store *store);
/* Everything between the two is one transaction; golden_commit() false: it conflicted, once more from the start. */
void golden_begin(struct golden_store *store);
bool golden_commit(struct golden_store *store);
void golden_write(struct golden_store *store, const char *dir, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* Also where it is not there. */
void golden_remove(struct golden_store *store, const char *dir, const char *key);
/* Owner @owner, nothing for others, to be read by @reader. */
void golden_permit(struct golden_store *store, const char *dir, unsigned int owner, unsigned int reader);
/* False: there is none. */
bool golden_read(struct golden_store *store, const char *dir, const char *key, char text[GOLDEN_TEXT]);
/* The number there; 0: none. */
unsigned int golden_state(struct golden_store *store, const char *dir);
/* Ends the program where it does not become @state. */
void golden_until_state(struct golden_store *store, const char *dir, unsigned int state);

/* -- what a domain writes, in order, as xenstored tells who asks it (`xenbus store trace`). */
struct golden_tap;

/* Only with this project's own store: others do not tell. */
struct golden_tap *golden_tap_open(struct golden_store *store);
void golden_tap_close(struct golden_tap *tap);
/* States that @writer ("d0": the ring of domain 0) has written at @node since the last call, or since the tap was opened.
 * The same one again, a transaction's second attempt, is told once. Returns how many. */
unsigned int golden_tap_states(struct golden_tap *tap, struct golden_store *store, const char *writer,
			       const char *node, unsigned int states[GOLDEN_WRITES]);

/* -- the kernel's messages */
/* Warnings (stack traces) since the last call. */
unsigned int golden_kernel_warnings(void);

#endif
