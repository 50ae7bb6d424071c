/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "worker/units.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/hash.h"
#include "base/path.h"

#define ID_MAX   (64u << 10)
#define PATH_MAX_SIZE 4096u
#define DATA_MAX (1u << 20)
#define MARK_SIZE 16u /* bytes of a path's hash that tell it from others */

/* What lies before a unit's bytes. */
struct header {
	uint64_t id_size, path_size, data_size;
	uint64_t items, bytes, flags;
};

struct units {
	FILE *file;
	uint64_t count, taken;
	struct pace_units estimates;
	struct buffer marks; /* MARK_SIZE bytes of each path */
	struct buffer bytes; /* of the unit read last */
};

static int
failed(const char *what, struct hf_error *err)
{
	int code = errno == ENOSPC || errno == EDQUOT ? HF_ENOSPC : HF_EIO;

	return hf_error_set(err, code, errno, "the list of units cannot be %s: %s", what, strerror(errno));
}

int
units_open(const char *directory, struct units **ret, struct hf_error *err)
{
	struct units *units = calloc(1, sizeof(*units));
	char *path = path_join(directory, "units.XXXXXX");
	int fd = -1, r = HF_OK;

	if (units == NULL || path == NULL) {
		r = hf_error_set(err, HF_ENOMEM, 0, "the list of units: out of memory");
		goto out;
	}
	units->marks = (struct buffer)BUFFER_INIT((size_t)512 << 20);
	units->bytes = (struct buffer)BUFFER_INIT(ID_MAX + PATH_MAX_SIZE + DATA_MAX + 16);
	fd = mkstemp(path);
	if (fd < 0 || unlink(path) != 0 || (units->file = fdopen(fd, "w+")) == NULL)
		r = failed("made", err);
out:
	if (fd >= 0 && (units == NULL || units->file == NULL))
		(void)close(fd);
	free(path);
	if (r != HF_OK)
		units_close(units);
	else
		*ret = units;
	return r;
}

void
units_close(struct units *units)
{
	if (units == NULL)
		return;
	if (units->file != NULL)
		(void)fclose(units->file);
	buffer_release(&units->marks);
	buffer_release(&units->bytes);
	free(units);
}

static int
put(struct units *units, const void *data, size_t size, struct hf_error *err)
{
	return size > 0 && fwrite(data, 1, size, units->file) != size ? failed("written", err) : HF_OK;
}

int
units_add(struct units *units, const struct hf_unit *unit, struct hf_error *err)
{
	struct header header = {unit->id.size, unit->path == NULL ? 0 : strlen(unit->path), unit->data.size,
	    unit->items, unit->bytes, unit->flags};
	uint8_t sum[HASH_SIZE];
	int r;

	if (header.id_size > ID_MAX || header.path_size > PATH_MAX_SIZE || header.data_size > DATA_MAX)
		return hf_error_set(err, HF_EINVAL, 0, "a unit is longer than the host takes");
	if (header.path_size == 0)
		return hf_error_set(err, HF_EINVAL, 0, "a unit without a folder");
	r = hash_bytes(unit->path, header.path_size, sum, err);
	if (r != HF_OK)
		return r;
	buffer_append(&units->marks, sum, MARK_SIZE);
	r = buffer_status(&units->marks, "the list of units", err);
	if (r == HF_OK)
		r = put(units, &header, sizeof(header), err);
	if (r == HF_OK)
		r = put(units, unit->id.data, header.id_size, err);
	if (r == HF_OK)
		r = put(units, unit->path, header.path_size, err);
	if (r == HF_OK)
		r = put(units, unit->data.data, header.data_size, err);
	if (r == HF_OK) {
		units->count++;
		pace_units_add(&units->estimates, &(const struct pace_work){unit->items, unit->bytes});
	}
	return r;
}

static int
compare_marks(const void *a, const void *b)
{
	return memcmp(a, b, MARK_SIZE);
}

int
units_seal(struct units *units, struct hf_error *err)
{
	size_t i;

	if (units->count > 0)
		qsort(units->marks.data, units->count, MARK_SIZE, compare_marks);
	for (i = 1; i < units->count; i++) {
		if (compare_marks(units->marks.data + (i - 1) * MARK_SIZE, units->marks.data + i * MARK_SIZE) == 0)
			return hf_error_set(err, HF_EINVAL, 0, "two units have the same folder");
	}
	buffer_release(&units->marks);
	if (fflush(units->file) != 0)
		return failed("written", err);
	rewind(units->file);
	return HF_OK;
}

int
units_next(struct units *units, struct hf_unit *ret, struct hf_error *err)
{
	struct header header;
	size_t size;
	char *at;

	if (units->taken == units->count)
		return hf_error_set(err, HF_ENOTFOUND, 0, "there are no more units");
	if (fread(&header, sizeof(header), 1, units->file) != 1)
		return failed("read", err);
	size = header.id_size + header.path_size + header.data_size + 1;
	buffer_clear(&units->bytes);
	if (buffer_reserve(&units->bytes, size) != HF_OK)
		return buffer_status(&units->bytes, "a unit", err);
	at = (char *)units->bytes.data;
	/* The path gets a zero byte behind it, which the file does not have. */
	if (fread(at, 1, header.id_size, units->file) != header.id_size ||
	    fread(at + header.id_size, 1, header.path_size, units->file) != header.path_size ||
	    fread(at + header.id_size + header.path_size + 1, 1, header.data_size, units->file) != header.data_size)
		return failed("read", err);
	at[header.id_size + header.path_size] = '\0';
	units->taken++;
	*ret = (struct hf_unit){(uint32_t)sizeof(*ret), (uint32_t)header.flags,
	    {at, header.id_size, HF_TEXT_UTF8, 0}, at + header.id_size,
	    {at + header.id_size + header.path_size + 1, header.data_size}, header.items, header.bytes};
	return HF_OK;
}

uint64_t
units_count(const struct units *units)
{
	return units->count;
}

const struct pace_units *
units_estimates(const struct units *units)
{
	return &units->estimates;
}
