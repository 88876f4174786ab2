/* SPDX-License-Identifier: MIT */
#include "programs.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include <xen/io/xs_wire.h>
#include <xenbus/client.h>
#include <xenbus/host.h>

#include "proc_view.h"

#define PATIENCE_S 60
#define PAUSE_NS 2000000

void await(bool (*is)(void *arg), void *arg, const char *what)
{
	const struct timespec pause = { 0, PAUSE_NS };
	const time_t deadline = time(NULL) + PATIENCE_S;

	while (!is(arg)) {
		if (time(NULL) > deadline)
			fail_msg("waited in vain: %s", what);
		nanosleep(&pause, NULL);
	}
}

/* -- processes --------------------------------------------------------------------------------- */

static bool runs(pid_t pid, const char *name)
{
	char link[64], exe[PATH_MAX];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
	len = readlink(link, exe, sizeof(exe) - 1);
	exe[len < 0 ? 0 : len] = '\0';
	return strrchr(exe, '/') && !strcmp(strrchr(exe, '/') + 1, name);
}

/* The child of @parent that runs build/@name, but for @not; 0: none. */
static pid_t child_running(pid_t parent, const char *name)
{
	char path[64];
	FILE *children;
	int pid, found = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)parent, (int)parent);
	children = fopen(path, "re");
	if (!children)
		return 0;
	while (!found && fscanf(children, "%d", &pid) == 1)
		if (runs(pid, name))
			found = pid;
	fclose(children);
	return found;
}

static bool is_stopped(void *arg)
{
	char path[64], state = 0;
	FILE *stat;

	snprintf(path, sizeof(path), "/proc/%d/stat", *(pid_t *)arg);
	stat = fopen(path, "re");
	if (!stat || fscanf(stat, "%*d (%*[^)]) %c", &state) != 1)
		state = '?';
	if (stat)
		fclose(stat);
	return state == 'T';
}

void process_stop(pid_t pid)
{
	assert_int_equal(kill(pid, SIGSTOP), 0);
	await(is_stopped, &pid, "a process stops");
}

uint64_t process_read(pid_t pid)
{
	unsigned long long bytes = 0;
	char path[64];
	FILE *io;

	snprintf(path, sizeof(path), "/proc/%d/io", (int)pid);
	io = fopen(path, "re");
	assert_non_null(io);
	assert_int_equal(fscanf(io, "rchar: %llu", &bytes), 1);
	fclose(io);
	return bytes;
}

bool file_says(const char *path, const char *text)
{
	static char content[1 << 20];
	FILE *file = fopen(path, "re");

	if (!file)
		return false;
	content[fread(content, 1, sizeof(content) - 1, file)] = '\0';
	fclose(file);
	return strstr(content, text) != NULL;
}

/* -- the world ----------------------------------------------------------------------------------- */

void programs_learn(struct programs *w)
{
	char path[96];
	FILE *file;
	int pid;

	w->broker = child_running(getpid(), "xenbus");
	assert_true(w->broker > 0);
	snprintf(path, sizeof(path), "%s/xenstored.pid", w->dir);
	file = fopen(path, "re");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%d", &pid), 1);
	fclose(file);
	w->store = pid;
}

int programs_setup(void **state)
{
	struct programs *w = calloc(1, sizeof(*w));
	struct command c;

	assert_non_null(w);
	strcpy(w->top, "/tmp/deaths.XXXXXX");
	assert_non_null(mkdtemp(w->top));
	snprintf(w->dir, sizeof(w->dir), "%s/run", w->top);
	snprintf(w->store_path, sizeof(w->store_path), "%s/xenstored.sock", w->dir);
	setenv("XENBUS_RUN_DIR", w->dir, 1);
	unsetenv("XENSTORED_PATH");
	command_adopt_orphans();
	RUN(&c, "xenbus", "up");
	assert_int_equal(c.status, 0);
	programs_learn(w);
	assert_int_equal(xen_local_connect(w->dir, &w->local), 0);
	*state = w;
	return 0;
}

static void remove_files(const struct programs *w)
{
	char pattern[64];
	glob_t found;

	snprintf(pattern, sizeof(pattern), "%s/*", w->top);
	if (!glob(pattern, 0, NULL, &found))
		for (size_t i = 0; i < found.gl_pathc; i++)
			unlink(found.gl_pathv[i]);
	globfree(&found);
}

int programs_teardown(void **state)
{
	struct programs *w = *state;
	struct command c;

	/* Where a test that failed left them stopped. */
	for (size_t i = 0; i < w->started; i++)
		kill(w->pids[i], SIGCONT);
	xen_local_disconnect(w->local);
	RUN(&c, "xenbus", "down");
	command_wait_for_all();
	remove_files(w);
	assert_int_equal(rmdir(w->top), 0);
	free(w);
	return 0;
}

