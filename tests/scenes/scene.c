/* SPDX-License-Identifier: MIT */
#include "scene.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <base/list.h>
#include <base/siphash.h>
#include <xen/io/xs_wire.h>
#include <xenbus/client.h>
#include <xenbus/host.h>
#include <xenbus/platform.h>

#define PATIENCE_NS UINT64_C(10000000000)
#define DETACHES 20

/* -- what is said --------------------------------------------------------------------------------- */

void scene_say(struct scene *scene, const char *who, const char *text)
{
	static const uint64_t key[2] = { 0 };
	char line[1200];
	int n = snprintf(line, sizeof(line), "%12.6f %6" PRIu64 " %s: %s\n",
			 (double)sim_now(scene->sim) / 1e9, sim_steps(scene->sim), who, text);

	if (n >= (int)sizeof(line))
		n = sizeof(line) - 1;
	scene->digest = siphash(key, scene->digest, line, (size_t)n);
	if (scene->options->story)
		fputs(line, scene->options->story);
}

static void on_step(void *ctx, const char *text)
{
	struct scene *scene = ctx;

	if (scene->sim)
		scene_say(scene, "step", text);
}

static void on_violation(void *ctx, const char *text)
{
	scene_fail(ctx, "%s", text);
}

static void on_log(void *ctx, enum xenbus_log_level level, const char *line)
{
	struct end *end = ctx;

	end->scene->mourned += strstr(line, "process is gone") != NULL;
	scene_say(end->scene, end->writer.name, line);
}

static void on_server_log(void *ctx, int priority, const char *line)
{
	scene_say(ctx, "xenstored", line);
}

/* -- the store's process ------------------------------------------------------------------------------ */

static int store_loop(void *ctx)
{
	return server_serve(&((struct scene *)ctx)->server);
}

static void store_died(void *ctx, struct sim_process *process)
{
	struct scene *scene = ctx;

	report_note(scene, "(xenstored is killed)");
	check_store_gone();
	server_close(&scene->server);
	sim_process_free(process);
	scene->store_process = NULL;
}

static void accepted(void *ctx, int fd)
{
	struct end *end = ctx;

	check_accepting(&end->writer);
	server_accept(&end->scene->server, fd);
}

void scene_store_start(struct scene *scene)
{
	const struct sim_process_config config = {
		.name = "xenstored", .loop = store_loop, .died = store_died, .ctx = scene
	};
	struct options options = { .platform = PLATFORM_REQUIRED };
	struct server_world world;

	store_quota_defaults(&options.quota);
	report_note(scene, "(xenstored starts)");
	scene_expect(scene, !sim_process_start(scene->sim, &config, &scene->store_process));
	world = (struct server_world){ .host = sim_process_host(scene->store_process),
				       .platform = sim_process_platform(scene->store_process) };
	scene->server = (struct server){ .log = { .sink = on_server_log, .ctx = scene } };
	scene_expect(scene, !server_open(&scene->server, &options, &world));
	for (struct end **end = scene->ends; *end; end++)
		scene_expect(scene, !sim_listen(scene->store_process, (*end)->store_path, accepted, *end));
}

void scene_store_kill(struct scene *scene)
{
	sim_process_kill(scene->store_process);
}

static void store_stop(struct scene *scene)
{
	check_store_gone();
	server_close(&scene->server);
	sim_process_free(scene->store_process);
	scene->store_process = NULL;
}

uint64_t scene_nodes(struct scene *scene)
{
	struct store_stats stats;

	store_stats(scene->server.store, &stats);
	return stats.nodes;
}

/* -- waiting ------------------------------------------------------------------------------------------- */

struct wait {
	struct scene *scene;
	bool (*condition)(struct scene *scene);
};

static bool wait_over(void *ctx)
{
	struct wait *wait = ctx;

	return wait->condition(wait->scene);
}

void scene_until(struct scene *scene, bool (*condition)(struct scene *scene), const char *what)
{
	struct wait wait = { scene, condition };
	int err = sim_run(scene->sim, wait_over, &wait, SCENE_STEPS);

	if (err)
		scene_fail(scene, "waiting for \"%s\": %s", what,
			   err == -EDEADLK ? "nothing can happen any more" : "it does not come");
}

