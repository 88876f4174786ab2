/* SPDX-License-Identifier: MIT */
#ifndef TESTS_CONFORMANCE_SCRIPT_H
#define TESTS_CONFORMANCE_SCRIPT_H
/* A script of requests, read. README.md is the language. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <peer.h>

#define SCRIPT_ARGS 12

enum line_what {
	LINE_REQUEST,	/* who[/tx][*]: OP args */
	LINE_EVENTS,	/* who: EVENTS */
	LINE_DOMAIN,	/* domain N: exists, introduced, with a home of its own */
	LINE_CREATE,	/* create N: exists */
	LINE_SHUTDOWN,	/* shutdown N */
	LINE_DESTROY,	/* destroy N */
	LINE_VIRQ,	/* virq: Xen says that a domain stopped or died; until the server has acted on it */
	LINE_CLOSE,	/* close who */
	LINE_FEATURES,	/* features N: what the ring page of guest N offers */
	LINE_RECONNECT, /* reconnect N: guest N resets its connection over the ring page */
	LINE_CORRUPT, /* corrupt N: guest N's request indices become nonsense; what the ring's error field says */
	LINE_WITHOUT, /* without SERVER: the rest of the case is not for it */
};

/* Some bytes of a script; an argument may hold NULs. */
struct bytes {
	char *at;
	size_t len;
};

struct line {
	int number;
	char *text; /* as it stands in the script, without what is expected */
	enum line_what what;
	char who[8];   /* "0", "0b", "5"; "": nobody */
	char tx[8];    /* "": outside any transaction; a name, or '#' and a number */
	char binds[8]; /* what the reply's number is called from here on */
	bool in_order; /* the events that come with the reply are part of the answer */
	bool raw;      /* the one argument is the whole payload */
	uint32_t op;
	uint32_t times; /* 1 usually */
	struct bytes args[SCRIPT_ARGS];
	size_t arg_count;
	uint32_t domid;
	/* What each server is to answer; NULL where the line is not for it. */
	struct bytes expected[PEER_KINDS];
	bool skip[PEER_KINDS];
	bool is_difference[PEER_KINDS];
};

struct test_case {
	char *name;
	struct line *lines;
	size_t count;
};

struct script {
	char *path;
	struct test_case *cases;
	size_t count;
	char **keys; /* of the differences, "[key]" without the brackets */
	size_t key_count;
};

/* Reads the script at @path. What is wrong with it is printed with its line: then NULL. */
struct script *script_read(const char *path);
void script_free(struct script *script);
/* How many requests stand in it; one that is sent N times is one. */
size_t script_requests(const struct script *script);

#endif
