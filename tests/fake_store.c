/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "fake_store.h"

void fake_store_up(struct fake_store *store)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	strcpy(address.sun_path, store->path);
	store->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(store->listener >= 0);
	assert_int_equal(bind(store->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(store->listener, 8), 0);
}

void fake_store_down(struct fake_store *store)
{
	if (store->listener < 0)
		return;
	close(store->listener);
	unlink(store->path);
	store->listener = -1;
}

void fake_store_init(struct fake_store *store)
{
	memset(store, 0, sizeof(*store));
	strcpy(store->dir, "/tmp/fake_store.XXXXXX");
	assert_non_null(mkdtemp(store->dir));
	snprintf(store->path, sizeof(store->path), "%s/socket", store->dir);
	store->out = malloc(FAKE_BUFFER);
	assert_non_null(store->out);
	store->conn = -1;
	fake_store_up(store);
}

void fake_store_hangup(struct fake_store *store)
{
	if (store->conn >= 0)
		close(store->conn);
	store->conn = -1;
	store->in_used = store->out_head = store->out_tail = 0;
}

void fake_store_deinit(struct fake_store *store)
{
	fake_store_hangup(store);
	fake_store_down(store);
	rmdir(store->dir);
	free(store->out);
}

void fake_store_send(struct fake_store *store, uint32_t type, uint32_t req_id, uint32_t tx_id, uint32_t len,
		     const void *payload, size_t size)
{
	assert_true(store->out_tail + WIRE_HEADER_SIZE + size <= FAKE_BUFFER);
	wire_header_put(store->out + store->out_tail, type, req_id, tx_id, len);
	if (size)
		memcpy(store->out + store->out_tail + WIRE_HEADER_SIZE, payload, size);
	store->out_tail += WIRE_HEADER_SIZE + size;
}

void fake_store_reply(struct fake_store *store, const struct xsd_sockmsg *header, const void *payload,
		      size_t len)
{
	fake_store_send(store, header->type, header->req_id, header->tx_id, (uint32_t)len, payload, len);
}

void fake_store_error(struct fake_store *store, const struct xsd_sockmsg *header, const char *name)
{
	fake_store_send(store, XS_ERROR, header->req_id, header->tx_id, (uint32_t)strlen(name) + 1, name,
			strlen(name) + 1);
}

void fake_store_event(struct fake_store *store, const char *path, const char *token)
{
	char payload[2 * WIRE_PAYLOAD_MAX];
	int len = snprintf(payload, sizeof(payload), "%s%c%s", path, 0, token) + 1;

	fake_store_send(store, XS_WATCH_EVENT, 0, 0, (uint32_t)len, payload, (size_t)len);
}

void fake_store_answer(struct fake_store *store, const struct xsd_sockmsg *header, const char *payload)
{
	switch (header->type) {
	case XS_READ:
		fake_store_reply(store, header, payload, header->len - 1);
		break;
	case XS_TRANSACTION_START:
		fake_store_reply(store, header, "7", 2);
		break;
	case XS_WATCH:
		snprintf(store->watched, sizeof(store->watched), "%s", payload);
		snprintf(store->token, sizeof(store->token), "%s", payload + strlen(payload) + 1);
		fake_store_reply(store, header, "OK", 3);
		fake_store_event(store, store->watched, store->token);
		break;
	default:
		fake_store_reply(store, header, "OK", 3);
	}
}

static void take(struct fake_store *store)
{
	struct xsd_sockmsg header;
	size_t size;

	while (store->in_used >= WIRE_HEADER_SIZE) {
		wire_header_get(store->in, &header);
		assert_true(header.len <= WIRE_PAYLOAD_MAX);
		size = WIRE_HEADER_SIZE + header.len;
		if (store->in_used < size)
			return;
		if (++store->messages == store->die_at) {
			fake_store_hangup(store);
			return;
		}
		if (store->handle)
			store->handle(store, &header, (char *)store->in + WIRE_HEADER_SIZE);
		else
			fake_store_answer(store, &header, (char *)store->in + WIRE_HEADER_SIZE);
		if (store->conn < 0)
			return;
		memmove(store->in, store->in + size, store->in_used - size);
		store->in_used -= size;
	}
}

static bool step_in(struct fake_store *store)
{
	ssize_t got = recv(store->conn, store->in + store->in_used, sizeof(store->in) - store->in_used,
			   MSG_DONTWAIT);

	if (got < 0)
		return false;
	if (got == 0) {
		fake_store_hangup(store);
		return true;
	}
	store->reads++;
	store->in_used += (size_t)got;
	take(store);
	return true;
}

static bool step_out(struct fake_store *store)
{
	size_t len = store->out_tail - store->out_head;
	ssize_t sent;

	if (store->chunk && len > store->chunk)
		len = store->chunk;
	if (!len)
		return false;
	sent = send(store->conn, store->out + store->out_head, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent <= 0)
		return false;
	store->out_head += (size_t)sent;
	if (store->out_head == store->out_tail)
		store->out_head = store->out_tail = 0;
	return true;
}

bool fake_store_step(void *ctx)
{
	struct fake_store *store = ctx;

	if (store->conn < 0) {
		if (store->listener < 0)
			return false;
		store->conn = accept4(store->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		store->accepted += store->conn >= 0;
		return store->conn >= 0;
	}
	return step_in(store) || (store->conn >= 0 && step_out(store));
}
