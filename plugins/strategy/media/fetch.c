/* SPDX-License-Identifier: BSD-2-Clause */
#include "media.h"

#include <stdlib.h>
#include <strings.h>

#define PARALLEL   10u
#define SLOTS      40u  /* those that came and are not stored yet, and those that are asked for ahead */
#define LATER_MAX  64u  /* references that wait for the same file */
#define RECENT_MAX 512u /* stored files whose ids are remembered */
#define PATH_MAX_SIZE (2 * HF_COMPONENT_SIZE + 2)
#define NOTE_MAX   HF_SCRATCH_NOTE_MAX

enum verdict { GOING, TOO_LARGE, WEB_PAGE, BROKEN };

/* One that is on its way. */
struct slot {
	bool used;
	struct bytes line, path; /* line: of the list */
	struct entry entry;     /* of the index, before */
	struct ref ref;         /* into line, or into entry.text */
	struct hf_attachment attachment;
	struct bytes room, note, mime;
	struct hf_scratch *scratch;
	uint64_t have;
	int64_t announced; /* of the whole; -1 */
	int64_t answers;   /* of anybody, when it was asked for */
	int64_t asked_ns;
	enum verdict verdict;
	struct hf_error why; /* BROKEN */
};

/* A file that was stored in this run, under the source's id and address for it. */
struct recent {
	uint8_t same[32];
	char path[PATH_MAX_SIZE];
	struct outcome outcome;
	char mime[100];
};

struct fetch {
	struct work *work;
	struct slot slots[SLOTS];
	struct bytes later[LATER_MAX]; /* lines that wait for one that is on its way; size 0: free */
	struct recent *recent;
	size_t recent_count, recent_next;
	struct reach *reach;
	bool listed; /* the list is at its end */
	int dead;    /* the source failed as a whole, with this */
	struct hf_error why_dead;
};

/* ---- slots ---- */

static void
slot_init(struct slot *slot)
{
	memset(slot, 0, sizeof(*slot));
	slot->line = (struct bytes)BYTES_INIT(2 * REF_LINE_MAX);
	slot->path = (struct bytes)BYTES_INIT(2 * PATH_MAX_SIZE);
	slot->entry.text = (struct bytes)BYTES_INIT(4 * REF_LINE_MAX);
	slot->room = (struct bytes)BYTES_INIT(REF_LINE_MAX);
	slot->note = (struct bytes)BYTES_INIT(NOTE_MAX);
	slot->mime = (struct bytes)BYTES_INIT(NOTE_MAX);
}

static void
slot_release(struct slot *slot)
{
	bytes_release(&slot->line);
	bytes_release(&slot->path);
	bytes_release(&slot->entry.text);
	bytes_release(&slot->room);
	bytes_release(&slot->note);
	bytes_release(&slot->mime);
}

/* Free for the next; the memory stays. */
static void
slot_clear(struct slot *slot)
{
	bytes_clear(&slot->line);
	bytes_clear(&slot->path);
	bytes_clear(&slot->entry.text);
	bytes_clear(&slot->room);
	bytes_clear(&slot->note);
	bytes_clear(&slot->mime);
	slot->used = false;
	slot->scratch = NULL;
	slot->have = 0;
	slot->announced = -1;
	slot->verdict = GOING;
	hf_error_init(&slot->why);
}

static int64_t
clock_of(const struct fetch *fetch)
{
	const struct hf_host *host = fetch->work->media->host;

	return host->clock_ns(host->ctx);
}

static struct slot *
free_slot(struct fetch *fetch)
{
	size_t i;

	for (i = 0; i < SLOTS; i++)
		if (!fetch->slots[i].used)
			return &fetch->slots[i];
	return NULL;
}

static struct slot *
slot_of(struct fetch *fetch, uint64_t token)
{
	return token < SLOTS && fetch->slots[token].used ? &fetch->slots[token] : NULL;
}

/* Whether the same file, or another for the same path, is on its way. */
static bool
on_its_way(const struct fetch *fetch, const struct slot *next)
{
	const struct slot *slot;
	size_t i;

	for (i = 0; i < SLOTS; i++) {
		slot = &fetch->slots[i];
		if (slot == next || !slot->used)
			continue;
		if (slot->path.size == next->path.size &&
		    memcmp(slot->path.data, next->path.data, slot->path.size) == 0)
			return true;
		if (slot->ref.has_same && next->ref.has_same &&
		    memcmp(slot->ref.same, next->ref.same, sizeof(slot->ref.same)) == 0)
			return true;
	}
	return false;
}

