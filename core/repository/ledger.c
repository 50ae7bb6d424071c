/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "repository/ledger.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/time.h"
#include "repository/repository-internal.h"

#define LEDGER_NAME "snapshots"
#define LEDGER_MAX  ((size_t)16 << 20)

static int
compare_entries(const void *a, const void *b)
{
	return memcmp(((const struct ledger_entry *)a)->id.bytes,
	    ((const struct ledger_entry *)b)->id.bytes, HASH_SIZE);
}

static struct ledger_entry *
find_entry(const struct buffer *entries, const struct repository_id *id)
{
	struct ledger_entry wanted = {*id, 0};

	if (entries->size == 0)
		return NULL;
	return bsearch(&wanted, entries->data, entries->size / sizeof(wanted), sizeof(wanted), compare_entries);
}

static void
sort_entries(struct buffer *entries)
{
	if (entries->size > 0)
		qsort(entries->data, entries->size / sizeof(struct ledger_entry), sizeof(struct ledger_entry),
		    compare_entries);
}

/* A line that is not one of ours says nothing; the others still count. */
static void
parse_line(const char *line, size_t size, struct buffer *out)
{
	struct ledger_entry entry;
	char number[24];
	char *end;

	if (size < 66 || size - 65 >= sizeof(number) || line[64] != ' ' ||
	    hex_decode(line, 64, entry.id.bytes, HASH_SIZE) != HF_OK)
		return;
	memcpy(number, line + 65, size - 65);
	number[size - 65] = '\0';
	entry.seen_ns = strtoimax(number, &end, 10);
	if (*end == '\0')
		buffer_append(out, &entry, sizeof(entry));
}

int
ledger_load(struct repository *repository, struct buffer *out, struct hf_error *err)
{
	struct buffer text = BUFFER_INIT(LEDGER_MAX);
	const char *line, *end, *stop;
	char *path;
	int r;

	if (repository->cache_directory == NULL)
		return HF_OK;
	path = path_join(repository->cache_directory, LEDGER_NAME);
	if (path == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	r = path_read(path, LEDGER_MAX, &text, err);
	free(path);
	if (r != HF_OK)
		return r == HF_ENOTFOUND ? HF_OK : r;
	stop = (const char *)text.data + text.size;
	for (line = (const char *)text.data; line != NULL && line < stop; line = end + 1) {
		end = memchr(line, '\n', (size_t)(stop - line));
		if (end == NULL)
			break;
		parse_line(line, (size_t)(end - line), out);
	}
	buffer_release(&text);
	sort_entries(out);
	return buffer_status(out, "list of known snapshots", err);
}

static int
save(struct repository *repository, const struct buffer *entries, struct hf_error *err)
{
	struct buffer text = BUFFER_INIT(LEDGER_MAX);
	struct ledger_entry entry;
	char hex[HASH_HEX_SIZE], *path;
	size_t at;
	int r;

	for (at = 0; at < entries->size; at += sizeof(entry)) {
		memcpy(&entry, entries->data + at, sizeof(entry));
		hex_encode(entry.id.bytes, HASH_SIZE, hex);
		buffer_appendf(&text, "%s %" PRId64 "\n", hex, entry.seen_ns);
	}
	path = path_join(repository->cache_directory, LEDGER_NAME);
	r = path == NULL ? hf_error_set(err, HF_ENOMEM, 0, "out of memory") :
	    buffer_status(&text, "list of known snapshots", err);
	if (r == HF_OK)
		r = path_make_directories(repository->cache_directory, err);
	if (r == HF_OK)
		r = path_write(path, text.data, text.size, 0600, err);
	free(path);
	buffer_release(&text);
	return r;
}

int
ledger_add(struct repository *repository, const struct repository_id *ids, size_t count, struct hf_error *err)
{
	struct buffer entries = BUFFER_INIT(LEDGER_MAX);
	struct ledger_entry entry = {.seen_ns = time_now()};
	size_t i, known;
	int r;

	if (repository->cache_directory == NULL)
		return HF_OK;
	r = ledger_load(repository, &entries, err);
	known = entries.size;
	for (i = 0; r == HF_OK && i < count; i++) {
		struct buffer before = {entries.data, known, known, known, HF_OK};

		entry.id = ids[i];
		if (find_entry(&before, &ids[i]) == NULL)
			buffer_append(&entries, &entry, sizeof(entry));
		r = buffer_status(&entries, "list of known snapshots", err);
	}
	if (r == HF_OK && entries.size > known) {
		sort_entries(&entries);
		r = save(repository, &entries, err);
	}
	buffer_release(&entries);
	return r;
}

int
ledger_remove(struct repository *repository, const struct repository_id *id, struct hf_error *err)
{
	struct buffer entries = BUFFER_INIT(LEDGER_MAX);
	struct ledger_entry *entry;
	uint8_t *end;
	int r;

	if (repository->cache_directory == NULL)
		return HF_OK;
	r = ledger_load(repository, &entries, err);
	entry = r == HF_OK ? find_entry(&entries, id) : NULL;
	if (entry != NULL) {
		end = entries.data + entries.size;
		memmove(entry, entry + 1, (size_t)(end - (uint8_t *)(entry + 1)));
		entries.size -= sizeof(*entry);
		r = save(repository, &entries, err);
	}
	buffer_release(&entries);
	return r;
}
