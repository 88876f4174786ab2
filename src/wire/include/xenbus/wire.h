/* SPDX-License-Identifier: MIT */
#ifndef XENBUS_WIRE_H
#define XENBUS_WIRE_H
/*
 * The XenStore wire format: what both ends of a connection must agree on.
 *
 *     message:  type:u32 req_id:u32 tx_id:u32 len:u32   then len bytes of payload, 0..4096
 *               host byte order; an answer echoes type, req_id and tx_id
 *     payload:  NUL-terminated strings, mostly ("path|token|"); WRITE's value is the raw rest
 *     path:     "/a/b" absolute, "a/b" relative to the caller's home, "@name" a special event
 *     perm:     one of n r w b, then a decimal domid: "r5"
 *
 * Nothing here allocates, keeps state or does I/O. Every byte looked at may come from an enemy: lengths
 * are passed, never searched for. Numbers and names that Xen 4.17's header lacks are defined below.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/io/xs_wire.h>

#define WIRE_HEADER_SIZE 16u
#define WIRE_PAYLOAD_MAX 4096u
#define WIRE_MESSAGE_MAX (WIRE_HEADER_SIZE + WIRE_PAYLOAD_MAX)
#define WIRE_ABS_PATH_MAX 3072u /* bytes, NUL not counted */
#define WIRE_REL_PATH_MAX 2048u /* the same, of a path that does not start with '/' */
#define WIRE_DEPTH_ALL 0xffffu	/* a WATCH without a depth, as the migration stream writes it */

/* Operations newer than 4.17's enum xsd_sockmsg_type. */
#define WIRE_GET_FEATURE 23u
#define WIRE_SET_FEATURE 24u
#define WIRE_GET_QUOTA 25u
#define WIRE_SET_QUOTA 26u
#define WIRE_OP_COUNT 27u

/* server_features of the ring page; the last two are newer than 4.17's header. */
#define WIRE_FEATURE_RECONNECTION 1u /* the guest may reset its ring */
#define WIRE_FEATURE_ERROR 2u	     /* the error field is there */
#define WIRE_FEATURE_WATCH_DEPTH 4u  /* WATCH takes a third argument */
#define WIRE_FEATURE_DOMID_ANY 8u    /* DOMID_ANY may stand in a permission list */
#define WIRE_FEATURES_ALL 15u

#define WIRE_DOMID_SELF 0x7ff0u
#define WIRE_DOMID_ANY 0x7ff5u
#define WIRE_DOMID_INVALID 0x7ff4u
#define WIRE_DOMID_FIRST_RESERVED 0x7ff0u /* no real domain has this id or a higher one */

/* --- headers --- */

/* Copies WIRE_HEADER_SIZE bytes out of or into a stream; the fields are not judged. */
void wire_header_get(const void *bytes, struct xsd_sockmsg *out);
void wire_header_put(void *bytes, uint32_t type, uint32_t req_id, uint32_t tx_id, uint32_t len);

/* "READ", "WATCH_EVENT", ...; NULL for a number that is no operation (20 among them). Static. */
const char *wire_op_name(uint32_t op);
/* The operation of that name; -ENOENT there is none. */
int wire_op_number(const char *name);
/* Does the payload of such a request or event begin with a path? A reply's does not, of the same name. */
bool wire_op_has_path(uint32_t op);

/* --- errors --- */

/* Errors have a row each, 0..WIRE_ERROR_COUNT-1: of @error (an errno, either sign; one that the protocol has no name for
 * counts as EINVAL), and the name in a row. */
#define WIRE_ERROR_COUNT (sizeof(xsd_errors) / sizeof(xsd_errors[0]))
uint32_t wire_error_row(int error);
const char *wire_error_in_row(uint32_t row);
/* The name of @error (an errno, either sign) as an ERROR reply carries it. One that the protocol has no
 * name for becomes "EINVAL". Static. */
