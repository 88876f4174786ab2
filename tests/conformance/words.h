/* SPDX-License-Identifier: MIT */
#ifndef TESTS_CONFORMANCE_WORDS_H
#define TESTS_CONFORMANCE_WORDS_H
/* Words of a script's line: bare, or in quotes; "{a*300}" is a repeated, \0 \n \" \\ \x00 as in C. */
#include "script.h"

/* Takes the next word off *@at into @word, which is its owner's to free; escapes and repetitions are carried out.
 * 1; 0 there is none left; -1 it is malformed. */
int next_word(const char **at, struct bytes *word);
/* The same of what an answer is expected to be: quotes stay, and so do the escapes in them. */
int expand(const char *text, struct bytes *out);

#endif