void scene_some_way(struct scene *scene, unsigned int most)
{
	for (unsigned int steps = sim_choose(scene->sim, most); steps; steps--)
		if (!sim_step(scene->sim))
			return;
}

static bool never(void *ctx)
{
	return false;
}

void scene_settle(struct scene *scene)
{
	if (sim_run(scene->sim, never, NULL, SCENE_STEPS) != -EDEADLK)
		scene_fail(scene, "it does not come to rest");
}

static void task_done(void *arg, int result)
{
	struct scene *scene = arg;

	scene->task_over = true;
	scene->task_result = result;
}

static int task_body(struct xenbus *bus, void *arg)
{
	struct scene *scene = arg;

	return scene->task_fn(bus, scene->task_arg);
}

void scene_task_start(struct scene *scene, int (*fn)(struct xenbus *bus, void *arg), void *arg)
{
	report_note(scene, "(the toolstack begins a task)");
	scene->task_over = false;
	scene->task_fn = fn;
	scene->task_arg = arg;
	scene_expect(scene, !xenbus_task(scene->toolstack.bus, task_body, scene, task_done));
}

bool scene_task_over(struct scene *scene)
{
	return scene->task_over;
}

int scene_task(struct scene *scene, int (*fn)(struct xenbus *bus, void *arg), void *arg)
{
	scene_task_start(scene, fn, arg);
	scene_until(scene, scene_task_over, "the toolstack's task");
	return scene->task_result;
}

/* -- the toolstack's part -------------------------------------------------------------------------------- */

int scene_do_attach(struct xenbus *bus, void *arg)
{
	return xenbus_toolstack_attach(bus, &((struct scene *)arg)->device);
}

int scene_do_detach(struct xenbus *bus, void *arg)
{
	return xenbus_toolstack_detach(bus, &((struct scene *)arg)->device, false, PATIENCE_NS);
}

int scene_do_detach_by_force(struct xenbus *bus, void *arg)
{
	return xenbus_toolstack_detach(bus, &((struct scene *)arg)->device, true, 1000000);
}

void scene_attach(struct scene *scene)
{
	int err = scene_task(scene, scene_do_attach, scene);

	if (err)
		scene_fail(scene, "attach: %s", strerror(-err));
}

/* Virtual time may run ahead of a slow process: a timeout is no error yet. */
void scene_detach(struct scene *scene)
{
	int err = -ETIMEDOUT;

	for (int i = 0; i < DETACHES && err == -ETIMEDOUT; i++)
		err = scene_task(scene, scene_do_detach, scene);
	if (err)
		scene_fail(scene, "detach: %s", strerror(-err));
}

void scene_detach_by_force(struct scene *scene)
{
	int err = scene_task(scene, scene_do_detach_by_force, scene);

	if (err && err != -ENOENT)
		scene_fail(scene, "detach by force: %s", strerror(-err));
}

struct question {
	struct xenstore_request req;
	char *reply;
	size_t size;
	bool done;
	int error;
};

static void asked(struct xenstore_request *req, int error, const char *reply, size_t len)
{
	struct question *q = list_entry(req, struct question, req);

	q->done = true;
	q->error = error;
	if (!error && q->size)
		snprintf(q->reply, q->size, "%s", reply);
}

static bool question_done(void *ctx)
{
	return ((struct question *)ctx)->done;
}

int scene_request(struct scene *scene, uint32_t op, uint32_t tx, const void *payload, size_t len, char *reply,
		  size_t size)
{
	struct question q = { .req.done = asked, .reply = reply, .size = size };
	struct iovec iov = { (void *)(uintptr_t)payload, len };
	int err;

	if (!tx && (op == XS_WRITE || op == XS_RM))
		report_note(scene, "(the toolstack: %s %s)", op == XS_RM ? "RM" : "WRITE",
			    (const char *)payload);
	else if (op == XS_TRANSACTION_END)
		report_note(scene, "(the toolstack ends its transaction)");
	err = xenstore_submit(xenbus_store(scene->toolstack.bus), &q.req, op, tx, &iov, 1);
	if (!err && sim_run(scene->sim, question_done, &q, SCENE_STEPS))
		scene_fail(scene, "operation %u is never answered", op);
	return err ? err : q.error;
}

