/* SPDX-License-Identifier: MIT */
/* Debian's own clients against our daemon: what they print is what they print of Debian's C xenstored. */
#include "daemon.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define TEST_XENSTORE "/usr/lib/xen-4.17/bin/test-xenstore"

static int start(void **state)
{
	struct daemon *daemon = malloc(sizeof(*daemon));

	if (!daemon)
		return -1;
	daemon_start(daemon, NULL);
	*state = daemon;
	return 0;
}

static int stop(void **state)
{
	daemon_stop(*state);
	free(*state);
	return 0;
}

static void expect(void **state, const char *command, int status, const char *printed)
{
	static char output[65536];
	int got = daemon_shell(*state, command, output, sizeof(output));

	if (got != status || strcmp(output, printed))
		print_error("$ %s\n%s[%d]\n", command, output, got);
	assert_string_equal(output, printed);
	assert_int_equal(got, status);
}

static void a_fresh_store_looks_as_it_always_did(void **state)
{
	expect(state, "xenstore-ls -f -p", 0, "/tool = \"\"   (n0)\n/tool/xenstored = \"\"   (n0)\n");
}

static void write_read_and_list(void **state)
{
	expect(state, "xenstore-write /a/b hello /a/c 'x y'", 0, "");
	expect(state, "xenstore-read /a/b /a/c", 0, "hello\nx y\n");
	expect(state, "xenstore-read -p /a/b", 0, "/a/b: hello\n");
	expect(state, "xenstore-list /a", 0, "b\nc\n");
	expect(state, "xenstore-ls /a", 0, "b = \"hello\"\nc = \"x y\"\n");
	expect(state, "xenstore-write /bin \"$(printf '\\001\\002z')\"", 0, "");
	expect(state, "xenstore-ls -f", 0,
	       "/tool = \"\"\n/tool/xenstored = \"\"\n/a = \"\"\n/a/b = \"hello\"\n/a/c = \"x y\"\n"
	       "/bin = \"\\001\\002z\"\n");
	expect(state, "xenstore-read /nope", 1, "xenstore-read: couldn't read path /nope\n");
	expect(state, "xenstore-list /nope", 1, "xenstore-list: could not list path /nope\n");
}

static void permissions(void **state)
{
	expect(state, "xenstore-write /a/b hello /a/c 1", 0, "");
	expect(state, "xenstore-chmod /a/b n0 r5", 0, "");
	expect(state, "xenstore-ls -f -p /a", 0, "/a/b = \"hello\"   (n0,r5)\n/a/c = \"1\"   (n0)\n");
	expect(state, "xenstore-chmod -r /a n0 r3", 0, "");
	expect(state, "xenstore-ls -f -p /a", 0, "/a/b = \"hello\"   (n0,r3)\n/a/c = \"1\"   (n0,r3)\n");
	expect(state, "xenstore-ls -p /a", 0,
	       "b = \"hello\"  . . . . . . . . . . . . . . . . . . . . . . . .  (n0,r3)\n"
	       "c = \"1\"  . . . . . . . . . . . . . . . . . . . . . . . . . .  (n0,r3)\n");
}

static void existence_and_removal(void **state)
{
	expect(state, "xenstore-write /a/b/c/d 1", 0, "");
	expect(state, "xenstore-exists /a/b/c", 0, "");
	expect(state, "xenstore-exists /a/x", 1, "");
	expect(state, "xenstore-rm /a/b", 0, "");
	expect(state, "xenstore-exists /a/b/c/d", 1, "");
	expect(state, "xenstore-exists /a", 0, "");
	expect(state, "xenstore-rm /nope/x", 1, "xenstore-rm: could not remove path /nope/x\n");
	expect(state, "xenstore-write /t/a/b/c 1 && xenstore-rm -t /t/a/b/c; xenstore-exists /t", 1, "");
}

/* The watcher says which path fired; the first event comes from setting the watch. */
static void watches(void **state)
{
	expect(state,
	       "xenstore-write /a/b 1; t=$(mktemp); xenstore-watch -n 3 /a >$t & "
	       "while ! [ -s $t ]; do sleep 0.02; done; "
	       "xenstore-write /a/new 1; xenstore-rm /a/b; wait; cat $t; rm $t",
	       0, "/a\n/a/new\n/a/b\n");
}

static void a_value_of_any_length_comes_back(void **state)
{
	expect(state,
	       "for n in 1 2 15 16 17 100 1000 2000 4000; do "
	       "v=$(head -c $n /dev/zero | tr '\\0' v); xenstore-write /v \"$v\" && [ \"$(xenstore-read /v)\" = \"$v\" ] "
	       "|| echo $n differs; done",
	       0, "");
}

/* More children than one reply can name: libxenstore goes over to parts by itself. */
static void a_large_directory_is_listed_whole(void **state)
{
	expect(state,
	       "i=0; while [ $i -lt 20 ]; do a=; j=0; while [ $j -lt 100 ]; do a=\"$a /dir/a-rather-long-name-$i-$j x\"; "
	       "j=$((j+1)); done; xenstore-write $a; i=$((i+1)); done; xenstore-list /dir | sort -u | wc -l; "
	       "xenstore-ls -f /dir | wc -l",
	       0, "2000\n2000\n");
}

static void xens_own_test_of_every_call(void **state)
{
	static char output[65536];

	if (access(TEST_XENSTORE, X_OK))
		skip();
	if (daemon_shell(*state, TEST_XENSTORE " -i 1000", output, sizeof(output)))
		fail_msg("%s", output);
}

static void xens_own_random_test(void **state)
{
	static char output[65536];

	if (access(TEST_XENSTORE, X_OK))
		skip();
	if (daemon_shell(*state, TEST_XENSTORE " -r 10", output, sizeof(output)))
		fail_msg("%s", output);
}

static void control_answers(void **state)
{
	char command[256];
	struct daemon *daemon = *state;

	if (access("/usr/sbin/xenstore-control", X_OK) &&
	    access("/usr/lib/xen-4.17/bin/xenstore-control", X_OK))
		skip();
	expect(state, "PATH=/usr/lib/xen-4.17/bin:/usr/sbin:$PATH xenstore-control log", 0, "on\n");
	expect(state, "PATH=/usr/lib/xen-4.17/bin:/usr/sbin:$PATH xenstore-control log off", 0, "OK\n");
	expect(state, "PATH=/usr/lib/xen-4.17/bin:/usr/sbin:$PATH xenstore-control log", 0, "off\n");
	snprintf(command, sizeof(command),
		 "PATH=/usr/lib/xen-4.17/bin:/usr/sbin:$PATH xenstore-control logfile %s", daemon->trace);
	expect(state, command, 0, "OK\n");
	expect(state, "PATH=/usr/lib/xen-4.17/bin:/usr/sbin:$PATH xenstore-control help | grep -c '^log'", 0,
	       "2\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_fresh_store_looks_as_it_always_did, start, stop),
		cmocka_unit_test_setup_teardown(write_read_and_list, start, stop),
		cmocka_unit_test_setup_teardown(permissions, start, stop),
		cmocka_unit_test_setup_teardown(existence_and_removal, start, stop),
		cmocka_unit_test_setup_teardown(watches, start, stop),
		cmocka_unit_test_setup_teardown(a_value_of_any_length_comes_back, start, stop),
		cmocka_unit_test_setup_teardown(a_large_directory_is_listed_whole, start, stop),
		cmocka_unit_test_setup_teardown(xens_own_test_of_every_call, start, stop),
		cmocka_unit_test_setup_teardown(xens_own_random_test, start, stop),
		cmocka_unit_test_setup_teardown(control_answers, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