/* ---- files that were stored already ---- */

static const struct recent *
find_recent(const struct fetch *fetch, const struct ref *ref)
{
	size_t i;

	for (i = 0; ref->has_same && i < fetch->recent_count; i++)
		if (memcmp(fetch->recent[i].same, ref->same, sizeof(ref->same)) == 0)
			return &fetch->recent[i];
	return NULL;
}

static void
remember(struct fetch *fetch, const struct slot *slot, const struct outcome *outcome)
{
	struct recent *recent = &fetch->recent[fetch->recent_next];

	if (!slot->ref.has_same || slot->path.size >= sizeof(recent->path))
		return;
	memcpy(recent->same, slot->ref.same, sizeof(recent->same));
	memcpy(recent->path, slot->path.data, slot->path.size);
	recent->path[slot->path.size] = '\0';
	recent->outcome = *outcome;
	recent->mime[0] = '\0';
	if (outcome->mime != NULL)
		(void)snprintf(recent->mime, sizeof(recent->mime), "%s", outcome->mime);
	recent->outcome.mime = recent->mime[0] == '\0' ? NULL : recent->mime;
	fetch->recent_next = (fetch->recent_next + 1) % RECENT_MAX;
	if (fetch->recent_count < RECENT_MAX)
		fetch->recent_count++;
}

/* ---- what to do with a reference ---- */

static bool
same_value(const struct hf_json_value *a, const struct hf_json_value *b)
{
	return a->type == b->type &&
	    (a->type == HF_JSON_NONE || (a->size == b->size && memcmp(a->data, b->data, (size_t)a->size) == 0));
}

static bool
is_wanted(const struct work *work, const struct ref *ref, const struct entry *entry)
{
	uint64_t max = work->media->max_size;
	bool moved = !ref->retry && (!same_value(&ref->members[A_URL], &entry->ref.members[A_URL]) ||
	                                !same_value(&ref->members[A_PATH], &entry->ref.members[A_PATH]) ||
	                                !same_value(&ref->members[A_MISSING], &entry->ref.members[A_MISSING]));

	switch (entry->state) {
	case STATE_NONE:
		return true;
	case STATE_STORED:
		return false;
	case STATE_SKIPPED:
		if (entry->too_large)
			return entry->size >= 0 ? (uint64_t)entry->size <= max : (uint64_t)entry->limit < max;
		return moved;
	default:
		return moved || (work->full && entry->tried_ns < work->now_ns) || entry->next_try_ns == HF_NO_TIME ||
		    entry->next_try_ns <= work->now_ns;
	}
}

static int
skip(struct fetch *fetch, struct slot *slot, const char *reason, int64_t size, const char *detail, struct hf_error *err)
{
	const struct outcome outcome = {.reason = reason, .size = size, .detail = detail};
	struct work *work = fetch->work;
	int r = outcome_skipped(work, &slot->ref, &slot->entry, bytes_text(&slot->path), &outcome, err);

	if (r == HF_OK && HF_HAS(work->emitter, left_out))
		r = work->emitter->left_out(work->emitter->ctx, 1, err);
	return r == HF_OK ? work->emitter->done(work->emitter->ctx, 1, 0, err) : r;
}

static const char *
reason_of(const struct hf_error *why)
{
	switch (why->code) {
	case HF_EPERM:
	case HF_EAUTH:
		return "no_permission";
	case HF_ENOTFOUND:
		return why->http_status != 0 ? "gone" : "not_found";
	case HF_ENET:
		return "unreachable";
	default:
		return "error";
	}
}

static int
fail(struct fetch *fetch, struct slot *slot, const char *reason, const struct hf_error *why, struct hf_error *err)
{
	const struct outcome outcome = {.reason = reason == NULL ? reason_of(why) : reason,
	    .http_status = why->http_status, .detail = why->msg[0] == '\0' ? NULL : why->msg, .size = -1};

	return outcome_failed(fetch->work, &slot->ref, &slot->entry, bytes_text(&slot->path), &outcome, why, err);
}

