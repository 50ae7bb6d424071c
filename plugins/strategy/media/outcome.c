/* SPDX-License-Identifier: BSD-2-Clause */
#include "media.h"

#define SECOND    INT64_C(1000000000)
#define MILLISECOND INT64_C(1000000)
#define TRY_FIRST (3600 * SECOND)
#define TRY_MOST  (30 * 24 * 3600 * SECOND)

static void
put_word(struct bytes *out, const struct tools *tools, const char *name, const char *word)
{
	const struct hf_text value = {word, word == NULL ? 0 : strlen(word), HF_TEXT_UTF8, 0};

	text_member(out, tools, name, &value);
}

static void
put_count(struct bytes *out, const char *name, int64_t number)
{
	if (number < 0)
		return;
	bytes_string(out, ",\"");
	bytes_string(out, name);
	bytes_string(out, "\":");
	text_number(out, number);
}

static int
add(struct work *work, const struct ref *ref, const struct entry *before, const char *path, int state,
    struct bytes *rest, struct hf_error *err)
{
	int r;

	bytes_string(rest, "}");
	r = index_add(work, "media", path, rest, ref->sent_ns, err);
	bytes_release(rest);
	if (r == HF_OK)
		index_count(work, before->state, state);
	return r;
}

int
outcome_stored(struct work *work, const struct ref *ref, const struct entry *before, const char *path,
    const struct outcome *outcome, struct hf_error *err)
{
	const struct tools *tools = &work->media->tools;
	struct bytes rest = BYTES_INIT(2 * REF_LINE_MAX);
	char hex[65];

	hex_put(outcome->sha256, 32, hex);
	ref_put_members(&rest, ref);
	put_word(&rest, tools, "state", "stored");
	put_word(&rest, tools, "mime", outcome->mime);
	put_count(&rest, "size", outcome->size);
	put_word(&rest, tools, "sha256", hex);
	put_count(&rest, "stored_size", outcome->stored_size);
	put_word(&rest, tools, "done", outcome->done);
	put_word(&rest, tools, "kept", outcome->kept[0] == '\0' ? NULL : outcome->kept);
	if (outcome->location_left)
		bytes_string(&rest, ",\"location_left\":true");
	return add(work, ref, before, path, STATE_STORED, &rest, err);
}

int
outcome_skipped(struct work *work, const struct ref *ref, const struct entry *before, const char *path,
    const struct outcome *outcome, struct hf_error *err)
{
	const struct tools *tools = &work->media->tools;
	struct bytes rest = BYTES_INIT(2 * REF_LINE_MAX);

	ref_put_members(&rest, ref);
	put_word(&rest, tools, "state", "skipped");
	put_word(&rest, tools, "reason", outcome->reason);
	put_count(&rest, "size", outcome->size);
	if (strcmp(outcome->reason, "too_large") == 0)
		put_count(&rest, "limit", (int64_t)work->media->max_size);
	put_word(&rest, tools, "detail", outcome->detail);
	return add(work, ref, before, path, STATE_SKIPPED, &rest, err);
}

/* 1 h after the first failure, then twice as long each time, or as the server asks for; 30 days at most. */
static int64_t
next_try(const struct work *work, int64_t attempts, const struct hf_error *why)
{
	int64_t wait = TRY_FIRST, asked = why->retry_after_ms, i;

	for (i = 1; i < attempts && wait < TRY_MOST; i++)
		wait *= 2;
	if (asked > wait / MILLISECOND)
		wait = asked < TRY_MOST / MILLISECOND ? asked * MILLISECOND : TRY_MOST;
	return work->now_ns + (wait < TRY_MOST ? wait : TRY_MOST);
}

int
outcome_failed(struct work *work, const struct ref *ref, const struct entry *before, const char *path,
    const struct outcome *outcome, const struct hf_error *why, struct hf_error *err)
{
	const struct tools *tools = &work->media->tools;
	struct bytes rest = BYTES_INIT(2 * REF_LINE_MAX);
	int64_t attempts = (before->state == STATE_FAILED ? before->attempts : 0) + (outcome->transient ? 0 : 1);
	int64_t again = outcome->transient ? work->now_ns : next_try(work, attempts, why);
	char name[600];
	int r;

	if (work->next_try_ns == HF_NO_TIME || again < work->next_try_ns)
		work->next_try_ns = again;
	/* A path of the encoder's has nothing in it that could harm a terminal. */
	(void)snprintf(name, sizeof(name), "%s/%s", work->path, path);
	/* What it failed with when somebody answered says more, and it is due already. */
	if (outcome->transient && before->state == STATE_FAILED && before->next_try_ns <= work->now_ns)
		return work->emitter->failed(work->emitter->ctx, name, why, err);
	ref_put_members(&rest, ref);
	put_word(&rest, tools, "state", "failed");
	put_word(&rest, tools, "reason", outcome->reason);
	if (outcome->http_status != 0)
		put_count(&rest, "http_status", outcome->http_status);
	put_word(&rest, tools, "detail", outcome->detail);
	put_count(&rest, "attempts", attempts);
	text_time(&rest, tools, "tried_at", work->now_ns);
	text_time(&rest, tools, "next_try", again);
	r = add(work, ref, before, path, STATE_FAILED, &rest, err);
	return r == HF_OK ? work->emitter->failed(work->emitter->ctx, name, why, err) : r;
}