/* -- programs ------------------------------------------------------------------------------------ */

struct starting {
	struct programs *w;
	struct program *p;
};

static bool has_started(void *arg)
{
	struct starting *s = arg;
	struct xen_local_domain domain;
	const unsigned int domid = (unsigned int)atoi(s->p->domid);

	if (!domid) {
		s->p->pid = child_running(s->p->launcher, s->p->name);
		return s->p->pid > 0;
	}
	if (xen_local_domains(s->w->local, domid, &domain, 1) != 1 || domain.domid != domid)
		return false;
	s->p->pid = domain.pid;
	return domain.pid > 0 && runs(domain.pid, s->p->name);
}

void program_start(struct programs *w, struct program *p, const char *name, const char *domid,
		   const char *const *args)
{
	char xenbus[PATH_MAX], path[PATH_MAX];
	const char *launch = getenv("DEATHS_LAUNCH");
	const char *argv[24] = { "sh",	    "-c", "exec \"$@\" >>\"$0\" 2>&1", p->log, xenbus, "run",
				 "--domid", domid };
	int argc = 8;

	*p = (struct program){ .name = name, .domid = domid };
	snprintf(p->log, sizeof(p->log), "%s/%s.log", w->top, name);
	command_path("xenbus", xenbus, sizeof(xenbus));
	command_path(name, path, sizeof(path));
	if (launch) {
		argv[argc++] = "--launch";
		argv[argc++] = launch;
	}
	argv[argc++] = path;
	while (args && *args)
		argv[argc++] = *args++;
	fflush(stdout);
	p->launcher = command_start(argv);
	await(has_started, &(struct starting){ w, p }, name);
	assert_true(w->started + 2 <= PROGRAMS_PIDS);
	w->pids[w->started++] = p->launcher;
	w->pids[w->started++] = p->pid;
}

int program_wait(struct program *p)
{
	return command_wait(p->launcher);
}

bool program_said(const struct program *p, const char *text)
{
	return file_says(p->log, text);
}

/* -- the store ------------------------------------------------------------------------------------ */

struct asking {
	struct xenbus_host *host;
	struct xenstore *xs;
};

static void ask_begin(struct programs *w, struct asking *a)
{
	assert_int_equal(xenbus_host_new(&a->host), 0);
	assert_int_equal(xenstore_open_socket(a->host, w->store_path, NULL, &a->xs), 0);
}

static void ask_end(struct asking *a)
{
	xenstore_close(a->xs);
	xenbus_host_free(a->host);
}

char *store_read(struct programs *w, const char *path)
{
	struct iovec iov = { (void *)(uintptr_t)path, strlen(path) + 1 };
	struct asking a;
	char *value = NULL;

	ask_begin(w, &a);
	if (xenstore_call(a.xs, XS_READ, 0, &iov, 1, &value, NULL))
		value = NULL;
	ask_end(&a);
	return value;
}

void store_mkdir(struct programs *w, const char *path)
{
	struct iovec iov = { (void *)(uintptr_t)path, strlen(path) + 1 };
	struct asking a;

	ask_begin(w, &a);
	assert_int_equal(xenstore_call(a.xs, XS_MKDIR, 0, &iov, 1, NULL, NULL), 0);
	ask_end(&a);
}

/* Bytes that domain @domid pays for; 0: there is no such domain. */
static unsigned long long store_memory(struct asking *a, const char *domid)
{
	struct iovec iov[] = { { (void *)(uintptr_t) "quota", sizeof("quota") },
			       { (void *)(uintptr_t)domid, strlen(domid) + 1 } };
	unsigned long long bytes = 0;
	char *text = NULL, *line;

	if (xenstore_call(a->xs, XS_CONTROL, 0, iov, 2, &text, NULL))
		return 0;
	line = strstr(text, "memory");
	assert_non_null(line);
	assert_int_equal(sscanf(line, "memory : %llu", &bytes), 1);
	free(text);
	return bytes;
}

/* What the store says of itself, in its log; and by the accounts of the domains, since what it has of the system comes in
 * slabs. */
