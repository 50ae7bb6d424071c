/* SPDX-License-Identifier: BSD-2-Clause */
#include "media.h"

#include <time.h>

#define DOCUMENT_MAX     (64u << 10)
#define CHECKPOINT_NS    (2 * INT64_C(1000000000))
#define CHECKPOINT_BYTES (8u << 20)

int
work_go_on(const struct work *work, struct hf_error *err)
{
	const struct hf_host *host = work->media->host;

	return host->stop_requested(host->ctx) != 0 ? hf_error_set(err, HF_ESTOPPING, 0, "%s: told to stop", work->path)
	                                            : HF_OK;
}

int
work_open_log(struct work *work, struct hf_error *err)
{
	int r = work->log_open ? HF_OK : work->emitter->log_open(work->emitter->ctx, "index", err);

	work->log_open = r == HF_OK;
	return r;
}

/* ---- checkpoints ---- */

/* The members of an object, which stays open. */
static void
put_counts(const struct counts *counts, struct bytes *out)
{
	bytes_string(out, "{\"stored\":");
	text_number(out, counts->stored);
	bytes_string(out, ",\"skipped\":");
	text_number(out, counts->skipped);
	bytes_string(out, ",\"failed\":");
	text_number(out, counts->failed);
}

/* What the lines that are kept with it have changed. */
static void
put_progress(const struct work *work, struct bytes *out)
{
	put_counts(&work->counts, out);
	text_time(out, &work->media->tools, "next_try", work->next_try_ns);
	bytes_string(out, "}");
}

static int64_t
number_of(const struct hf_json_value *value)
{
	struct hf_json_value positive = *value;

	if (value->type != HF_JSON_NUMBER || value->size == 0 || value->data[0] != '-')
		return value_number(value, 0);
	positive.data++;
	positive.size--;
	return -value_number(&positive, 0);
}

static void
take_progress(struct work *work, const struct hf_blob *cursor)
{
	static const char *const names[] = {"stored", "skipped", "failed", "next_try"};
	const struct tools *tools = &work->media->tools;
	struct hf_json_value v[4];

	if (cursor->size == 0 || tools->json->object(cursor->data, cursor->size, names, 4, v, NULL) != HF_OK)
		return;
	work->counts = (struct counts){number_of(&v[0]), number_of(&v[1]), number_of(&v[2])};
	work->next_try_ns = value_time(tools, &v[3]);
}

int
work_checkpoint(struct work *work, struct hf_error *err)
{
	const struct hf_host *host = work->media->host;
	int64_t now = host->clock_ns(host->ctx);
	struct bytes cursor = BYTES_INIT(1024);
	struct hf_blob blob;
	int r;

	/* Where the source limits its rate each one goes to the disk at once. */
	if (now - work->checkpoint_at < CHECKPOINT_NS && work->bytes - work->checkpoint_bytes < CHECKPOINT_BYTES)
		return HF_OK;
	work->checkpoint_at = now;
	work->checkpoint_bytes = work->bytes;
	put_progress(work, &cursor);
	r = bytes_status(&cursor, "a checkpoint", err);
	blob = (struct hf_blob){cursor.data, cursor.size};
	if (r == HF_OK)
		r = work->emitter->checkpoint(work->emitter->ctx, &blob, err);
	bytes_release(&cursor);
	return r;
}

/* ---- media.json ---- */

struct document {
	struct bytes text; /* as it was; size 0: none */
	char digest[65];
	uint64_t limit;
	int64_t next_try_ns;
	struct counts counts;
	bool counted;
};

static void
take_document(const struct work *work, struct document *document)
{
	static const char *const names[] = {"schema", "chats", "limit", "next_try", "counts"};
	static const char *const count_names[] = {"stored", "skipped", "failed"};
	const struct tools *tools = &work->media->tools;
	struct hf_json_value v[5], counts[3];

	document->digest[0] = '\0';
	document->next_try_ns = HF_NO_TIME;
	if (tools->json->object(document->text.data, document->text.size, names, 5, v, NULL) != HF_OK ||
	    !value_is(&v[0], "holdfast.media/1"))
		return;
	if (v[1].type == HF_JSON_STRING && v[1].size == 64) {
		memcpy(document->digest, v[1].data, 64);
		document->digest[64] = '\0';
	}
	document->limit = (uint64_t)value_number(&v[2], 0);
	document->next_try_ns = value_time(tools, &v[3]);
	if (v[4].type == HF_JSON_OBJECT &&
	    tools->json->object(v[4].data, v[4].size, count_names, 3, counts, NULL) == HF_OK) {
		document->counts = (struct counts){value_number(&counts[0], 0), value_number(&counts[1], 0),
		    value_number(&counts[2], 0)};
		document->counted = true;
	}
}

static int
read_document(const struct work *work, struct document *ret, struct hf_error *err)
{
	struct hf_sink sink = bytes_sink(&ret->text);
	struct hf_error why = HF_ERROR_INIT;
	int r = work->emitter->previous(work->emitter->ctx, "media.json", &sink, &why);

	/* One that is not there, or damaged: all is looked at again, and the index tells what is stored. */
	if (r == HF_ENOTFOUND || r == HF_ECORRUPT || r == HF_ERANGE) {
		bytes_clear(&ret->text);
		ret->counted = r == HF_ENOTFOUND;
		ret->digest[0] = '\0';
		ret->next_try_ns = HF_NO_TIME;
		return HF_OK;
	}
	if (r != HF_OK)
		return hf_error_set(err, r, why.os_errno, "%s", why.msg);
	take_document(work, ret);
	return HF_OK;
}

