/* SPDX-License-Identifier: BSD-2-Clause */
#include "spool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int
failed(const char *what, struct hf_error *err)
{
	int code = errno == ENOSPC || errno == EDQUOT ? HF_ENOSPC : HF_EIO;

	return hf_error_set(err, code, errno, "a temporary file cannot be %s: %s", what, strerror(errno));
}

int
spool_open(struct spool *spool, struct hf_error *err)
{
	const char *folder = getenv("TMPDIR");
	char path[1024];
	int fd;

	if (folder == NULL || folder[0] != '/' || strlen(folder) + sizeof("/holdfast-XXXXXX") > sizeof(path))
		folder = "/tmp";
	(void)snprintf(path, sizeof(path), "%s/holdfast-XXXXXX", folder);
	fd = mkstemp(path);
	if (fd < 0)
		return failed("made", err);
	if (unlink(path) != 0 || (spool->file = fdopen(fd, "w+")) == NULL) {
		(void)close(fd);
		return failed("made", err);
	}
	spool->size = 0;
	return HF_OK;
}

void
spool_close(struct spool *spool)
{
	if (spool->file != NULL)
		(void)fclose(spool->file);
	spool->file = NULL;
}

int
spool_put(struct spool *spool, const void *data, size_t size, struct hf_error *err)
{
	if (size > 0 && fwrite(data, 1, size, spool->file) != size)
		return failed("written", err);
	spool->size += size;
	return HF_OK;
}

int
spool_clear(struct spool *spool, struct hf_error *err)
{
	spool->size = 0;
	return fseeko(spool->file, 0, SEEK_SET) != 0 || ftruncate(fileno(spool->file), 0) != 0 ? failed("emptied", err)
	                                                                                      : HF_OK;
}

int
spool_seek(struct spool *spool, uint64_t at, struct hf_error *err)
{
	return fseeko(spool->file, (off_t)at, SEEK_SET) != 0 ? failed("read", err) : HF_OK;
}

int
spool_get(struct spool *spool, void *data, size_t size, struct hf_error *err)
{
	if (size == 0 || fread(data, 1, size, spool->file) == size)
		return HF_OK;
	if (ferror(spool->file))
		return failed("read", err);
	return hf_error_set(err, HF_EIO, 0, "a temporary file is shorter than it was written");
}

static int
write_spool(void *ctx, const void *data, uint64_t size, struct hf_error *err)
{
	return spool_put(ctx, data, (size_t)size, err);
}

struct hf_sink
spool_sink(struct spool *spool)
{
	return (struct hf_sink){sizeof(struct hf_sink), 0, spool, write_spool};
}

static int64_t
read_spool(void *ctx, void *data, uint64_t size, struct hf_error *err)
{
	struct spool *spool = ctx;
	size_t n = fread(data, 1, (size_t)size, spool->file);

	return n == 0 && ferror(spool->file) ? failed("read", err) : (int64_t)n;
}

static int
rewind_spool(void *ctx, struct hf_error *err)
{
	return spool_seek(ctx, 0, err);
}

struct hf_reader
spool_reader(struct spool *spool)
{
	return (struct hf_reader){sizeof(struct hf_reader), 0, spool, read_spool, rewind_spool, spool->size};
}
