/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "progress/progress.h"

#include <json-c/json.h>
#include <string.h>

#include "base/time.h"
#include "progress/escape.h"

static const char *const kind_names[] = {
    [EVENT_QUEUED] = "queued",
    [EVENT_WAITING] = "waiting",
    [EVENT_STARTED] = "started",
    [EVENT_TYPE_STARTED] = "type_started",
    [EVENT_TYPE_COMPLETED] = "type_completed",
    [EVENT_ITEM_FAILED] = "item_failed",
    [EVENT_RETRY] = "retry",
    [EVENT_CHECKPOINT] = "checkpoint",
    [EVENT_COMPLETED] = "completed",
    [EVENT_PARTIAL] = "partial",
    [EVENT_FAILED] = "failed",
};

#define SECOND         INT64_C(1000000000)
#define ESTIMATE_AFTER (3 * SECOND)
#define MEASURE_EVERY  SECOND
#define SMOOTHING      20.0 /* seconds that a change of speed needs to be believed, more or less */

/* The new rate of something, of which there was more within so many seconds. */
static double
smooth(double rate, double more, double seconds, double age)
{
	/* At first it is the mean. */
	double weight = seconds / (seconds + (age < SMOOTHING ? age : SMOOTHING));

	return rate + (more / seconds - rate) * weight;
}

static void
measure(struct progress_meter *meter, const struct progress *progress, int64_t now)
{
	double seconds = (double)(now - meter->at) / (double)SECOND;
	double age = (double)(meter->at - meter->since) / (double)SECOND;

	if (now - meter->at < MEASURE_EVERY)
		return;
	meter->byte_rate = smooth(meter->byte_rate,
	    progress->bytes_read > meter->bytes ? (double)(progress->bytes_read - meter->bytes) : 0, seconds, age);
	meter->percent_rate = smooth(meter->percent_rate,
	    progress->percent > meter->percent ? progress->percent - meter->percent : 0, seconds, age);
	meter->at = now;
	meter->bytes = progress->bytes_read;
	meter->percent = progress->percent;
}

/* Nanoseconds; -1: nobody can tell.  The mean keeps it from jumping, the speed lately from being wrong for long. */
static int64_t
time_left(const struct progress_meter *meter, const struct progress *progress, int64_t now)
{
	double seconds = (double)(now - meter->since) / (double)SECOND, rate, left;

	if (now < meter->since + ESTIMATE_AFTER || progress->percent <= meter->base)
		return -1;
	rate = ((progress->percent - meter->base) / seconds + meter->percent_rate) / 2;
	left = (100 - progress->percent) / rate;
	/* A year from now is no estimate. */
	return left < 365.0 * 86400 ? (int64_t)(left * (double)SECOND) : -1;
}

void
progress_measure(struct progress_meter *meter, struct progress *progress, int64_t now)
{
	uint64_t done = progress->processed_items, total = progress->total_items;
	int64_t left;

	if (progress->percent == 0 && total > 0)
		progress->percent = done >= total ? 100 : 100.0 * (double)done / (double)total;
	if (!meter->told)
		*meter = (struct progress_meter){.told = true, .since = now, .base = progress->percent, .at = now,
		    .bytes = progress->bytes_read, .percent = progress->percent};
	measure(meter, progress, now);
	progress->bytes_per_second = meter->byte_rate > 0 ? (uint64_t)meter->byte_rate : 0;
	left = time_left(meter, progress, now);
	progress->estimated_completion = left < 0 ? 0 : now + left;
}

/* ---- writing ---- */

static bool
add(struct json_object *object, const char *name, struct json_object *value)
{
	if (value != NULL && json_object_object_add(object, name, value) == 0)
		return true;
	json_object_put(value);
	return false;
}

struct json_object *
progress_json_string(const char *text)
{
	size_t size = strlen(text), length, i;
	struct buffer out = BUFFER_INIT(4 * size + 1);
	struct json_object *value = NULL;

	for (i = 0; i < size; i += length == 0 ? 1 : length) {
		length = escape_utf8_length(text + i, size - i);
		buffer_append(&out, length == 0 ? "\xef\xbf\xbd" : text + i, length == 0 ? 3 : length);
	}
	if (buffer_string(&out) != NULL)
		value = json_object_new_string(buffer_string(&out));
	buffer_release(&out);
	return value;
}

