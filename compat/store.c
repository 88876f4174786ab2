/* SPDX-License-Identifier: MIT */
/* The store, in Linux's words. */
#include <linux/err.h>
#include <linux/string.h>
#include <xen/xenbus.h>
#include "runtime.h"

#define WHERE_STORE "the store's answers"

int libc_vsscanf(const char *buf, const char *fmt, va_list args) __asm__("vsscanf");

/* What the store gave becomes the driver's, to be freed with kfree(). */
static void *give(char *reply, size_t len)
{
	char *block = block_strdup(reply, len, WHERE_STORE);

	free(reply);
	return block ? block : ERR_PTR(-ENOMEM);
}

void *xenbus_read(struct xenbus_transaction t, const char *dir, const char *node, unsigned int *len)
{
	char *reply;
	size_t size;
	int err = BLOCKS("xenbus_read", -EDEADLK, bridge_read(t.id, dir, node, &reply, &size));

	if (err)
		return ERR_PTR(err);
	if (len)
		*len = (unsigned int)size;
	return give(reply, size);
}

int xenbus_write(struct xenbus_transaction t, const char *dir, const char *node, const char *string)
{
	return BLOCKS("xenbus_write", -EDEADLK, bridge_write(t.id, dir, node, string));
}

int xenbus_mkdir(struct xenbus_transaction t, const char *dir, const char *node)
{
	return BLOCKS("xenbus_mkdir", -EDEADLK, bridge_mkdir(t.id, dir, node));
}

int xenbus_rm(struct xenbus_transaction t, const char *dir, const char *node)
{
	return BLOCKS("xenbus_rm", -EDEADLK, bridge_rm(t.id, dir, node));
}

/* As Linux asks: whether its children can be listed. */
int xenbus_exists(struct xenbus_transaction t, const char *dir, const char *node)
{
	unsigned int count;
	char **names = xenbus_directory(t, dir, node, &count);

	if (IS_ERR(names))
		return 0;
	kfree(names);
	return 1;
}

char **xenbus_directory(struct xenbus_transaction t, const char *dir, const char *node, unsigned int *num)
{
	char **names, **block, *bytes;
	size_t count, len = 0;
	int err = BLOCKS("xenbus_directory", -EDEADLK, bridge_directory(t.id, dir, node, &names, &count));

	if (err)
		return ERR_PTR(err);
	for (size_t i = 0; i < count; i++)
		len += strlen(names[i]) + 1;
	block = block_alloc((count + 1) * sizeof(*block) + len, false, WHERE_STORE);
	bytes = (char *)(block + count + 1);
	for (size_t i = 0; block && i < count; i++) {
		block[i] = strcpy(bytes, names[i]);
		bytes += strlen(bytes) + 1;
	}
	free(names);
	*num = (unsigned int)count;
	return block ? block : ERR_PTR(-ENOMEM);
}

int xenbus_transaction_start(struct xenbus_transaction *t)
{
	return BLOCKS("xenbus_transaction_start", -EDEADLK, bridge_tx_start(&t->id));
}

int xenbus_transaction_end(struct xenbus_transaction t, int abort)
{
	return BLOCKS("xenbus_transaction_end", -EDEADLK, bridge_tx_end(t.id, abort));
}

int xenbus_scanf(struct xenbus_transaction t, const char *dir, const char *node, const char *fmt, ...)
{
	char *value = xenbus_read(t, dir, node, NULL);
	va_list args;
	int n;

	if (IS_ERR(value))
		return (int)PTR_ERR(value);
	va_start(args, fmt);
	n = libc_vsscanf(value, fmt, args);
	va_end(args);
	kfree(value);
	return n > 0 ? n : -ERANGE;
}

unsigned int xenbus_read_unsigned(const char *dir, const char *node, unsigned int default_val)
{
	unsigned int value;

	return xenbus_scanf(XBT_NIL, dir, node, "%u", &value) > 0 ? value : default_val;
}

int xenbus_printf(struct xenbus_transaction t, const char *dir, const char *node, const char *fmt, ...)
{
	char *value;
	va_list args;
	int err;

	va_start(args, fmt);
	value = linux_kvasprintf(WHERE_STORE, fmt, args);
	va_end(args);
	if (!value)
		return -ENOMEM;
	err = xenbus_write(t, dir, node, value);
	kfree(value);
	return err;
}

/* One after the other, as in Linux: what was read before the one that failed stays read. */
int xenbus_gather(struct xenbus_transaction t, const char *dir, ...)
{
	const char *node;
	va_list args;
	int err = 0;

	va_start(args, dir);
	while (!err && (node = va_arg(args, const char *))) {
		const char *fmt = va_arg(args, const char *);
		void *result = va_arg(args, void *);
		char *value = xenbus_read(t, dir, node, NULL);

		if (IS_ERR(value)) {
			err = (int)PTR_ERR(value);
		} else if (!fmt) {
			*(char **)result = value;
		} else {
			err = sscanf(value, fmt, result) > 0 ? 0 : -EINVAL;
			kfree(value);
		}
	}
	va_end(args);
	return err;
}

enum xenbus_state xenbus_read_driver_state(const char *path)
{
	int state;

	return xenbus_scanf(XBT_NIL, path, "state", "%d", &state) > 0 ? (enum xenbus_state)state
								      : XenbusStateUnknown;
}

const char *xenbus_strstate(enum xenbus_state state)
{
	static const char *const names[] = { "Unknown",	    "Initialising",  "InitWait",
					     "Initialised", "Connected",     "Closing",
					     "Closed",	    "Reconfiguring", "Reconfigured" };

	return (unsigned int)state < ARRAY_SIZE(names) ? names[state] : "INVALID";
}

int xenbus_switch_state(struct xenbus_device *dev, enum xenbus_state new_state)
{
	int err;

	if (new_state == dev->state)
		return 0;
	err = !dev->linux_bus ? -ENODEV
			      : BLOCKS("xenbus_switch_state", -EDEADLK,
				       bridge_switch_state(dev->linux_bus, new_state));
	if (err < 0 && err != -ENODEV)
		dev_err(&dev->dev, "the state could not be written: %pe\n", ERR_PTR(err));
	dev->state = new_state;
	return 0;
}

static void device_error(struct xenbus_device *dev, int err, const char *fmt, va_list args)
{
	char text[256];

	vscnprintf(text, sizeof(text), fmt, args);
	dev_err(&dev->dev, "%i %s\n", -err, text);
	if (dev->linux_bus)
		BLOCKS_VOID("xenbus_dev_error", bridge_dev_error(dev->linux_bus, -err, text));
}

void xenbus_dev_error(struct xenbus_device *dev, int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	device_error(dev, err, fmt, args);
	va_end(args);
}

void xenbus_dev_fatal(struct xenbus_device *dev, int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	device_error(dev, err, fmt, args);
	va_end(args);
	xenbus_switch_state(dev, XenbusStateClosing);
}

int xenbus_dev_is_online(struct xenbus_device *dev)
{
	int online;

	return xenbus_scanf(XBT_NIL, dev->nodename, "online", "%d", &online) > 0 && online;
}

int xenbus_frontend_closed(struct xenbus_device *dev)
{
	xenbus_switch_state(dev, XenbusStateClosed);
	complete(&dev->down);
	return 0;
}

int register_xenstore_notifier(struct notifier_block *nb)
{
	nb->notifier_call(nb, 0, NULL);
	return 0;
}

void unregister_xenstore_notifier(struct notifier_block *nb)
{
}
