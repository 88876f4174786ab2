/* SPDX-License-Identifier: MIT */
/*
 * One of the crowd: a request at a time, drawn by its seed, and its answer held against the model. Nobody else writes
 * what is its own, so it knows every answer; but for the few that count together, whose transactions may fail.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

#define KEYS 6u
#define TOKEN "t"
#define LATENCY_MAX UINT32_MAX

static void fill(struct load_request *request, uint32_t type, uint32_t tx, const char *path)
{
	request->type = type;
	request->tx = tx;
	request->len = strlen(path) + 1;
	memcpy(request->payload, path, request->len);
}

static void append(struct load_request *request, const void *bytes, size_t len)
{
	memcpy(request->payload + request->len, bytes, len);
	request->len += len;
}

static void send_it(struct victim *v, enum victim_step step)
{
	const struct load_request *r = &v->request;
	int err = peer_send(v->conn, r->type, v->answers, r->tx, r->payload, r->len);

	if (err)
		load_wrong(v->load, "%s: cannot send: %s", v->home, strerror(-err));
	v->step = step;
	v->waiting = true;
	v->sent_ns = load_now_ns();
}

/* A key's absolute path; now and then as a guest would say it, relative to its home. */
static const char *key_path(struct victim *v, char path[static 64])
{
	unsigned int key = load_dice(&v->seed) % KEYS;

	if (v->domid && load_dice(&v->seed) % 2)
		snprintf(path, 64, "data/k%u", key);
	else
		snprintf(path, 64, "%s/data/k%u", v->home, key);
	return path;
}

static void fill_write(struct victim *v, struct load_request *request, uint32_t tx)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
	size_t len = load_dice(&v->seed) % (load_dice(&v->seed) % 32 ? 48 : 1900);
	char path[64], value[1900];

	for (size_t i = 0; i < len; i++)
		value[i] = letters[(v->seed + i) % 26];
	fill(request, XS_WRITE, tx, key_path(v, path));
	append(request, value, len);
}

/* -- what it asks for -------------------------------------------------------------------------------- */

static void ask_perms(struct victim *v)
{
	char path[64], perms[32];
	int n = snprintf(perms, sizeof(perms), "n%u%c%c%u", v->domid, 0, "rwb"[load_dice(&v->seed) % 3],
			 load_dice(&v->seed) % 3 ? 0 : 1 + v->number % 7);

	fill(&v->request, XS_SET_PERMS, 0, key_path(v, path));
	append(&v->request, perms, (size_t)n + 1);
	send_it(v, PLAIN);
}

/* Its own keys, or, as a backend would, a guest's. */
static void ask_watch(struct victim *v)
{
	char path[64];

	if (v->domid == 0 && v->load->guests && v->number % 3 == 0)
		snprintf(path, sizeof(path), "/local/domain/%u/data", 1 + v->number % v->load->guests);
	else
		snprintf(path, sizeof(path), "%s/data", v->home);
	fill(&v->request, v->watches ? XS_UNWATCH : XS_WATCH, 0, path);
	append(&v->request, TOKEN, sizeof(TOKEN));
	send_it(v, WATCHING);
}

static void ask_of_folder(struct victim *v, uint32_t type)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/data", v->home);
	fill(&v->request, type, 0, path);
	send_it(v, PLAIN);
}

static void ask_part(struct victim *v)
{
	char offset[16];
	int n = snprintf(offset, sizeof(offset), "%u", load_dice(&v->seed) % LOAD_BIG * 12);

	fill(&v->request, XS_DIRECTORY_PART, 0, "/load/big");
	append(&v->request, offset, (size_t)n + 1);
	send_it(v, PLAIN);
}

static void ask_of_key(struct victim *v, uint32_t type)
{
	char path[64];

	fill(&v->request, type, 0, key_path(v, path));
	send_it(v, PLAIN);
}

static void ask_start(struct victim *v)
{
	fill(&v->request, XS_TRANSACTION_START, 0, "");
	v->pendings = 0;
	send_it(v, TX_START);
}

static bool is_owed(const struct victim *v)
{
	return v->watches && !(v->domid == 0 && v->load->guests && v->number % 3 == 0);
}

static void ask_write(struct victim *v)
{
	fill_write(v, &v->request, 0);
	v->owed = is_owed(v);
	send_it(v, PLAIN);
}

void victim_ask(struct victim *v)
{
	unsigned int what = load_dice(&v->seed) % 100;

	if (v->counts && what < 50)
		ask_start(v);
	else if (what < 32)
		ask_write(v);
	else if (what < 56)
		ask_of_key(v, XS_READ);
	else if (what < 64)
		ask_of_folder(v, XS_DIRECTORY);
	else if (what < 69)
		ask_part(v);
	else if (what < 74)
		ask_of_key(v, XS_GET_PERMS);
	else if (what < 79)
		ask_perms(v);
	else if (what < 84)
		ask_of_key(v, XS_RM);
	else if (what < 86)
		ask_of_folder(v, XS_RM);
	else if (what < 88)
		ask_of_folder(v, XS_MKDIR);
	else if (what < 92)
		ask_watch(v);
	else
		ask_start(v);
}

