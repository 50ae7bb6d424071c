/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef HOLDFAST_OPTIONS_H
#define HOLDFAST_OPTIONS_H

#include <holdfast/stream.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Answers to a yes-or-no question. */
#define HF_NO      0u
#define HF_YES     1u
#define HF_UNKNOWN 2u

/* What an option's value is, and how it is written in the configuration. */
#define HF_OPTION_STRING   1u
#define HF_OPTION_BOOL     2u /* true, false */
#define HF_OPTION_INT      3u
#define HF_OPTION_SIZE     4u /* 100 MB, 16 MiB; in bytes */
#define HF_OPTION_DURATION 5u /* 30 s, 5 h; in nanoseconds */
#define HF_OPTION_PATH     6u /* ~ is replaced, relative to the configuration file's folder */

#define HF_OPTION_REQUIRED 1u
#define HF_OPTION_SECRET   2u /* written NAME_file or NAME_command; fetched with host->secret */
#define HF_OPTION_LIST     4u /* STRING, PATH: a list of such values, or one value for a list of one */
#define HF_OPTION_PRIVATE  8u /* PATH: of a file with a secret in it; the host warns where others can read it */

/*
 * One option.  A component's table ends with an entry whose name is NULL.  A name with dots is written as
 * nested maps: "rooms.collection" as "rooms: {collection: chats}"; no name may be another's map.  min and
 * max hold for INT, SIZE and DURATION; both 0: no limits.
 */
struct hf_option {
	uint32_t struct_size;
	uint32_t type;
	uint32_t flags;
	uint32_t since; /* the component's option table version, 1 at first */
	const char *name;
	const char *help;          /* one line */
	const char *default_value; /* as written in the configuration, a list's as one value; NULL: none */
	int64_t min;
	int64_t max;
};

/* An option's value, in the order of the table.  set is 0 where there is neither value nor default. */
struct hf_value {
	uint32_t type;
	uint32_t set;
	int64_t number;   /* BOOL 0 or 1, INT, SIZE, DURATION; of a list, how many items it has */
	const char *text; /* STRING, PATH; else NULL.  Of a list: each item followed by '\n' */
};

#ifdef __cplusplus
}
#endif
#endif