/* Nobody answered: whose fault that is shows later. */
static int
miss(struct fetch *fetch, struct slot *slot, int64_t answers, const struct hf_error *why, struct hf_error *err)
{
	return reach_missed(fetch->reach, &fetch->work->media->tools, &slot->ref, &slot->line, answers, why->msg, err);
}

/* The source failed as a whole. */
static int
fail_with_source(struct fetch *fetch, struct slot *slot, struct hf_error *err)
{
	if (HF_IS_TRANSIENT(fetch->dead))
		return miss(fetch, slot, REACH_NEVER, &fetch->why_dead, err);
	return fail(fetch, slot, NULL, &fetch->why_dead, err);
}

/* The same file as one that was stored in this run. */
static int
repeat(struct fetch *fetch, struct slot *slot, const struct recent *recent, bool *ret_done, struct hf_error *err)
{
	const struct hf_emitter *emitter = fetch->work->emitter;
	struct hf_error why = HF_ERROR_INIT;
	int r = emitter->file_same(emitter->ctx, bytes_text(&slot->path), recent->path,
	    slot->ref.sent_ns == HF_NO_TIME ? 0 : slot->ref.sent_ns, &why);

	*ret_done = r == HF_OK;
	if (r == HF_ENOTFOUND || r == HF_ECORRUPT)
		return HF_OK;
	if (r != HF_OK)
		return hf_error_set(err, r, why.os_errno, "%s", why.msg);
	r = outcome_stored(fetch->work, &slot->ref, &slot->entry, bytes_text(&slot->path), &recent->outcome, err);
	return r == HF_OK ? emitter->done(emitter->ctx, 1, 0, err) : r;
}

/* Puts a line back until what it waits for is there; false: there is no room for more. */
static bool
put_off(struct fetch *fetch, const struct slot *slot)
{
	size_t i;

	for (i = 0; i < LATER_MAX; i++) {
		if (fetch->later[i].size > 0)
			continue;
		bytes_clear(&fetch->later[i]);
		bytes_put(&fetch->later[i], slot->line.data, slot->line.size);
		return fetch->later[i].failed == HF_OK;
	}
	return false;
}

/*
 * Looks at the line in slot.  *ret_fetch: its bytes are to be got; if not, everything about it is done.
 */
static int
consider(struct fetch *fetch, struct slot *slot, bool *ret_fetch, struct hf_error *err)
{
	struct work *work = fetch->work;
	const struct tools *tools = &work->media->tools;
	const struct recent *recent;
	struct hf_text missing;
	struct bytes detail = BYTES_INIT(600);
	struct hf_error why = HF_ERROR_INIT;
	bool done = false;
	const char *refused;
	int r = ref_take(&slot->ref, tools, slot->line.data, slot->line.size, err);

	*ret_fetch = false;
	if (r == HF_ECORRUPT)
		return HF_OK; /* nothing that an attachment could be told from */
	if (r == HF_OK)
		r = index_find(work, &slot->ref, &slot->path, &slot->entry, err);
	if (r == HF_EEXIST || r == HF_ERANGE)
		return work->emitter->failed(work->emitter->ctx, work->path, err, err);
	if (r != HF_OK || !is_wanted(work, &slot->ref, &slot->entry))
		return r;
	missing = value_text(&slot->ref.members[A_MISSING]);
	if (missing.data != NULL) {
		if (missing.size < 500)
			text_decoded(&detail, tools, &missing);
		r = skip(fetch, slot, "missing", slot->ref.size, bytes_text(&detail), err);
		bytes_release(&detail);
		return r;
	}
	if (slot->ref.members[A_URL].type == HF_JSON_NONE && slot->ref.members[A_PATH].type == HF_JSON_NONE &&
	    slot->ref.members[A_ID].type == HF_JSON_NONE)
		return skip(fetch, slot, "no_address", slot->ref.size, NULL, err);
	if (slot->ref.size > 0 && (uint64_t)slot->ref.size > work->media->max_size)
		return skip(fetch, slot, "too_large", slot->ref.size, NULL, err);
	if (on_its_way(fetch, slot) && put_off(fetch, slot))
		return HF_OK;
	recent = find_recent(fetch, &slot->ref);
	if (recent != NULL) {
		r = repeat(fetch, slot, recent, &done, err);
		if (r != HF_OK || done)
			return r;
	}
	if (fetch->dead != HF_OK)
		return fail_with_source(fetch, slot, err);
	refused = reach_refuses(fetch->reach, tools, &slot->ref, clock_of(fetch));
	if (refused != NULL) {
		(void)hf_error_set(&why, HF_ENET, 0, "%s", refused);
		return miss(fetch, slot, reach_answers(fetch->reach), &why, err);
	}
	*ret_fetch = true;
	return HF_OK;
}

