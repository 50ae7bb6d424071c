/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COMMAND_CONTACTS_H
#define COMMAND_CONTACTS_H

#include "command/session.h"

/* What "holdfast restore --contacts-to" is asked. */
struct contacts_request {
	const char *to;       /* an account of the configuration */
	const char *from;     /* the account in the snapshot; NULL: of the same name, or the only one */
	const char *snapshot; /* "latest", or an id */
	bool yes;             /* do it, and not only tell what would be done */
};

/* Puts the cards of a snapshot back where contacts are kept; the exit status. */
int contacts_restore(const struct common *common, const struct contacts_request *request);

#endif
