/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AUTH_H
#define AUTH_H

#include <holdfast/http.h>

#include "settings.h"
#include "text.h"

/*
 * Sign-in.  One token serves all requests until a minute before its end, or until the service refuses it; who
 * asks first gets the next one, the others find it.  A refused sign-in is not tried a second time: a person has to
 * do something, and the service would only lock the account.
 */
struct auth {
	const struct hf_host *host;
	const struct hf_host_json *json;
	const struct hf_host_http *http;
	const struct settings *settings;
	struct text token;
	int64_t until_ns; /* on the host's clock */
	struct text refresh; /* the newest refresh token; empty before the first use */
	struct text stored;  /* the one before it, from the store */
	struct text user;    /* id of the user who has signed in */
	struct hf_error dead; /* code HF_OK: the sign-in works as far as is known */
	unsigned renewed;    /* times in a row that a new token was refused */
};

void auth_init(struct auth *auth, const struct hf_host *host, const struct settings *settings);
void auth_release(struct auth *auth);
/*
 * A token that should be good, which stays auth's.  HF_EAUTH "needs login: ..." when the service refuses to give
 * one; transient codes when it cannot be asked.
 */
int auth_token(struct auth *auth, const char **ret_token, struct hf_error *err);
/* The service refused the token.  HF_OK: a new one may be asked for; HF_EAUTH: it has refused new ones, too. */
int auth_refused(struct auth *auth, struct hf_error *err);
/* The service took the token. */
void auth_accepted(struct auth *auth);

#endif
