/* SPDX-License-Identifier: MIT */
/* Works: each runs in a fiber, as many at a time as its queue allows. */
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/workqueue.h>
#include "runtime.h"

#define ACTIVE_DEFAULT 256

struct workqueue_struct {
	struct list_head link; /* rt.queues */
	struct list_head pending;
	struct wait_queue_head done; /* a work has ended */
	unsigned int max_active, active;
	char name[24];
};

/* A fiber that takes works of a queue until there are none. On its own stack. */
struct worker {
	struct task_struct task;
	struct workqueue_struct *wq;
	struct work_struct *item; /* what it runs, if that is still there */
	struct worker *next;
};

static struct worker *running; /* those that run a work; the innermost is no concept here: they interleave */

static struct worker *worker_of(const struct work_struct *item)
{
	struct worker *w = running;

	while (w && w->item != item)
		w = w->next;
	return w;
}

bool linux_work_is_current(const struct work_struct *item)
{
	struct worker *w = worker_of(item);

	return w && rt.local.task == &w->task;
}

static void run_item(struct worker *worker, struct work_struct *item)
{
	list_del(&item->entry);
	item->pending = false;
	item->running = worker;
	worker->item = item;
	worker->next = running;
	running = worker;
	item->func(item);
	/* @item may be gone. */
	for (struct worker **at = &running; *at; at = &(*at)->next) {
		if (*at != worker)
			continue;
		*at = worker->next;
		break;
	}
	worker->item = NULL;
	wake_up_all(&worker->wq->done);
}

/* One that is to run, and does not run elsewhere now. */
static struct work_struct *next_item(struct workqueue_struct *wq)
{
	struct work_struct *item;

	list_for_each_entry(item, &wq->pending, entry) if (!worker_of(item)) return item;
	return NULL;
}

static void work_off(void *arg)
{
	struct worker worker = { .wq = arg };
	struct work_struct *item;

	rt_task_enter(&worker.task, "kworker");
	while ((item = next_item(worker.wq))) {
		run_item(&worker, item);
		rt.local = (struct fiber_local){ .task = &worker.task };
	}
	worker.wq->active--;
	wake_up_all(&worker.wq->done);
	rt_task_leave(&worker.task);
}

static void start_worker(struct workqueue_struct *wq)
{
	if (wq->active >= wq->max_active)
		return;
	wq->active++;
	if (bridge_task(work_off, wq)) {
		wq->active--;
		WARN_ONCE(1, "no memory for a worker of %s\n", wq->name);
	}
}

bool queue_work(struct workqueue_struct *wq, struct work_struct *item)
{
	if (item->pending)
		return false;
	item->pending = true;
	item->wq = wq;
	list_add_tail(&item->entry, &wq->pending);
	start_worker(wq);
	return true;
}

bool cancel_work(struct work_struct *item)
{
	if (!item->pending)
		return false;
	list_del(&item->entry);
	item->pending = false;
	return true;
}

bool flush_work(struct work_struct *item)
{
	if (!item->wq || (!item->pending && !worker_of(item)))
		return false;
	if (WARN(linux_work_is_current(item), "a work waits for its own end\n"))
		return false;
	wait_event(item->wq->done, !item->pending && !worker_of(item));
	return true;
}

bool cancel_work_sync(struct work_struct *item)
{
	bool pending = cancel_work(item);

	flush_work(item);
	return pending;
}

/* -- delayed -- */

void linux_delayed_work_due(struct timer_list *timer)
{
	struct delayed_work *dwork = container_of(timer, struct delayed_work, timer);

	queue_work(dwork->wq, &dwork->work);
}

bool queue_delayed_work(struct workqueue_struct *wq, struct delayed_work *dwork, unsigned long delay)
{
	if (delayed_work_pending(dwork))
		return false;
	if (!delay)
		return queue_work(wq, &dwork->work);
	dwork->wq = wq;
	mod_timer(&dwork->timer, jiffies + delay);
	return true;
}

bool mod_delayed_work(struct workqueue_struct *wq, struct delayed_work *dwork, unsigned long delay)
{
	bool pending = cancel_delayed_work(dwork);

	queue_delayed_work(wq, dwork, delay);
	return pending;
}

bool cancel_delayed_work(struct delayed_work *dwork)
{
	return del_timer(&dwork->timer) || cancel_work(&dwork->work);
}

bool cancel_delayed_work_sync(struct delayed_work *dwork)
{
	bool pending = cancel_delayed_work(dwork);

	flush_work(&dwork->work);
	return pending;
}

bool flush_delayed_work(struct delayed_work *dwork)
{
	if (del_timer(&dwork->timer))
		queue_work(dwork->wq, &dwork->work);
	return flush_work(&dwork->work);
}

/* -- queues -- */

struct workqueue_struct *alloc_workqueue(const char *fmt, unsigned int flags, int max_active, ...)
{
	struct workqueue_struct *wq = calloc(1, sizeof(*wq));
	va_list args;

	if (!wq)
		return NULL;
	va_start(args, max_active);
	vscnprintf(wq->name, sizeof(wq->name), fmt, args);
	va_end(args);
	INIT_LIST_HEAD(&wq->pending);
	init_waitqueue_head(&wq->done);
	wq->max_active = max_active > 0 ? (unsigned int)max_active : ACTIVE_DEFAULT;
	list_add_tail(&wq->link, &rt.queues);
	return wq;
}

struct workqueue_struct *linux_system_wq(void)
{
	return rt.events_wq;
}

void flush_workqueue(struct workqueue_struct *wq)
{
	wait_event(wq->done, list_empty(&wq->pending) && !wq->active);
}

void destroy_workqueue(struct workqueue_struct *wq)
{
	flush_workqueue(wq);
	list_del(&wq->link);
	free(wq);
}

static void tell_work(const struct work_struct *item)
{
	char name[160];

	scnprintf(name, sizeof(name), "%ps", (void *)(unsigned long)item->func);
	leak("a work that is pending: %s", name);
}

void queues_reclaim(void)
{
	struct workqueue_struct *wq, *next;
	struct work_struct *item, *next_item_;

	list_for_each_entry_safe(wq, next, &rt.queues, link)
	{
		if (wq != rt.events_wq)
			leak("the workqueue '%s'", wq->name);
		list_for_each_entry_safe(item, next_item_, &wq->pending, entry)
		{
			tell_work(item);
			cancel_work(item);
		}
		destroy_workqueue(wq);
	}
	rt.events_wq = NULL;
}
