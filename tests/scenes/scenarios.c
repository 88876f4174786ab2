/* SPDX-License-Identifier: MIT */
#include "scene.h"

extern const struct scenario alice, chaos, on_purpose;
extern const struct scenario linux_blkback, linux_netback;
extern const struct scenario hostile_keys, hostile_keys_domain, hostile_liar, hostile_permissions,
	hostile_store, hostile_store_domain, hostile_late, hostile_domid, chaos_domain;
extern const struct scenario death_of_front_domain, death_of_back_domain, death_of_back_process,
	death_of_store;
extern const struct scenario front_call_fails, front_alloc_fails, front_reply_fails;
extern const struct scenario front_start_call_fails, front_start_alloc_fails, front_start_reply_fails;
extern const struct scenario back_call_fails, back_alloc_fails, back_reply_fails;
extern const struct scenario back_start_call_fails, back_start_alloc_fails, back_start_reply_fails;
extern const struct scenario toolstack_call_fails, toolstack_alloc_fails, toolstack_reply_fails;
extern const struct scenario toolstack_start_call_fails, toolstack_start_alloc_fails,
	toolstack_start_reply_fails;
extern const struct scenario race_closed, race_detach, race_rival, race_1, race_2, race_3, race_4, race_5,
	race_7, race_8, race_11, race_12, race_12_twice, race_13, race_14, race_14_burst, race_14_front,
	race_15, race_15_replaced;

const struct scenario *const scenarios[] = {
	&alice,
	&chaos,
	&linux_blkback,
	&linux_netback,
	&death_of_front_domain,
	&death_of_back_domain,
	&death_of_back_process,
	&death_of_store,
	&front_call_fails,
	&front_alloc_fails,
	&front_reply_fails,
	&front_start_call_fails,
	&front_start_alloc_fails,
	&front_start_reply_fails,
	&back_call_fails,
	&back_alloc_fails,
	&back_reply_fails,
	&back_start_call_fails,
	&back_start_alloc_fails,
	&back_start_reply_fails,
	&toolstack_call_fails,
	&toolstack_alloc_fails,
	&toolstack_reply_fails,
	&toolstack_start_call_fails,
	&toolstack_start_alloc_fails,
	&race_closed,
	&race_detach,
	&race_rival,
	&race_1,
	&race_2,
	&race_3,
	&race_4,
	&race_5,
	&race_7,
	&race_8,
	&race_11,
	&race_12,
	&race_12_twice,
	&race_13,
	&race_14,
	&race_14_burst,
	&race_14_front,
	&race_15,
	&race_15_replaced,
	&hostile_keys,
	&hostile_keys_domain,
	&hostile_liar,
	&hostile_permissions,
	&hostile_store,
	&hostile_store_domain,
	&hostile_late,
	&hostile_domid,
	&chaos_domain,
	&on_purpose,
	NULL,
};
