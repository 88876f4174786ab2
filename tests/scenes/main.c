/* SPDX-License-Identifier: MIT */
/*
 * Runs scenarios under many seeds, one seed, or the choices of a replay file:
 *
 *      sim alice 0 9999          seeds 0 to 9999, until one fails
 *      sim alice 17 -v           seed 17, every step told
 *      sim --replay FILE         what a failure left behind
 *      sim --twice alice 0 99    each seed twice: both runs must say the same
 *      sim --all SWEEP 0 9999    a sweep, which must end by itself: with all that can fail having failed
 */
#include "scene.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct job {
	const struct scenario *scenario;
	uint64_t first, last;
	bool verbose, twice, all;
	const char *replay, *directory;
};

static int usage(FILE *out, int status)
{
	fprintf(out,
		"Usage: sim [-v] [--twice] [--all] [--directory DIR] SCENARIO FIRST [LAST]\n"
		"       sim [-v] --replay FILE\n\n"
		"Runs SCENARIO in the simulator with every seed from FIRST to LAST. A run that fails prints the\n"
		"timeline of both ends and leaves a replay file in DIR (here). Exit status: 0 all is well, 1 a run\n"
		"failed, 2 usage.\n\n"
		"  -v             every step and every line of log, as they come\n"
		"  --twice        each seed twice; runs that differ fail\n"
		"  --all          of a sweep: fails, too, where nothing failed or LAST came before the end\n"
		"  --directory    where replay files go\n"
		"  --replay FILE  the choices of a run that failed, once more\n\nScenarios:\n");
	for (const struct scenario *const *s = scenarios; *s; s++)
		fprintf(out, "  %-24s %s\n", (*s)->name, (*s)->about);
	return status;
}

static int wrong(const char *what, const char *which)
{
	fprintf(stderr, "sim: %s%s; see sim --help\n", what, which);
	return 2;
}

static const struct scenario *find_scenario(const char *name)
{
	for (const struct scenario *const *s = scenarios; *s; s++)
		if (!strcmp((*s)->name, name))
			return *s;
	return NULL;
}

static bool number(const char *text, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && !errno;
}

static int run_replay(const struct job *job)
{
	struct scene_options options = { .directory = job->directory, .story = job->verbose ? stderr : NULL };
	FILE *in = fopen(job->replay, "r");
	struct sim_choices choices = { 0 };
	unsigned long long seed;
	uint64_t digest;
	bool hit;
	char name[64];

	if (!in) {
		fprintf(stderr, "sim: %s: %s\n", job->replay, strerror(errno));
		return 1;
	}
	if (fscanf(in, "scenario %63s seed %llu\n", name, &seed) != 2 || sim_choices_read(in, &choices)) {
		fprintf(stderr, "sim: %s is no replay file\n", job->replay);
		return 1;
	}
	fclose(in);
	options.scenario = find_scenario(name);
	if (!options.scenario) {
		fprintf(stderr, "sim: there is no scenario \"%s\"\n", name);
		return 1;
	}
	options.seed = seed;
	options.replay = &choices;
	scene_run(&options, &digest, &hit);
	sim_choices_free(&choices);
	printf("%s: the replay ends well\n", job->replay);
	return 0;
}

/* A sweep ends when nothing has failed for a while: how much there is that can differs from schedule to schedule. */
static bool is_swept(const struct job *job, bool hit, unsigned int *missed)
{
	*missed = hit ? 0 : *missed + 1;
	return job->scenario->sweep && *missed == SCENE_SWEEP_MISSES;
}

static int say_result(const struct job *job, uint64_t last, uint64_t steps, uint64_t hits, bool swept)
{
	printf("%s: seeds %llu to %llu, %llu steps", job->scenario->name, (unsigned long long)job->first,
	       (unsigned long long)last, (unsigned long long)steps);
	if (job->scenario->sweep)
		printf(", %llu failures", (unsigned long long)hits);
	if (job->all && (!hits || !swept)) {
		printf(": %s\n", hits ? "there is more that can fail" : "nothing failed");
		return 1;
	}
	printf(": all is well\n");
	return 0;
}

static int run_seeds(const struct job *job)
{
	struct scene_options options = { .scenario = job->scenario,
					 .directory = job->directory,
					 .story = job->verbose ? stderr : NULL };
	uint64_t steps = 0, hits = 0, digest, again;
	unsigned int missed = 0;
	bool hit, swept = false;
	time_t said = time(NULL);

	for (options.seed = job->first; options.seed <= job->last && !swept; options.seed++) {
		steps += scene_run(&options, &digest, &hit);
		if (job->twice) {
			scene_run(&options, &again, &hit);
			if (again != digest) {
				fprintf(stderr, "seed %llu: two runs differ\n",
					(unsigned long long)options.seed);
				return 1;
			}
		}
		hits += hit;
		swept = is_swept(job, hit, &missed);
		if (isatty(2) && time(NULL) - said >= 2) {
			said = time(NULL);
			fprintf(stderr, "\r%s: seed %llu of %llu", job->scenario->name,
				(unsigned long long)options.seed, (unsigned long long)job->last);
		}
	}
	return say_result(job, options.seed - 1, steps, hits, swept);
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "replay", required_argument, NULL, 'r' },
						 { "twice", no_argument, NULL, 't' },
						 { "all", no_argument, NULL, 'a' },
						 { "directory", required_argument, NULL, 'd' },
						 { "verbose", no_argument, NULL, 'v' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	struct job job = { .directory = "." };
	int c;

	while ((c = getopt_long(argc, argv, "vh", options, NULL)) != -1) {
		if (c == 'h')
			return usage(stdout, 0);
		if (c == '?')
			return usage(stderr, 2);
		job.verbose |= c == 'v';
		job.twice |= c == 't';
		job.all |= c == 'a';
		job.replay = c == 'r' ? optarg : job.replay;
		job.directory = c == 'd' ? optarg : job.directory;
	}
	if (job.replay)
		return run_replay(&job);
	if (argc - optind < 2 || argc - optind > 3)
		return wrong("a scenario and one or two seeds are wanted", "");
	job.scenario = find_scenario(argv[optind]);
	if (!job.scenario)
		return wrong("no such scenario: ", argv[optind]);
	if (job.all && !job.scenario->sweep)
		return wrong("this is no sweep: ", argv[optind]);
	if (!number(argv[optind + 1], &job.first) || !number(argv[argc - 1], &job.last))
		return wrong("a seed is a number, not ",
			     argv[number(argv[optind + 1], &job.first) ? argc - 1 : optind + 1]);
	if (job.last < job.first)
		return wrong("the last seed is below the first: ", argv[argc - 1]);
	return run_seeds(&job);
}
