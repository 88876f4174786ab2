/* SPDX-License-Identifier: MIT */
#ifndef TESTS_COMMAND_H
#define TESTS_COMMAND_H
/* Programs of ours run as a user runs them, in a directory of their own; what they leave behind is found. */
#include <stddef.h>
#include <sys/types.h>

struct command {
	int status; /* as a shell shows it: 128 + N after signal N */
	char out[16384], err[16384];
};

/* build/NAME: beside the folder of this test. Static storage of @path's owner. */
void command_path(const char *name, char *path, size_t size);

/* Runs @argv to its end. argv[0] "xenbus" is build/xenbus. */
void command_run(struct command *command, const char *const *argv);
/* The same, of words. */
#define RUN(command, ...) command_run((command), (const char *const[]){ __VA_ARGS__, NULL })

/* Starts @argv and returns; its output goes to this test's. */
pid_t command_start(const char *const *argv);
#define START(...) command_start((const char *const[]){ __VA_ARGS__, NULL })
/* Its exit status as above. */
int command_wait(pid_t pid);

/* The only child of @pid. */
pid_t command_child(pid_t pid);

/* What this process starts, and what that starts, is its child once orphaned. */
void command_adopt_orphans(void);
/* The one that runs build/@name: what `xenbus up` leaves behind are the broker, a "xenbus", and "xenstored". */
pid_t command_orphan(const char *name);
/* Waits for every one of them: returns when no process is left. */
void command_wait_for_all(void);

#endif
