/* SPDX-License-Identifier: BSD-2-Clause */
#include "chats.h"

/* Items between two calls of the host. */
#define BATCH 64

int
work_tell(struct work *work, struct hf_error *err)
{
	const struct hf_host *host = work->chats->host;
	int r = HF_OK;

	if (work->items > 0)
		r = work->emitter->done(work->emitter->ctx, work->items, work->bytes, err);
	work->items = work->bytes = 0;
	if (r == HF_OK && host->stop_requested(host->ctx) != 0)
		r = hf_error_set(err, HF_ESTOPPING, 0, "%s: told to stop", work->path);
	return r;
}

int
work_done(struct work *work, uint64_t bytes, struct hf_error *err)
{
	work->items++;
	work->bytes += bytes;
	return work->items < BATCH ? HF_OK : work_tell(work, err);
}

const char *
item_name(const char *prefix, const char *what, const struct hf_text *id, char *name, size_t size)
{
	static const struct hf_text none = {"without id", 10, HF_TEXT_UTF8, 0};
	size_t n, i;
	char c;

	if (id == NULL || id->data == NULL || id->size == 0)
		id = &none;
	n = (size_t)snprintf(name, size, "%s: %s ", prefix, what);
	for (i = 0; i < id->size && i < 100 && n + 1 < size; i++) {
		c = id->data[i];
		name[n++] = c > ' ' && c < 0x7f ? c : id == &none ? ' ' : '?';
	}
	name[n < size ? n : size - 1] = '\0';
	return name;
}

int
work_failed_at(struct work *work, const char *where, const struct hf_error *why, struct hf_error *err)
{
	work->failed++;
	return work->emitter->failed(work->emitter->ctx, where, why, err);
}

int
work_failed(struct work *work, const char *what, const struct hf_text *id, const struct hf_error *why,
    struct hf_error *err)
{
	char name[800];

	return work_failed_at(work, item_name(work->path, what, id, name, sizeof(name)), why, err);
}

int
work_previous(struct work *work, const char *name, const struct hf_sink *sink, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	int r = work->emitter->previous(work->emitter->ctx, name, sink, &why);

	if (r == HF_OK)
		return HF_OK;
	/* A damaged file is written anew: what it told can be read again from the source. */
	if (r == HF_ECORRUPT || r == HF_ERANGE) {
		hf_log(work->chats->host, HF_LOG_WARNING, "%s/%s of the last snapshot is not used: %s", work->path,
		    name, why.msg);
		r = HF_ENOTFOUND;
	}
	return hf_error_set(err, r, why.os_errno, "%s", why.msg);
}
