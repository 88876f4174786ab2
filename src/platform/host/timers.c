/* SPDX-License-Identifier: MIT */
#include "timers.h"

static struct xenbus_timer *child(struct xenbus_timer *t)
{
	return t->impl[0];
}

static struct xenbus_timer *next(struct xenbus_timer *t)
{
	return t->impl[1];
}

static struct xenbus_timer *prev(struct xenbus_timer *t)
{
	return t->impl[2];
}

/* Two roots, either NULL, become one: the later is the first child of the earlier. */
static struct xenbus_timer *meld(struct xenbus_timer *a, struct xenbus_timer *b)
{
	if (!a || !b)
		return a ? a : b;
	if (b->deadline_ns < a->deadline_ns) {
		struct xenbus_timer *earlier = b;

		b = a;
		a = earlier;
	}
	b->impl[1] = child(a);
	b->impl[2] = a;
	if (child(a))
		child(a)->impl[2] = b;
	a->impl[0] = b;
	return a;
}

/* Takes the chain of siblings from @t apart into one root: pairs from the left, then from the right. */
static struct xenbus_timer *meld_siblings(struct xenbus_timer *t)
{
	struct xenbus_timer *pairs = NULL, *root = NULL;

	while (t) {
		struct xenbus_timer *a = t, *b = next(a), *pair;

		t = b ? next(b) : NULL;
		a->impl[1] = a->impl[2] = NULL;
		if (b)
			b->impl[1] = b->impl[2] = NULL;
		pair = meld(a, b);
		pair->impl[1] = pairs;
		pairs = pair;
	}
	while (pairs) {
		struct xenbus_timer *pair = pairs;

		pairs = next(pair);
		pair->impl[1] = NULL;
		root = meld(root, pair);
	}
	return root;
}

static void cut(struct xenbus_timer *t)
{
	if (child(prev(t)) == t)
		prev(t)->impl[0] = next(t);
	else
		prev(t)->impl[1] = next(t);
	if (next(t))
		next(t)->impl[2] = prev(t);
	t->impl[1] = t->impl[2] = NULL;
}

void timers_add(struct timers *timers, struct xenbus_timer *timer)
{
	timer->impl[0] = timer->impl[1] = timer->impl[2] = NULL;
	timers->first = meld(timers->first, timer);
	timers->count++;
}

void timers_del(struct timers *timers, struct xenbus_timer *timer)
{
	struct xenbus_timer *rest;

	if (timer != timers->first)
		cut(timer);
	rest = meld_siblings(child(timer));
	timers->first = timer == timers->first ? rest : meld(timers->first, rest);
	timer->impl[0] = NULL;
	timer->deadline_ns = 0;
	timers->count--;
}
