/* SPDX-License-Identifier: MIT */
/*
 * Choices as a text file, which says how many there are, so that a file cut short is noticed:
 *
 *      choices 5
 *      3 1          one of 3, the second
 *      2 0 x4       one of 2, the first, four times in a row
 */
#include <errno.h>
#include <stdlib.h>

#include "sim_impl.h"

#define CHOICES_MAX (1u << 30)

static size_t run_length(const struct sim_choices *choices, size_t at)
{
	size_t end = at + 1;

	while (end < choices->count && choices->made[end] == choices->made[at])
		end++;
	return end - at;
}

static int write_run(FILE *out, uint32_t made, size_t times)
{
	int n = times == 1 ? fprintf(out, "%u %u\n", made >> 16, made & 0xffff)
			   : fprintf(out, "%u %u x%zu\n", made >> 16, made & 0xffff, times);

	return n < 0 ? -EIO : 0;
}

int sim_choices_write(const struct sim_choices *choices, FILE *out)
{
	errno = 0;
	if (fprintf(out, "choices %zu\n", choices->count) < 0)
		return errno ? -errno : -EIO;
	for (size_t at = 0, times; at < choices->count; at += times) {
		times = run_length(choices, at);
		if (write_run(out, choices->made[at], times))
			return errno ? -errno : -EIO;
	}
	return fflush(out) ? -errno : 0;
}

/* 0; -EINVAL. */
static int parse_run(const char *line, uint32_t *made, size_t *times)
{
	unsigned int n, taken;
	int end = 0;

	*times = 1;
	if (sscanf(line, "%5u %5u%n", &n, &taken, &end) != 2)
		return -EINVAL;
	line += end;
	if (*line == ' ') {
		end = 0;
		if (sscanf(line, " x%10zu%n", times, &end) != 1)
			return -EINVAL;
		line += end;
	}
	if (*line != '\n' || n < 2 || n > 65535 || taken >= n || !*times)
		return -EINVAL;
	*made = n << 16 | taken;
	return 0;
}

static int read_runs(FILE *in, struct sim_choices *out)
{
	char line[64];
	uint32_t made;
	size_t times;

	while (out->count < out->capacity) {
		if (!fgets(line, sizeof(line), in) || parse_run(line, &made, &times) ||
		    times > out->capacity - out->count)
			return -EINVAL;
		while (times--)
			out->made[out->count++] = made;
	}
	return fgets(line, sizeof(line), in) ? -EINVAL : 0;
}

int sim_choices_read(FILE *in, struct sim_choices *out)
{
	char line[64], newline;
	int err;

	*out = (struct sim_choices){ 0 };
	if (!fgets(line, sizeof(line), in) ||
	    sscanf(line, "choices %10zu%c", &out->capacity, &newline) != 2 || newline != '\n' ||
	    out->capacity > CHOICES_MAX)
		return -EINVAL;
	out->made = calloc(out->capacity ? out->capacity : 1, sizeof(*out->made));
	err = out->made ? read_runs(in, out) : -ENOMEM;
	if (err)
		sim_choices_free(out);
	return err;
}

void sim_choices_free(struct sim_choices *choices)
{
	free(choices->made);
	*choices = (struct sim_choices){ 0 };
}
