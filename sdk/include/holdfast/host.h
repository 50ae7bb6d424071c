/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef HOLDFAST_HOST_H
#define HOLDFAST_HOST_H

#include <holdfast/stream.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HF_LOG_ERROR   1
#define HF_LOG_WARNING 2
#define HF_LOG_INFO    3
#define HF_LOG_DEBUG   4

/*
 * What the host does for a plugin.  One table for each instance: ctx says which, so nothing needs
 * thread-local state.  All calls may be made from any thread.  Test with HF_HAS before calling
 * anything added after 1.0.
 */
struct hf_host {
	uint32_t struct_size;
	uint32_t abi_minor;
	void *ctx;
	/* msg: one line of UTF-8 without newline; the host adds time, job and instance. */
	void (*log)(void *ctx, int32_t level, const char *msg, uint64_t size);
	/* Nonzero once the job is to pause or the host shuts down: return HF_ESTOPPING soon. */
	int32_t (*stop_requested)(void *ctx);
	/* When the call under way should be over, on clock_ns's clock; 0: no deadline. */
	int64_t (*deadline_ns)(void *ctx);
	/* Nanoseconds of a monotonic clock. */
	int64_t (*clock_ns)(void *ctx);
	/* Progress inside one unit; unit "items" or "bytes"; total 0 when unknown. */
	void (*progress)(void *ctx, uint64_t done, uint64_t total, const char *unit);
	/* Pushes the secret option at that index of the component's table into sink. */
	int (*secret)(void *ctx, uint32_t option_index, const struct hf_sink *sink, struct hf_error *err);
	/* A named extension's table ("holdfast.host.json/1"), or NULL.  Lives as long as the instance. */
	const void *(*get_extension)(void *ctx, const char *id);
};

#define HF_HOST_JSON "holdfast.host.json/1"

/* The type of a JSON value, and where its text lies. */
#define HF_JSON_NONE   0u /* no such member */
#define HF_JSON_NULL   1u
#define HF_JSON_FALSE  2u
#define HF_JSON_TRUE   3u
#define HF_JSON_NUMBER 4u
#define HF_JSON_STRING 5u /* data and size leave the quotes out: a struct hf_text with HF_TEXT_JSON */
#define HF_JSON_ARRAY  6u
#define HF_JSON_OBJECT 7u

struct hf_json_value {
	const char *data; /* into the text that was sliced */
	uint64_t size;
	uint32_t type;
	uint32_t flags; /* of members(): HF_JSON_COMPACT of the whole object, HF_JSON_PLAIN of strings; else 0 */
};

#define HF_JSON_COMPACT 1u /* no white space stands between its tokens */
#define HF_JSON_PLAIN   2u /* no escape is in it: HF_TEXT_PLAIN for a struct hf_text */

struct hf_json_member {
	struct hf_json_value name; /* HF_JSON_STRING */
	struct hf_json_value value;
};

/*
 * One validating pass over JSON text that says where the wanted values lie and copies nothing: RFC 8259
 * syntax, valid UTF-8, nesting of at most 64; of a member that is there twice the last counts.
 */
struct hf_host_json {
	uint32_t struct_size;
	uint32_t flags;
	/*
	 * Slices the object that text consists of (white space around it is allowed).  names: count names
	 * as they are spelled between the quotes; values[i] gets names[i]'s value.
	 */
	int (*object)(const char *text, uint64_t size, const char *const *names, uint32_t count,
	    struct hf_json_value *values, struct hf_error *err);
	/*
	 * Walks an array or object value.  *pos is 0 at first.  Returns 1 and the next element (name is
	 * HF_JSON_NONE for arrays), 0 after the last, or a negative code.  Elements are not validated
	 * again: text must come from a value that object() has passed.
	 */
	int (*next)(const struct hf_json_value *container, uint64_t *pos, struct hf_json_value *name,
	    struct hf_json_value *value, struct hf_error *err);
	/*
	 * Decodes the inside of a JSON string into UTF-8; a lone surrogate becomes U+FFFD.  out holds size
	 * bytes at least, the result is never longer.  Returns its length.
	 */
	uint64_t (*decode)(const char *text, uint64_t size, char *out);
	/*
	 * The length of the first JSON value in data, white space before it included, when it is whole;
	 * 0 when more bytes are needed; negative when it cannot become one.  For arrays of any size that
	 * are read piece by piece.
	 */
	int64_t (*measure)(const char *data, uint64_t size, struct hf_error *err);
	/*
	 * The faster way for many small objects: lists the members in their order, names as they are spelled,
	 * so that the caller tells them apart; of a name that comes twice the last counts.  Returns how many
	 * there are, of which only the first capacity are listed, or a negative code.  ret_whole gets the
	 * object itself, without white space around it.
	 */
	int64_t (*members)(const char *text, uint64_t size, struct hf_json_member *members, uint64_t capacity,
	    struct hf_json_value *ret_whole, struct hf_error *err);
};

#define HF_HOST_WRITE "holdfast.host.write/1"

/* The least bytes that out has in hf_host_write's time and component. */
#define HF_TIME_SIZE      40u
#define HF_COMPONENT_SIZE 256u

/*
 * Writers for what a strategy stores, straight into memory of the caller's: out holds capacity bytes,
 * no NUL is added but by component.  text and compact return how many bytes they wrote, or 0 when
 * capacity is too small (six times text's size and 2 is always enough, and for compact its size).
 */
struct hf_host_write {
	uint32_t struct_size;
	uint32_t flags;
	/*
	 * Text as a JSON string with its quotes.  HF_TEXT_JSON keeps the provider's spelling; a lone surrogate
	 * and bytes that are not UTF-8 become U+FFFD.
	 */
	uint64_t (*text)(const struct hf_text *text, char *out, uint64_t capacity);
	/* A valid JSON value token for token, without the white space between tokens. */
	uint64_t (*compact)(const char *json, uint64_t size, char *out, uint64_t capacity);
	/* RFC 3339 in UTC, "2026-11-23T06:00:00.5Z", with as many digits as the fraction needs. */
	uint64_t (*time)(int64_t ns, char *out);
	/* Nanoseconds since 1970 of RFC 3339 text of any zone, or INT64_MIN. */
	int64_t (*parse_time)(const char *text, uint64_t size);
	/*
	 * Any bytes as one path component, NUL-terminated: [a-z0-9._-] as is, every other byte %XX, no leading
	 * "." or "-"; over 200 bytes cut, plus a hash.  Different names give different components.
	 */
	int (*component)(const char *name, uint64_t size, char *out, struct hf_error *err);
	/* SHA-256 of data, 32 bytes. */
	int (*sha256)(const void *data, uint64_t size, uint8_t *out, struct hf_error *err);
};

#define HF_HAS(table, field)                                                                          \
	((table)->struct_size >=                                                                      \
	        (uint32_t)((const char *)&(table)->field - (const char *)(table)) + sizeof((table)->field))

HF_PRINTF(3, 4)
static inline void
hf_log(const struct hf_host *host, int32_t level, const char *fmt, ...)
{
	char msg[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	if (n > 0)
		host->log(host->ctx, level, msg, (size_t)n < sizeof(msg) ? (uint64_t)n : sizeof(msg) - 1);
}

#ifdef __cplusplus
}
#endif
#endif
