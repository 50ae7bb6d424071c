/* SPDX-License-Identifier: BSD-2-Clause */
#include "media.h"

/* JPEG files begin with these bytes (ITU-T T.81, SOI and the next marker). */
static bool
is_jpeg(const struct hf_reader *reader)
{
	unsigned char head[3];
	size_t have = 0;
	int64_t n = 1;

	while (have < sizeof(head) && n > 0) {
		n = reader->read(reader->ctx, head + have, sizeof(head) - have, NULL);
		if (n > 0)
			have += (size_t)n;
	}
	return have == sizeof(head) && head[0] == 0xff && head[1] == 0xd8 && head[2] == 0xff;
}

static int
sink_append(void *ctx, const void *data, uint64_t size, struct hf_error *err)
{
	void **to = ctx;
	const struct hf_host_scratch *scratch = to[0];

	return scratch->append(to[1], data, size, err);
}

/* The picture made smaller goes to out; *ret_used false: the old one stays. */
static int
recompress(const struct work *work, const struct hf_reader *reader, struct hf_scratch *out, struct outcome *ret,
    bool *ret_used, struct hf_error *err)
{
	const struct media *media = work->media;
	const struct hf_image_request request = {(uint32_t)sizeof(request),
	    media->strip_location ? HF_IMAGE_STRIP_LOCATION : 0, media->compress ? media->quality : 0, 0};
	struct hf_image_result result = {.struct_size = (uint32_t)sizeof(result)};
	const void *to[] = {media->scratch, out};
	struct hf_sink sink = {(uint32_t)sizeof(sink), 0, to, sink_append};
	struct hf_error why = HF_ERROR_INIT;
	int r = media->image->recompress(media->host->ctx, &request, reader, &sink, &result, &why);

	*ret_used = r == HF_OK && result.used;
	if (HF_IS_CONTROL(r))
		return hf_error_set(err, r, why.os_errno, "%s", why.msg);
	if (r != HF_OK) {
		hf_log(media->host, HF_LOG_WARNING, "%s: a picture stays as it is: %s", work->path, why.msg);
		(void)snprintf(ret->kept, sizeof(ret->kept), "error");
		return HF_OK;
	}
	if (result.used)
		ret->done = strcmp(result.reason, "location_removed") == 0 ? "location_removed" : "recompressed";
	else if (strcmp(result.reason, "not_a_jpeg") != 0 && strcmp(result.reason, "not_asked") != 0)
		(void)snprintf(ret->kept, sizeof(ret->kept), "%.31s", result.reason);
	ret->location_left = (result.flags & HF_IMAGE_LOCATION_LEFT) != 0;
	return HF_OK;
}

static int
put(struct work *work, const char *path, int64_t mtime_ns, struct hf_scratch *scratch, struct outcome *ret,
    struct hf_error *err)
{
	struct hf_reader reader;
	int r = work->media->scratch->reader(scratch, &reader, err);

	if (r == HF_OK)
		r = work->emitter->file_from(work->emitter->ctx, path, &reader,
		    mtime_ns == HF_NO_TIME ? 0 : mtime_ns, err);
	if (r == HF_OK)
		ret->stored_size = (int64_t)reader.length;
	return r;
}

int
store(struct work *work, const char *path, int64_t mtime_ns, struct hf_scratch *scratch, struct outcome *ret,
    struct hf_error *err)
{
	const struct hf_host_scratch *api = work->media->scratch;
	struct hf_scratch *smaller = NULL;
	struct hf_reader reader;
	bool used = false;
	uint64_t size;
	int r = api->reader(scratch, &reader, err);

	if (r == HF_OK)
		r = api->sha256(scratch, ret->sha256, err);
	if (r != HF_OK)
		return r;
	ret->size = (int64_t)reader.length;
	ret->done = "original";
	if (work->media->image != NULL && (work->media->compress || work->media->strip_location) && is_jpeg(&reader)) {
		r = reader.rewind(reader.ctx, err);
		if (r == HF_OK)
			r = api->open(work->media->host->ctx, "picture", &smaller, &size, err);
		if (r == HF_OK)
			r = api->truncate(smaller, 0, err);
		if (r == HF_OK)
			r = recompress(work, &reader, smaller, ret, &used, err);
	}
	if (r == HF_OK)
		r = put(work, path, mtime_ns, used ? smaller : scratch, ret, err);
	api->remove(smaller);
	return r;
}