static void ask(struct scene *scene, uint32_t op, const char *payload, size_t len)
{
	int err = scene_request(scene, op, 0, payload, len, NULL, 0);

	if (err)
		scene_fail(scene, "operation %u on %s: %s", op, payload, strerror(-err));
}
#define ASK(scene, op, payload) ask(scene, op, payload, sizeof(payload))

static void ask_text(struct scene *scene, uint32_t op, const char *fmt, unsigned int domid)
{
	char text[80];

	snprintf(text, sizeof(text), fmt, domid);
	ask(scene, op, text, strlen(text) + 1);
}

/* As libxl writes it, as far as the bus cares. */
static void introduce(struct scene *scene, uint32_t domid, const struct sim_store *ring)
{
	char text[80];
	int n;

	ask_text(scene, XS_MKDIR, "/local/domain/%u", domid);
	n = snprintf(text, sizeof(text), "/local/domain/%u%cn0%cr%u", domid, 0, 0, domid);
	ask(scene, XS_SET_PERMS, text, (size_t)n + 1);
	ask_text(scene, XS_MKDIR, "/local/domain/%u/device", domid);
	ask_text(scene, XS_MKDIR, "/local/domain/%u/backend", domid);
	ask_text(scene, XS_MKDIR, "/local/domain/%u/error", domid);
	n = snprintf(text, sizeof(text), "/local/domain/%u/error%cn%u", domid, 0, domid);
	ask(scene, XS_SET_PERMS, text, (size_t)n + 1);
	n = snprintf(text, sizeof(text), "%u%c%" PRIu64 "%c%u", domid, 0, ring->gfn, 0, ring->port);
	ask(scene, XS_INTRODUCE, text, (size_t)n + 1);
}

void scene_introduce(struct scene *scene)
{
	ASK(scene, XS_MKDIR, "/local/domain/0/backend");
	ASK(scene, XS_MKDIR, "/local/domain/0/error");
	for (uint32_t domid = 1; domid < SCENE_DOMAINS; domid++)
		if (scene->rings[domid].port)
			introduce(scene, domid, &scene->rings[domid]);
}

void scene_introduce_again(struct scene *scene, uint32_t domid)
{
	introduce(scene, domid, &scene->rings[domid]);
}

void scene_domain_start(struct scene *scene, uint32_t domid)
{
	scene_expect(scene, !sim_domain_create(scene->sim, domid, &scene->rings[domid]));
	introduce(scene, domid, &scene->rings[domid]);
}

void scene_domain_destroy(struct scene *scene, uint32_t domid)
{
	report_note(scene, "(domain %u is destroyed)", domid);
	scene_expect(scene, !sim_domain_destroy(scene->sim, domid));
	scene->rings[domid] = (struct sim_store){ 0 };
}

void scene_domain_forget(struct scene *scene, uint32_t domid)
{
	ask_text(scene, XS_RM, "/local/domain/%u", domid);
}

/* -- the ends ------------------------------------------------------------------------------------------------ */

uint8_t scene_byte(uint64_t offset)
{
	return (uint8_t)((offset * 0x9e3779b97f4a7c15u) >> 56);
}

static int64_t fill(void *ctx, uint64_t offset, void *buf, size_t len)
{
	const struct end *end = ctx;
	uint64_t left = end->scene->length - offset;
	uint8_t *to = buf;

	if (len > left)
		len = left;
	for (size_t i = 0; i < len; i++)
		to[i] = scene_byte(offset + i);
	return (int64_t)len;
}

static int consume(void *ctx, uint64_t offset, const void *data, size_t len)
{
	struct end *end = ctx;
	const uint8_t *from = data;

	if (!offset)
		end->expect_at = 0;
	end->broken |= offset != end->expect_at;
	for (size_t i = 0; i < len; i++)
		end->broken |= from[i] != scene_byte(offset + i);
	end->expect_at = offset + len;
	return 0;
}

static void sent(void *ctx, struct xenbus_device *dev, const struct alice_front_result *result)
{
	struct end *end = ctx;

	end->streams++;
	end->last_error = result->error;
	if (result->error)
		return;
	end->whole++;
	scene_expect(end->scene, result->bytes_sent == end->scene->length);
	scene_expect(end->scene, result->has_digest);
}

