/* SPDX-License-Identifier: MIT */
/*
 * Every call through the seam comes by here: it is counted, and may fail or be its caller's last.
 *
 *      call            fails with
 *      ...open         ENOMEM
 *      bind_*          ENOSPC, ENOMEM
 *      map, share      ENOSPC, ENOMEM
 *      domain_info     ENOMEM
 *      store_ring      ENOMEM               foreign_store_ring: ENOSPC, ENOMEM
 *      source_add      ENOMEM, ENOSPC       (epoll_ctl(2): memory, or max_user_watches)
 *      file_submit     EAGAIN, ENOMEM       (the worker thread cannot be started)
 *      stream_connect  EAGAIN, ECONNREFUSED, EMFILE
 *      stream_send     EAGAIN, ECONNRESET   likewise stream_recv; the other end sees nothing of it
 *
 * The others cannot fail: they give something back, or only look.
 */
#include <errno.h>

#include "faults.h"

#define MAX_ERRORS 3

static const int errors[SIM_CALLS][MAX_ERRORS] = {
	[SIM_EVTCHN_OPEN] = { ENOMEM },
	[SIM_BIND_UNBOUND] = { ENOSPC, ENOMEM },
	[SIM_BIND_INTERDOMAIN] = { ENOSPC, ENOMEM },
	[SIM_BIND_VIRQ] = { ENOSPC, ENOMEM },
	[SIM_GNTTAB_OPEN] = { ENOMEM },
	[SIM_MAP] = { ENOSPC, ENOMEM },
	[SIM_GNTSHR_OPEN] = { ENOMEM },
	[SIM_SHARE] = { ENOSPC, ENOMEM },
	[SIM_DOMAIN_INFO] = { ENOMEM },
	[SIM_STORE_RING] = { ENOMEM },
	[SIM_FOREIGN_RING] = { ENOSPC, ENOMEM },
	[SIM_SOURCE_ADD] = { ENOMEM, ENOSPC },
	[SIM_FILE_SUBMIT] = { EAGAIN, ENOMEM },
	[SIM_STREAM_CONNECT] = { EAGAIN, ECONNREFUSED, EMFILE },
	[SIM_STREAM_SEND] = { EAGAIN, ECONNRESET },
	[SIM_STREAM_RECV] = { EAGAIN, ECONNRESET },
};

static const char *const names[SIM_CALLS] = {
	[SIM_EVTCHN_OPEN] = "evtchn_open",
	[SIM_EVTCHN_CLOSE] = "evtchn_close",
	[SIM_BIND_UNBOUND] = "bind_unbound_port",
	[SIM_BIND_INTERDOMAIN] = "bind_interdomain",
	[SIM_BIND_VIRQ] = "bind_virq",
	[SIM_UNBIND] = "unbind",
	[SIM_NOTIFY] = "notify",
	[SIM_PENDING] = "pending",
	[SIM_UNMASK] = "unmask",
	[SIM_GNTTAB_OPEN] = "gnttab_open",
	[SIM_GNTTAB_CLOSE] = "gnttab_close",
	[SIM_MAP] = "map",
	[SIM_UNMAP] = "unmap",
	[SIM_GNTSHR_OPEN] = "gntshr_open",
	[SIM_GNTSHR_CLOSE] = "gntshr_close",
	[SIM_SHARE] = "share",
	[SIM_UNSHARE] = "unshare",
	[SIM_DOMAIN_INFO] = "domain_info",
	[SIM_STORE_RING] = "store_ring",
	[SIM_STORE_RING_RELEASE] = "store_ring_release",
	[SIM_FOREIGN_RING] = "foreign_store_ring",
	[SIM_FOREIGN_RING_RELEASE] = "foreign_store_ring_release",
	[SIM_SOURCE_ADD] = "source_add",
	[SIM_FILE_SUBMIT] = "file_submit",
	[SIM_STREAM_CONNECT] = "stream_connect",
	[SIM_STREAM_SEND] = "stream_send",
	[SIM_STREAM_RECV] = "stream_recv",
	[SIM_STREAM_CLOSE] = "stream_close",
};

static int gone(enum sim_call call)
{
	return call >= SIM_STREAM_CONNECT ? -ECONNRESET : -ENOTCONN;
}

static bool is_time_to_fail(struct sim_process *process)
{
	struct sim_faults *f = &process->faults;
	struct sim *sim = process->sim;

	if (++f->failable == f->fail_at) {
		f->hit = true;
		return true;
	}
	if (!sim->config.fail_one_in || sim->failures >= sim->config.failures ||
	    !sim_pick_one_in(sim, sim->config.fail_one_in))
		return false;
	sim->failures++;
	return true;
}

static int fail(struct sim_process *process, enum sim_call call)
{
	unsigned int n = 1;
	int error;

	while (n < MAX_ERRORS && errors[call][n])
		n++;
	error = errors[call][sim_choose(process->sim, n)];
	sim_tell(process->sim, process, "%s fails with error %d", names[call], error);
	return -error;
}

int sim_call_begin(struct sim_process *process, enum sim_call call)
{
	struct sim_faults *f = &process->faults;
	struct sim *sim = process->sim;

	sim->inside = true;
	if (process->freed)
		sim_violation(sim, process, "%s after its end", names[call]);
	else if (sim->current && sim->current != process)
		sim_violation(sim, process, "%s by a callback of %s", names[call], sim->current->name);
	if (process->dead)
		return gone(call);
	if (++f->calls == f->kill_at) {
		f->hit = true;
		sim_tell(sim, process, "is killed at %s", names[call]);
		sim_process_die(process);
		return gone(call);
	}
	return errors[call][0] && is_time_to_fail(process) ? fail(process, call) : 0;
}

void sim_call_end(struct sim_process *process)
{
	process->sim->inside = false;
}

/* -- asked for -- */

uint64_t sim_calls(const struct sim_process *process)
{
	return process->faults.calls;
}

void sim_fail_call(struct sim_process *process, uint64_t nth)
{
	process->faults.fail_at = nth ? process->faults.failable + nth : 0;
	process->faults.hit = false;
}

void sim_kill_at_call(struct sim_process *process, uint64_t nth)
{
	process->faults.kill_at = nth ? process->faults.calls + nth : 0;
	process->faults.hit = false;
}

void sim_fail_alloc(struct sim_process *process, uint64_t nth)
{
	process->faults.fail_alloc_at = nth ? process->faults.allocs + nth : 0;
	process->faults.hit = false;
}

bool sim_fault_hit(const struct sim_process *process)
{
	return process->faults.hit;
}

void sim_alloc_at_top(struct sim *sim, struct sim_process *process)
{
	sim->at_top = process;
}

bool sim_alloc_fails(struct sim *sim)
{
	struct sim_process *process;
	struct sim_faults *f;

	if (!sim || sim->inside)
		return false;
	process = sim->current ? sim->current : sim->at_top;
	if (!process)
		return false;
	f = &process->faults;
	if (++f->allocs != f->fail_alloc_at)
		return false;
	f->hit = true;
	sim->inside = true;
	sim_tell(sim, process, "allocation %llu fails", (unsigned long long)f->allocs);
	sim->inside = false;
	return true;
}
