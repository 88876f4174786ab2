/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FUZZ_STORE_RUN_H
#define TESTS_FUZZ_STORE_RUN_H
/* The store's target: a store and its model, who is connected, and how inputs reach both. */
#include "fuzz.h"
#include "model.h"
#include <xenbus/store.h>

#define CONNS 12
#define WITHOUT_MODEL 0x80

struct client {
	uint32_t id;
	bool ring, stalled;
	uint32_t txs[4]; /* ids that START answered lately */
	uint32_t tx_count;
};

struct pending {
	uint32_t domid, conn;
};

struct run {
	struct choices *choices;
	struct store_config config;
	struct store *store;
	struct model *model; /* or NULL */
	struct store_effects fx;
	uint16_t exists; /* bit by domid; 1, 2, 3, 4, 7 are ever used */
	struct client clients[CONNS];
	struct pending pending[8];
	size_t client_count, pending_count;
	bool trace;
	uint32_t applied;
};

struct client *run_client(struct run *r, uint32_t id);
/* Says @in to the store and to the model; ends the program where they differ. */
void run_apply(struct run *r, struct store_input *in);
/* Who is not stalled takes what it was sent. */
void run_drain(struct run *r);
/* The oldest ring that is to be mapped, is, or with @error is not. */
void run_answer_mapping(struct run *r, int error);
void run_connect(struct run *r);
void run_remove_client(struct run *r, uint32_t id);
/* A request that @conn sends; all rings that are to be mapped are. */
void run_ask(struct run *r, uint32_t conn, uint32_t op, uint32_t tx_id, const void *payload, size_t len);
/* @in's domain is dead, or was shut down; its number may come again. */
void run_domain(struct run *r, enum store_input_type type, uint32_t domid);
void run_check(const struct store *store);

/* --- store_scenes.c --- */
/* Some requests that belong together, which chance would seldom put behind one another. */
void run_scene(struct run *r);

#endif
