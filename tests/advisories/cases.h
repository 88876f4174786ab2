/* SPDX-License-Identifier: MIT */
#ifndef ADVISORIES_CASES_H
#define ADVISORIES_CASES_H
#include "trial.h"

/* ring.c: what a guest does to its ring page */
trial_case xsa_38, xsa_325, xsa_326_ring, xsa_416, xsa_420;
/* messages.c: what fits into a message and into a path */
trial_case xsa_72, xsa_323, xsa_324, xsa_418, xsa_481;
/* watches.c */
trial_case xsa_115_watches, xsa_326_events, xsa_326_reader, xsa_330, xsa_484;
/* quotas.c: what is counted */
trial_case xsa_115_quota, xsa_272, xsa_326_transaction, xsa_414, xsa_415, xsa_421, xsa_440, xsa_483;
/* domains.c: who may, and who is gone */
trial_case xsa_115_privilege, xsa_206, xsa_233, xsa_322, xsa_352, xsa_353, xsa_417, xsa_419, xsa_425;
/* defects.c: what today's servers were seen to do */
trial_case defect_domid_any, defect_depth_dump, defect_empty_payload, defect_remove_root;

#endif