static void store_report(struct programs *w, unsigned long long *out)
{
	static char text[1 << 20];
	struct iovec iov = { (void *)(uintptr_t) "memreport", sizeof("memreport") };
	char path[96], *last = NULL;
	struct asking a;
	unsigned long long bytes = 0;
	FILE *log;

	ask_begin(w, &a);
	assert_int_equal(xenstore_call(a.xs, XS_CONTROL, 0, &iov, 1, NULL, NULL), 0);
	for (int domid = '0'; domid < '3'; domid++)
		bytes += store_memory(&a, (const char[]){ (char)domid, '\0' });
	ask_end(&a);
	snprintf(path, sizeof(path), "%s/xenstored.log", w->dir);
	log = fopen(path, "re");
	assert_non_null(log);
	text[fread(text, 1, sizeof(text) - 1, log)] = '\0';
	fclose(log);
	for (char *at = text; (at = strstr(at, "memory: ")); at++)
		last = at;
	assert_non_null(last);
	assert_int_equal(sscanf(last,
				"memory: %*u bytes; %llu nodes, %llu watches, %llu transactions, %llu "
				"connections, %llu domains",
				&out[STORE_NODES], &out[STORE_WATCHES], &out[STORE_TRANSACTIONS],
				&out[STORE_CONNECTIONS], &out[STORE_DOMAINS]),
			 5);
	out[STORE_BYTES] = bytes;
}

/* -- what is held ----------------------------------------------------------------------------------- */

static void census_take(struct programs *w, pid_t survivor, struct census *out)
{
	const pid_t pids[CENSUS_PROCESSES] = { w->broker, w->store, survivor };

	memset(out, 0, sizeof(*out));
	assert_int_equal(xen_local_stats(w->local, XEN_LOCAL_ALL, &out->world), 0);
	store_report(w, out->store);
	for (int i = 0; i < CENSUS_PROCESSES; i++)
		out->fds[i] = proc_descriptors(pids[i]);
}

static void census_print(const char *name, const struct census *c)
{
	print_error(
		"%s: %u domains, %u connections, %u handles, %u ports, %u grants, %u pages, %u mappings, %u parts, "
		"%u descriptors; store %llu bytes, %llu nodes, %llu watches, %llu transactions, %llu connections, %llu "
		"domains; fds %u, %u, %u\n",
		name, c->world.domains, c->world.connections, c->world.handles, c->world.ports,
		c->world.grants, c->world.pages, c->world.mappings, c->world.parts, c->world.descriptors,
		c->store[0], c->store[1], c->store[2], c->store[3], c->store[4], c->store[5], c->fds[0],
		c->fds[1], c->fds[2]);
}

struct comparing {
	struct programs *w;
	pid_t survivor;
	const struct census *base;
	struct census now, before;
	unsigned int same;
};

#define SAME 10 /* times: nothing is on its way any more */

/* Both programs' watches are set, nothing is open but the domains' store rings, and it stays so. */
static bool is_settled(void *arg)
{
	struct comparing *c = arg;
	const struct xen_local_stats *world = &c->now.world;

	c->before = c->now;
	census_take(c->w, c->survivor, &c->now);
	c->same = memcmp(&c->now, &c->before, sizeof(c->now)) ? 0 : c->same + 1;
	return c->same >= SAME && c->now.store[STORE_WATCHES] == 2 && !c->now.store[STORE_TRANSACTIONS] &&
	       world->grants == world->domains - 1 && world->pages == world->grants;
}

/* Waits until @is(@c); fails after a minute, and says what is held. */
static void compare_until(struct comparing *c, bool (*is)(void *arg), const char *when)
{
	const time_t deadline = time(NULL) + PATIENCE_S;
	const struct timespec pause = { 0, PAUSE_NS };

	while (!is(c)) {
		if (time(NULL) > deadline) {
			if (c->base)
				census_print("base", c->base);
			census_print("now ", &c->now);
			fail_msg("%s: not everything was let go", when);
		}
		nanosleep(&pause, NULL);
	}
}

void census_settle(struct programs *w, pid_t survivor, struct census *out)
{
	struct comparing c = { .w = w, .survivor = survivor };

	compare_until(&c, is_settled, "in the beginning");
	*out = c.now;
}

/* No count is above the base's. */
static bool is_within(const struct census *now, const struct census *base)
{
	const uint32_t *have = (const uint32_t *)&now->world, *may = (const uint32_t *)&base->world;
	bool within = true;

	for (size_t i = 0; i < sizeof(now->world) / sizeof(*have); i++)
		within &= have[i] <= may[i];
	for (size_t i = 0; i < STORE_COUNTS; i++)
		within &= now->store[i] <= base->store[i];
	for (size_t i = 0; i < CENSUS_PROCESSES; i++)
		within &= now->fds[i] <= base->fds[i];
	return within;
}

static bool is_base(void *arg)
{
	struct comparing *c = arg;

	census_take(c->w, c->survivor, &c->now);
	return is_within(&c->now, c->base);
}

void census_await(struct programs *w, pid_t survivor, const struct census *base, const char *when)
{
	struct comparing c = { .w = w, .survivor = survivor, .base = base };

	compare_until(&c, is_base, when);
}
