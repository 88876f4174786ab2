/* SPDX-License-Identifier: MIT */
#include "timeline.h"

#include <string.h>

/* Own keys bare, the other end's as "backend:KEY". */
static void short_path(const struct timeline_entry *e, const char *path, char *out, size_t size)
{
	const char *other = e->is_backend ? "/device/" : "/backend/", *key = strrchr(path, '/');
	size_t len = strlen(e->device);
	const char *home = !strncmp(path, "/local/domain/", 14) ? strchr(path + 14, '/') : NULL;
	const char *own = home ? home + 1 : path;

	if (!strncmp(own, e->device, len) && own[len] == '/')
		snprintf(out, size, "%s", own + len + 1);
	else if (home && key && !strncmp(home, other, strlen(other)))
		snprintf(out, size, "%s:%s", e->is_backend ? "frontend" : "backend", key + 1);
	else
		snprintf(out, size, "%s", path);
}

void timeline_operation(const struct timeline_entry *e, char op[24], char what[128])
{
	char path[96] = "", value[96] = "", brief[96];

	op[0] = what[0] = '\0';
	if (sscanf(e->text, "%23s %95s %95[^\n]", op, path, value) < 1)
		return;
	if (!strcmp(op, "TRANSACTION_START"))
		strcpy(op, "START");
	else if (!strcmp(op, "TRANSACTION_END"))
		snprintf(op, 24, "END %.1s", path);
	else if (path[0]) {
		short_path(e, path, brief, sizeof(brief));
		if (!strcmp(brief, "instance"))
			value[strcspn(value, " ")] = '\0'; /* when it was made is of no interest */
		if (!strcmp(op, "WRITE"))
			snprintf(what, 128, "%.60s = %.60s", brief, value);
		else
			snprintf(what, 128, "%.90s", brief);
	}
}
