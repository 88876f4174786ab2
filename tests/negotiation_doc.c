/* SPDX-License-Identifier: MIT */
/*
 * docs/negotiation.md, made from the tables that drive the framework.
 *
 *   negotiation_doc              prints the page
 *   negotiation_doc docs/FILE    0 if FILE is that page, else 1 and what to do
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xenbus/xenbus.h>

static const char intro[] =
	"# The negotiation\n"
	"\n"
	"Made by `build/tests/negotiation_doc` from the tables in `src/bus/profile.c`, which drive the framework; a test\n"
	"holds the two together. A row is the own state, a column what the other end's node says now. States may be\n"
	"skipped: only what is counts. `.` is: keep waiting.\n"
	"\n"
	"| action | what the framework does |\n"
	"|---|---|\n"
	"| open | backend: `features()`, then InitWait with its keys in one transaction |\n"
	"| publish | frontend: `publish()`, then Initialised with its keys in one transaction |\n"
	"| connect | `connect()`, then Connected |\n"
	"| reset | the other end began anew: `disconnect()`, release, then Initialising (frontend) or open (backend) |\n"
	"| close | `disconnect()`, release, then Closed |\n"
	"| closing | `disconnect()`, a backend releases, then Closing; pages granted stay until the other end let go |\n"
	"| driver | `otherend_changed()` decides |\n"
	"\n"
	"What the tables leave to memory: a state of the other end that was acted on is news again only after another one\n"
	"was seen; `xenbus_close_device()` keeps a device Closed until `xenbus_reopen_device()`; a backend opens again\n"
	"only while its `online` key is not 0; nothing is reset or opened under an instance that is not ours. A backend does\n"
	"not connect on a Connected that it saw before its own connection ended, nor open again after an error before the\n"
	"frontend's state is written anew; a frontend whose ring had to be let go in silence begins anew. A device that\n"
	"its owner opened again, and that closes before the other end was heard from, offers again: both would stay Closed.\n";

static const char *action_name(unsigned int action)
{
	static const char *const names[] = { ".",     "open",  "publish", "connect",
					     "reset", "close", "closing", "driver" };

	return action < sizeof(names) / sizeof(*names) ? names[action] : "?";
}

static void print_profile(FILE *out, const struct xenbus_profile *profile, bool is_backend)
{
	const char *other = is_backend ? "frontend" : "backend";

	fprintf(out, "\n## A %s\n\n| own \\ %s |", profile->name, other);
	for (unsigned int i = 0; i < XENBUS_STATES; i++)
		fprintf(out, " %s |", i ? xenbus_strstate((enum xenbus_state)i) : "not there yet");
	fputs("\n|---|", out);
	for (unsigned int i = 0; i < XENBUS_STATES; i++)
		fputs("---|", out);
	fputs("\n", out);
	for (unsigned int own = XenbusStateInitialising; own <= XenbusStateClosed; own++) {
		fprintf(out, "| %s |", xenbus_strstate((enum xenbus_state)own));
		for (unsigned int i = 0; i < XENBUS_STATES; i++)
			fprintf(out, " %s |", action_name(profile->action[own][i]));
		fputs("\n", out);
	}
	fputs("\n| own | other end | waits for |\n|---|---|---|\n", out);
	for (unsigned int own = XenbusStateInitialising; own <= XenbusStateClosed; own++) {
		const char *last = NULL;

		for (unsigned int i = 0; i < XENBUS_STATES; i++) {
			const char *text = xenbus_wait_text(is_backend, own, i);

			if (text && (!last || strcmp(text, last)))
				fprintf(out, "| %s | from %s | %s |\n",
					xenbus_strstate((enum xenbus_state)own),
					i ? xenbus_strstate((enum xenbus_state)i) : "not there yet", text);
			last = text;
		}
	}
}

static char *make_page(size_t *len)
{
	char *page = NULL;
	FILE *out = open_memstream(&page, len);

	fputs(intro, out);
	print_profile(out, &xenbus_profile_frontend, false);
	print_profile(out, &xenbus_profile_backend, true);
	fclose(out);
	return page;
}

static int compare(const char *path, const char *page, size_t len)
{
	FILE *in = fopen(path, "r");
	char *have = malloc(len + 1);
	size_t got;

	if (!in) {
		perror(path);
		return 1;
	}
	got = fread(have, 1, len + 1, in);
	fclose(in);
	if (got == len && !memcmp(have, page, len)) {
		free(have);
		return 0;
	}
	free(have);
	fprintf(stderr, "%s is not what the tables say: build/tests/negotiation_doc > %s\n", path, path);
	return 1;
}

int main(int argc, char **argv)
{
	size_t len;
	char *page = make_page(&len);
	int result = 0;

	if (argc > 1)
		result = compare(argv[1], page, len);
	else
		fwrite(page, 1, len, stdout);
	free(page);
	return result;
}
