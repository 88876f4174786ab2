/* SPDX-License-Identifier: MIT */
#ifndef TESTS_CONFORMANCE_PLAY_H
#define TESTS_CONFORMANCE_PLAY_H
/* A case, played on a server of its own. */
#include "script.h"

/* Told of each line that was played on @kind: what is expected and what came, both printable. */
typedef void (*play_told)(void *context, enum peer_kind kind, const struct line *line, const char *got);

/* Plays @test on a fresh server. Stops where it no longer answers. 0; 1 it could not be started or ended badly, which has been
 * printed. */
int play(const struct test_case *test, enum peer_kind kind, play_told told, void *context);
/* Is that what the line says? "<n>" stands for a number, "<any>" for any bytes. */
bool play_matches(const char *expected, const char *got);

#endif
