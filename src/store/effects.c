/* SPDX-License-Identifier: MIT */
#include "effects.h"
#include <stdarg.h>
#include <stdio.h>

#define KEEP (1u << 20) /* bytes of either: what a storm took beyond is given back */

void store_effects_clear(struct store_effects *effects)
{
	if (effects->size > KEEP || effects->capacity * sizeof(*effects->list) > KEEP)
		store_effects_free(effects);
	effects->count = 0;
	effects->used = 0;
	effects->spared = 0;
	effects->failed = false;
}

void store_effects_free(struct store_effects *effects)
{
	free(effects->list);
	free(effects->bytes);
	*effects = (struct store_effects){ 0 };
}

static bool make_room(struct store_effects *out, size_t len)
{
	size_t size = out->size ? out->size : 4096;
	uint8_t *bytes;

	if (out->failed)
		return false;
	if (out->size - out->used >= len)
		return true;
	while (size - out->used < len)
		size *= 2;
	bytes = size <= UINT32_MAX ? realloc(out->bytes, size) : NULL;
	if (!bytes) {
		out->failed = true;
		return false;
	}
	out->bytes = bytes;
	out->size = size;
	return true;
}

void effect_add(struct store_effects *out, const struct store_effect *effect)
{
	if (out->failed)
		return;
	if (out->count == out->capacity) {
		const size_t capacity = out->capacity ? out->capacity * 2 : 16;
		struct store_effect *list = realloc(out->list, capacity * sizeof(*list));

		if (!list) {
			out->failed = true;
			return;
		}
		out->list = list;
		out->capacity = capacity;
	}
	out->list[out->count++] = *effect;
}

void message_begin(struct message *m, struct store_effects *out)
{
	*m = (struct message){ .out = out, .start = out->used };
	if (make_room(out, WIRE_HEADER_SIZE))
		out->used += WIRE_HEADER_SIZE;
}

void message_put(struct message *m, const void *bytes, size_t len)
{
	m->len += len;
	if (!len || !make_room(m->out, len))
		return;
	memcpy(m->out->bytes + m->out->used, bytes, len);
	m->out->used += len;
}

void message_put_name(struct message *m, const char *name, size_t len)
{
	uint8_t *to;

	m->len += len + 1;
	if (!make_room(m->out, len + 1))
		return;
	to = m->out->bytes + m->out->used;
	memcpy(to, name, len);
	to[len] = '\0';
	m->out->used += len + 1;
}

void message_end(struct message *m, enum store_effect_type type, uint32_t conn, const struct xsd_sockmsg *h)
{
	const struct store_effect effect = { .type = type,
					     .conn = conn,
					     .offset = (uint32_t)m->start,
					     .len = (uint32_t)(WIRE_HEADER_SIZE + m->len) };

	if (m->out->failed)
		return;
	wire_header_put(m->out->bytes + m->start, h->type, h->req_id, h->tx_id, (uint32_t)m->len);
	effect_add(m->out, &effect);
}

void message_undo(struct message *m)
{
	if (!m->out->failed)
		m->out->used = m->start;
	m->len = 0;
}

void effect_log(struct store_effects *out, const char *format, ...)
{
	char line[512];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (len >= (int)sizeof(line))
		len = (int)sizeof(line) - 1;
	if (len < 0 || !make_room(out, (size_t)len))
		return;
	memcpy(out->bytes + out->used, line, (size_t)len);
	effect_add(out, &(struct store_effect){
				.type = STORE_OUT_LOG, .offset = (uint32_t)out->used, .len = (uint32_t)len });
	out->used += (size_t)len;
}

const char *effect_escape(char *buf, size_t size, const char *bytes, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	size_t at = 0;

	for (size_t i = 0; i < len && at + 5 < size; i++) {
		const unsigned char c = (unsigned char)bytes[i];

		if (c >= ' ' && c < 0x7f && c != '\\') {
			buf[at++] = (char)c;
			continue;
		}
		buf[at++] = '\\';
		buf[at++] = 'x';
		buf[at++] = hex[c >> 4];
		buf[at++] = hex[c & 15];
	}
	buf[at] = '\0';
	return buf;
}
