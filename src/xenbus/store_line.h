/* SPDX-License-Identifier: MIT */
#ifndef XENBUS_STORE_LINE_H
#define XENBUS_STORE_LINE_H
/*
 * A line of xenstored's trace, taken apart:
 *
 *      20260304 10:11:12.131415 IN  d5 READ 17/0 (name|)
 *      20260304 10:11:12.131502 OUT d5 READ 17/0 (web)
 *      20260304 10:11:12.131510 LOST 1234
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store_line {
	char date[9], time[16]; /* "20260304", "10:11:12.131415" */
	bool is_loss;
	uint64_t lost; /* messages; the rest is not set then */
	char who[16];
	uint32_t domid;
	bool out;
	char op[32];
	uint32_t req_id, tx_id;
	const char *payload; /* as it was sent, @len bytes; in the line */
	size_t len;
};

/* Takes @line (without its newline) apart, in place. 0; -EINVAL it is no such line. */
int store_line_parse(char *line, struct store_line *out);
/* As a line with one JSON object, on standard output. */
void store_line_json(const struct store_line *line);

#endif
