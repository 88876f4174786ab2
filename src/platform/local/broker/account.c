/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "account.h"

#define RESERVED_DESCRIPTORS 64u /* the broker's own, and what arrives in messages */

/* A domU's limits; Xen's own where it has some: 4096 event channels, 64 grant frames of 512 entries. */
static const uint32_t domain_limit[RESOURCES] = {
	[RESOURCE_CONNECTIONS] = 64,
	/* each may have LOCAL_MAX_FDS descriptors in flight */[RESOURCE_HANDLES] = 4096,
	[RESOURCE_PORTS] = 4095,
	[RESOURCE_GRANTS] = 32768,
	[RESOURCE_PAGES] = 32768,
	[RESOURCE_MAPPINGS] = 65536,
	[RESOURCE_PARTS] = 32768,
};
#define DOM0_FACTOR 16u

void account_init_total(struct account *account, uint32_t descriptors)
{
	assert(descriptors > RESERVED_DESCRIPTORS);
	memset(account, 0, sizeof(*account));
	memset(account->limit, 0xff, sizeof(account->limit));
	account->limit[RESOURCE_DESCRIPTORS] = descriptors - RESERVED_DESCRIPTORS;
}

struct account *account_new(struct account *parent, uint32_t domid)
{
	struct account *account = calloc(1, sizeof(*account));

	if (!account)
		return NULL;
	account->parent = parent;
	memcpy(account->limit, domain_limit, sizeof(domain_limit));
	if (!domid) {
		for (int r = 0; r < RESOURCES; r++)
			account->limit[r] *= DOM0_FACTOR;
	}
	account->limit[RESOURCE_DESCRIPTORS] = parent->limit[RESOURCE_DESCRIPTORS] / (domid ? 4 : 2);
	return account;
}

static void free_if_settled(struct account *account)
{
	for (int r = 0; r < RESOURCES; r++)
		if (account->used[r])
			return;
	free(account);
}

void account_abandon(struct account *account)
{
	account->orphan = true;
	free_if_settled(account);
}

int account_take(struct account *account, enum resource resource, uint32_t n)
{
	for (struct account *a = account; a; a = a->parent)
		if (n > a->limit[resource] - a->used[resource])
			return -ENOSPC;
	for (struct account *a = account; a; a = a->parent)
		a->used[resource] += n;
	return 0;
}

static void refund(struct account *account, enum resource resource, uint32_t n)
{
	for (struct account *a = account; a; a = a->parent) {
		assert(a->used[resource] >= n);
		a->used[resource] -= n;
	}
}

void account_give(struct account *account, enum resource resource, uint32_t n)
{
	refund(account, resource, n);
	if (account->orphan)
		free_if_settled(account);
}

void account_give_two(struct account *account, enum resource a, uint32_t n, enum resource b, uint32_t m)
{
	refund(account, a, n);
	refund(account, b, m);
	if (account->orphan)
		free_if_settled(account);
}