static void received(void *ctx, struct xenbus_device *dev, const struct alice_back_result *result)
{
	struct end *end = ctx;

	end->streams++;
	end->last_error = result->error;
	if (result->error)
		return;
	end->whole++;
	scene_expect(end->scene, result->bytes == end->scene->length);
}

static void changed(void *ctx, struct xenbus_device *dev)
{
	struct end *end = ctx;

	end->dev = dev;
}

static int start_driver(struct end *end)
{
	struct xenbus_host *host = sim_process_host(end->process);
	const struct alice_front_config front = {
		.host = host, .fd = -1, .fill = fill, .pages = 4, .done = sent, .ctx = end
	};
	const struct alice_back_config back = {
		.host = host, .fd = -1, .consume = consume, .done = received, .ctx = end
	};
	int err = 0;

	if (end->is_frontend)
		err = alice_front_start(end->bus, &front, &end->front);
	if (!err && end->is_backend)
		err = alice_back_start(end->bus, &back, &end->back);
	return err;
}

/* What is in the process is freed, whether it ends well or was killed. */
static void end_free(struct end *end)
{
	struct xenbus *bus = end->bus;

	end->closing = true;
	xenbus_close(bus);
	end->bus = NULL;
	end->kept = 0;
	alice_front_free(end->front);
	alice_back_free(end->back);
	sim_process_free(end->process);
	end->front = NULL;
	end->back = NULL;
	end->dev = NULL;
	end->process = NULL;
	end->closing = false;
}

static void end_died(void *ctx, struct sim_process *process)
{
	struct end *end = ctx;

	report_note(end->scene, "(%s is killed)", end->writer.name);
	end_free(end);
}

static void start_process(struct end *end)
{
	struct scene *scene = end->scene;
	const struct sim_process_config config = {
		.domid = end->writer.domid, .name = end->writer.name, .died = end_died, .ctx = end
	};

	end->writer.life++;
	report_note(scene, "(%s starts)", end->writer.name);
	end->streams = end->whole = 0;
	scene_expect(scene, !sim_process_start(scene->sim, &config, &end->process));
	if (end->writer.domid)
		unsetenv("XENSTORED_PATH");
	else
		setenv("XENSTORED_PATH", end->store_path, 1);
	snprintf(end->launch, sizeof(end->launch), "%016x", end->writer.life);
	setenv(XENBUS_LAUNCH_ENV, end->launch, 1);
}

static int open_bus(struct end *end, const char **why)
{
	const struct xenbus_config config = { .host = sim_process_host(end->process),
					      .platform = sim_process_platform(end->process),
					      .log = on_log,
					      .changed = changed,
					      .ctx = end,
					      .trace_entries = 8192 };

	return xenbus_open(&config, &end->bus, why);
}

void end_start(struct end *end)
{
	const char *why = "";
	int err;

	start_process(end);
	err = open_bus(end, &why);
	if (!err)
		err = start_driver(end);
	if (err)
		scene_fail(end->scene, "%s: %s: %s", end->writer.name, why, strerror(-err));
}

int end_try(struct end *end, void (*arm)(struct end *end))
{
	struct sim *sim = end->scene->sim;
	const char *why;
	int err;

	start_process(end);
	arm(end);
	sim_alloc_at_top(sim, end->process);
	err = open_bus(end, &why);
	if (!err)
		err = start_driver(end);
	sim_alloc_at_top(sim, NULL);
	if (err)
		end_free(end); /* the simulator tells of what is left */
	return err;
}

void end_stop(struct end *end)
{
	report_note(end->scene, "(%s ends)", end->writer.name);
	end_free(end);
}

void end_kill(struct end *end)
{
	sim_process_kill(end->process);
}

/* -- conditions ------------------------------------------------------------------------------------------------ */

bool both_connected(struct scene *scene)
{
	return check_state(false) == XenbusStateConnected && check_state(true) == XenbusStateConnected;
}

bool scene_whole(struct scene *scene)
{
	return scene->front.whole && scene->back.whole;
}

bool scene_whole_and_connected(struct scene *scene)
{
	return scene_whole(scene) && both_connected(scene);
}

bool both_closed(struct scene *scene)
{
	return check_state(false) == XenbusStateClosed && check_state(true) == XenbusStateClosed;
}

