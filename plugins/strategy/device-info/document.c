/* SPDX-License-Identifier: BSD-2-Clause */
#include "document.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- writing ---- */

static char *
reserve(struct document *document, size_t more)
{
	size_t capacity = document->capacity == 0 ? 4096 : document->capacity;
	char *data;

	if (document->failed != HF_OK)
		return NULL;
	if (more > DOCUMENT_MAX - document->size) {
		document->failed = HF_ERANGE;
		return NULL;
	}
	while (capacity - document->size < more)
		capacity *= 2;
	if (capacity != document->capacity) {
		data = realloc(document->data, capacity);
		if (data == NULL) {
			document->failed = HF_ENOMEM;
			return NULL;
		}
		document->data = data;
		document->capacity = capacity;
	}
	return document->data + document->size;
}

void
document_put(struct document *document, const void *data, size_t size)
{
	char *at = reserve(document, size + 1);

	if (at == NULL || size == 0)
		return;
	memcpy(at, data, size);
	document->size += size;
}

static void
put(struct document *document, const char *text)
{
	document_put(document, text, strlen(text));
}

static void
put_string(struct document *document, const char *text)
{
	const struct hf_text value = {text, strlen(text), HF_TEXT_UTF8, 0};
	/* As the host's writer wants it at worst. */
	size_t room = 6 * (size_t)value.size + 2;
	char *at = reserve(document, room);

	if (at != NULL)
		document->size += (size_t)document->write->text(&value, at, room);
}

/* before: what stands between it and the member before. */
static void
put_member(struct document *document, const char *before, const char *name, const char *text)
{
	if (text[0] == '\0')
		return;
	put(document, before);
	put_string(document, name);
	put(document, ": ");
	put_string(document, text);
}

static void
put_number(struct document *document, const char *before, const char *name, uint64_t number)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRIu64, number);
	put(document, before);
	put_string(document, name);
	put(document, ": ");
	put(document, text);
}

static void
put_disk(struct document *document, const struct fact_disk *disk)
{
	put_member(document, "    {", "mount", disk->mount);
	put_member(document, ", ", "type", disk->type);
	put_number(document, ", ", "size", disk->size);
	put_number(document, ", ", "free", disk->free);
	put(document, "}");
}

static void
put_disks(struct document *document, const struct facts *facts)
{
	size_t i;

	put(document, ",\n  \"disks\": [");
	for (i = 0; i < facts->disk_count; i++) {
		put(document, i == 0 ? "\n" : ",\n");
		put_disk(document, &facts->disks[i]);
	}
	put(document, facts->disk_count == 0 ? "]" : "\n  ]");
}

struct listing {
	struct document *document;
	const char *before;
};

static int
put_plugin(void *ctx, const struct hf_about_plugin *plugin, struct hf_error *err)
{
	struct listing *listing = ctx;

	(void)err;
	put_member(listing->document, listing->before, plugin->name, plugin->version);
	listing->before = ", ";
	return HF_OK;
}

static int
put_holdfast(struct document *document, const struct hf_host_about *about, struct hf_error *err)
{
	struct listing listing = {document, ""};
	int r;

	put_member(document, ",\n  \"holdfast\": {", "version", about->version);
	put(document, ", \"plugins\": {");
	r = about->plugins(about->ctx, put_plugin, &listing, err);
	put(document, "}}");
	return r;
}

static void
put_facts(struct document *document, const char *host, const struct facts *facts)
{
	put_member(document, "{\n  ", "schema", "holdfast.device/1");
	put_member(document, ",\n  ", "host", host);
	put_member(document, ",\n  \"system\": {", "name", facts->system[0] != '\0' ? facts->system : "unknown");
	put_member(document, ", ", "distribution", facts->distribution);
	put_member(document, ", ", "kernel", facts->kernel);
	put_member(document, ", ", "machine", facts->machine);
	put(document, "}");
	if (facts->processors > 0 || facts->processor[0] != '\0') {
		put_number(document, ",\n  \"cpu\": {", "count", facts->processors);
		put_member(document, ", ", "model", facts->processor);
		put(document, "}");
	}
	if (facts->memory > 0)
		put_number(document, ",\n  ", "memory", facts->memory);
	put_disks(document, facts);
	put_member(document, ",\n  ", "locale", facts->locale);
	put_member(document, ",\n  ", "time_zone", facts->time_zone);
}

int
document_make(struct document *document, const char *host, const struct facts *facts,
    const struct hf_host_about *about, struct hf_error *err)
{
	int r = HF_OK;

	put_facts(document, host, facts);
	if (about != NULL)
		r = put_holdfast(document, about, err);
	put(document, "\n}\n");
	if (r == HF_OK && document->failed != HF_OK)
		r = hf_error_set(err, document->failed, 0, "device.json: %s",
		    document->failed == HF_ENOMEM ? "out of memory" : "longer than 1 MiB");
	return r;
}

void
document_release(struct document *document)
{
	free(document->data);
	document->data = NULL;
	document->size = document->capacity = 0;
}

/* ---- the one of the last backup ---- */

static bool
is_string(const struct hf_json_value *value, const char *text)
{
	return value->type == HF_JSON_STRING && value->size == strlen(text) &&
	       memcmp(value->data, text, (size_t)value->size) == 0;
}

static bool
number_of(const struct hf_json_value *value, uint64_t *ret)
{
	uint64_t number = 0;
	size_t i;

	if (value->type != HF_JSON_NUMBER || value->size == 0 || value->size > 18)
		return false;
	for (i = 0; i < value->size; i++) {
		if (value->data[i] < '0' || value->data[i] > '9')
			return false;
		number = number * 10 + (uint64_t)(value->data[i] - '0');
	}
	*ret = number;
	return true;
}

static bool
is_near(uint64_t a, uint64_t b, uint64_t step)
{
	/* A step of rounding, and half a one so that it does not change at every turn. */
	return (a > b ? a - b : b - a) <= step + step / 2;
}

static void
settle_disk(struct facts *facts, const struct hf_json_value values[4])
{
	uint64_t size, free_bytes, step;
	struct fact_disk *disk;
	size_t i;

	if (!number_of(&values[2], &size) || !number_of(&values[3], &free_bytes))
		return;
	step = facts_step(size);
	for (i = 0; i < facts->disk_count; i++) {
		disk = &facts->disks[i];
		if (!is_string(&values[0], disk->mount) || !is_string(&values[1], disk->type) ||
		    !is_near(disk->free, free_bytes, step))
			continue;
		if (disk->size == size || (facts_size_varies(disk) && is_near(disk->size, size, step))) {
			disk->size = size;
			disk->free = free_bytes;
		}
		return;
	}
}

void
document_settle(struct facts *facts, const struct hf_host_json *json, const char *text, size_t size)
{
	static const char *const top[] = {"schema", "disks"}, *const of_disk[] = {"mount", "type", "size", "free"};
	struct hf_json_value values[2], disk[4], element, name;
	struct hf_error err = HF_ERROR_INIT;
	uint64_t at = 0;

	if (json->object(text, size, top, 2, values, &err) != HF_OK || !is_string(&values[0], "holdfast.device/1") ||
	    values[1].type != HF_JSON_ARRAY)
		return;
	while (json->next(&values[1], &at, &name, &element, &err) == 1) {
		if (element.type == HF_JSON_OBJECT &&
		    json->object(element.data, element.size, of_disk, 4, disk, &err) == HF_OK)
			settle_disk(facts, disk);
	}
}
