/* SPDX-License-Identifier: MIT */
#include <xenbus/wire.h>
#include <errno.h>
#include <string.h>

_Static_assert(sizeof(struct xsd_sockmsg) == WIRE_HEADER_SIZE, "the header is four words");
_Static_assert(WIRE_PAYLOAD_MAX == XENSTORE_PAYLOAD_MAX, "payload limit");
_Static_assert(WIRE_ABS_PATH_MAX == XENSTORE_ABS_PATH_MAX, "absolute path limit");
_Static_assert(WIRE_REL_PATH_MAX == XENSTORE_REL_PATH_MAX, "relative path limit");
_Static_assert(WIRE_GET_FEATURE == XS_DIRECTORY_PART + 1, "the new operations follow DIRECTORY_PART");
_Static_assert(WIRE_SET_QUOTA + 1 == WIRE_OP_COUNT, "operations are dense at the end");
_Static_assert(XS_TYPE_COUNT == WIRE_GET_FEATURE || XS_TYPE_COUNT == WIRE_OP_COUNT,
	       "a header newer than ours: define its operations too");
_Static_assert(WIRE_FEATURE_RECONNECTION == XENSTORE_SERVER_FEATURE_RECONNECTION, "feature bit");
_Static_assert(WIRE_FEATURE_ERROR == XENSTORE_SERVER_FEATURE_ERROR, "feature bit");

void wire_header_get(const void *bytes, struct xsd_sockmsg *out)
{
	memcpy(out, bytes, sizeof(*out));
}

void wire_header_put(void *bytes, uint32_t type, uint32_t req_id, uint32_t tx_id, uint32_t len)
{
	const struct xsd_sockmsg header = { .type = type, .req_id = req_id, .tx_id = tx_id, .len = len };

	memcpy(bytes, &header, sizeof(header));
}

const char *wire_op_name(uint32_t op)
{
	static const char *const names[WIRE_OP_COUNT] = {
		[XS_CONTROL] = "CONTROL",
		[XS_DIRECTORY] = "DIRECTORY",
		[XS_READ] = "READ",
		[XS_GET_PERMS] = "GET_PERMS",
		[XS_WATCH] = "WATCH",
		[XS_UNWATCH] = "UNWATCH",
		[XS_TRANSACTION_START] = "TRANSACTION_START",
		[XS_TRANSACTION_END] = "TRANSACTION_END",
		[XS_INTRODUCE] = "INTRODUCE",
		[XS_RELEASE] = "RELEASE",
		[XS_GET_DOMAIN_PATH] = "GET_DOMAIN_PATH",
		[XS_WRITE] = "WRITE",
		[XS_MKDIR] = "MKDIR",
		[XS_RM] = "RM",
		[XS_SET_PERMS] = "SET_PERMS",
		[XS_WATCH_EVENT] = "WATCH_EVENT",
		[XS_ERROR] = "ERROR",
		[XS_IS_DOMAIN_INTRODUCED] = "IS_DOMAIN_INTRODUCED",
		[XS_RESUME] = "RESUME",
		[XS_SET_TARGET] = "SET_TARGET",
		[XS_RESET_WATCHES] = "RESET_WATCHES",
		[XS_DIRECTORY_PART] = "DIRECTORY_PART",
		[WIRE_GET_FEATURE] = "GET_FEATURE",
		[WIRE_SET_FEATURE] = "SET_FEATURE",
		[WIRE_GET_QUOTA] = "GET_QUOTA",
		[WIRE_SET_QUOTA] = "SET_QUOTA",
	};

	return op < WIRE_OP_COUNT ? names[op] : NULL;
}

int wire_op_number(const char *name)
{
	for (uint32_t op = 0; op < WIRE_OP_COUNT; op++)
		if (wire_op_name(op) && !strcmp(wire_op_name(op), name))
			return (int)op;
	return -ENOENT;
}

bool wire_op_has_path(uint32_t op)
{
	switch (op) {
	case XS_DIRECTORY:
	case XS_READ:
	case XS_GET_PERMS:
	case XS_WATCH:
	case XS_UNWATCH:
	case XS_WRITE:
	case XS_MKDIR:
	case XS_RM:
	case XS_SET_PERMS:
	case XS_WATCH_EVENT:
	case XS_DIRECTORY_PART:
		return true;
	default:
		return false;
	}
}