static bool end_is_empty(const struct end *end)
{
	struct xenbus_counts counts;

	if (!end->bus)
		return true;
	xenbus_counts(end->bus, &counts);
	return !counts.devices && !counts.fibers && !counts.transactions;
}

bool no_devices(struct scene *scene)
{
	return end_is_empty(&scene->front) && end_is_empty(&scene->back) && end_is_empty(&scene->rival);
}

/* -- a run -------------------------------------------------------------------------------------------------------- */

static void end_init(struct scene *scene, struct end *end, const char *name, uint32_t domid)
{
	end->scene = scene;
	end->writer = (struct writer){ .name = name, .domid = domid };
	snprintf(end->store_path, sizeof(end->store_path), "/store/%s", name);
}

static void scene_open(struct scene *scene, const struct scene_options *options)
{
	const struct sim_config config = { .seed = options->seed,
					   .replay = options->replay,
					   .fail_one_in = options->scenario->fail_one_in,
					   .failures = options->scenario->failures,
					   .violation = on_violation,
					   .step = on_step,
					   .ctx = scene };

	*scene = (struct scene){ .options = options, .device = { "alice_dev", SCENE_FRONT_DOMID, 0, 0 } };
	if (options->scenario->devicetype)
		scene->device.devicetype = options->scenario->devicetype;
	scene->first_ns = UINT64_MAX;
	scene->traces = open_memstream(&scene->remains, &scene->remains_len);
	end_init(scene, &scene->toolstack, "toolstack", 0);
	end_init(scene, &scene->back, "back", options->scenario->back_domid);
	scene->device.backend_id = options->scenario->back_domid;
	end_init(scene, &scene->front, "front", SCENE_FRONT_DOMID);
	end_init(scene, &scene->rival, "rival", options->scenario->back_domid);
	scene->back.is_backend = scene->rival.is_backend = scene->front.is_frontend = true;
	scene->ends[0] = &scene->toolstack;
	scene->ends[1] = &scene->back;
	scene->ends[2] = &scene->front;
	scene->ends[3] = &scene->rival;
	scene_expect(scene, scene->traces && !sim_new(&config, &scene->sim));
	check_start(scene);
	alloc_of(scene->sim);
	scene_store_start(scene);
	end_start(&scene->toolstack);
	ASK(scene, XS_MKDIR, "/local/domain/0/backend");
	ASK(scene, XS_MKDIR, "/local/domain/0/error");
	scene_domain_start(scene, SCENE_FRONT_DOMID);
	if (options->scenario->back_domid)
		scene_domain_start(scene, options->scenario->back_domid);
	scene->nodes_before = scene_nodes(scene);
	scene->length = (uint64_t[]){ 0, 1, 4096, 3 * 4096 + 17, 9 * 4096 }[sim_choose(scene->sim, 5)];
}

static void expect_nothing_left(struct scene *scene)
{
	struct sim_counts counts;

	sim_world_counts(scene->sim, &counts);
	scene_expect(scene, !counts.grants && !counts.mappings && !counts.ports && !counts.pages);
	scene_expect(scene, !counts.streams && !counts.files);
}

static void scene_close(struct scene *scene)
{
	const char *wrong = scene->store_process ? store_check(scene->server.store) : NULL;

	if (wrong)
		scene_fail(scene, "the store is broken: %s", wrong);
	for (struct end **end = scene->ends; *end; end++)
		if ((*end)->process)
			end_stop(*end);
	if (scene->store_process)
		store_stop(scene);
	expect_nothing_left(scene);
	check_end(scene);
	alloc_of(NULL);
	sim_free(scene->sim);
	scene->sim = NULL;
	fclose(scene->traces);
}

uint64_t scene_run(const struct scene_options *options, uint64_t *digest, bool *fault_hit)
{
	static const uint64_t key[2] = { 1 };
	struct scene scene;
	uint64_t steps;

	scene_open(&scene, options);
	report_crashes(&scene);
	options->scenario->run(&scene);
	steps = sim_steps(scene.sim);
	*fault_hit = scene.fault_hit;
	scene_close(&scene);
	report_crashes(NULL);
	*digest = siphash(key, scene.digest, scene.remains, scene.remains_len);
	free(scene.remains);
	return steps;
}
