/* SPDX-License-Identifier: MIT */
#include "grammar.h"
#include <xenbus/wire.h>

static void put(struct message *m, const void *bytes, size_t len)
{
	if (m->len + len > sizeof(m->payload))
		return;
	memcpy(m->payload + m->len, bytes, len);
	m->len += (uint32_t)len;
}

static void put_string(struct message *m, const char *text)
{
	put(m, text, strlen(text) + 1);
}

static void put_number(struct message *m, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	put_string(m, text);
}

/* What a path begins with, by one byte; up to three more components, by another. */
static void put_path(struct choices *c, struct message *m)
{
	static const char *const tops[] = {
		"",	  "/a",	  "/a/b", "/local/domain/1", "x", "/local/domain/2", "a", "/local/domain/1/x",
		"/local", "/tool"
	};
	static const char *const odd[] = { "@releaseDomain",
					   "@introduceDomain",
					   "@releaseDomain/1",
					   "@other",
					   "/local/domain/",
					   "//",
					   "/a//b",
					   "/a b",
					   "@releaseDomain/",
					   "/local/domain/0/x",
					   "",
					   "@" };
	const uint8_t top = choose(c), below = choose(c);
	char path[64];

	if (top >= 0xe0) {
		put_string(m, odd[top % 12]);
		return;
	}
	strcpy(path, tops[top % 10]);
	for (uint32_t i = 0; i < below / 64u; i++)
		strcat(path, below >> i & 1 ? "/b" : "/a");
	put_string(m, path[0] ? path : "/");
}

static void put_perms(struct choices *c, struct message *m)
{
	const uint32_t count = 1 + choose_below(c, 4);

	for (uint32_t i = 0; i < count; i++) {
		static const uint32_t domids[] = { 0, 1, 2, 3, 1, 2, 7, 9 };
		const uint8_t k = choose(c);
		char text[16];

		snprintf(text, sizeof(text), "%c%u", "nrwb"[k & 3],
			 k >= 0xf8 ? (uint32_t[]){ 32757, 32752, 65535, 65536 }[k & 3]
				   : domids[(k >> 2) % 8]);
		put_string(m, text);
	}
}

static void put_value(struct choices *c, struct message *m)
{
	static const uint8_t letters[4096] = "value";
	const uint8_t k = choose(c);
	static const uint16_t lengths[] = { 0, 1, 2, 5, 30, 40, 300, 2000 };

	put(m, letters, lengths[k % 8]);
}

static void put_token(struct choices *c, struct message *m)
{
	const uint8_t k = choose(c);
	char text[4000];

	memset(text, 't', sizeof(text));
	text[k >= 0xfc ? 3990 : 1 + k % 2] = '\0';
	put_string(m, text);
	if (k & 0x10)
		put_number(m, (k >> 5) % 4);
}

static void put_domid(struct choices *c, struct message *m)
{
	const uint8_t k = choose(c);

	put_number(m,
		   k < 0xe0 ? k % 5 : (uint64_t[]){ 0, 7, 9, 32752, 32757, 65535, 65536, UINT64_MAX }[k % 8]);
}

static void put_arguments(struct choices *c, struct message *m)
{
	switch (m->op) {
	case XS_INTRODUCE:
		put_domid(c, m);
		put_number(m, choose(c));
		put_number(m, choose_below(c, 4));
		break;
	case XS_SET_TARGET:
		put_domid(c, m);
		put_domid(c, m);
		break;
	case XS_RELEASE:
	case XS_RESUME:
	case XS_IS_DOMAIN_INTRODUCED:
	case XS_GET_DOMAIN_PATH:
		put_domid(c, m);
		break;
	case XS_TRANSACTION_END:
		put_string(m, choose_below(c, 4) ? "T" : "F");
		break;
	case XS_CONTROL:
		put_string(m, (const char *[]){ "check", "help", "print", "memreport" }[choose_below(c, 4)]);
		break;
	default:
		put_string(m, "");
	}
}

/* The requests that have a path, by what stands behind it. */
static void put_payload(struct choices *c, struct message *m)
{
	if (!wire_op_has_path(m->op)) {
		put_arguments(c, m);
		return;
	}
	put_path(c, m);
	if (m->op == XS_WRITE)
		put_value(c, m);
	else if (m->op == XS_SET_PERMS)
		put_perms(c, m);
	else if (m->op == XS_WATCH || m->op == XS_UNWATCH)
		put_token(c, m);
	else if (m->op == XS_DIRECTORY_PART)
		put_number(m, choose(c) % 40u);
}

/* What no client of ours would send. */
static void spoil(struct choices *c, struct message *m)
{
	const uint8_t k = choose(c);

	switch (k % 8) {
	case 0:
		m->len -= m->len != 0;
		break;
	case 1:
		m->len = 0;
		break;
	case 2:
		put(m, "junk", 1 + k / 8 % 5);
		break;
	case 3:
		m->len = (uint32_t[]){ 4097, 0x40000000, 0x80000000, UINT32_MAX }[k / 8 % 4];
		break;
	case 4:
		m->op = choose(c);
		if (m->op >= WIRE_GET_FEATURE && m->op <= WIRE_SET_QUOTA)
			m->op = UINT32_MAX; /* the model does not know these yet */
		break;
	case 5:
		for (uint32_t i = k / 8; i > 0; i--) {
			const uint8_t byte = choose(c);

			put(m, &byte, 1);
		}
		break;
	case 6:
		if (m->len)
			m->payload[choose(c) % m->len] = choose(c);
		break;
	default:
		memset(m->payload, 'p', sizeof(m->payload));
		m->payload[0] = k & 8 ? '/' : 'p';
		m->len = (uint32_t[]){ 2049, 2050, 3073, 3074, 26, 27, 4096, 1 }[k / 16 % 8];
		m->payload[m->len - 1] = '\0';
	}
}

void make_message(struct choices *c, struct message *m)
{
	static const uint8_t ops[] = { XS_READ,
				       XS_WRITE,
				       XS_WRITE,
				       XS_MKDIR,
				       XS_RM,
				       XS_SET_PERMS,
				       XS_WATCH,
				       XS_DIRECTORY,
				       XS_TRANSACTION_START,
				       XS_TRANSACTION_END,
				       XS_GET_PERMS,
				       XS_UNWATCH,
				       XS_WRITE,
				       XS_TRANSACTION_END,
				       XS_READ,
				       XS_RM,
				       XS_DIRECTORY_PART };
	static const uint8_t seldom[] = {
		XS_INTRODUCE,  XS_RELEASE,	  XS_SET_TARGET,	   XS_RESUME,
		XS_CONTROL,    XS_RESET_WATCHES,  XS_IS_DOMAIN_INTRODUCED, XS_INTRODUCE,
		XS_SET_TARGET, XS_GET_DOMAIN_PATH
	};
	const uint8_t k = choose(c);

	m->op = k < 0xd0 ? ops[k % sizeof(ops)] : seldom[k % sizeof(seldom)];
	m->len = 0;
	put_payload(c, m);
	if (choose(c) >= 0xf8)
		spoil(c, m);
}
