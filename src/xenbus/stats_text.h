/* SPDX-License-Identifier: MIT */
#ifndef XENBUS_STATS_TEXT_H
#define XENBUS_STATS_TEXT_H
/*
 * A reading of the store's statistics for people, on standard output: who takes its time, the busiest first; why
 * transactions failed, in sentences; who is at a limit, who does not take its replies. Bytes of guests and programs that
 * are not printable ASCII are shown as \xHH.
 */
#include <stdbool.h>
#include <stdint.h>

struct json_value;

/* @domid UINT32_MAX: all; else @reading was cut to that domain, of which more is told. @width: of the terminal, in
 * columns; UINT_MAX: any. */
void stats_text(const struct json_value *reading, uint32_t domid, unsigned int width);

#endif
