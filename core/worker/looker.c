/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "worker/looker.h"

#define FILE_MAX (16u << 20)

/* What a strategy said no with: that is no failure of ours. */
struct answer {
	const struct hf_sink *sink;
	hf_entry_fn fn;
	void *ctx;
	int refused;
};

static int
keep(struct answer *answer, int r)
{
	if (r > 0)
		r = HF_EINVAL;
	if (r != HF_OK)
		answer->refused = r;
	return r;
}

static int
pass_entry(void *ctx, const struct hf_entry *entry, struct hf_error *err)
{
	struct answer *answer = ctx;

	return keep(answer, answer->fn(answer->ctx, entry, err));
}

static int
pass_bytes(void *ctx, const void *data, uint64_t size, struct hf_error *err)
{
	struct answer *answer = ctx;

	return keep(answer, answer->sink->write(answer->sink->ctx, data, size, err));
}

/* Nothing there, too few lines, damage: these are for the strategy to decide about. */
static int
result(struct looker *looker, const struct answer *answer, int r, struct hf_error *why, struct hf_error *err)
{
	if (r == HF_OK)
		return HF_OK;
	if (answer->refused == HF_OK && r != HF_ENOTFOUND && r != HF_ERANGE && r != HF_ECORRUPT && r != HF_EINVAL &&
	    looker->failure.code == HF_OK) {
		looker->failure = *why;
		looker->failure.code = r;
	}
	if (err != NULL) {
		*err = *why;
		err->code = r;
	}
	return r;
}

static int
look_list(void *ctx, const char *path, hf_entry_fn fn, void *fn_ctx, struct hf_error *err)
{
	struct looker *looker = ctx;
	struct answer answer = {NULL, fn, fn_ctx, HF_OK};
	struct hf_error why = HF_ERROR_INIT;
	int r = archive_list(looker->archive, path, pass_entry, &answer, &why);

	return result(looker, &answer, r, &why, err);
}

static int
look_file(void *ctx, const char *path, const struct hf_sink *sink, struct hf_error *err)
{
	struct looker *looker = ctx;
	struct answer answer = {sink, NULL, NULL, HF_OK};
	struct buffer text = BUFFER_INIT(FILE_MAX);
	struct hf_error why = HF_ERROR_INIT;
	int r = archive_read(looker->archive, path, &text, &why);

	if (r == HF_OK && text.size > 0)
		r = pass_bytes(&answer, text.data, text.size, &why);
	buffer_release(&text);
	return result(looker, &answer, r, &why, err);
}

static int
look_log(void *ctx, const char *path, uint64_t first, const struct hf_sink *sink, struct hf_error *err)
{
	struct looker *looker = ctx;
	struct answer answer = {sink, NULL, NULL, HF_OK};
	const struct hf_sink proxy = {(uint32_t)sizeof(proxy), 0, &answer, pass_bytes};
	struct hf_error why = HF_ERROR_INIT;
	int r = archive_log(looker->archive, path, first, &proxy, &looker->damage, &why);

	return result(looker, &answer, r, &why, err);
}

void
looker_init(struct looker *looker, struct archive *archive, const struct archive_damage *damage)
{
	looker->archive = archive;
	looker->damage = *damage;
	looker->failure = (struct hf_error)HF_ERROR_INIT;
	looker->table = (struct hf_snapshot_view){(uint32_t)sizeof(looker->table), 0, looker, look_list, look_file,
	    look_log};
}
