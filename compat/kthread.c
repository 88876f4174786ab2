/* SPDX-License-Identifier: MIT */
/* Kernel threads: fibers. */
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/string.h>
#include "runtime.h"

struct kthread {
	struct task_struct task; /* first: what drivers hold */
	struct list_head link;	 /* rt.threads */
	int (*fn)(void *data);
	void *data;
	struct completion ended;
	bool started, should_stop, stopping;
	int result;
};

static struct kthread *of_task(struct task_struct *task)
{
	return container_of(task, struct kthread, task);
}

static struct kthread *find(const struct task_struct *task)
{
	struct kthread *k;

	list_for_each_entry(k, &rt.threads, link) if (&k->task == task) return k;
	return NULL;
}

struct task_struct *kthread_create(int (*fn)(void *data), void *data, const char *namefmt, ...)
{
	struct kthread *k = calloc(1, sizeof(*k));
	va_list args;

	if (!k)
		return ERR_PTR(-ENOMEM);
	va_start(args, namefmt);
	vscnprintf(k->task.comm, sizeof(k->task.comm), namefmt, args);
	va_end(args);
	k->fn = fn;
	k->data = data;
	k->result = -EINTR;
	init_completion(&k->ended);
	list_add_tail(&k->link, &rt.threads);
	return &k->task;
}

static void thread_free(struct kthread *k)
{
	list_del(&k->link);
	free(k);
}

static void thread_main(void *arg)
{
	struct kthread *k = arg;
	char name[TASK_COMM_LEN];

	strcpy(name, k->task.comm);
	rt_task_enter(&k->task, name);
	if (!k->should_stop)
		k->result = k->fn(k->data);
	rt_task_leave(&k->task);
	complete(&k->ended);
	/* As in Linux, the task of a thread that ends by itself is gone, unless somebody stops it right now. */
	if (!k->stopping)
		thread_free(k);
}

int wake_up_process(struct task_struct *task)
{
	struct kthread *k = find(task);

	if (!k || k->started) {
		rt_task_wake(task);
		return 1;
	}
	k->started = true;
	if (!bridge_task(thread_main, k))
		return 1;
	k->started = false;
	return 0;
}

bool kthread_should_stop(void)
{
	struct kthread *k = rt.local.task ? find(rt.local.task) : NULL;

	return k && k->should_stop;
}

int kthread_stop(struct task_struct *task)
{
	struct kthread *k = find(task);
	int result;

	if (WARN(!k, "kthread_stop: the thread has ended by itself\n"))
		return -EINVAL;
	k = of_task(task);
	k->should_stop = k->stopping = true;
	if (k->started) {
		rt_task_wake(task);
		wait_for_completion(&k->ended);
	}
	result = k->result;
	thread_free(k);
	return result;
}

void threads_reclaim(void)
{
	struct kthread *k;

	while ((k = list_first_entry_or_null(&rt.threads, struct kthread, link))) {
		leak("the thread '%s'", k->task.comm);
		kthread_stop(&k->task);
	}
}
