/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_LOCAL_ACCOUNT_H
#define PLATFORM_LOCAL_ACCOUNT_H
/* What a domain holds of the broker's, and how much it may: nobody can eat what the others live on. */
#include <stdbool.h>
#include <stdint.h>

enum resource {
	RESOURCE_CONNECTIONS,
	RESOURCE_HANDLES,
	RESOURCE_PORTS,
	RESOURCE_GRANTS,
	RESOURCE_PAGES,
	RESOURCE_MAPPINGS, /* pages */
	RESOURCE_DESCRIPTORS,
	RESOURCE_PARTS, /* shares and map calls: memory of the broker's */
	RESOURCES,
};

/* A domain's outlives it while others hold what it paid for. */
struct account {
	struct account *parent; /* pays too; NULL: the broker's own */
	bool orphan;		/* the domain is gone: freed with the last refund */
	uint32_t used[RESOURCES], limit[RESOURCES];
};

/* The broker's, where it may have @descriptors open. */
void account_init_total(struct account *account, uint32_t descriptors);
/* A domain's: dom0 may have half of the descriptors, a domU a quarter. NULL: no memory. */
struct account *account_new(struct account *parent, uint32_t domid);
/* The domain is gone; what it paid for may still be refunded. */
void account_abandon(struct account *account);
/* Takes all of @n or nothing: 0, or -ENOSPC. */
int account_take(struct account *account, enum resource resource, uint32_t n);
/* After the last refund of an abandoned account it is no more: refund what goes together in one call. */
void account_give(struct account *account, enum resource resource, uint32_t n);
void account_give_two(struct account *account, enum resource a, uint32_t n, enum resource b, uint32_t m);

#endif
