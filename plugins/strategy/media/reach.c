/* SPDX-License-Identifier: BSD-2-Clause */
#include "media.h"

#include <ctype.h>
#include <stdlib.h>

#define HOSTS_MAX 64u /* more are asked each time */
#define LINE_SIZE 600u

/* A server as it is named in addresses; the source itself for what has none. */
struct place {
	uint8_t key[32];
	unsigned missed; /* since it answered last */
};

struct reach {
	struct place places[HOSTS_MAX];
	size_t count;
	int64_t answers; /* of anybody */
	int64_t silent_ns; /* when the first one was asked for since then; 0: none was */
	struct list *missed;
	bool any;
};

int
reach_open(const struct media *media, const char *account, struct reach **ret, struct hf_error *err)
{
	struct reach *reach = calloc(1, sizeof(*reach));
	int r;

	if (reach == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	r = list_open(media, account, "missed", &reach->missed, err);
	if (r != HF_OK)
		free(reach);
	else
		*ret = reach;
	return r;
}

void
reach_free(struct reach *reach)
{
	if (reach == NULL)
		return;
	list_free(reach->missed);
	free(reach);
}

static size_t
authority(char *url, size_t size)
{
	size_t i, begin = 0;

	for (i = 0; i + 2 < size; i++) {
		if (memcmp(url + i, "://", 3) == 0) {
			begin = i + 3;
			break;
		}
	}
	for (i = begin; i < size && strchr("/?#", url[i]) == NULL; i++)
		url[i] = (char)tolower((unsigned char)url[i]);
	return i;
}

/* The place that a reference leads to; NULL: no network is needed for it, or there are too many of them. */
static struct place *
place_of(struct reach *reach, const struct tools *tools, const struct ref *ref, bool make)
{
	struct bytes url = BYTES_INIT(REF_LINE_MAX);
	const struct hf_text value = value_text(&ref->members[A_URL]);
	struct place *place = NULL;
	uint8_t key[32];
	size_t i;

	if (ref->members[A_PATH].type != HF_JSON_NONE)
		return NULL;
	if (value.data != NULL)
		text_decoded(&url, tools, &value);
	if (url.failed == HF_OK &&
	    tools->write->sha256(url.data, url.size == 0 ? 0 : authority(url.data, url.size), key, NULL) == HF_OK) {
		for (i = 0; i < reach->count && memcmp(reach->places[i].key, key, sizeof(key)) != 0; i++)
			;
		if (i < reach->count || (make && i < HOSTS_MAX))
			place = &reach->places[i];
		if (place != NULL && i == reach->count) {
			memcpy(place->key, key, sizeof(key));
			reach->count++;
		}
	}
	bytes_release(&url);
	return place;
}

int64_t
reach_answers(const struct reach *reach)
{
	return reach->answers;
}

void
reach_asked(struct reach *reach, const struct ref *ref, int64_t now_ns)
{
	if (ref->members[A_PATH].type == HF_JSON_NONE && reach->silent_ns == 0)
		reach->silent_ns = now_ns;
}

void
reach_answered(struct reach *reach, const struct tools *tools, const struct ref *ref)
{
	struct place *place = place_of(reach, tools, ref, false);

	if (ref->members[A_PATH].type != HF_JSON_NONE)
		return;
	reach->answers++;
	reach->silent_ns = 0;
	if (place != NULL)
		place->missed = 0;
}

const char *
reach_refuses(struct reach *reach, const struct tools *tools, const struct ref *ref, int64_t now_ns)
{
	const struct place *place = reach->any ? place_of(reach, tools, ref, false) : NULL;

	if (place != NULL && place->missed >= REACH_MISSES)
		return "its server did not answer again and again, and was not asked any more";
	if (ref->members[A_PATH].type == HF_JSON_NONE && reach->silent_ns != 0 &&
	    now_ns - reach->silent_ns >= REACH_SILENCE)
		return "nobody answered any more, so it was not asked for";
	return NULL;
}

int
reach_missed(struct reach *reach, const struct tools *tools, const struct ref *ref, const struct bytes *line,
    int64_t answers, const char *message, struct hf_error *err)
{
	struct place *place = place_of(reach, tools, ref, true);
	struct bytes head = BYTES_INIT(LINE_SIZE);
	size_t i;
	int r;

	reach->any = true;
	if (place != NULL)
		place->missed++;
	text_number(&head, answers);
	bytes_string(&head, " ");
	bytes_string(&head, message);
	r = bytes_status(&head, "an error", err);
	for (i = 0; i < head.size; i++)
		if (head.data[i] == '\n')
			head.data[i] = ' ';
	if (r == HF_OK)
		r = list_add(reach->missed, &head, err);
	if (r == HF_OK)
		r = list_add(reach->missed, line, err);
	bytes_release(&head);
	return r;
}

/* One of those that were missed, now that it is known whether anybody answered after it was asked for. */
static int
tell(struct reach *reach, struct work *work, const char *head, const char *line, size_t size, struct hf_error *err)
{
	struct outcome outcome = {.reason = "unreachable", .size = -1};
	struct entry entry = {.text = BYTES_INIT(4 * REF_LINE_MAX)};
	struct bytes path = BYTES_INIT(2 * REF_LINE_MAX);
	struct hf_error why = HF_ERROR_INIT;
	int64_t answers;
	char *message;
	struct ref ref;
	int r;

	answers = strtoll(head, &message, 10);
	outcome.transient = answers != REACH_OWN && reach->answers <= answers;
	(void)hf_error_set(&why, HF_ENET, 0, "%s", message[0] == ' ' ? message + 1 : message);
	outcome.detail = why.msg[0] == '\0' ? NULL : why.msg;
	r = ref_take(&ref, &work->media->tools, line, size, err);
	if (r == HF_OK)
		r = index_find(work, &ref, &path, &entry, err);
	if (r == HF_EEXIST || r == HF_ERANGE)
		r = work->emitter->failed(work->emitter->ctx, work->path, err, err);
	else if (r == HF_OK)
		r = outcome_failed(work, &ref, &entry, bytes_text(&path), &outcome, &why, err);
	bytes_release(&entry.text);
	bytes_release(&path);
	return r == HF_OK ? work_checkpoint(work, err) : r;
}

int
reach_tell(struct reach *reach, struct work *work, struct hf_error *err)
{
	char head[LINE_SIZE];
	const char *line;
	size_t size;
	int r;

	while ((r = list_next(reach->missed, &line, &size, err)) == HF_OK) {
		(void)snprintf(head, sizeof(head), "%.*s", (int)size, line);
		r = list_next(reach->missed, &line, &size, err);
		if (r == HF_OK)
			r = tell(reach, work, head, line, size, err);
		if (r == HF_OK)
			r = work_go_on(work, err);
		if (r != HF_OK)
			break;
	}
	return r == HF_ENOTFOUND ? HF_OK : r;
}
