/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_SIM_FAULTS_H
#define PLATFORM_SIM_FAULTS_H
/* The calls of a process: counted, failed, or the last it makes. */
#include "sim_impl.h"

enum sim_call {
	SIM_EVTCHN_OPEN,
	SIM_EVTCHN_CLOSE,
	SIM_BIND_UNBOUND,
	SIM_BIND_INTERDOMAIN,
	SIM_BIND_VIRQ,
	SIM_UNBIND,
	SIM_NOTIFY,
	SIM_PENDING,
	SIM_UNMASK,
	SIM_GNTTAB_OPEN,
	SIM_GNTTAB_CLOSE,
	SIM_MAP,
	SIM_UNMAP,
	SIM_GNTSHR_OPEN,
	SIM_GNTSHR_CLOSE,
	SIM_SHARE,
	SIM_UNSHARE,
	SIM_DOMAIN_INFO,
	SIM_STORE_RING,
	SIM_STORE_RING_RELEASE,
	SIM_FOREIGN_RING,
	SIM_FOREIGN_RING_RELEASE,
	SIM_SOURCE_ADD,
	SIM_FILE_SUBMIT,
	SIM_STREAM_CONNECT,
	SIM_STREAM_SEND,
	SIM_STREAM_RECV,
	SIM_STREAM_CLOSE,
	SIM_CALLS,
};

/* @process makes a call: 0, or what it is answered instead. Each is followed by sim_call_end(). */
int sim_call_begin(struct sim_process *process, enum sim_call call);
void sim_call_end(struct sim_process *process);
#define SEAM(process, which, call)                                \
	({                                                        \
		int seam_err_ = sim_call_begin((process), which); \
		if (!seam_err_)                                   \
			seam_err_ = (call);                       \
		sim_call_end(process);                            \
		seam_err_;                                        \
	})

#endif