/* -- what the answer should be ------------------------------------------------------------------------- */

static void absolute(const struct victim *v, const char *path, char out[static 128])
{
	if (*path == '/')
		snprintf(out, 128, "%.127s", path);
	else
		snprintf(out, 128, "%s/%.63s", v->home, path);
}

static const struct model_node *node_of(const struct victim *v, const char *path)
{
	char full[128];

	absolute(v, path, full);
	return model_find(&v->load->model, full);
}

static bool has_parent(const struct victim *v, const char *path)
{
	char full[128];

	absolute(v, path, full);
	*strrchr(full, '/') = '\0';
	return model_find(&v->load->model, full);
}

/* The error's name, or NULL. */
static const char *expected_error(const struct victim *v)
{
	const char *path = v->request.payload;

	switch (v->request.type) {
	case XS_READ:
	case XS_GET_PERMS:
	case XS_SET_PERMS:
	case XS_DIRECTORY:
		return node_of(v, path) ? NULL : "ENOENT";
	case XS_RM:
		return has_parent(v, path) ? NULL : "ENOENT";
	default:
		return NULL;
	}
}

static void complain(struct victim *v, const struct peer_message *reply)
{
	load_wrong(v->load, "%s: request %u of \"%s\", in transaction %u: answer %u, %u bytes: \"%.40s\"",
		   v->home, v->request.type, v->request.payload, v->request.tx, reply->header.type,
		   reply->header.len, reply->payload);
}

static void expect_bytes(struct victim *v, const struct peer_message *reply, const void *bytes, size_t len)
{
	if (reply->header.len != len || memcmp(reply->payload, bytes, len))
		complain(v, reply);
}

static void judge_contents(struct victim *v, const struct peer_message *reply)
{
	const struct model_node *node = node_of(v, v->request.payload);
	char full[128], *text = NULL;
	size_t len;

	switch (v->request.type) {
	case XS_READ:
		expect_bytes(v, reply, node->value, node->value_len);
		return;
	case XS_GET_PERMS:
		len = model_perms_text(node, &text);
		break;
	case XS_DIRECTORY:
		absolute(v, v->request.payload, full);
		len = model_children(&v->load->model, full, &text);
		break;
	case XS_DIRECTORY_PART:
		if (reply->header.len < 12)
			complain(v, reply);
		return;
	default:
		expect_bytes(v, reply, "OK", 3);
		return;
	}
	expect_bytes(v, reply, text, len);
	free(text);
}

static void acknowledge(struct victim *v, const struct load_request *request)
{
	if (request->type == XS_WRITE || request->type == XS_MKDIR || request->type == XS_RM ||
	    request->type == XS_SET_PERMS)
		model_acknowledged(&v->load->model, v->domid, request->type, request->payload, request->len);
}

/* True: it was refused, as it should be, or should not be. */
static bool is_refused(struct victim *v, const struct peer_message *reply)
{
	const char *error = expected_error(v);

	if (reply->header.type != XS_ERROR && !error)
		return false;
	if (reply->header.type != XS_ERROR || !error || strcmp(reply->payload, error))
		complain(v, reply);
	return true;
}

static void judge_plain(struct victim *v, const struct peer_message *reply)
{
	if (is_refused(v, reply))
		return;
	judge_contents(v, reply);
	acknowledge(v, &v->request);
	if (v->owed && v->request.type == XS_WRITE)
		load_wrong(v->load, "%s: \"%s\" was answered before its event", v->home, v->request.payload);
	v->owed = false;
}

static void judge_watching(struct victim *v, const struct peer_message *reply)
{
	expect_bytes(v, reply, "OK", 3);
	v->watches = !v->watches;
}

/* -- transactions: read one key, write two, or count up ---------------------------------------------------- */

static void read_in_tx(struct victim *v)
{
	char path[64];

	if (v->counts)
		snprintf(path, sizeof(path), "/load/counter%u", v->counter);
	else
		key_path(v, path);
	fill(&v->request, XS_READ, v->tx, path);
	send_it(v, TX_READ);
}

static void write_in_tx(struct victim *v)
{
	struct load_request *pending = &v->pending[v->pendings++];
	char text[64];

	if (v->counts) {
		snprintf(text, sizeof(text), "/load/counter%u", v->counter);
		fill(pending, XS_WRITE, v->tx, text);
		snprintf(text, sizeof(text), "%u", v->value + 1);
		append(pending, text, strlen(text));
	} else {
		fill_write(v, pending, v->tx);
	}
	v->request = *pending;
	send_it(v, TX_WRITE);
}

static void end_tx(struct victim *v)
{
	fill(&v->request, XS_TRANSACTION_END, v->tx, v->counts || load_dice(&v->seed) % 8 ? "T" : "F");
	send_it(v, TX_END);
}

