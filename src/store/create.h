/* SPDX-License-Identifier: MIT */
#ifndef STORE_CREATE_H
#define STORE_CREATE_H
#include "core.h"

struct request;

struct value {
	const char *bytes;
	uint32_t len;
};

/* Makes the missing nodes that request_find() ended -ENOENT at, the last with the value @v, and tells the
 * watchers. 0; -EACCES; a quota's error; -ENOMEM: nothing was made. */
int request_create(struct request *rq, const struct value *v);

#endif
