/* SPDX-License-Identifier: MIT */
/*
 * What a fault of the module leaves in the log before it dies of it. The handler calls what is not safe in handlers; it is at the
 * end of a process that is lost, in a thread that ran the module's code, and a fault within dies at once.
 */
#include <dlfcn.h>
#include <execinfo.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>
#include "process.h"

#define OOPS_STACK_BYTES (64u << 10)
#define HANG_SECONDS 5 /* where a lock is held that the report wants */
#define FRAMES_MAX 24

static uintptr_t pc_of(const ucontext_t *context)
{
#if defined(__x86_64__)
	return (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
	return (uintptr_t)context->uc_mcontext.pc;
#else
	return 0;
#endif
}

/* "back.so+0x16ec", of which addr2line knows the line. False: nothing is loaded there. */
static bool place_of(uintptr_t pc, char *place, size_t size)
{
	const char *slash;
	Dl_info info;

	if (!dladdr((void *)pc, &info) || !info.dli_fname)
		return false;
	slash = strrchr(info.dli_fname, '/');
	snprintf(place, size, "%s+0x%zx", slash ? slash + 1 : info.dli_fname, pc - (uintptr_t)info.dli_fbase);
	return true;
}

static void log_hint(uintptr_t pc)
{
	char line[512];
	Dl_info info;

	if (!dladdr((void *)pc, &info) || !info.dli_fname)
		return;
	snprintf(line, sizeof(line), "addr2line -fe %.400s 0x%zx names the line", info.dli_fname,
		 pc - (uintptr_t)info.dli_fbase);
	bridge_log(4, line);
}

/* Frames of the handler stand before the one that failed. */
static void log_trace(uintptr_t pc)
{
	void *frames[FRAMES_MAX];
	const int count = backtrace(frames, FRAMES_MAX);
	int first = 0;
	char symbol[256], line[288];

	while (first < count && (uintptr_t)frames[first] != pc)
		first++;
	snprintf(line, sizeof(line), "Call trace of %s:", process.name);
	bridge_log(4, line);
	for (int i = first < count ? first : 0; i < count; i++) {
		if (!bridge_symbol(frames[i], symbol, sizeof(symbol)))
			continue;
		snprintf(line, sizeof(line), "  %s", symbol);
		bridge_log(4, line);
	}
}

/* SA_RESETHAND: returning runs the instruction again, which then kills the process as if nobody had looked. */
static void oops(int signal, siginfo_t *info, void *context)
{
	const uintptr_t pc = pc_of(context);
	char place[128] = "?", running[128], line[352];

	alarm(HANG_SECONDS);
	snprintf(line, sizeof(line), "BUG: unable to handle page access for address 0x%zx%s",
		 (uintptr_t)info->si_addr, signal == SIGBUS ? " (bus error)" : "");
	bridge_log(0, line);
	place_of(pc, place, sizeof(place));
	linux_running(running, sizeof(running));
	snprintf(line, sizeof(line), "pc: %s, in %s [%s]", place, running, process.name);
	bridge_log(0, line);
	log_trace(pc);
	log_hint(pc);
	snprintf(line, sizeof(line), "module %s is ended", process.name);
	bridge_log(0, line);
	if (info->si_code <= 0)
		raise(signal); /* somebody sent it: nothing would raise it again */
}

/* A sanitizer has a report of its own, and a better one. */
#if defined(__SANITIZE_ADDRESS__)
#define HAS_OWN_REPORT 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_OWN_REPORT 1
#endif
#endif
#ifndef HAS_OWN_REPORT
#define HAS_OWN_REPORT 0
#endif

void oops_open(void)
{
	static char stack[OOPS_STACK_BYTES] __attribute__((aligned(16)));
	const stack_t alternate = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction action = { .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND };
	void *frame;

	if (HAS_OWN_REPORT || sigaltstack(&alternate, NULL))
		return;
	backtrace(&frame, 1); /* loads what it needs while there is a heap to trust */
	action.sa_sigaction = oops;
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
}