static void judge_start(struct victim *v, const struct peer_message *reply)
{
	v->tx = (uint32_t)strtoul(reply->payload, NULL, 10);
	if (reply->header.type != XS_TRANSACTION_START || !v->tx)
		complain(v, reply);
}

static void judge_read_in_tx(struct victim *v, const struct peer_message *reply)
{
	if (v->counts)
		v->value = (unsigned int)strtoul(reply->payload, NULL, 10);
	else if (!is_refused(v, reply))
		judge_contents(v, reply);
}

/* What counts is acknowledged as a number: answers may overtake one another on their way to here. */
static void committed(struct victim *v)
{
	if (v->request.payload[0] != 'T')
		return;
	v->lost = 0;
	if (v->counts)
		v->load->counted[v->counter]++;
	for (unsigned int i = 0; i < v->pendings && !v->counts; i++)
		acknowledge(v, &v->pending[i]);
}

static void lost(struct victim *v)
{
	v->load->now.lost++;
	if (++v->lost > v->load->now.worst_lost)
		v->load->now.worst_lost = v->lost;
}

static void judge_end(struct victim *v, const struct peer_message *reply)
{
	if (reply->header.type == XS_ERROR && v->counts && !strcmp(reply->payload, "EAGAIN"))
		lost(v);
	else if (reply->header.type == XS_ERROR)
		complain(v, reply);
	else
		committed(v);
}

/* What the hostile guest writes without end. */
static void read_contended(struct victim *v)
{
	char path[64];

	snprintf(path, sizeof(path), "/local/domain/%u/data", LOAD_HOSTILE);
	fill(&v->request, XS_READ, v->tx, path);
	send_it(v, TX_WRITE);
}

static void go_on_in_tx(struct victim *v)
{
	if (v->step == TX_START)
		read_in_tx(v);
	else if (v->step == TX_READ && v->counts && v->load->contended)
		read_contended(v);
	else if (v->step == TX_READ || (v->pendings < 2 && !v->counts) || v->pendings == 0)
		write_in_tx(v);
	else
		end_tx(v);
}

/* -- what comes ------------------------------------------------------------------------------------------- */

static void note_latency(struct load *load, uint64_t ns)
{
	if (load->latency_count < load->latency_room)
		load->latencies[load->latency_count++] = ns < LATENCY_MAX ? (uint32_t)ns : LATENCY_MAX;
}

static void take_event(struct victim *v, const struct peer_message *event)
{
	char full[128];

	v->events++;
	absolute(v, v->request.payload, full);
	if (v->owed && v->request.type == XS_WRITE && !strcmp(full, event->payload))
		v->owed = false;
	if (event->header.req_id || strcmp(event->payload + strlen(event->payload) + 1, TOKEN))
		load_wrong(v->load, "%s: an event of %s that it did not ask for", v->home, event->payload);
}

static void judge(struct victim *v, const struct peer_message *reply)
{
	switch (v->step) {
	case PLAIN:
		judge_plain(v, reply);
		break;
	case WATCHING:
		judge_watching(v, reply);
		break;
	case TX_START:
		judge_start(v, reply);
		break;
	case TX_READ:
		judge_read_in_tx(v, reply);
		break;
	case TX_WRITE:
		if (reply->header.type == XS_ERROR)
			complain(v, reply);
		break;
	case TX_END:
		judge_end(v, reply);
		break;
	case IDLE:
		complain(v, reply);
		break;
	}
}

static bool in_tx(const struct victim *v)
{
	return v->step == TX_START || v->step == TX_READ || v->step == TX_WRITE;
}

/* Each answer is one of the phase's; a transaction that was begun is brought to its end, a lost one begun anew. */
static void take_reply(struct victim *v, const struct peer_message *reply)
{
	struct load *load = v->load;

	note_latency(load, load_now_ns() - v->sent_ns);
	if (reply->header.req_id != v->answers)
		load_wrong(load, "%s: an answer to request %u, not %u", v->home, reply->header.req_id,
			   v->answers);
	v->waiting = false;
	judge(v, reply);
	v->answers++;
	load->now.ops++;
	if (v->answers == load->goal)
		load->busy--;
	if (in_tx(v))
		go_on_in_tx(v);
	else if (v->step == TX_END && v->lost && load->judges)
		ask_start(v);
	else if (v->answers < load->goal)
		victim_ask(v);
	else
		v->step = IDLE;
}

int victim_take(struct victim *v)
{
	struct peer_message message;
	int count = 0, err;

	while (!(err = peer_receive(v->conn, &message, 0))) {
		count++;
		if (message.header.type == XS_WATCH_EVENT)
			take_event(v, &message);
		else
			take_reply(v, &message);
	}
	if (err != -ETIME)
		load_wrong(v->load, "%s: %s", v->home, strerror(-err));
	return count;
}
