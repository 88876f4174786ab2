/* SPDX-License-Identifier: MIT */
#include "table.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "cases.h"

#define BOTH (SOCKET | RING)

static const char clients[] = "it is about clients"; /* ours: clients.c */

const struct row rows[] = {
	{ "xsa-38",
	  "ring indices are checked, masked and read once; a full ring is worked off",
	  { { xsa_38, RING } } },
	{ "xsa-72", "no reply has more than 4096 bytes", { { xsa_72, BOTH } } },
	{ "xsa-115",
	  "events, questions and counts tell and cost a guest only what is its own",
	  { { xsa_115_watches, RING }, { xsa_115_privilege, RING }, { xsa_115_quota, RING } } },
	{ "xsa-175", "what a guest wrote does not lead the toolstack to other domains' nodes",
	  .elsewhere = clients },
	{ "xsa-178", "what a driver domain wrote does not lead the toolstack to other domains' nodes",
	  .elsewhere = clients },
	{ "xsa-206", "a guest that writes does not keep others from committing", { { xsa_206, RING } } },
	{ "xsa-233", "a domain and its stub domain may end together, or one alone", { { xsa_233, RING } } },
	{ "xsa-272", "the quota of nodes holds, in transactions too", { { xsa_272, RING } } },
	{ "xsa-322", "a domain inherits nothing from one before of its number", { { xsa_322, RING } } },
	{ "xsa-323", "the longest path is a limit on the canonical path", { { xsa_323, BOTH } } },
	{ "xsa-324", "an event that is too long is dropped", { { xsa_324, BOTH } } },
	{ "xsa-325",
	  "a guest that breaks the protocol is not dead until its domain is",
	  { { xsa_325, RING } } },
	{ "xsa-326",
	  "requests, events, transactions and memory of a guest are bounded",
	  { { xsa_326_ring, RING },
	    { xsa_326_transaction, RING },
	    { xsa_326_events, RING },
	    { xsa_326_reader, SOCKET } } },
	{ "xsa-330", "RESET_WATCHES frees all", { { xsa_330, BOTH } } },
	{ "xsa-349", "a watcher that is slow needs no more memory for more events", .elsewhere = clients },
	{ "xsa-352", "only dom0 changes the owner of a node", { { xsa_352, RING } } },
	{ "xsa-353", "permissions hold on / too", { { xsa_353, RING } } },
	{ "xsa-414",
	  "a creation refused half way leaves nothing, and the server whole",
	  { { xsa_414, RING } } },
	{ "xsa-415", "a creation refused in a transaction leaves no orphans", { { xsa_415, RING } } },
	{ "xsa-416", "what a reply took is given back", { { xsa_416, RING } } },
	{ "xsa-417", "an entry for nobody never becomes valid", { { xsa_417, RING } } },
	{ "xsa-418", "no depth of nodes is too deep for the stack", { { xsa_418, BOTH | SMALL_STACK } } },
	{ "xsa-419", "a dead domain's nodes go, wherever they are", { { xsa_419, RING } } },
	{ "xsa-420", "a length that no message has does no harm", { { xsa_420, BOTH } } },
	{ "xsa-421",
	  "made and removed in one transaction: committed, whole and counted",
	  { { xsa_421, BOTH } } },
	{ "xsa-425", "a domain may be released while others are served", { { xsa_425, RING } } },
	{ "xsa-440", "counts stay right where a transaction conflicts", { { xsa_440, BOTH } } },
	{ "xsa-481", "a path that ends with a slash is EINVAL", { { xsa_481, BOTH } } },
	{ "xsa-483", "a domain pays nothing for one before of its number", { { xsa_483, RING } } },
	{ "xsa-484", "RESET_WATCHES in a transaction ends it", { { xsa_484, BOTH } } },
	{ "defect-depth-dump",
	  "a watch with a depth outlives the store's dump",
	  { { defect_depth_dump, SOCKET } } },
	{ "defect-domid-any", "an entry for DOMID_ANY does no harm", { { defect_domid_any, BOTH } } },
	{ "defect-empty-payload",
	  "a message without payload is answered at once",
	  { { defect_empty_payload, BOTH } } },
	{ "defect-remove-root", "RM / removes nothing", { { defect_remove_root, SOCKET } } },
};
const size_t row_count = sizeof(rows) / sizeof(rows[0]);

static const char *const verdicts[] = {
	[HOLDS] = "holds", [FAILS] = "fails", [UNSEEN] = "cannot be seen", [NOT_TRIED] = "not tried"
};

enum { STACK = 256 * 1024, STACK_SANITIZED = 1024 * 1024 };

#if defined(__SANITIZE_ADDRESS__)
#define SMALL STACK_SANITIZED
#else
#define SMALL STACK
#endif

static void try_part(struct trial *t, const struct row *row, int part, enum peer_kind kind,
		     unsigned int where)
{
	struct rlimit before, small;

	getrlimit(RLIMIT_STACK, &before);
	small = before;
	if (row->parts[part].where & SMALL_STACK)
		small.rlim_cur = SMALL;
	setrlimit(RLIMIT_STACK, &small);
	trial_run(t, kind, where == RING, row->parts[part].run);
	setrlimit(RLIMIT_STACK, &before);
}

enum verdict row_try(const struct row *row, enum peer_kind kind, char *text, size_t size)
{
	static const unsigned int places[] = { SOCKET, RING };
	struct trial t;

	if (row->elsewhere) {
		snprintf(text, size, "cannot be seen: %s", row->elsewhere);
		return UNSEEN;
	}
	for (int part = 0; part < PARTS && row->parts[part].run; part++) {
		for (int i = 0; i < 2; i++) {
			if (!(row->parts[part].where & places[i]))
				continue;
			try_part(&t, row, part, kind, places[i]);
			if (t.verdict == HOLDS)
				continue;
			snprintf(text, size, "%s: %s (%s)", verdicts[t.verdict], t.how,
				 t.ring ? "ring" : "socket");
			return t.verdict;
		}
	}
	snprintf(text, size, "%s", verdicts[HOLDS]);
	return HOLDS;
}
