/* SPDX-License-Identifier: MIT */
/* Which world a program is in, and being told when there is none. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixture_local.h"

#define ENV XEN_LOCAL_DOMAIN_FD_ENV

static void the_environment_names_the_domain(void **state)
{
	struct fixture *fx = *state;
	struct xen_platform *platform;
	const char *why = NULL;
	char number[16];

	snprintf(number, sizeof(number), "%d", fixture_local_fd(fx, 2));
	setenv(ENV, number, 1);
	assert_int_equal(xen_platform_open(&platform, &why), 0);
	assert_string_equal(xen_platform_name(platform), "local");
	assert_int_equal(xen_platform_domid(platform), fixture_domid(fx, 2));
	xen_platform_close(platform);
	unsetenv(ENV);
}

static void a_number_that_is_no_domain_descriptor_is_refused(void **state)
{
	const char *wrong[] = { "", "x", "-1", " 3", "3x", "99999999999999999999", "4294967296", "1048575" };
	int file = open("/dev/null", O_RDONLY), pair[2], stream[2];
	struct xen_platform *platform;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		const char *why = NULL;

		setenv(ENV, wrong[i], 1);
		assert_int_equal(xen_platform_open(&platform, &why), -EINVAL);
		assert_non_null(why);
	}
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, stream), 0);
	for (int i = 0; i < 3; i++) {
		const char *why = NULL;
		char number[16];

		snprintf(number, sizeof(number), "%d", (int[]){ file, stream[0], pair[0] }[i]);
		if (i == 2)
			close(pair[1]); /* nobody at the other end */
		setenv(ENV, number, 1);
		assert_int_equal(xen_platform_open(&platform, &why), i == 2 ? -ENOTCONN : -EINVAL);
		assert_non_null(why);
	}
	unsetenv(ENV);
	close(pair[0]);
	close(stream[0]);
	close(stream[1]);
	close(file);
}

static void without_a_world_both_are_named(void **state)
{
	struct xen_platform *platform;
	const char *why = NULL;

	unsetenv(ENV);
	if (!access("/dev/xen/evtchn", F_OK))
		skip();
	assert_int_equal(xen_platform_open(&platform, &why), -ENXIO);
	assert_non_null(strstr(why, ENV));
	assert_non_null(strstr(why, "/dev/xen/evtchn"));
}

static void a_domain_that_has_ended_cannot_be_joined(void **state)
{
	struct fixture *fx = *state;
	int fd = dup(fixture_local_fd(fx, 1));
	struct xen_platform *platform;
	const char *why = NULL;

	fixture_end_domain(fx, 1);
	assert_int_equal(xen_local_open_fd(fd, &platform, &why), -ENOTCONN);
	assert_non_null(why);
	close(fd);
}

int main(void)
{
#define LOCAL(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		LOCAL(the_environment_names_the_domain),
		LOCAL(a_number_that_is_no_domain_descriptor_is_refused),
		LOCAL(without_a_world_both_are_named),
		LOCAL(a_domain_that_has_ended_cannot_be_joined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
