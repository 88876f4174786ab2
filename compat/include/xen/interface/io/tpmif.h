/* SPDX-License-Identifier: MIT */
#ifndef _XEN_INTERFACE_IO_TPMIF_H
#define _XEN_INTERFACE_IO_TPMIF_H
/* The virtual TPM's shared page, as Xen's public tpmif.h has it. */
#include <linux/types.h>

enum vtpm_shared_page_state {
	VTPM_STATE_IDLE,   /* no command, no response */
	VTPM_STATE_SUBMIT, /* a command lies there; the backend's turn */
	VTPM_STATE_FINISH, /* a response lies there */
	VTPM_STATE_CANCEL, /* the frontend wants no response any more */
};

struct vtpm_shared_page {
	u32 length; /* of the command or response, bytes */
	u8 state;   /* enum vtpm_shared_page_state */
	u8 locality;
	u8 pad;
	u8 nr_extra_pages;
	u32 extra_pages[]; /* grant references; the data is behind them */
};

#endif
