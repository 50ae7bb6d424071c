/* SPDX-License-Identifier: BSD-2-Clause */
#include "index.h"

#include <inttypes.h>
#include <stdlib.h>

void
index_init(struct index_entry *entry)
{
	*entry = (struct index_entry){.id = BYTES_INIT(INDEX_ID_MAX), .revision = BYTES_INIT(INDEX_ID_MAX),
	    .line = BYTES_INIT(INDEX_LINE_MAX), .updated_ns = HF_NO_TIME};
}

void
index_release(struct index_entry *entry)
{
	bytes_release(&entry->id);
	bytes_release(&entry->revision);
	bytes_release(&entry->line);
}

void
index_put_text(const struct tools *tools, const char *text, size_t size, struct bytes *out)
{
	const struct hf_text value = {size == 0 ? "" : text, size, HF_TEXT_UTF8, 0};

	if (bytes_reserve(out, 6 * size + 2))
		out->size += (size_t)tools->write->text(&value, out->data + out->size, out->capacity - out->size);
}

void
index_put(const struct tools *tools, const struct hf_text *id, const struct hf_text *revision, uint64_t size,
    int64_t updated_ns, struct bytes *out)
{
	char time[HF_TIME_SIZE];

	bytes_string(out, "{\"id\":");
	index_put_text(tools, id->data, (size_t)id->size, out);
	bytes_format(out, ",\"size\":%" PRIu64, size);
	if (revision != NULL) {
		bytes_string(out, ",\"revision\":");
		index_put_text(tools, revision->data, (size_t)revision->size, out);
	}
	if (updated_ns != HF_NO_TIME)
		bytes_format(out, ",\"updated_at\":\"%.*s\"", (int)tools->write->time(updated_ns, time), time);
	bytes_string(out, "}\n");
}

static void
take_text(const struct tools *tools, const struct hf_json_value *value, struct bytes *out)
{
	bytes_clear(out);
	if (bytes_reserve(out, (size_t)value->size))
		out->size = (size_t)tools->json->decode(value->data, value->size, out->data);
}

static int
parse_line(const struct tools *tools, struct index_entry *entry, struct hf_error *err)
{
	static const char *const names[] = {"id", "size", "revision", "updated_at"};
	struct hf_json_value values[4];
	const char *line;
	int r = tools->json->object(entry->line.data, entry->line.size, names, 4, values, err);

	if (r != HF_OK)
		return hf_error_set(err, HF_ECORRUPT, 0, "a line of index.jsonl is no JSON object");
	line = bytes_text(&entry->line);
	if (line == NULL)
		return hf_error_set(err, HF_ECORRUPT, 0, "a line of index.jsonl is too long");
	if (values[0].type != HF_JSON_STRING || values[1].type != HF_JSON_NUMBER ||
	    (values[2].type != HF_JSON_STRING && values[2].type != HF_JSON_NONE))
		return hf_error_set(err, HF_ECORRUPT, 0, "a line of index.jsonl is not what it should be");
	take_text(tools, &values[0], &entry->id);
	entry->has_revision = values[2].type == HF_JSON_STRING;
	if (entry->has_revision)
		take_text(tools, &values[2], &entry->revision);
	entry->size = strtoull(values[1].data, NULL, 10);
	entry->updated_ns = values[3].type != HF_JSON_STRING ? HF_NO_TIME
	                                                     : tools->write->parse_time(values[3].data, values[3].size);
	if (entry->id.size == 0 || entry->id.failed != HF_OK || entry->revision.failed != HF_OK || entry->size == 0)
		return hf_error_set(err, HF_ECORRUPT, 0, "a line of index.jsonl is not what it should be");
	return HF_OK;
}

int
index_next(const struct tools *tools, struct spool *spool, struct index_entry *entry, struct hf_error *err)
{
	int c;

	bytes_clear(&entry->line);
	while ((c = getc(spool->file)) != EOF && c != '\n')
		bytes_char(&entry->line, (char)c);
	if (ferror(spool->file))
		return hf_error_set(err, HF_EIO, 0, "a temporary file cannot be read");
	if (c == EOF && entry->line.size == 0)
		return hf_error_set(err, HF_ENOTFOUND, 0, "no more lines");
	if (c == EOF || entry->line.failed != HF_OK)
		return hf_error_set(err, HF_ECORRUPT, 0, "a line of index.jsonl is cut off, or too long");
	return parse_line(tools, entry, err);
}
