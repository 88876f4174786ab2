/* SPDX-License-Identifier: MIT */
#ifndef TESTS_PLATFORM_FAULTS_H
#define TESTS_PLATFORM_FAULTS_H
/* The Nth allocation or system call of one of the two processes fails: the test's, or the broker's. */
#include <stdbool.h>

enum faulty { FAULTY_CLIENT, FAULTY_BROKER };

/* Before the broker is forked: the countdowns are in memory that both have. */
void faults_init(void);
/* From now on the @nth of @who fails, once; 0: none. */
void faults_arm(enum faulty who, int nth);
/* Whether it has failed; disarms. */
bool faults_disarm(enum faulty who);

#endif
