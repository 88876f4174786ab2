/* SPDX-License-Identifier: MIT */
/* base/list.h: order, removal under iteration, splicing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/list.h>

struct item {
	int number;
	struct list link;
};

static void fill(struct list *head, struct item *items, int count)
{
	list_init(head);
	for (int i = 0; i < count; i++) {
		items[i].number = i;
		list_add_tail(head, &items[i].link);
	}
}

/* The numbers in order, as decimal digits; checks that backwards is the mirror image. */
static int digits(struct list *head)
{
	int forwards = 0, backwards = 0, scale = 1;

	list_for_each (pos, head)
		forwards = forwards * 10 + list_entry(pos, struct item, link)->number;
	for (struct list *pos = head->prev; pos != head; pos = pos->prev, scale *= 10)
		backwards += scale * list_entry(pos, struct item, link)->number;
	assert_int_equal(forwards, backwards);
	return forwards;
}

static void a_new_list_is_empty(void **state)
{
	struct list head = LIST_HEAD_INIT(head), other;

	list_init(&other);
	assert_true(list_empty(&head));
	assert_true(list_empty(&other));
}

static void add_puts_first_and_add_tail_last(void **state)
{
	struct item items[4], first = { .number = 9 };
	struct list head;

	fill(&head, items, 4);
	list_add(&head, &first.link);
	assert_int_equal(digits(&head), 90123);
	assert_ptr_equal(list_first(&head, struct item, link), &first);
	assert_ptr_equal(list_last(&head, struct item, link), &items[3]);
}

static void removing_twice_is_harmless(void **state)
{
	struct item items[3];
	struct list head;

	fill(&head, items, 3);
	list_del(&items[1].link);
	list_del(&items[1].link);
	assert_int_equal(digits(&head), 2);
	assert_true(list_empty(&items[1].link));
}

static void the_body_of_a_safe_loop_may_remove(void **state)
{
	struct item items[6];
	struct list head;

	fill(&head, items, 6);
	list_for_each_safe (pos, tmp, &head)
		if (list_entry(pos, struct item, link)->number % 2 == 0)
			list_del(pos);
	assert_int_equal(digits(&head), 135);
}

static void splicing_keeps_the_order_and_empties_the_source(void **state)
{
	struct item low[3], high[2];
	struct list to, from;

	fill(&to, low, 3);
	fill(&from, high, 2);
	list_splice_tail(&to, &from);
	assert_int_equal(digits(&to), 1201);
	assert_true(list_empty(&from));
	list_splice_tail(&to, &from);
	assert_int_equal(digits(&to), 1201);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_list_is_empty),
		cmocka_unit_test(add_puts_first_and_add_tail_last),
		cmocka_unit_test(removing_twice_is_harmless),
		cmocka_unit_test(the_body_of_a_safe_loop_may_remove),
		cmocka_unit_test(splicing_keeps_the_order_and_empties_the_source),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
