/* SPDX-License-Identifier: MIT */
#ifndef XENBUS_DEVICE_H
#define XENBUS_DEVICE_H
/* What attach and detach have in common: naming a device on the command line. */
#include <xenbus/toolstack.h>

#include "cli.h"

struct device_args {
	const char *run_dir;
	uint32_t front, back, id, timeout_s;
};

#define DEVICE_OPTIONS(args)                                                                          \
	CLI_RUN_DIR(&(args)->run_dir),                                                                \
		{ .name = "front",                                                                    \
		  .value = "DOMID",                                                                   \
		  .kind = CLI_DOMID,                                                                  \
		  .out = &(args)->front,                                                              \
		  .required = true,                                                                   \
		  .help = "the frontend's domain" },                                                  \
		{ .name = "back",                                                                     \
		  .value = "DOMID",                                                                   \
		  .kind = CLI_DOMID,                                                                  \
		  .out = &(args)->back,                                                               \
		  .required = true,                                                                   \
		  .help = "the backend's domain" },                                                   \
		{ .name = "id",                                                                       \
		  .value = "NUMBER",                                                                  \
		  .kind = CLI_NUMBER,                                                                 \
		  .out = &(args)->id,                                                                 \
		  .max = UINT32_MAX,                                                                  \
		  .help = "the device's number within its class [0]" },                               \
	{                                                                                             \
		.name = "timeout", .value = "SECONDS", .kind = CLI_NUMBER, .out = &(args)->timeout_s, \
		.max = 86400, .help = "how long to wait [10]"                                         \
	}

static inline struct xenbus_toolstack_device device_of(const struct device_args *args, const char *devicetype)
{
	return (struct xenbus_toolstack_device){
		.devicetype = devicetype, .frontend_id = args->front, .backend_id = args->back, .id = args->id
	};
}

/* "CLASS/ID of domain F at domain B" */
#define DEVICE_FMT "%s/%u of domain %u at domain %u"
#define DEVICE_FMT_ARGS(device) \
	(device)->devicetype, (device)->id, (device)->frontend_id, (device)->backend_id

#endif