/* The next line: one that has waited long enough, or the list's next. */
static int
take_line(struct fetch *fetch, struct slot *slot, struct hf_error *err)
{
	const char *line;
	size_t i, size;
	int r = HF_ENOTFOUND;

	slot_clear(slot);
	if (!fetch->listed) {
		r = list_next(fetch->work->refs, &line, &size, err);
		fetch->listed = r == HF_ENOTFOUND;
		if (r == HF_OK) {
			bytes_put(&slot->line, line, size);
			return bytes_status(&slot->line, "a reference", err);
		}
	}
	if (r != HF_ENOTFOUND)
		return r;
	for (i = 0; i < LATER_MAX; i++) {
		if (fetch->later[i].size == 0)
			continue;
		bytes_put(&slot->line, fetch->later[i].data, fetch->later[i].size);
		bytes_clear(&fetch->later[i]);
		return bytes_status(&slot->line, "a reference", err);
	}
	return HF_ENOTFOUND;
}

/* Whether what waits has nothing left to wait for. */
static bool
all_wait(const struct fetch *fetch)
{
	size_t i;

	if (!fetch->listed)
		return false;
	for (i = 0; i < SLOTS; i++)
		if (fetch->slots[i].used)
			return true;
	return false;
}

/* The next one whose bytes are to be got; HF_ENOTFOUND: there is none now. */
static int
next_wanted(struct fetch *fetch, struct slot **ret, struct hf_error *err)
{
	struct slot *slot = free_slot(fetch);
	bool wanted = false;
	int r = HF_OK;

	if (slot == NULL)
		return hf_error_set(err, HF_ENOTFOUND, 0, "there is none now");
	while (r == HF_OK && !wanted) {
		r = work_go_on(fetch->work, err);
		/* At the end only what waits for others is left: it is looked at when one of them has come. */
		if (r == HF_OK && all_wait(fetch))
			return hf_error_set(err, HF_ENOTFOUND, 0, "there is none now");
		if (r == HF_OK)
			r = take_line(fetch, slot, err);
		if (r == HF_OK)
			r = consider(fetch, slot, &wanted, err);
		if (r == HF_OK && !wanted)
			r = work_checkpoint(fetch->work, err);
	}
	if (r == HF_OK)
		*ret = slot;
	return r;
}

/* ---- the exchange ---- */

/* What is there of it from before a crash. */
static int
open_scratch(struct fetch *fetch, struct slot *slot, struct hf_error *err)
{
	const struct media *media = fetch->work->media;
	struct bytes name = BYTES_INIT(4 * PATH_MAX_SIZE);
	struct hf_sink sink = bytes_sink(&slot->note);
	uint8_t sum[32];
	char hex[40] = "m-";
	int r;

	bytes_string(&name, fetch->work->path);
	bytes_string(&name, "/");
	bytes_put(&name, slot->path.data, slot->path.size);
	r = bytes_status(&name, "a file's path", err);
	if (r == HF_OK)
		r = media->tools.write->sha256(name.data, name.size, sum, err);
	bytes_release(&name);
	if (r != HF_OK)
		return r;
	hex_put(sum, 16, hex + 2);
	r = media->scratch->open(media->host->ctx, hex, &slot->scratch, &slot->have, err);
	if (r == HF_OK && slot->have > 0 &&
	    (media->scratch->note(slot->scratch, &sink, NULL) != HF_OK || slot->note.size == 0)) {
		slot->have = 0;
		bytes_clear(&slot->note);
		r = media->scratch->truncate(slot->scratch, 0, err);
	}
	return r;
}

