/* SPDX-License-Identifier: MIT */
/*
 * A target without libFuzzer: runs inputs through it.
 *
 *     replay-NAME FILE...            each a .corpus (below) or the bytes of one input
 *     replay-NAME --random COUNT            as many inputs of random bytes; FUZZ_SEED chooses others
 *     replay-NAME --unpack CORPUS FOLDER    writes each input of it to a file of its own
 *     replay-NAME --pack CORPUS FOLDER      the other way round; names stay, order is that of the names
 *
 * A .corpus is text, a line an input: a name, a space, the bytes in hexadecimal. '#' begins a comment.
 */
#include <dirent.h>
#include <sys/stat.h>
#include "fuzz.h"

#define INPUT_MAX 65536

static FILE *open_or_die(const char *path, const char *mode)
{
	FILE *f = fopen(path, mode);

	if (!f) {
		perror(path);
		exit(2);
	}
	return f;
}

static FILE *open_in(const char *folder, const char *name, const char *mode)
{
	char *path;
	FILE *f;

	fuzz_expect(asprintf(&path, "%s/%s", folder, name) > 0);
	f = open_or_die(path, mode);
	free(path);
	return f;
}

/* What runs now, so that a crash can be told whose it is. */
static void run(const char *name, const uint8_t *data, size_t size)
{
	uint8_t *exact = malloc(size ? size : 1);

	fuzz_expect(exact);
	memcpy(exact, data, size);
	if (getenv("FUZZ_TRACE"))
		fprintf(stderr, "-- %s\n", name);
	LLVMFuzzerTestOneInput(exact, size);
	free(exact);
}

static void write_input(const char *name, const uint8_t *data, size_t size, const char *folder)
{
	FILE *f = open_in(folder, name, "wb");

	if (fwrite(data, 1, size, f) != size || fclose(f)) {
		perror(name);
		exit(2);
	}
}

/* Returns the inputs in it; each is run, or written into @folder. */
static size_t each_line(const char *corpus, const char *folder)
{
	static char line[2 * INPUT_MAX + 256];
	static uint8_t data[INPUT_MAX];
	FILE *f = open_or_die(corpus, "r");
	size_t count = 0;

	while (fgets(line, sizeof(line), f)) {
		char *hex = line + strcspn(line, " \n");
		size_t size = 0;
		unsigned int byte;

		if (line[0] == '#' || line[0] == '\n')
			continue;
		*hex++ = '\0';
		for (; size < INPUT_MAX && sscanf(hex, "%2x", &byte) == 1; hex += 2)
			data[size++] = (uint8_t)byte;
		count++;
		if (folder)
			write_input(line, data, size, folder);
		else
			run(line, data, size);
	}
	fclose(f);
	return count;
}

static void run_file(const char *path)
{
	static uint8_t data[INPUT_MAX];
	FILE *f = open_or_die(path, "rb");
	const size_t size = fread(data, 1, sizeof(data), f);

	fclose(f);
	run(path, data, size);
}

/* What a search begins with: every build takes some steps into the unknown, too. */
static size_t run_random(size_t count)
{
	const char *seed = getenv("FUZZ_SEED");
	uint64_t state = (seed ? strtoull(seed, NULL, 10) : 1) * 0x9e3779b97f4a7c15u + 1;
	static uint8_t data[1024];

	for (size_t i = 0; i < count; i++) {
		char name[32];

		for (size_t k = 0; k < sizeof(data); k++) {
			state ^= state << 13;
			state ^= state >> 7;
			state ^= state << 17;
			data[k] = (uint8_t)(state >> 33);
		}
		snprintf(name, sizeof(name), "random-%zu", i);
		run(name, data, 1 + (state >> 40) % sizeof(data));
	}
	return count;
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int pack(const char *corpus, const char *folder)
{
	static uint8_t data[INPUT_MAX];
	struct dirent **entries;
	const int count = scandir(folder, &entries, is_visible, alphasort);
	FILE *out = open_or_die(corpus, "w");

	for (int i = 0; i < count; i++) {
		FILE *f = open_in(folder, entries[i]->d_name, "rb");
		const size_t size = fread(data, 1, sizeof(data), f);

		fclose(f);
		/* libFuzzer's names are a hash of 40 digits: ten tell them apart. */
		fprintf(out, "%.*s ", strlen(entries[i]->d_name) == 40 ? 10 : 60, entries[i]->d_name);
		for (size_t k = 0; k < size; k++)
			fprintf(out, "%02x", data[k]);
		fputc('\n', out);
		free(entries[i]);
	}
	free(entries);
	return fclose(out) || count < 0 ? 2 : 0;
}

static bool is_corpus(const char *path)
{
	const char *end = strrchr(path, '.');

	return end && !strcmp(end, ".corpus");
}

int main(int argc, char **argv)
{
	size_t count = 0;

	if (argc == 4 && !strcmp(argv[1], "--pack"))
		return pack(argv[2], argv[3]);
	if (argc == 4 && !strcmp(argv[1], "--unpack"))
		return each_line(argv[2], argv[3]) ? 0 : 2;
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--random") && i + 1 < argc) {
			count += run_random(strtoul(argv[++i], NULL, 10));
		} else if (is_corpus(argv[i])) {
			count += each_line(argv[i], NULL);
		} else {
			run_file(argv[i]);
			count++;
		}
	}
	printf("%zu inputs\n", count);
	return count ? 0 : 2;
}
