/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/option.h"
#include "config/problem.h"
#include "config/secret.h"

/* The types of data, as bits; config_type_name gives their names. */
#define CONFIG_CHATS       1u
#define CONFIG_MEDIA       2u
#define CONFIG_CONTACTS    4u
#define CONFIG_DEVICE_INFO 8u
#define CONFIG_TYPES       4u /* how many */

enum config_backoff { CONFIG_EXPONENTIAL, CONFIG_LINEAR };

struct config_repository {
	const char *name;
	const char *storage; /* component name */
	struct config_secret password;
	struct config_options options;
	struct mark mark;
	struct mark storage_mark;
	struct mark password_mark; /* of the file's or command's value */
};

/* How an account speaks HTTP; config_http_usual holds the defaults. */
struct config_http {
	const char *ca_file; /* further authorities; NULL: only the system's */
	const char *proxy;   /* "none", or a URL; NULL: what the environment says */
	const char *user_agent; /* NULL: holdfast's own */
	int64_t requests_per_second; /* 0: no limit */
	int64_t connect_timeout_ns;
	int64_t timeout_ns; /* without a byte */
	bool allow_http; /* for URLs that come from messages */
	bool usual;      /* nothing was said about it */
	const char *media_origin; /* "https://files.example:8443": media there may have any address; NULL: none */
};

extern const struct config_http config_http_usual;

struct config_account {
	const char *name;
	const char *source; /* component name */
	const char *preset; /* of the source, whose options these go before; NULL: none */
	struct config_http http;
	struct config_options options;
	struct mark mark;
	struct mark source_mark;
	struct mark preset_mark;
};

struct config_gates {
	bool wifi_only;
	int64_t min_battery_percent; /* 0..100 */
	bool compress_media;
	int64_t media_quality;  /* 1..100 */
	int64_t max_media_size; /* bytes */
	bool incremental_only;
	struct config_options others; /* keys that strategies have to know; those about media are there as well */
};

struct config_retry {
	int64_t max_attempts;
	int backoff; /* enum config_backoff */
	int64_t initial_ns;
	int64_t maximum_ns;
};

struct config_plan {
	const char *name;
	const struct config_repository *repository;
	const struct config_account *const *accounts; /* in the plan's order, all if it names none */
	size_t account_count;
	unsigned types;       /* CONFIG_CHATS | ... */
	bool types_named;     /* false: left out, which means all that are installed */
	struct mark type_marks[CONFIG_TYPES]; /* where each named type stands */
	const char *schedule; /* for cron_parse; NULL: only by hand */
	struct mark schedule_mark;
	struct config_gates options;
	struct config_retry retry;
	struct mark mark;
};

/* A whole configuration; everything in it lives until config_free. */
struct config {
	const char *file;   /* as it was named */
	const char *folder; /* where its relative paths start; absolute */
	const struct config_repository *repositories;
	size_t repository_count;
	const struct config_account *accounts;
	size_t account_count;
	const struct config_plan *plans;
	size_t plan_count;
	const struct problem *problems; /* each line of what is wrong, in the file's order */
	size_t problem_count;
	struct arena arena;
};

/*
 * Reads and checks a file.  HF_OK: *ret is good.  HF_EINVAL: err holds the first of its mistakes
 * ("FILE:LINE:COLUMN: sentence").  With ret_broken not NULL, *ret_broken is then a config with
 * only file and problems, for those who print them all.  Both are the caller's to config_free.
 * HF_ENOTFOUND, HF_EPERM, HF_ERANGE, HF_EIO: the file cannot be read, or everybody could have written it.
 */
int config_load(
    const char *file, struct config **ret, struct config **ret_broken, struct hf_error *err);
/* The same for bytes: file is its name in messages, folder where relative paths start. */
int config_parse(const void *data, size_t size, const char *file, const char *folder,
    struct config **ret, struct config **ret_broken, struct hf_error *err);
/* NULL is fine. */
void config_free(struct config *config);
/*
 * Reads bytes that hold a map of options and nothing else; file is their name in messages and in the
 * options.  What *ret points to lives as long as arena.  HF_EINVAL: err holds the first mistake, with its place.
 */
int config_parse_options(const void *data, size_t size, const char *file, struct arena *arena,
    struct config_options *ret, struct hf_error *err);

/*
 * The named plan, or the only one for NULL.  HF_EINVAL: there is no such plan, or a name is needed;
 * the sentence lists the plans.
 */
int config_plan(const struct config *config, const char *name, const struct config_plan **ret,
    struct hf_error *err);
/* The same for repositories. */
int config_repository(const struct config *config, const char *name,
    const struct config_repository **ret, struct hf_error *err);
const struct config_account *config_account(const struct config *config, const char *name);

/* The names of the plan options that are known here; ends with NULL. */
extern const char *const config_plan_options[];
/* "chats", "media", "contacts", "device_info" for 0..CONFIG_TYPES - 1; NULL beyond. */
const char *config_type_name(unsigned index);
/* "chats,media" into bits.  HF_EINVAL with a sentence that names the nearest type. */
int config_types_parse(const char *text, unsigned *ret, struct hf_error *err);

#endif