static void
put_document(const struct work *work, const char *digest, struct bytes *out)
{
	const struct tools *tools = &work->media->tools;
	const struct hf_text account = {work->view->account, strlen(work->view->account), HF_TEXT_UTF8, 0};
	const struct hf_text source = {work->view->source, strlen(work->view->source), HF_TEXT_UTF8, 0};
	const struct hf_text chats = {digest, 64, HF_TEXT_UTF8, 0};

	bytes_string(out, "{\"schema\":\"holdfast.media/1\"");
	text_member(out, tools, "account", &account);
	text_member(out, tools, "source", &source);
	if (work->counted) {
		bytes_string(out, ",\"counts\":");
		put_counts(&work->counts, out);
		bytes_string(out, "}");
	}
	bytes_string(out, ",\"limit\":");
	text_number(out, (int64_t)work->media->max_size);
	text_time(out, tools, "next_try", work->next_try_ns);
	if (digest[0] != '\0')
		text_member(out, tools, "chats", &chats);
	bytes_string(out, "}\n");
}

static int
write_document(struct work *work, const struct document *before, const char *digest, int64_t newest_ns,
    struct hf_error *err)
{
	struct bytes now = BYTES_INIT(DOCUMENT_MAX);
	struct hf_blob blob;
	int r;

	put_document(work, digest, &now);
	r = bytes_status(&now, "media.json", err);
	blob = (struct hf_blob){now.data, now.size};
	if (r == HF_OK && (now.size != before->text.size || memcmp(now.data, before->text.data, now.size) != 0))
		r = work->emitter->file(work->emitter->ctx, "media.json", &blob,
		    newest_ns == HF_NO_TIME ? 0 : newest_ns, err);
	bytes_release(&now);
	return r;
}

/* ---- the unit ---- */

/* The records of the rooms: now that all that was found in them is dealt with. */
static int
add_rooms(struct work *work, struct hf_error *err)
{
	struct bytes rest = BYTES_INIT(2 * REF_LINE_MAX);
	const char *line, *space;
	char folder[HF_COMPONENT_SIZE];
	size_t size;
	int r;

	while ((r = list_next(work->rooms, &line, &size, err)) == HF_OK) {
		space = memchr(line, ' ', size);
		if (space == NULL || (size_t)(space - line) >= sizeof(folder))
			continue;
		memcpy(folder, line, (size_t)(space - line));
		folder[space - line] = '\0';
		bytes_clear(&rest);
		bytes_put(&rest, space + 1, size - (size_t)(space + 1 - line));
		r = index_add(work, "room", folder, &rest, HF_NO_TIME, err);
		if (r != HF_OK)
			break;
	}
	bytes_release(&rest);
	return r == HF_ENOTFOUND ? HF_OK : r;
}

static int
close_log(struct work *work, int64_t *ret_newest_ns, struct hf_error *err)
{
	uint64_t appended;

	*ret_newest_ns = HF_NO_TIME;
	return work->log_open ? work->emitter->log_close(work->emitter->ctx, &appended, ret_newest_ns, err) : HF_OK;
}

static int
back_up(struct work *work, const struct document *before, bool resumed, struct hf_error *err)
{
	bool again = work->full || resumed || before->text.size == 0 || before->limit < work->media->max_size ||
	    (before->next_try_ns != HF_NO_TIME && before->next_try_ns <= work->now_ns);
	int64_t newest_ns, missing;
	char digest[65];
	bool same;
	int r;

	/* Looking for what is to be tried again also finds when the rest is. */
	if (!again && before->next_try_ns != HF_NO_TIME &&
	    (work->next_try_ns == HF_NO_TIME || before->next_try_ns < work->next_try_ns))
		work->next_try_ns = before->next_try_ns;
	r = gather(work, before->digest, digest, &same, err);
	if (r == HF_OK && again)
		r = gather_again(work, err);
	if (r == HF_OK && !(same && !again))
		r = fetch_all(work, err);
	if (r == HF_OK)
		r = add_rooms(work, err);
	if (r == HF_OK)
		r = close_log(work, &newest_ns, err);
	missing = work->counts.failed + work->counts.skipped;
	if (r == HF_OK && work->counted && missing >= 0 && HF_HAS(work->emitter, missing))
		r = work->emitter->missing(work->emitter->ctx, (uint64_t)missing, work->next_try_ns, err);
	return r == HF_OK ? write_document(work, before, digest, newest_ns, err) : r;
}

int
work_execute(const struct media *media, const struct hf_source_view *view, const struct hf_unit *unit,
    const struct hf_run *run, const struct hf_emitter *emitter, struct hf_error *err)
{
	struct document document = {.text = BYTES_INIT(DOCUMENT_MAX)};
	struct work work = {.media = media, .view = view, .emitter = emitter, .path = unit->path,
	    .full = (run->flags & HF_RUN_FULL) != 0, .next_try_ns = HF_NO_TIME,
	    .checkpoint_at = media->host->clock_ns(media->host->ctx)};
	struct timespec now;
	int r;

	if (!HF_HAS(emitter, file_same) || emitter->snapshot == NULL)
		return hf_error_set(err, HF_ENOTSUP, 0, "this host does not show the snapshot under way");
	(void)clock_gettime(CLOCK_REALTIME, &now);
	work.now_ns = (int64_t)now.tv_sec * 1000000000; /* whole seconds are enough for tries that are hours apart */
	r = read_document(&work, &document, err);
	if (r == HF_OK) {
		work.counts = document.counts;
		work.counted = document.counted;
		take_progress(&work, &run->cursor);
		r = list_open(media, view->account, "refs", &work.refs, err);
	}
	if (r == HF_OK)
		r = list_open(media, view->account, "rooms", &work.rooms, err);
	if (r == HF_OK)
		r = back_up(&work, &document, run->cursor.size > 0, err);
	list_free(work.refs);
	list_free(work.rooms);
	bytes_release(&document.text);
	return r;
}
