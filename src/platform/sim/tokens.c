/* SPDX-License-Identifier: MIT */
/* What stands for a descriptor. */
#include "events.h"
#include "streams.h"

int sim_token_add(struct sim_process *process, struct sim_token *token, enum sim_token_kind kind)
{
	int64_t number = numbers_add(&process->sim->tokens, token);

	if (number < 0)
		return (int)number;
	*token = (struct sim_token){ .kind = kind, .fd = SIM_TOKEN_BASE + (int)number, .process = process };
	return 0;
}

void sim_token_del(struct sim_token *token)
{
	numbers_del(&token->process->sim->tokens, (uint32_t)(token->fd - SIM_TOKEN_BASE));
}

struct sim_token *sim_token_of(const struct sim_process *process, int fd)
{
	struct sim_token *token =
		fd > SIM_TOKEN_BASE ? numbers_get(&process->sim->tokens, (uint32_t)(fd - SIM_TOKEN_BASE))
				    : NULL;

	return token && token->process == process ? token : NULL;
}

/* A dead process's handles are ready, so that what waits for them finds out. */
unsigned int sim_token_events(const struct sim_token *token)
{
	switch (token->kind) {
	case SIM_TOKEN_STREAM:
		return sim_end_events(list_entry(token, struct sim_end, token));
	case SIM_TOKEN_WORLD:
		return token->process->dead ? XENBUS_SOURCE_READ | XENBUS_SOURCE_HANGUP : 0;
	default:
		return token->process->dead ||
				       !list_empty(&list_entry(token, struct sim_evtchn, token)->ready)
			       ? XENBUS_SOURCE_READ
			       : 0;
	}
}
