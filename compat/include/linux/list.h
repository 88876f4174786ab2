/* SPDX-License-Identifier: MIT */
#ifndef _LINUX_LIST_H
#define _LINUX_LIST_H
#include <linux/compiler.h>
#include <linux/container_of.h>
#include <linux/types.h>

/* What a deleted link points at: following it faults. */
#define LIST_POISON1 ((void *)0x100)
#define LIST_POISON2 ((void *)0x122)

#define LIST_HEAD_INIT(name)     \
	{                        \
		&(name), &(name) \
	}
#define LIST_HEAD(name) struct list_head name = LIST_HEAD_INIT(name)

static inline void INIT_LIST_HEAD(struct list_head *list)
{
	list->next = list->prev = list;
}

static inline void __list_add(struct list_head *link, struct list_head *prev, struct list_head *next)
{
	link->prev = prev;
	link->next = next;
	prev->next = link;
	next->prev = link;
}

static inline void list_add(struct list_head *link, struct list_head *head)
{
	__list_add(link, head, head->next);
}

static inline void list_add_tail(struct list_head *link, struct list_head *head)
{
	__list_add(link, head->prev, head);
}

static inline void __list_del_entry(struct list_head *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
}

static inline void list_del(struct list_head *link)
{
	__list_del_entry(link);
	link->next = LIST_POISON1;
	link->prev = LIST_POISON2;
}

static inline void list_del_init(struct list_head *link)
{
	__list_del_entry(link);
	INIT_LIST_HEAD(link);
}

static inline void list_move(struct list_head *link, struct list_head *head)
{
	__list_del_entry(link);
	list_add(link, head);
}

static inline void list_move_tail(struct list_head *link, struct list_head *head)
{
	__list_del_entry(link);
	list_add_tail(link, head);
}

static inline void list_replace(struct list_head *old, struct list_head *link)
{
	__list_add(link, old->prev, old->next);
}

static inline int list_empty(const struct list_head *head)
{
	return head->next == head;
}

static inline int list_is_singular(const struct list_head *head)
{
	return !list_empty(head) && head->next == head->prev;
}

static inline int list_is_last(const struct list_head *link, const struct list_head *head)
{
	return link->next == head;
}

static inline void list_splice_tail(struct list_head *from, struct list_head *to)
{
	if (list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
}

static inline void list_splice_tail_init(struct list_head *from, struct list_head *to)
{
	list_splice_tail(from, to);
	INIT_LIST_HEAD(from);
}

static inline void list_splice(struct list_head *from, struct list_head *to)
{
	list_splice_tail(from, to->next);
}

static inline void list_splice_init(struct list_head *from, struct list_head *to)
{
	list_splice(from, to);
	INIT_LIST_HEAD(from);
}

#define list_entry(ptr, type, member) container_of(ptr, type, member)
#define list_first_entry(head, type, member) list_entry((head)->next, type, member)
#define list_last_entry(head, type, member) list_entry((head)->prev, type, member)
#define list_first_entry_or_null(head, type, member) \
	(list_empty(head) ? NULL : list_first_entry(head, type, member))
#define list_next_entry(pos, member) list_entry((pos)->member.next, __typeof__(*(pos)), member)
#define list_prev_entry(pos, member) list_entry((pos)->member.prev, __typeof__(*(pos)), member)
#define list_entry_is_head(pos, head, member) (&(pos)->member == (head))
#define list_for_each(pos, head) for ((pos) = (head)->next; (pos) != (head); (pos) = (pos)->next)
#define list_for_each_safe(pos, tmp, head) \
	for ((pos) = (head)->next, (tmp) = (pos)->next; (pos) != (head); (pos) = (tmp), (tmp) = (pos)->next)
#define list_for_each_entry(pos, head, member)                           \
	for ((pos) = list_first_entry(head, __typeof__(*(pos)), member); \
	     !list_entry_is_head(pos, head, member); (pos) = list_next_entry(pos, member))
#define list_for_each_entry_reverse(pos, head, member)                  \
	for ((pos) = list_last_entry(head, __typeof__(*(pos)), member); \
	     !list_entry_is_head(pos, head, member); (pos) = list_prev_entry(pos, member))
#define list_for_each_entry_safe(pos, tmp, head, member)                 \
	for ((pos) = list_first_entry(head, __typeof__(*(pos)), member), \
	    (tmp) = list_next_entry(pos, member);                        \
	     !list_entry_is_head(pos, head, member); (pos) = (tmp), (tmp) = list_next_entry(tmp, member))

#define HLIST_HEAD_INIT \
	{               \
		NULL    \
	}
#define HLIST_HEAD(name) struct hlist_head name = HLIST_HEAD_INIT
#define INIT_HLIST_HEAD(head) ((head)->first = NULL)
#define hlist_entry(ptr, type, member) container_of(ptr, type, member)

static inline void hlist_add_head(struct hlist_node *node, struct hlist_head *head)
{
	node->next = head->first;
	node->pprev = &head->first;
	if (head->first)
		head->first->pprev = &node->next;
	head->first = node;
}

static inline void hlist_del(struct hlist_node *node)
{
	*node->pprev = node->next;
	if (node->next)
		node->next->pprev = node->pprev;
	node->next = LIST_POISON1;
	node->pprev = LIST_POISON2;
}

static inline int hlist_empty(const struct hlist_head *head)
{
	return !head->first;
}

#define hlist_entry_safe(ptr, type, member)                                \
	({                                                                 \
		struct hlist_node *hlist_ptr_ = (ptr);                     \
		hlist_ptr_ ? hlist_entry(hlist_ptr_, type, member) : NULL; \
	})
#define hlist_for_each_entry(pos, head, member)                                          \
	for ((pos) = hlist_entry_safe((head)->first, __typeof__(*(pos)), member); (pos); \
	     (pos) = hlist_entry_safe((pos)->member.next, __typeof__(*(pos)), member))

#endif