static int
fetch_next(void *ctx, struct hf_media_request *ret, struct hf_error *err)
{
	struct fetch *fetch = ctx;
	struct hf_text room;
	struct slot *slot;
	int r;

	do {
		r = next_wanted(fetch, &slot, err);
		if (r != HF_OK)
			return r;
		r = open_scratch(fetch, slot, &slot->why);
		if (r != HF_OK && r != HF_ENOMEM && fail(fetch, slot, NULL, &slot->why, err) != HF_OK)
			return err != NULL ? err->code : r;
	} while (r != HF_OK && r != HF_ENOMEM);
	if (r != HF_OK)
		return hf_error_set(err, r, 0, "%s: out of memory", fetch->work->path);
	slot->used = true;
	slot->answers = reach_answers(fetch->reach);
	slot->asked_ns = clock_of(fetch);
	reach_asked(fetch->reach, &slot->ref, slot->asked_ns);
	room = value_text(&slot->ref.room);
	text_decoded(&slot->room, &fetch->work->media->tools, &room);
	ref_attachment(&slot->ref, &slot->attachment);
	memset(ret, 0, sizeof(*ret));
	ret->struct_size = (uint32_t)sizeof(*ret);
	ret->token = (uint64_t)(slot - fetch->slots);
	ret->attachment = &slot->attachment;
	ret->room = (struct hf_text){slot->room.data, slot->room.size, HF_TEXT_UTF8, 0};
	ret->max_size = fetch->work->media->max_size;
	if (slot->have > 0) {
		ret->offset = slot->have;
		ret->validator = (struct hf_text){slot->note.data, slot->note.size, HF_TEXT_UTF8, 0};
	}
	return HF_OK;
}

static int
refuse(struct slot *slot, enum verdict verdict, int code, const char *msg, struct hf_error *err)
{
	slot->verdict = verdict;
	return hf_error_set(err, code, 0, "%s", msg);
}

static bool
text_is(const struct hf_text *text, const char *what)
{
	size_t size = strlen(what);

	return text->data != NULL && text->size >= size && strncasecmp(text->data, what, size) == 0;
}

/* A page that asks to sign in is no picture, whatever its status says. */
static bool
is_web_page(const struct slot *slot, const struct hf_media_info *info)
{
	const struct hf_attachment *a = &slot->attachment;

	return text_is(&info->mime, "text/html") &&
	    (text_is(&a->kind, "image") || text_is(&a->kind, "video") || text_is(&a->kind, "audio") ||
	        text_is(&a->kind, "sticker") ||
	        (a->mime.data != NULL && a->mime.size > 0 && !text_is(&a->mime, "text/")) ||
	        (a->size >= 0 && info->size >= 0 && a->size != info->size));
}

/* Where it goes on, or begins anew. */
static int
set_offset(const struct media *media, struct slot *slot, const struct hf_media_info *info, struct hf_error *err)
{
	int r = HF_OK;

	if (info->offset > slot->have)
		return hf_error_set(err, HF_ECORRUPT, 0, "bytes in the middle of a file are missing");
	if (info->offset > 0 && info->offset < slot->have)
		r = media->scratch->truncate(slot->scratch, info->offset, err);
	if (info->offset == 0) {
		r = media->scratch->truncate(slot->scratch, 0, err);
		if (r == HF_OK && info->validator.data != NULL && info->validator.size <= NOTE_MAX)
			r = media->scratch->set_note(slot->scratch, info->validator.data, info->validator.size, err);
	}
	slot->have = info->offset;
	return r;
}

static int
fetch_begin(void *ctx, uint64_t token, const struct hf_media_info *info, struct hf_error *err)
{
	struct fetch *fetch = ctx;
	const struct media *media = fetch->work->media;
	struct slot *slot = slot_of(fetch, token);
	int r;

	if (slot == NULL)
		return hf_error_set(err, HF_EINVAL, 0, "nobody asked for this");
	slot->announced = info->size;
	reach_answered(fetch->reach, &media->tools, &slot->ref);
	if (info->size > 0 && (uint64_t)info->size > media->max_size)
		return refuse(slot, TOO_LARGE, HF_ERANGE, "it is larger than wanted", err);
	if (is_web_page(slot, info))
		return refuse(slot, WEB_PAGE, HF_ESTOP, "a web page came in its place", err);
	bytes_clear(&slot->mime);
	if (info->mime.data != NULL && info->mime.size < 100)
		bytes_put(&slot->mime, info->mime.data, (size_t)info->mime.size);
	r = set_offset(media, slot, info, &slot->why);
	if (r != HF_OK)
		return refuse(slot, BROKEN, r, slot->why.msg, err);
	return HF_OK;
}

