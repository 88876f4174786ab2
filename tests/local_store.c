/* SPDX-License-Identifier: MIT */
#include "local_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "command.h"

void local_store_begin(struct local_store *store)
{
	struct command c;

	strcpy(store->top, "/tmp/local_store.XXXXXX");
	assert_non_null(mkdtemp(store->top));
	snprintf(store->dir, sizeof(store->dir), "%s/run", store->top);
	snprintf(store->path, sizeof(store->path), "%s/xenstored.sock", store->dir);
	setenv("XENBUS_RUN_DIR", store->dir, 1);
	unsetenv("XENSTORED_PATH");
	RUN(&c, "xenbus", "up");
	assert_string_equal(c.err, "");
	assert_int_equal(c.status, 0);
}

int local_store_end(struct local_store *store)
{
	struct command c;

	RUN(&c, "xenbus", "down");
	command_wait_for_all();
	return c.status | rmdir(store->top);
}

struct client client_begin(const struct local_store *store)
{
	struct client c;

	assert_int_equal(xenbus_host_new(&c.host), 0);
	assert_int_equal(xenstore_open_socket(c.host, store->path, NULL, &c.xs), 0);
	return c;
}

void client_end(struct client *client)
{
	xenstore_close(client->xs);
	xenbus_host_free(client->host);
}