static bool
add_text(struct json_object *object, const char *name, const char *text)
{
	return add(object, name, progress_json_string(text));
}

static bool
add_time(struct json_object *object, const char *name, int64_t ns)
{
	char text[TIME_RFC3339_SIZE];

	if (ns == 0)
		return true;
	/* Milliseconds are enough for a person. */
	(void)time_format(ns - ns % 1000000, text);
	return add_text(object, name, text);
}

static bool
add_count(struct json_object *object, const char *name, uint64_t count)
{
	return add(object, name, json_object_new_int64(count > INT64_MAX ? INT64_MAX : (int64_t)count));
}

static bool
add_percent(struct json_object *object, double percent)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%.1f", percent);
	return add(object, "percent", json_object_new_double_s(percent, text));
}

struct json_object *
progress_to_json(const struct progress *progress)
{
	struct json_object *object = json_object_new_object();

	if (object != NULL && add_text(object, "type", "progress") && add_text(object, "job", progress->job) &&
	    add_count(object, "total_items", progress->total_items) &&
	    add_count(object, "processed_items", progress->processed_items) &&
	    add_count(object, "failed_items", progress->failed_items) &&
	    add_text(object, "current_type", progress->current_type) &&
	    add_count(object, "bytes_received", progress->bytes_received) &&
	    add_count(object, "bytes_transferred", progress->bytes_transferred) &&
	    add_count(object, "bytes_read", progress->bytes_read) &&
	    add_count(object, "total_bytes", progress->total_bytes) &&
	    add_count(object, "bytes_per_second", progress->bytes_per_second) &&
	    add_time(object, "started_at", progress->started_at) &&
	    add_time(object, "estimated_completion", progress->estimated_completion) &&
	    add_percent(object, progress->percent))
		return object;
	json_object_put(object);
	return NULL;
}

struct json_object *
event_to_json(const struct job_event *event)
{
	struct json_object *object = json_object_new_object();
	bool ok = object != NULL && add_text(object, "type", "event") &&
	    add_text(object, "event", kind_names[event->kind]) && add_time(object, "time", event->time) &&
	    add_text(object, "job", event->job);

	if (ok && event->current_type[0] != '\0')
		ok = add_text(object, "current_type", event->current_type);
	if (ok && event->item[0] != '\0')
		ok = add_text(object, "item", event->item);
	if (ok && event->message[0] != '\0')
		ok = add_text(object, "message", event->message);
	if (ok && event->attempt != 0)
		ok = add_count(object, "attempt", event->attempt);
	if (ok)
		ok = add_time(object, "next_attempt", event->next_attempt);
	if (ok && event->details != NULL)
		ok = add(object, "details", json_object_get(event->details));
	if (ok)
		return object;
	json_object_put(object);
	return NULL;
}

/* ---- reading ---- */

void
progress_copy_text(char *out, size_t size, const char *text)
{
	size_t length = strlen(text);

	if (length >= size) {
		length = size - 1;
		while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
			length--;
	}
	memcpy(out, text, length);
	out[length] = '\0';
}

static int
get_text(struct json_object *object, const char *name, char *out, size_t size, struct hf_error *err)
{
	struct json_object *value;

	out[0] = '\0';
	if (!json_object_object_get_ex(object, name, &value) || value == NULL)
		return HF_OK;
	if (!json_object_is_type(value, json_type_string))
		return hf_error_set(err, HF_EINVAL, 0, "member \"%s\" is no string", name);
	progress_copy_text(out, size, json_object_get_string(value));
	return HF_OK;
}

static int
get_count(struct json_object *object, const char *name, uint64_t *out, struct hf_error *err)
{
	struct json_object *value;

	*out = 0;
	if (!json_object_object_get_ex(object, name, &value) || value == NULL)
		return HF_OK;
	if (!json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 0)
		return hf_error_set(err, HF_EINVAL, 0, "member \"%s\" is no count", name);
	*out = (uint64_t)json_object_get_int64(value);
	return HF_OK;
}

