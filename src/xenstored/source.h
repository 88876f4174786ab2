/* SPDX-License-Identifier: MIT */
#ifndef XENSTORED_SOURCE_H
#define XENSTORED_SOURCE_H
#include <stdint.h>

/* Something that epoll waits for. Embedded in its owner. */
struct source {
	void (*ready)(struct source *source, uint32_t events); /* EPOLLIN, ... */
};

#endif
