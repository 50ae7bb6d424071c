/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef MEDIA_H
#define MEDIA_H

#include <holdfast/files.h>
#include <holdfast/http.h>

/* What files are got with. */
struct media {
	const struct hf_host *host;
	const struct hf_host_json *json;
	const struct hf_host_files *files; /* NULL: the host does not offer them */
	const struct hf_host_http *http;   /* the same */
	const char *folder;                /* of the export; NULL: it is a zip */
	const char *origin;                /* "https://files.slack.com": who gets the token */
	uint32_t token;                    /* the option's place in the table */
};

/*
 * Gets what the exchange asks for: from the folder where the export was made with its files, else with the token from
 * Slack.  Without a token a URL is HF_ENOTSUP: the host gets it, and an export that Slack made has what it needs in
 * the URL itself.
 */
int media_fetch(const struct media *media, const struct hf_media_exchange *exchange, struct hf_error *err);

#endif
