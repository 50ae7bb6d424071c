/* SPDX-License-Identifier: BSD-2-Clause */
#include "media.h"

enum { M_STATE, M_REASON, M_LIMIT, M_SIZE, M_ATTEMPTS, M_NEXT_TRY, M_TRIED_AT, M_COUNT };

static const char *const member_names[M_COUNT] = {"state", "reason", "limit", "size", "attempts", "next_try",
    "tried_at"};

int
index_take(const struct tools *tools, const char *line, size_t size, struct entry *ret, struct hf_error *err)
{
	struct hf_json_value v[M_COUNT];
	int r = ref_take(&ret->ref, tools, line, size, err);

	if (r == HF_OK)
		r = tools->json->object(line, size, member_names, M_COUNT, v, err);
	if (r != HF_OK)
		return r;
	ret->state = value_is(&v[M_STATE], "stored")    ? STATE_STORED
	             : value_is(&v[M_STATE], "skipped") ? STATE_SKIPPED
	             : value_is(&v[M_STATE], "failed")  ? STATE_FAILED
	                                                : STATE_NONE;
	if (ret->state == STATE_NONE)
		return hf_error_set(err, HF_ECORRUPT, 0, "a record of the index without a state");
	ret->too_large = value_is(&v[M_REASON], "too_large");
	ret->limit = value_number(&v[M_LIMIT], 0);
	ret->size = value_number(&v[M_SIZE], -1);
	ret->attempts = value_number(&v[M_ATTEMPTS], 0);
	ret->next_try_ns = value_time(tools, &v[M_NEXT_TRY]);
	ret->tried_ns = value_time(tools, &v[M_TRIED_AT]);
	return HF_OK;
}

/* The line of a record up to its id, and where its parts lie. */
static void
begin(struct bytes *line, const char *op, const char *id, struct hf_line *ret)
{
	memset(ret, 0, sizeof(*ret));
	bytes_string(line, "{\"op\":\"");
	bytes_string(line, op);
	bytes_string(line, "\",");
	ret->rest_offset = line->size;
	bytes_string(line, "\"id\":\"");
	ret->id_offset = line->size;
	bytes_string(line, id);
	ret->id_size = line->size - ret->id_offset;
	bytes_string(line, "\"");
}

int
index_before(struct work *work, const char *op, const char *id, struct bytes *out, struct hf_error *err)
{
	const struct hf_emitter *emitter = work->emitter;
	struct bytes text = BYTES_INIT(REF_LINE_MAX);
	struct hf_sink sink = bytes_sink(out);
	struct hf_line line;
	int r = work_open_log(work, err);

	if (r != HF_OK)
		return r;
	begin(&text, op, id, &line);
	bytes_string(&text, "}");
	line.data = text.data;
	line.size = text.size;
	r = bytes_status(&text, "a record of the index", err);
	if (r == HF_OK)
		r = emitter->log_known(emitter->ctx, &line, err);
	if (r == HF_KNOWN_NEW)
		r = hf_error_set(err, HF_ENOTFOUND, 0, "%s: not in the index", id);
	else if (r > 0)
		r = emitter->log_before(emitter->ctx, &sink, err);
	bytes_release(&text);
	return r;
}

int
index_find(struct work *work, const struct ref *ref, struct bytes *path, struct entry *ret, struct hf_error *err)
{
	const struct tools *tools = &work->media->tools;
	struct hf_error why = HF_ERROR_INIT;
	unsigned variant;
	int r;

	for (variant = 0; variant < REF_VARIANTS; variant++) {
		r = ref_path(ref, tools, variant, path, err);
		if (r != HF_OK)
			return r;
		bytes_clear(&ret->text);
		r = index_before(work, "media", bytes_text(path), &ret->text, &why);
		/* A record that is lost or damaged is as good as none: it is written again. */
		if (r == HF_OK)
			r = index_take(tools, ret->text.data, ret->text.size, ret, &why);
		if (r == HF_ENOTFOUND || r == HF_ECORRUPT) {
			ret->state = STATE_NONE;
			ret->attempts = 0;
			return HF_OK;
		}
		if (r != HF_OK)
			return hf_error_set(err, r, why.os_errno, "%s", why.msg);
		if (memcmp(ret->ref.key, ref->key, sizeof(ref->key)) == 0)
			return HF_OK;
	}
	return hf_error_set(err, HF_EEXIST, 0, "%s: another attachment has this name", bytes_text(path));
}

int
index_add(struct work *work, const char *op, const char *id, const struct bytes *rest, int64_t time_ns,
    struct hf_error *err)
{
	const struct hf_emitter *emitter = work->emitter;
	struct bytes text = BYTES_INIT(2 * REF_LINE_MAX);
	struct hf_line line;
	int known, r = work_open_log(work, err);

	if (r != HF_OK)
		return r;
	begin(&text, op, id, &line);
	bytes_put(&text, rest->data, rest->size);
	line.data = text.data;
	line.size = text.size;
	line.time_ns = time_ns == HF_NO_TIME ? 0 : time_ns;
	r = bytes_status(rest, "a record of the index", err);
	if (r == HF_OK)
		r = bytes_status(&text, "a record of the index", err);
	if (r == HF_OK) {
		known = emitter->log_known(emitter->ctx, &line, err);
		r = known < 0 ? known : HF_OK;
		if (known > 0 && known != HF_KNOWN_UNCHANGED)
			r = emitter->log_append(emitter->ctx, &line, err);
	}
	bytes_release(&text);
	return r;
}

static void
count(struct counts *counts, int state, int by)
{
	if (state == STATE_STORED)
		counts->stored += by;
	else if (state == STATE_SKIPPED)
		counts->skipped += by;
	else if (state == STATE_FAILED)
		counts->failed += by;
}

void
index_count(struct work *work, int before, int now)
{
	count(&work->counts, before, -1);
	count(&work->counts, now, 1);
}
