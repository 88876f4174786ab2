/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_LOCAL_BROKER_SPAWN_TEXT_H
#define PLATFORM_LOCAL_BROKER_SPAWN_TEXT_H
/* What to start: strings out of a sealed memfd of a client's. */

struct spawn_text {
	char *bytes;
	char **strings; /* one array: argv, NULL, envp, NULL */
	char *cwd, **argv, **envp;
};

/* Reads it from @fd. 0; -EPROTO: not such a file; -ENOMEM. */
int spawn_text_read(struct spawn_text *text, int fd);
void spawn_text_free(struct spawn_text *text);

#endif
