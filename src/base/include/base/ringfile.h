/* SPDX-License-Identifier: MIT */
#ifndef BASE_RINGFILE_H
#define BASE_RINGFILE_H
/*
 * The last N records that a program wrote, where others may read them: while it runs, and after it was killed.
 *
 *     header   RINGFILE_HEADER bytes: what this is, who writes, `next`: the number of the record to come
 *     slot 0   seq:u64  record           record n lies in slot n % N
 *     ...
 *     slot N-1
 *
 * One writer, who takes no lock and makes no system call for a record: seq is 2n + 1 while record n is being
 * written and 2n + 2 when it is whole, so a reader tells a torn or overwritten one by its seq, read before and after.
 * The writer holds a lock on the file by its mapping: it is gone exactly when the writer is, however it ended.
 *
 * Readers trust nothing: they do not map the file (its writer could truncate it under them), and what they
 * hand out is a copy whose bytes are the writer's, to be checked by who knows what a record is. Numbers are in the
 * machine's byte order: the file is for this machine.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RINGFILE_HEADER 4096u
#define RINGFILE_RECORDS_MAX 65536u
#define RINGFILE_RECORD_MAX 4096u /* bytes of one */
#define RINGFILE_KEPT 32u	  /* files of writers that are gone, in a folder */
#define RINGFILE_SUFFIX ".ring"

struct ringfile_info {
	char kind[16];	  /* what the records are; NUL-terminated */
	uint32_t version; /* of their format */
	uint32_t record_size, records;
	uint32_t owner;	   /* the caller's: a domid, say */
	uint32_t pid;	   /* the writer's, set by publish() */
	char program[32];  /* its name, cut; set by publish() */
	uint64_t begin_ns; /* CLOCK_MONOTONIC and wall clock (since 1970) when it was published */
	uint64_t wall_ns;
};

/* -- writing ------------------------------------------------------------------------------------- */

struct ringfile;

/* A ring in memory of this process: kind, version, record_size, records (both within the bounds above) and owner
 * are taken from @info. 0 and *@out, freed with ringfile_free(); -ENOMEM. */
int ringfile_new(const struct ringfile_info *info, struct ringfile **out);
/* Moves it, with what was written, into a new file @dir/<@owner>.<pid>.<n>.ring, which stays when it is freed;
 * makes @dir (not its parents). Afterwards at most RINGFILE_KEPT files of dead writers are there, unless several
 * programs publish at once: the one written to longest ago goes first. All space is reserved now: a full file system
 * refuses here and cannot kill the writer later. 0; -EEXIST it was published; -errno: it stays where it was. */
int ringfile_publish(struct ringfile *ring, const char *dir, uint32_t owner);
/* NULL is allowed. */
void ringfile_free(struct ringfile *ring);

/* The record to write next: record_size bytes, aligned to 8, with something old in it. */
void *ringfile_begin(struct ringfile *ring);
/* It is whole. @time_ns: when it happened; settles which file was written to longest ago. */
void ringfile_commit(struct ringfile *ring, uint64_t time_ns);

/* Numbers of the oldest record that is there, and of the one to come. */
uint64_t ringfile_first(const struct ringfile *ring);
uint64_t ringfile_next(const struct ringfile *ring);
/* Record @number, first <= number < next. In the file's memory: others of this user might write there. */
const void *ringfile_record(const struct ringfile *ring, uint64_t number);

/* -- reading ------------------------------------------------------------------------------------- */

struct ringfile_reader;

/* Opens file @name in the folder @dirfd. 0 and *@out, closed with ringfile_close(); -EINVAL, *@why (static) says what
 * is wrong with it; -EAGAIN it is being made; -errno of opening it. */
int ringfile_open(int dirfd, const char *name, struct ringfile_reader **out, const char **why);
void ringfile_close(struct ringfile_reader *reader);
/* As the file says, within the bounds above, strings terminated; they may hold any byte. */
const struct ringfile_info *ringfile_info(const struct ringfile_reader *reader);
/* Does a process hold it open for writing? Says nothing of what it still writes. */
bool ringfile_is_alive(const struct ringfile_reader *reader);
/* The next record, in order, into @record of info->record_size bytes. Records that were overwritten before they
 * were read, or are not whole, are added to *@lost. 1; 0 there is none yet; -EPROTO the file contradicts itself:
 * read no more; -errno. */
int ringfile_read(struct ringfile_reader *reader, void *record, uint64_t *lost);

/* Removes all files of rings in @dir, living or not, and @dir if nothing else is in it. For who ends the writers.
 * Returns how many. */
unsigned int ringfile_remove_all(const char *dir);

#endif
