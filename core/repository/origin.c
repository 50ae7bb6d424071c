/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "repository/origin.h"

#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

const char *
origin_hostname(char out[ORIGIN_NAME_SIZE])
{
	if (gethostname(out, ORIGIN_NAME_SIZE) != 0)
		out[0] = '\0';
	out[ORIGIN_NAME_SIZE - 1] = '\0';
	return out;
}

const char *
origin_username(char out[ORIGIN_NAME_SIZE])
{
	struct passwd entry, *found = NULL;
	char text[4096];

	out[0] = '\0';
	if (getpwuid_r(geteuid(), &entry, text, sizeof(text), &found) == 0 && found != NULL)
		(void)snprintf(out, ORIGIN_NAME_SIZE, "%s", found->pw_name);
	return out;
}