static int
fetch_write(void *ctx, uint64_t token, const void *data, uint64_t size, struct hf_error *err)
{
	struct fetch *fetch = ctx;
	const struct media *media = fetch->work->media;
	struct slot *slot = slot_of(fetch, token);
	int r;

	if (slot == NULL)
		return hf_error_set(err, HF_EINVAL, 0, "nobody asked for this");
	if (size > media->max_size || slot->have > media->max_size - size)
		return refuse(slot, TOO_LARGE, HF_ERANGE, "it is larger than wanted", err);
	r = media->scratch->append(slot->scratch, data, size, &slot->why);
	if (r != HF_OK)
		return refuse(slot, BROKEN, r, slot->why.msg, err);
	slot->have += size;
	/* Others that are whole by now do not wait for a long one. */
	return work_checkpoint(fetch->work, err);
}

/* All its bytes are there. */
static int
keep(struct fetch *fetch, struct slot *slot, struct hf_error *err)
{
	struct outcome outcome = {.mime = slot->mime.size == 0 ? NULL : bytes_text(&slot->mime)};
	const struct hf_emitter *emitter = fetch->work->emitter;
	struct hf_error why = HF_ERROR_INIT;
	int r = store(fetch->work, bytes_text(&slot->path), slot->ref.sent_ns, slot->scratch, &outcome, &why);

	/* What the scratch could not give; the emitter's own failures end the unit whatever is returned. */
	if (r == HF_EIO || r == HF_ENOSPC || r == HF_ECORRUPT)
		return fail(fetch, slot, NULL, &why, err);
	if (r != HF_OK)
		return hf_error_set(err, r, why.os_errno, "%s", why.msg);
	r = outcome_stored(fetch->work, &slot->ref, &slot->entry, bytes_text(&slot->path), &outcome, err);
	if (r == HF_OK)
		remember(fetch, slot, &outcome);
	fetch->work->bytes += slot->have;
	return r == HF_OK ? emitter->done(emitter->ctx, 1, slot->have, err) : r;
}

/*
 * More came than is wanted.  Where the message tells a size that would be, and the server none, that is no large file
 * but a server that is out of order: another try may be better.
 */
static int
end_too_large(struct fetch *fetch, struct slot *slot, struct hf_error *err)
{
	const struct ref *ref = &slot->ref;
	struct hf_error why = HF_ERROR_INIT;

	if (slot->announced < 0 && ref->size >= 0 && (uint64_t)ref->size <= fetch->work->media->max_size) {
		(void)hf_error_set(&why, HF_ECORRUPT, 0, "it has more bytes than the %lld that the message tells",
		    (long long)ref->size);
		return fail(fetch, slot, NULL, &why, err);
	}
	/* What the source announces and does not send is no size. */
	return skip(fetch, slot, "too_large", slot->announced > (int64_t)slot->have ? slot->announced : -1, NULL, err);
}

static int
conclude(struct fetch *fetch, struct slot *slot, int code, const struct hf_error *told, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;

	if (told != NULL)
		why = *told;
	why.code = code;
	if (why.http_status != 0)
		reach_answered(fetch->reach, &fetch->work->media->tools, &slot->ref);
	switch (slot->verdict) {
	case TOO_LARGE:
		return end_too_large(fetch, slot, err);
	case WEB_PAGE:
		(void)hf_error_set(&why, HF_EPERM, 0, "a web page came in its place, which may be one to sign in");
		return fail(fetch, slot, "no_permission", &why, err);
	case BROKEN:
		return fail(fetch, slot, "error", &slot->why, err);
	default:
		break;
	}
	if (code == HF_OK)
		return keep(fetch, slot, err);
	if (code == HF_ERANGE)
		return end_too_large(fetch, slot, err);
	if (code == HF_ENET)
		return miss(fetch, slot, clock_of(fetch) - slot->asked_ns >= REACH_SLOW ? REACH_OWN : slot->answers,
		    &why, err);
	if (code == HF_ENOTSUP)
		return skip(fetch, slot, "not_supported", slot->ref.size, why.msg[0] == '\0' ? NULL : why.msg, err);
	return fail(fetch, slot, NULL, &why, err);
}

