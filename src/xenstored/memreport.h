/* SPDX-License-Identifier: MIT */
#ifndef XENSTORED_MEMREPORT_H
#define XENSTORED_MEMREPORT_H
/* Who makes the server hold how much: each domain, then the store in all. */
struct server;

/* Writes it to @path, made or emptied; NULL: to the trace file, or where there is none to the log. 0 or -errno. */
int memreport(struct server *server, const char *path);

#endif
