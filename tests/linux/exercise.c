/* SPDX-License-Identifier: MIT */
/* One check of the runtime from within: `insmod exercise.so check=NAME`. What does not hold is printed, and fails init. */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <xen/events.h>
#include <xen/grant_table.h>
#include <xen/xenbus.h>

static char *check = "nothing";
module_param(check, charp, 0444);
MODULE_PARM_DESC(check, "what to look at");
static int number = -1;
module_param(number, int, 0444);
static bool flag;
module_param(flag, bool, 0444);
static unsigned short list[4];
static unsigned int list_count;
module_param_array(list, ushort, &list_count, 0444);
static char text[8] = "";
module_param_string(text, text, sizeof(text), 0444);

#define EXPECT(condition)                                                                    \
	do {                                                                                 \
		if (!(condition)) {                                                          \
			pr_err("%s, line %d: not so: %s\n", __func__, __LINE__, #condition); \
			return -EINVAL;                                                      \
		}                                                                            \
	} while (0)

static int check_nothing(void)
{
	return 0;
}

static int check_fail(void)
{
	return -number;
}

static int check_bug(void)
{
	BUG_ON(true);
	return 0;
}

static int check_endless(void)
{
	while (number != INT_MAX)
		cpu_relax();
	return 0;
}

static noinline int touch(volatile int *address)
{
	return *address + 1;
}

static int check_wild(void)
{
	return touch((int *)0x123000) + number;
}

static int wild_probe(struct xenbus_device *dev, const struct xenbus_device_id *id)
{
	return touch((int *)0x123000);
}

static const struct xenbus_device_id minimal_ids[] = { { "minimal" }, { "" } };
static struct xenbus_driver exercise_driver = { .ids = minimal_ids };

static int check_wild_probe(void)
{
	exercise_driver.probe = wild_probe;
	return xenbus_register_backend(&exercise_driver);
}

static struct xenbus_device *refused;

static void look_at_refused(struct timer_list *timer)
{
	pr_info("left over: %s of domain %d\n", refused->nodename, refused->otherend_id);
}

static DEFINE_TIMER(left_over, look_at_refused);

static int refusing_probe(struct xenbus_device *dev, const struct xenbus_device_id *id)
{
	refused = dev;
	mod_timer(&left_over, jiffies + HZ / 20);
	return -ENODEV;
}

static int check_refusing_probe(void)
{
	exercise_driver.probe = refusing_probe;
	return xenbus_register_backend(&exercise_driver);
}

/* A fiber whose stack is used up has no room for the report. */
static noinline int deeper(int depth)
{
	volatile char room[512] = { (char)depth };

	return depth ? deeper(depth - 1) + room[depth % 512] : 0;
}

static int check_overflow(void)
{
	return deeper(100000);
}

static int check_slow_exit(void)
{
	return 0;
}

static int check_endless_exit(void)
{
	return 0;
}

static int check_warn(void)
{
	EXPECT(WARN(1, "a warning of %d words\n", 4));
	EXPECT(!WARN_ON(0));
	return 0;
}

static int check_parameters(void)
{
	EXPECT(number == -7);
	EXPECT(flag);
	EXPECT(list_count == 3 && list[0] == 1 && list[1] == 20 && list[2] == 65535);
	EXPECT(!strcmp(text, "abc"));
	return 0;
}

/* -- text -- */

static bool formats_as(const char *expected, const char *fmt, ...)
{
	char buf[128];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(buf, sizeof(buf), fmt, args);
	va_end(args);
	if (!strcmp(buf, expected) && n == (int)strlen(expected))
		return true;
	pr_err("'%s', not '%s'\n", buf, expected);
	return false;
}

static int print_nested(char *buf, size_t size, const char *fmt, ...)
{
	struct va_format nested = { .fmt = fmt };
	va_list args;
	int n;

	va_start(args, fmt);
	nested.va = &args;
	n = snprintf(buf, size, "<%pV>", &nested);
	va_end(args);
	return n;
}

static int check_formats(void)
{
	static const u8 bytes[] = { 0, 0x1b, 0xff };
	const char *long_text = check[0] ? "abcdef" : "";
	char buf[16];

	EXPECT(formats_as("   7|7   |0007|+7|0x1f|%", "%4d|%-4d|%04d|%+d|%#x|%%", 7, 7, 7, 7, 31));
	EXPECT(formats_as("18446744073709551615 -1 255", "%llu %ld %hhu", ~0ULL, -1L, 255));
	EXPECT(formats_as("  ab|ab  |a|(null)", "%4s|%-4s|%.1s|%s", "ab", "ab", "ab", (char *)NULL));
	EXPECT(formats_as("-ENOENT -EAGAIN", "%pe %pe", ERR_PTR(-ENOENT), ERR_PTR(-EAGAIN)));
	EXPECT(formats_as("00 1b ff|001bff", "%*ph|%3phN", 3, bytes, bytes));
	EXPECT(formats_as("[    5]", "[%*d]", 5, 5));
	EXPECT(snprintf(buf, 4, "%s", long_text) == 6 && !strcmp(buf, "abc"));
	EXPECT(scnprintf(buf, 4, "%s", long_text) == 3);
	EXPECT(print_nested(buf, sizeof(buf), "%d-%s", 4, "x") == 5 && !strcmp(buf, "<4-x>"));
	printk(KERN_INFO "begun, ");
	pr_cont("and ended\n");
	pr_info("two\nlines\n");
	return 0;
}

static int check_numbers(void)
{
	unsigned long long big;
	unsigned int u;
	bool yes;
	int i;
	u8 b;

	EXPECT(!kstrtoint("-12\n", 0, &i) && i == -12);
	EXPECT(!kstrtouint("0x1F", 0, &u) && u == 31);
	EXPECT(kstrtouint("-1", 0, &u) == -EINVAL && kstrtouint("12x", 10, &u) == -EINVAL);
	EXPECT(kstrtou8("256", 10, &b) == -ERANGE && kstrtoint("", 10, &i) == -EINVAL);
	EXPECT(!kstrtoull("18446744073709551615", 10, &big) && big == ~0ULL);
	EXPECT(kstrtoull("18446744073709551616", 10, &big) == -ERANGE);
	EXPECT(!kstrtobool("on", &yes) && yes && !kstrtobool("N", &yes) && !yes);
	EXPECT(min(3, max(1, 2)) == 2 && clamp(9, 0, 5) == 5 && DIV_ROUND_UP(9, 4) == 3);
	EXPECT(ilog2(4096) == 12 && roundup_pow_of_two(5) == 8 && get_order(4097) == 1 && fls(0) == 0);
	return 0;
}

/* -- memory -- */

static int check_memory(void)
{
	char *p = kzalloc(16, GFP_KERNEL), *dup = kstrdup("abc", GFP_KERNEL);
	char *print = kasprintf(GFP_KERNEL, "%s-%d", dup, 7);
	unsigned long page = get_zeroed_page(GFP_KERNEL), pages = __get_free_pages(GFP_KERNEL, 2);

	EXPECT(p && !memchr_inv(p, 0, 16) && ksize(p) == 16);
	p = krealloc(p, 32, GFP_KERNEL);
	EXPECT(p && !p[15] && !strcmp(print, "abc-7"));
	EXPECT(!kmalloc_array((size_t)-1 / 2, 4, GFP_KERNEL));
	EXPECT(page && !(page & ~PAGE_MASK) && !memchr_inv((void *)page, 0, PAGE_SIZE));
	EXPECT(pages % (4 * PAGE_SIZE) == 0 && page_address(virt_to_page(pages)) == (void *)pages);
	EXPECT(!virt_to_page(p));
	free_page(page);
	free_pages(pages, 2);
	kfree(p);
	kfree(dup);
	kfree(print);
	kfree(NULL);
	return 0;
}

static int check_grants(void)
{
	unsigned long page = get_zeroed_page(GFP_KERNEL);
	char on_stack[16], *block = kzalloc(PAGE_SIZE, GFP_KERNEL);
	int ref;

	strcpy((char *)page, "before");
	ref = gnttab_grant_foreign_access(0, virt_to_gfn(page), 0);
	EXPECT(ref > 0 && !strcmp((char *)page, "before"));
	strcpy((char *)page, "during");
	EXPECT(gnttab_grant_foreign_access(0, virt_to_gfn(page), 0) == -EBUSY);
	EXPECT(gnttab_grant_foreign_access(0, virt_to_gfn(block), 0) == -EINVAL);
	EXPECT(gnttab_grant_foreign_access(0, virt_to_gfn(on_stack), 0) == -EINVAL);
	EXPECT(gnttab_end_foreign_access_ref((grant_ref_t)ref) == 1 && !strcmp((char *)page, "during"));
	ref = gnttab_grant_foreign_access(0, virt_to_gfn(page), 1);
	EXPECT(ref > 0 && !strcmp((char *)page, "during"));
	gnttab_end_foreign_access((grant_ref_t)ref, virt_to_page(page));
	EXPECT(!virt_to_page(page));
	kfree(block);
	return 0;
}

/* -- those who wait -- */

struct shared {
	struct work_struct work;
	struct delayed_work later;
	struct timer_list timer;
	struct completion done;
	struct mutex lock;
	wait_queue_head_t wait;
	int runs, order;
};

static void run_work(struct work_struct *work)
{
	struct shared *s = container_of(work, struct shared, work);

	mutex_lock(&s->lock);
	msleep(1);
	s->runs++;
	mutex_unlock(&s->lock);
}

static void run_later(struct work_struct *work)
{
	struct shared *s = container_of(to_delayed_work(work), struct shared, later);

	complete(&s->done);
}

static void run_timer(struct timer_list *timer)
{
	struct shared *s = from_timer(s, timer, timer);

	s->order++;
	wake_up(&s->wait);
}

static void shared_init(struct shared *s)
{
	memset(s, 0, sizeof(*s));
	INIT_WORK(&s->work, run_work);
	INIT_DELAYED_WORK(&s->later, run_later);
	timer_setup(&s->timer, run_timer, 0);
	init_completion(&s->done);
	mutex_init(&s->lock);
	init_waitqueue_head(&s->wait);
}

static int check_works(void)
{
	struct workqueue_struct *wq = alloc_ordered_workqueue("ordered-%d", 0, 1);
	struct shared s;

	shared_init(&s);
	EXPECT(schedule_work(&s.work) && !schedule_work(&s.work));
	EXPECT(flush_work(&s.work) && s.runs == 1 && !flush_work(&s.work));
	EXPECT(queue_work(wq, &s.work) && cancel_work_sync(&s.work) && s.runs == 1);
	EXPECT(queue_delayed_work(wq, &s.later, msecs_to_jiffies(5)));
	wait_for_completion(&s.done);
	EXPECT(schedule_delayed_work(&s.later, 1000 * HZ));
	EXPECT(!wait_for_completion_timeout(&s.done, 2));
	EXPECT(cancel_delayed_work_sync(&s.later) && !delayed_work_pending(&s.later));
	destroy_workqueue(wq);
	return 0;
}

static int check_waits(void)
{
	struct shared s;
	unsigned long begin = jiffies;

	shared_init(&s);
	mod_timer(&s.timer, jiffies + 2);
	EXPECT(timer_pending(&s.timer));
	wait_event(s.wait, s.order == 1);
	EXPECT(!timer_pending(&s.timer) && time_after_eq(jiffies, begin + 2));
	EXPECT(wait_event_timeout(s.wait, s.order == 2, 3) == 0);
	EXPECT(wait_event_timeout(s.wait, s.order == 1, 3) > 0);
	mod_timer(&s.timer, jiffies + 1000 * HZ);
	EXPECT(del_timer_sync(&s.timer) == 1 && del_timer(&s.timer) == 0);
	mutex_lock(&s.lock);
	schedule_work(&s.work);
	msleep(5);
	EXPECT(s.runs == 0 && !mutex_trylock(&s.lock)); /* the work waits for the mutex */
	mutex_unlock(&s.lock);
	flush_work(&s.work);
	EXPECT(s.runs == 1);
	return 0;
}

static int count_up(void *data)
{
	struct shared *s = data;

	while (!kthread_should_stop()) {
		s->runs++;
		wake_up(&s->wait);
		schedule_timeout_interruptible(1000 * HZ);
	}
	return 42;
}

static int check_kthreads(void)
{
	struct task_struct *thread;
	struct shared s;

	shared_init(&s);
	thread = kthread_run(count_up, &s, "counter/%d", 1);
	EXPECT(!IS_ERR(thread) && !strcmp(thread->comm, "counter/1"));
	wait_event(s.wait, s.runs == 1);
	wake_up_process(thread);
	wait_event(s.wait, s.runs == 2);
	EXPECT(kthread_stop(thread) == 42);
	thread = kthread_create(count_up, &s, "never");
	EXPECT(!IS_ERR(thread) && kthread_stop(thread) == -EINTR && s.runs == 2);
	EXPECT(!strcmp(current->comm, "insmod") && !in_interrupt());
	return 0;
}

static int check_atomic_sleep(void)
{
	DEFINE_SPINLOCK(lock);
	unsigned long flags;

	spin_lock_irqsave(&lock, flags);
	msleep(1);
	spin_unlock_irqrestore(&lock, flags);
	return 0;
}

/* -- the store -- */

struct watcher {
	struct xenbus_watch watch;
	wait_queue_head_t wait;
	char path[64];
	int fired;
};

static void watch_fired(struct xenbus_watch *watch, const char *path, const char *token)
{
	struct watcher *w = container_of(watch, struct watcher, watch);

	strscpy(w->path, path, sizeof(w->path));
	w->fired++;
	kfree(xenbus_read(XBT_NIL, "domid", "", NULL)); /* it may speak to the store */
	wake_up(&w->wait);
}

static int check_store(void)
{
	struct xenbus_transaction t;
	char *value, **names;
	unsigned int n;
	int a, b;

	EXPECT(!xenbus_printf(XBT_NIL, "exercise", "a", "%d", 5) &&
	       !xenbus_write(XBT_NIL, "exercise", "b", "x"));
	EXPECT(xenbus_scanf(XBT_NIL, "exercise", "a", "%d", &a) == 1 && a == 5);
	EXPECT(xenbus_scanf(XBT_NIL, "exercise", "b", "%d", &a) == -ERANGE);
	EXPECT(xenbus_scanf(XBT_NIL, "exercise", "c", "%d", &a) == -ENOENT);
	EXPECT(xenbus_read_unsigned("exercise", "a", 9) == 5 &&
	       xenbus_read_unsigned("exercise", "c", 9) == 9);
	EXPECT(!xenbus_gather(XBT_NIL, "exercise", "a", "%d", &b, "b", NULL, &value, NULL) && b == 5);
	EXPECT(!strcmp(value, "x"));
	kfree(value);
	names = xenbus_directory(XBT_NIL, "exercise", "", &n);
	EXPECT(!IS_ERR(names) && n == 2);
	kfree(names);
	EXPECT(xenbus_exists(XBT_NIL, "exercise", "b") == 1 && xenbus_exists(XBT_NIL, "exercise", "c") == 0);
	EXPECT(!xenbus_transaction_start(&t) && !xenbus_rm(t, "exercise", "a"));
	EXPECT(!xenbus_transaction_end(t, 1) && xenbus_exists(XBT_NIL, "exercise", "a"));
	value = xenbus_read(XBT_NIL, "exercise", "c", NULL);
	EXPECT(XENBUS_IS_ERR_READ(value) && PTR_ERR(value) == -ENOENT);
	EXPECT(!xenbus_rm(XBT_NIL, "exercise", ""));
	return 0;
}

/* Another event waits for this to return, when the watch is no more. */
static void watch_left(struct xenbus_watch *watch, const char *path, const char *token)
{
	struct watcher *w = container_of(watch, struct watcher, watch);

	xenbus_write(XBT_NIL, "watched/left", "", "1");
	while (!watch->nr_pending)
		msleep(1);
	unregister_xenbus_watch(watch);
	w->fired++;
	wake_up(&w->wait);
}

static int check_watches(void)
{
	struct watcher w = { .watch = { .node = "watched", .callback = watch_fired } };
	struct watcher left = { .watch = { .node = "watched", .callback = watch_left } };

	init_waitqueue_head(&w.wait);
	EXPECT(!register_xenbus_watch(&w.watch));
	wait_event(w.wait, w.fired == 1); /* as it is set */
	EXPECT(!xenbus_write(XBT_NIL, "watched/below", "", "1"));
	wait_event(w.wait, w.fired >= 2 && !strcmp(w.path, "watched/below"));
	unregister_xenbus_watch(&w.watch);
	init_waitqueue_head(&left.wait);
	EXPECT(!register_xenbus_watch(&left.watch));
	wait_event(left.wait, left.fired);
	flush_workqueue(system_wq);
	EXPECT(left.fired == 1 && !xenbus_rm(XBT_NIL, "watched", ""));
	return 0;
}

/* -- what is left lying about -- */

static int sleep_for_ever(void *data)
{
	while (!kthread_should_stop())
		schedule_timeout_interruptible(MAX_SCHEDULE_TIMEOUT);
	return 0;
}

static int check_leaks(void)
{
	static struct watcher w = { .watch = { .node = "left", .callback = watch_fired } };
	static struct shared s;
	struct evtchn_alloc_unbound alloc = { .dom = DOMID_SELF, .remote_dom = 0 };
	unsigned long page = get_zeroed_page(GFP_KERNEL);

	shared_init(&s);
	init_waitqueue_head(&w.wait);
	for (int i = 0; i < 3; i++)
		EXPECT(kmalloc(10, GFP_KERNEL));
	EXPECT(gnttab_grant_foreign_access(0, virt_to_gfn(page), 0) > 0);
	EXPECT(!HYPERVISOR_event_channel_op(EVTCHNOP_alloc_unbound, &alloc) && alloc.port);
	EXPECT(!register_xenbus_watch(&w.watch));
	EXPECT(alloc_workqueue("forgotten", 0, 0));
	mod_timer(&s.timer, jiffies + 1000 * HZ);
	EXPECT(!IS_ERR(kthread_run(sleep_for_ever, NULL, "sleeper")));
	return 0;
}

#define CHECK(name)                 \
	{                           \
#name, check_##name \
	}
static const struct {
	const char *name;
	int (*run)(void);
} checks[] = {
	CHECK(nothing),	     CHECK(fail),      CHECK(bug),	    CHECK(warn),	   CHECK(parameters),
	CHECK(formats),	     CHECK(numbers),   CHECK(memory),	    CHECK(grants),	   CHECK(works),
	CHECK(waits),	     CHECK(kthreads),  CHECK(store),	    CHECK(watches),	   CHECK(leaks),
	CHECK(atomic_sleep), CHECK(wild),      CHECK(wild_probe),   CHECK(refusing_probe), CHECK(overflow),
	CHECK(endless),	     CHECK(slow_exit), CHECK(endless_exit),
};

static int __init exercise_init(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
		if (!strcmp(checks[i].name, check))
			return checks[i].run();
	pr_err("there is no check '%s'\n", check);
	return -ENOENT;
}
module_init(exercise_init);

static void __exit exercise_exit(void)
{
	if (!strcmp(check, "refusing_probe"))
		xenbus_unregister_driver(&exercise_driver);
	if (!strcmp(check, "slow_exit"))
		msleep((unsigned int)number);
	if (!strcmp(check, "endless_exit"))
		check_endless();
}
module_exit(exercise_exit);

MODULE_LICENSE("Dual MIT/GPL");