static int
fetch_end(void *ctx, uint64_t token, int code, const struct hf_error *why, struct hf_error *err)
{
	struct fetch *fetch = ctx;
	const struct media *media = fetch->work->media;
	struct slot *slot = slot_of(fetch, token);
	int r;

	if (slot == NULL)
		return hf_error_set(err, HF_EINVAL, 0, "nobody asked for this");
	/* What was got of it waits for the next worker. */
	if (HF_IS_CONTROL(code) && slot->verdict == GOING) {
		media->scratch->close(slot->scratch);
		slot_clear(slot);
		return work_go_on(fetch->work, err);
	}
	r = conclude(fetch, slot, code, why, err);
	if (HF_IS_CONTROL(r))
		media->scratch->close(slot->scratch);
	else
		media->scratch->remove(slot->scratch);
	slot_clear(slot);
	return r == HF_OK ? work_checkpoint(fetch->work, err) : r;
}

/* ---- */

/* The source has failed as a whole: what is left is told with its reason, and tried again another time. */
static int
give_up(struct fetch *fetch, struct hf_error *err)
{
	const struct media *media = fetch->work->media;
	struct slot *slot;
	size_t i;
	int r = HF_OK;

	for (i = 0; r == HF_OK && i < SLOTS; i++) {
		slot = &fetch->slots[i];
		if (!slot->used)
			continue;
		r = fail_with_source(fetch, slot, err);
		media->scratch->remove(slot->scratch);
		slot_clear(slot);
	}
	while (r == HF_OK)
		r = next_wanted(fetch, &slot, err);
	return r == HF_ENOTFOUND ? HF_OK : r;
}

static int
run(struct fetch *fetch, struct hf_error *err)
{
	const struct hf_media_exchange exchange = {(uint32_t)sizeof(exchange), 0, fetch, PARALLEL, 0, fetch_next,
	    fetch_begin, fetch_write, fetch_end};
	const struct hf_source_view *view = fetch->work->view;
	struct hf_error why = HF_ERROR_INIT;
	size_t i;
	bool left = false;
	int r = view->fetch_media(view->ctx, &exchange, &why);

	for (i = 0; i < SLOTS; i++)
		left |= fetch->slots[i].used;
	if (r == HF_OK && !left)
		return HF_OK;
	if (HF_IS_CONTROL(r) || r == HF_ENOMEM)
		return hf_error_set(err, r, why.os_errno, "%s", why.msg);
	if (r == HF_OK)
		(void)hf_error_set(&why, HF_EINVAL, 0, "the source has not said what became of it");
	fetch->dead = why.code = r == HF_OK ? HF_EINVAL : r;
	fetch->why_dead = why;
	return give_up(fetch, err);
}

int
fetch_all(struct work *work, struct hf_error *err)
{
	struct fetch *fetch = calloc(1, sizeof(*fetch));
	size_t i;
	int r;

	if (fetch == NULL || (fetch->recent = calloc(RECENT_MAX, sizeof(*fetch->recent))) == NULL) {
		free(fetch);
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", work->path);
	}
	fetch->work = work;
	for (i = 0; i < SLOTS; i++) {
		slot_init(&fetch->slots[i]);
		slot_clear(&fetch->slots[i]);
	}
	for (i = 0; i < LATER_MAX; i++)
		fetch->later[i] = (struct bytes)BYTES_INIT(2 * REF_LINE_MAX);
	r = reach_open(work->media, work->view->account, &fetch->reach, err);
	if (r == HF_OK)
		r = run(fetch, err);
	if (r == HF_OK)
		r = reach_tell(fetch->reach, work, err);
	reach_free(fetch->reach);
	for (i = 0; i < SLOTS; i++) {
		if (fetch->slots[i].used)
			work->media->scratch->close(fetch->slots[i].scratch);
		slot_release(&fetch->slots[i]);
	}
	for (i = 0; i < LATER_MAX; i++)
		bytes_release(&fetch->later[i]);
	free(fetch->recent);
	free(fetch);
	return r;
}