const char *wire_error_name(int error);
/* The errno (> 0) that @name, @len bytes without its NUL, stands for; 0: not one of the protocol's. */
int wire_error_number(const char *name, size_t len);

/* --- strings --- */

/* Cuts the NUL-terminated strings off a payload one by one. */
struct wire_strings {
	const char *at; /* borrowed */
	size_t left;
};
/* The next string and its length without the NUL, or NULL: no terminated string is left (@s->left bytes
 * without a NUL may be). */
const char *wire_next_string(struct wire_strings *s, size_t *len);
/* How many terminated strings there are; bytes behind the last NUL are not one. */
size_t wire_count_strings(const void *payload, size_t len);
/* Exactly @count strings, the last one's NUL the payload's last byte: 0 and @strings, @lens filled
 * (borrowed); otherwise -EINVAL. */
int wire_split(const void *payload, size_t len, size_t count, const char **strings, size_t *lens);

/* A decimal number of 1..20 digits and nothing else, 0..@max: 0 and *@out; otherwise -EINVAL. */
int wire_number(const char *s, size_t len, uint64_t max, uint64_t *out);
/* Writes @number in decimal, without NUL. Returns the bytes written, 1..20. */
#define WIRE_NUMBER_MAX 20u
size_t wire_put_number(char buf[WIRE_NUMBER_MAX], uint64_t number);

/* --- paths --- */

enum wire_path_kind {
	WIRE_PATH_ABSOLUTE, /* "/", "/a", "/a/b" */
	WIRE_PATH_RELATIVE, /* "a/b" */
	WIRE_PATH_SPECIAL,  /* "@name", "@name/5" */
};
/* Checks @path (@len bytes, no NUL): only alphanumerics and "-/_@", no empty component, no slash at the end
 * (but for "/"), within the kind's length. Returns its enum wire_path_kind; -EINVAL. */
int wire_path_check(const char *path, size_t len);

/* Checks @path as above and makes it absolute: "a/b" of domain 5 becomes "/local/domain/5/a/b". An absolute
 * or special path is not copied. @buf is used for a relative path only.
 * Returns the kind of @path as it came, *@out and *@out_len the canonical path (no NUL), @path or @buf;
 * -EINVAL malformed, or its canonical form over WIRE_ABS_PATH_MAX. */
int wire_path_canonical(const char *path, size_t len, uint32_t domid, char buf[WIRE_ABS_PATH_MAX],
			const char **out, size_t *out_len);

/* "/local/domain/<domid>" into @buf, without NUL; returns its length. */
#define WIRE_HOME_MAX 40u
size_t wire_home(uint32_t domid, char buf[WIRE_HOME_MAX]);

/* Bytes of the prefix "/local/domain/<number>/" of @path, 0 if it has none: path quotas do not count them. */
size_t wire_home_prefix(const char *path, size_t len);

/* Cuts the first component off an absolute or special path: at "/a/b" gives "a" and leaves "/b"; at "" or
 * "/" gives NULL. The path must have passed wire_path_check(). */
const char *wire_next_component(struct wire_strings *path, size_t *len);

/* Is the absolute path @child equal to @path or beneath it? */
bool wire_path_is_under(const char *child, size_t child_len, const char *path, size_t len);

/* --- permissions --- */

#define WIRE_PERM_READ 1u
#define WIRE_PERM_WRITE 2u

struct wire_perm {
	uint16_t domid;
	uint8_t access; /* WIRE_PERM_ bits */
};
/* "b12", @len bytes without its NUL, domid 0..65535: 0 and *@out; otherwise -EINVAL. */
int wire_perm_parse(const char *s, size_t len, struct wire_perm *out);
/* "b12" and a NUL into @buf. Returns the bytes written, NUL included. */
#define WIRE_PERM_MAX 7u
size_t wire_perm_format(const struct wire_perm *perm, char buf[WIRE_PERM_MAX]);
/* 'n', 'r', 'w' or 'b'. */
char wire_perm_letter(uint8_t access);

#endif
