/* SPDX-License-Identifier: BSD-2-Clause */
#include "source.h"

#include "value.h"

int
source_caps(void *handle, struct hf_source_caps *caps, struct hf_error *err)
{
	(void)handle;
	(void)err;
	caps->can_incremental = HF_YES;
	caps->can_deletions = HF_NO;
	caps->rate_limited = HF_NO;
	return HF_OK;
}

int
source_caps_deletions(void *handle, struct hf_source_caps *caps, struct hf_error *err)
{
	int r = source_caps(handle, caps, err);

	caps->can_deletions = HF_YES;
	return r;
}

bool
source_is_item_failure(int code)
{
	return HF_IS_PERMANENT(code) && code != HF_ENOMEM;
}

int
source_failed(const struct hf_host *host, const struct hf_record_sink *sink, const char *where,
    const struct hf_error *why, struct hf_error *err)
{
	if (sink->failed != NULL)
		return sink->failed(sink->ctx, where, why, err);
	hf_log(host, HF_LOG_WARNING, "%s: %s", where, why->msg);
	return HF_OK;
}

int
source_go_on(const struct hf_host *host, const char *what, struct hf_error *err)
{
	if (host->stop_requested(host->ctx) != 0)
		return hf_error_set(err, HF_ESTOPPING, 0, "%s: told to stop", what);
	return HF_OK;
}

int
source_account(const struct hf_record_sink *sink, const char *service, struct hf_error *err)
{
	struct hf_account account = {.struct_size = sizeof(account)};

	account.service = value_of_string(service);
	return sink->account(sink->ctx, &account, err);
}
