/* SPDX-License-Identifier: MIT */
/* The module itself: its parameters, its beginning and its end. */
#include <linux/err.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/string.h>
#include <linux/workqueue.h>
#include "runtime.h"

struct runtime rt;
struct module linux_this_module;

int linux_module_setup(const char *name)
{
	struct list_head *lists[] = { &rt.blocks,  &rt.drivers, &rt.devices, &rt.refused, &rt.timers,
				      &rt.watches, &rt.maps,	&rt.irqs,    &rt.queues,  &rt.threads };

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		INIT_LIST_HEAD(lists[i]);
	linux_this_module.name = name;
	rt.events_wq = alloc_workqueue("events", 0, 0);
	return rt.events_wq ? 0 : -ENOMEM;
}

int linux_module_run_init(int (*init)(void))
{
	struct task_struct self;
	int err;

	rt_task_enter(&self, "insmod");
	err = init ? init() : 0;
	rt_task_leave(&self);
	return err;
}

void linux_module_run_exit(void (*exit)(void))
{
	struct task_struct self;

	rt_task_enter(&self, "rmmod");
	if (exit)
		exit();
	rt_task_leave(&self);
}

/* Drivers first: their devices' remove() gives back what it can. Then what acts by itself, then what lies about. */
void linux_module_reclaim(void)
{
	struct task_struct self;

	rt_task_enter(&self, "rmmod");
	drivers_reclaim();
	threads_reclaim();
	watches_reclaim();
	timers_reclaim();
	queues_reclaim();
	events_reclaim();
	grants_reclaim();
	devices_reclaim();
	slab_reclaim();
	printk("%s", ""); /* ends a line that was not */
	rt_task_leave(&self);
}

void get_random_bytes(void *buf, size_t len)
{
	if (bridge_random(buf, len))
		BUG();
}

/* -- parameters -- */

void linux_param_register(struct kernel_param *param)
{
	param->next = rt.params;
	rt.params = param;
}

/* As in Linux, '-' and '_' are the same in a name. */
static bool same_name(const char *name, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((name[i] == '-' ? '_' : name[i]) != (text[i] == '-' ? '_' : text[i]))
			return false;
	return !name[len];
}

int linux_module_set_parameter(const char *text)
{
	const char *equals = strchr(text, '=');
	size_t len = equals ? (size_t)(equals - text) : strlen(text);
	struct kernel_param *param = rt.params;

	while (param && !same_name(param->name, text, len))
		param = param->next;
	if (!param)
		return -ENOENT;
	if (!equals && !(param->ops->flags & KERNEL_PARAM_OPS_FL_NOARG))
		return -EINVAL;
	return param->ops->set(equals ? equals + 1 : NULL, param);
}

#define PARAM(name, type, parse, fmt)                                            \
	static int set_##name(const char *value, const struct kernel_param *kp)  \
	{                                                                        \
		return parse(value, 0, (type *)kp->arg);                         \
	}                                                                        \
	static int get_##name(char *buffer, const struct kernel_param *kp)       \
	{                                                                        \
		return scnprintf(buffer, PAGE_SIZE, fmt "\n", *(type *)kp->arg); \
	}                                                                        \
	const struct kernel_param_ops param_ops_##name = { .set = set_##name, .get = get_##name }

static int parse_short(const char *s, unsigned int base, short *res)
{
	int value, err = kstrtoint(s, base, &value);

	if (err)
		return err;
	*res = (short)value;
	return value == *res ? 0 : -ERANGE;
}

PARAM(byte, unsigned char, kstrtou8, "%hhu");
PARAM(short, short, parse_short, "%hd");
PARAM(ushort, unsigned short, kstrtou16, "%hu");
PARAM(int, int, kstrtoint, "%d");
PARAM(uint, unsigned int, kstrtouint, "%u");
PARAM(long, long, kstrtol, "%ld");
PARAM(ulong, unsigned long, kstrtoul, "%lu");
PARAM(ullong, unsigned long long, kstrtoull, "%llu");

int param_set_int(const char *value, const struct kernel_param *kp)
{
	return set_int(value, kp);
}

int param_set_uint(const char *value, const struct kernel_param *kp)
{
	return set_uint(value, kp);
}

int param_set_bool(const char *value, const struct kernel_param *kp)
{
	return kstrtobool(value ? value : "1", kp->arg);
}

static int get_bool(char *buffer, const struct kernel_param *kp)
{
	return scnprintf(buffer, PAGE_SIZE, "%c\n", *(bool *)kp->arg ? 'Y' : 'N');
}

const struct kernel_param_ops param_ops_bool = { .flags = KERNEL_PARAM_OPS_FL_NOARG,
						 .set = param_set_bool,
						 .get = get_bool };

static int set_invbool(const char *value, const struct kernel_param *kp)
{
	int err = param_set_bool(value, kp);

	if (!err)
		*(bool *)kp->arg = !*(bool *)kp->arg;
	return err;
}

const struct kernel_param_ops param_ops_invbool = { .set = set_invbool, .get = get_bool };

/* The text is the command line's, which lives as long as the process. */
int param_set_charp(const char *value, const struct kernel_param *kp)
{
	*(const char **)kp->arg = value;
	return 0;
}

static int get_charp(char *buffer, const struct kernel_param *kp)
{
	return scnprintf(buffer, PAGE_SIZE, "%s\n", *(char **)kp->arg);
}

const struct kernel_param_ops param_ops_charp = { .set = param_set_charp, .get = get_charp };

static int set_string(const char *value, const struct kernel_param *kp)
{
	return strscpy(kp->str->string, value, kp->str->maxlen) < 0 ? -ENOSPC : 0;
}

static int get_string(char *buffer, const struct kernel_param *kp)
{
	return scnprintf(buffer, PAGE_SIZE, "%s\n", kp->str->string);
}

const struct kernel_param_ops param_ops_string = { .set = set_string, .get = get_string };

/* "1,2,3" */
static int set_array(const char *value, const struct kernel_param *kp)
{
	const struct kparam_array *arr = kp->arr;
	unsigned int count = 0;

	for (const char *end; value; value = *end ? end + 1 : NULL, count++) {
		struct kernel_param element = { .name = kp->name,
						.arg = (char *)arr->elem + arr->elemsize * count };
		char *text;
		int err;

		end = value + strcspn(value, ",");
		text = count < arr->max ? malloc((size_t)(end - value) + 1) : NULL;
		if (!text)
			return count < arr->max ? -ENOMEM : -EINVAL;
		strscpy(text, value, (size_t)(end - value) + 1);
		err = arr->ops->set(text, &element);
		if (arr->ops->set != param_set_charp)
			free(text); /* a char * points into it for good */
		if (err)
			return err;
	}
	if (arr->num)
		*arr->num = count;
	return 0;
}

const struct kernel_param_ops param_ops_array = { .set = set_array };
