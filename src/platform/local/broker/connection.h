/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_LOCAL_BROKER_CONNECTION_H
#define PLATFORM_LOCAL_BROKER_CONNECTION_H
/* One process, or one toolstack: its requests, its handles, and their end with it. */
#include "broker.h"

/* A connection over @sock, which it then owns; @domain NULL: the toolstack's. 0; -ENOSPC, -ENOMEM: @sock is
 * the caller's still. */
int connection_new(struct xen_local_broker *broker, struct broker_domain *domain, int sock,
		   struct broker_connection **out);
/* Ends all it holds as a closed /dev/xen descriptor would, and hangs up. */
void connection_free(struct broker_connection *c);
/* Answers; -errno: it could not take the answer and must go. */
int connection_send(struct broker_connection *c, const struct broker_answer *a);
/* The answer to a request that was put off. The connection may be gone after. */
void connection_send_later(struct broker_connection *c, const struct broker_answer *a);

/* @id as a handle of @kind, NULL where it is none. */
struct broker_handle *handle_of(struct broker_connection *c, uint32_t id, enum broker_kind kind);
/* @id as an object of @kind that belongs to @handle; NULL where it is none. */
struct broker_object *part_of(struct broker_handle *handle, uint32_t id, enum broker_kind kind);
/* Gives @object, whose kind is set, a number and puts it into @in (NULL: it is a handle). 0; -ENOSPC; -ENOMEM. */
int object_add(struct broker_connection *c, struct broker_object *object, struct broker_handle *in);
void object_del(struct broker_object *object);

broker_op op_open, op_close;

#endif
