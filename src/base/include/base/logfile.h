/* SPDX-License-Identifier: MIT */
#ifndef BASE_LOGFILE_H
#define BASE_LOGFILE_H
/*
 * A log of lines that many processes append to, in the manner of dmesg, bounded.
 *
 *     PATH        # 81234567890            the clock when the log began, nanoseconds (CLOCK_MONOTONIC)
 *                 [    0.000120] a line    seconds since then
 *                 [   70.232619] another
 *     PATH.0      the same, older: PATH as it was when it reached its bound
 *
 * A line is one write with O_APPEND, so lines never mix. Whoever finds the bound reached makes PATH the
 * PATH.0 and begins PATH anew with the same first line, so times go on.
 */
#include <stddef.h>
#include <stdint.h>

struct logfile;

#define LOGFILE_BOUND (1u << 20) /* bytes of PATH, where open() is given 0 */
#define LOGFILE_LINE_MAX 1024u	 /* bytes of a line with its time and newline; longer ones are cut */

/* Opens the log at @path, begins it where there is none (mode 0600). @bound: bytes, 0: LOGFILE_BOUND.
 * Returns 0 and *@out, closed with logfile_close(); -ENAMETOOLONG; -EINVAL it is no log; -ENOMEM; -errno of the
 * file system. */
int logfile_open(const char *path, size_t bound, struct logfile **out);
/* NULL is allowed. */
void logfile_close(struct logfile *log);

/* Appends @line (no newline in it) with the time now. 0 or -errno: the line is lost. */
int logfile_line(struct logfile *log, const char *line);

/* Hands out all lines, older first, without their newline. 0; -errno of opening @path (-ENOENT: nobody
 * logged); a missing PATH.0 is no error. */
int logfile_read(const char *path, void (*line)(void *ctx, const char *text), void *ctx);

#endif
