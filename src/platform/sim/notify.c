/* SPDX-License-Identifier: MIT */
/*
 * What happens when a share or mapping ends: a byte is cleared, then an event raised. It holds the page and the channel,
 * so that it is kept in whichever order a dying process's handles go.
 */
#include <errno.h>

#include "events.h"

int sim_notify_set(struct sim_notify *notify, struct sim_process *process,
		   const struct xen_platform_notify *asked, struct sim_segment *segment, uint32_t page)
{
	struct sim_port *port = asked->port ? numbers_get(&process->domain->ports, asked->port) : NULL;

	*notify = (struct sim_notify){ 0 };
	if (asked->port &&
	    (!port || !port->handle || &port->handle->xce != asked->xce || port->channel->virq))
		return -EINVAL;
	if (port) {
		port->channel->refs++;
		notify->channel = port->channel;
		notify->side = !port->side;
	}
	if (asked->offset != XEN_PLATFORM_NO_OFFSET) {
		sim_segment_get(segment);
		notify->segment = segment;
		notify->at = (segment->frame + page) * XEN_PLATFORM_PAGE_SIZE + asked->offset;
	}
	return 0;
}

void sim_notify_drop(struct sim_notify *notify)
{
	if (notify->segment)
		sim_segment_put(notify->segment);
	if (notify->channel)
		sim_channel_put(notify->channel);
	*notify = (struct sim_notify){ 0 };
}

void sim_notify_fire(struct sim_notify *notify)
{
	if (notify->segment)
		sim_arena_clear_byte(&notify->segment->sim->arena, notify->at);
	if (notify->channel)
		sim_channel_raise(notify->channel, notify->side);
	sim_notify_drop(notify);
}