static int
get_time(struct json_object *object, const char *name, int64_t *out, struct hf_error *err)
{
	char text[TIME_RFC3339_SIZE];
	int r = get_text(object, name, text, sizeof(text), err);

	*out = 0;
	if (r != HF_OK || text[0] == '\0')
		return r;
	if (time_parse(text, strlen(text), out) != HF_OK)
		return hf_error_set(err, HF_EINVAL, 0, "member \"%s\" is no time", name);
	return HF_OK;
}

int
progress_from_json(struct json_object *object, struct progress *ret, struct hf_error *err)
{
	struct progress p = {.percent = 0};
	struct json_object *percent;
	int r;

	if ((r = get_text(object, "job", p.job, sizeof(p.job), err)) != HF_OK ||
	    (r = get_text(object, "current_type", p.current_type, sizeof(p.current_type), err)) != HF_OK ||
	    (r = get_count(object, "total_items", &p.total_items, err)) != HF_OK ||
	    (r = get_count(object, "processed_items", &p.processed_items, err)) != HF_OK ||
	    (r = get_count(object, "failed_items", &p.failed_items, err)) != HF_OK ||
	    (r = get_count(object, "bytes_received", &p.bytes_received, err)) != HF_OK ||
	    (r = get_count(object, "bytes_transferred", &p.bytes_transferred, err)) != HF_OK ||
	    (r = get_count(object, "bytes_read", &p.bytes_read, err)) != HF_OK ||
	    (r = get_count(object, "total_bytes", &p.total_bytes, err)) != HF_OK ||
	    (r = get_count(object, "bytes_per_second", &p.bytes_per_second, err)) != HF_OK ||
	    (r = get_time(object, "started_at", &p.started_at, err)) != HF_OK ||
	    (r = get_time(object, "estimated_completion", &p.estimated_completion, err)) != HF_OK)
		return r;
	if (json_object_object_get_ex(object, "percent", &percent)) {
		p.percent = json_object_get_double(percent);
		if (!(p.percent >= 0 && p.percent <= 100))
			return hf_error_set(err, HF_EINVAL, 0, "member \"percent\" is not within 0 and 100");
	}
	*ret = p;
	return HF_OK;
}

int
event_from_json(struct json_object *object, struct job_event *ret, struct hf_error *err)
{
	struct job_event e = {.details = NULL};
	char kind[32];
	uint64_t attempt;
	int r;

	if ((r = get_text(object, "event", kind, sizeof(kind), err)) != HF_OK ||
	    (r = get_text(object, "job", e.job, sizeof(e.job), err)) != HF_OK ||
	    (r = get_text(object, "current_type", e.current_type, sizeof(e.current_type), err)) != HF_OK ||
	    (r = get_text(object, "item", e.item, sizeof(e.item), err)) != HF_OK ||
	    (r = get_text(object, "message", e.message, sizeof(e.message), err)) != HF_OK ||
	    (r = get_time(object, "time", &e.time, err)) != HF_OK ||
	    (r = get_time(object, "next_attempt", &e.next_attempt, err)) != HF_OK ||
	    (r = get_count(object, "attempt", &attempt, err)) != HF_OK)
		return r;
	if (event_kind_parse(kind, &e.kind) != HF_OK)
		return hf_error_set(err, HF_EINVAL, 0, "no such event");
	e.attempt = attempt > UINT32_MAX ? UINT32_MAX : (uint32_t)attempt;
	if (json_object_object_get_ex(object, "details", &e.details) &&
	    !json_object_is_type(e.details, json_type_object))
		return hf_error_set(err, HF_EINVAL, 0, "member \"details\" is no object");
	*ret = e;
	return HF_OK;
}

const char *
event_kind_name(enum event_kind kind)
{
	return kind_names[kind];
}

int
event_kind_parse(const char *name, enum event_kind *ret)
{
	size_t i;

	for (i = 0; i < sizeof(kind_names) / sizeof(kind_names[0]); i++) {
		if (strcmp(name, kind_names[i]) == 0) {
			*ret = (enum event_kind)i;
			return HF_OK;
		}
	}
	return HF_EINVAL;
}

void
event_init(struct job_event *event, enum event_kind kind, const char *job)
{
	memset(event, 0, sizeof(*event));
	event->kind = kind;
	event->time = time_now();
	progress_copy_text(event->job, sizeof(event->job), job);
}
