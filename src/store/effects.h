/* SPDX-License-Identifier: MIT */
#ifndef STORE_EFFECTS_H
#define STORE_EFFECTS_H
/* Appending to store_effects. Running out of memory sets effects->failed and what follows is dropped. */
#include "core.h"

/* A message under construction: begin, put its payload, then end or undo. */
struct message {
	struct store_effects *out;
	size_t start; /* of its header in out->bytes */
	size_t len;   /* of payload so far */
};
void message_begin(struct message *m, struct store_effects *out);
void message_put(struct message *m, const void *bytes, size_t len);
/* @len bytes and a NUL. */
void message_put_name(struct message *m, const char *name, size_t len);
void message_end(struct message *m, enum store_effect_type type, uint32_t conn, const struct xsd_sockmsg *h);
void message_undo(struct message *m);
static inline const void *message_payload(const struct message *m)
{
	return m->out->bytes + m->start + WIRE_HEADER_SIZE;
}

/* An effect without bytes. */
void effect_add(struct store_effects *out, const struct store_effect *effect);
/* One line for the log; bytes outside printable ASCII of strings given to it must be escaped by effect_escape(). */
void effect_log(struct store_effects *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* @bytes with everything but printable ASCII as \xNN, cut to fit. Returns @buf. */
const char *effect_escape(char *buf, size_t size, const char *bytes, size_t len);

#endif
