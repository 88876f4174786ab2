/* SPDX-License-Identifier: MIT */
/* CONTROL as an operator sends it: raw, and with Debian's xenstore-control where that is installed. */
#include "daemon.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

/* "word word": the answer, valid until the next; CONTROL's strings are its words. */
static const char *control(int fd, const char *words)
{
	static struct wire_answer answer;
	char payload[256];
	const size_t len = (size_t)snprintf(payload, sizeof(payload), "%s", words) + 1;

	for (size_t i = 0; i < len; i++)
		payload[i] = payload[i] == ' ' ? '\0' : payload[i];
	wire_request(fd, XS_CONTROL, 1, payload, len);
	assert_int_equal(wire_answer(fd, &answer), 1);
	return answer.payload;
}

static void read_file(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "re");

	assert_non_null(file);
	text[fread(text, 1, size - 1, file)] = '\0';
	fclose(file);
}

static void a_memory_report_goes_where_it_is_told(void **state)
{
	struct daemon daemon;
	char path[128], words[160], text[65536];
	int fd;

	daemon_start(&daemon, NULL);
	fd = wire_connect(&daemon);
	snprintf(path, sizeof(path), "%s/report", daemon.dir);
	snprintf(words, sizeof(words), "memreport %s", path);
	for (int again = 0; again < 2; again++) {
		assert_string_equal(control(fd, words), "OK");
		read_file(path, text, sizeof(text));
		assert_memory_equal(text, "domain 0: ", 10);
		assert_non_null(strstr(text, "\nmemory: "));
		assert_null(strstr(strstr(text, "memory: ") + 1, "memory: "));
	}
	assert_int_equal(unlink(path), 0);
	assert_string_equal(control(fd, "memreport"), "OK"); /* into the trace file, which is on */
	assert_string_equal(control(fd, "log off"), "OK");
	read_file(daemon.trace, text, sizeof(text));
	assert_non_null(strstr(text, "memory: "));
	assert_string_equal(control(fd, "memreport"), "OK"); /* into the log */
	read_file(daemon.output, text, sizeof(text));
	assert_non_null(strstr(text, "memory: "));
	assert_string_equal(control(fd, "memreport /nowhere/at/all"), "ENOENT");
	assert_string_equal(control(fd, "memreport /dev/full"), "ENOSPC");
	assert_string_equal(control(fd, "memreport a b"), "EINVAL");
	wire_alive(&daemon, fd);
	close(fd);
	daemon_stop(&daemon);
}

/* A FIFO that nobody reads does not stop the server. */
static void a_report_into_a_fifo_does_not_wait(void **state)
{
	struct daemon daemon;
	char path[128], words[160];
	int fd;

	daemon_start(&daemon, NULL);
	fd = wire_connect(&daemon);
	snprintf(path, sizeof(path), "%s/fifo", daemon.dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	snprintf(words, sizeof(words), "memreport %s", path);
	assert_memory_equal(control(fd, words), "E", 1);
	wire_alive(&daemon, fd);
	assert_int_equal(unlink(path), 0);
	close(fd);
	daemon_stop(&daemon);
}

static void every_word_of_help_is_known(void **state)
{
	static const char *const words[] = { "check",	"quota",     "quota-soft", "help",  "log",
					     "logfile", "memreport", "print",	   "trace", "stats" };
	struct daemon daemon;
	char help[WIRE_PAYLOAD_MAX + 1];
	int fd;

	daemon_start(&daemon, NULL);
	fd = wire_connect(&daemon);
	snprintf(help, sizeof(help), "\n%s", control(fd, "help"));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		char line[32];

		snprintf(line, sizeof(line), "\n%s\t", words[i]);
		assert_non_null(strstr(help, line));
	}
	assert_string_equal(control(fd, "check"), "OK");
	assert_string_equal(control(fd, "print hello"), "OK");
	assert_string_equal(control(fd, "log on"), "OK");
	assert_string_equal(control(fd, "log"), "on");
	assert_string_equal(control(fd, "log both ways"), "EINVAL");
	assert_string_equal(control(fd, "nonsense"), "EINVAL");
	close(fd);
	daemon_stop(&daemon);
}

/* Each line of help starts with a word that stands as a term in the page's section. */
static void the_page_tells_of_every_word_of_help(void **state)
{
	struct daemon daemon;
	char page[65536], term[40], *section;
	const char *word;
	int fd;

	read_file(MANUAL_DIR "/xenstored.8.scd", page, sizeof(page));
	section = strstr(page, "\n# CONTROL\n");
	assert_non_null(section);
	daemon_start(&daemon, NULL);
	fd = wire_connect(&daemon);
	for (word = control(fd, "help"); word && *word; word = strchr(word, '\n'), word += !!word) {
		snprintf(term, sizeof(term), "*%.*s*", (int)strcspn(word, "\t\n"), word);
		if (strncmp(word, "help", 4) && !strstr(section, term))
			fail_msg("%s is not in the page", term);
	}
	close(fd);
	daemon_stop(&daemon);
}

/* Debian's client, past the wrapper that looks for a hypervisor; NULL: it is not installed. */
static const char *debians_client(void)
{
	static char path[128];
	glob_t found;

	path[0] = '\0';
	if (!glob("/usr/lib/xen-*/bin/xenstore-control", 0, NULL, &found) && found.gl_pathc)
		snprintf(path, sizeof(path), "%s", found.gl_pathv[0]);
	globfree(&found);
	return path[0] ? path : NULL;
}

static void debians_client_is_understood(void **state)
{
	static const struct {
		const char *words, *says; /* somewhere in its output; NULL: its exit status is not 0 */
	} asked[] = {
		{ "check", "OK" },
		{ "log on", "OK" },
		{ "print hello", "OK" },
		{ "memreport", "OK" },
		{ "quota", "nodes            :     1000 " },
		{ "quota set nodes 7", "OK" },
		{ "quota", "nodes            :        7 " },
		{ "quota set nodes 9 0", "OK" },
		{ "quota unset nodes 0", "OK" },
		{ "quota 0", "Domain 0:" },
		{ "quota max", "nodes" },
		{ "quota max -r", "OK" },
		{ "quota-soft", "memory           :  2097152 " },
		{ "quota-soft set memory 5", "OK" },
		{ "quota-soft", "memory           :        5 " },
		{ "help", "quota-soft" },
		{ "nonsense", NULL },
		{ "quota 77", NULL },
		{ "quota set nonsense 1", NULL },
		{ "check it", NULL },
	};
	const char *client = debians_client();
	struct daemon daemon;

	if (!client) {
		print_message("no xenstore-control of Debian's: not tried\n");
		skip();
	}
	daemon_start(&daemon, NULL);
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		char command[256], output[8192];
		int status;

		snprintf(command, sizeof(command), "%s %s", client, asked[i].words);
		status = daemon_shell(&daemon, command, output, sizeof(output));
		if (!status != !!asked[i].says || (asked[i].says && !strstr(output, asked[i].says)))
			fail_msg("%s: status %d: %s", asked[i].words, status, output);
	}
	daemon_stop(&daemon);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_memory_report_goes_where_it_is_told),
		cmocka_unit_test(a_report_into_a_fifo_does_not_wait),
		cmocka_unit_test(every_word_of_help_is_known),
		cmocka_unit_test(the_page_tells_of_every_word_of_help),
		cmocka_unit_test(debians_client_is_understood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
