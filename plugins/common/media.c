/* SPDX-License-Identifier: BSD-2-Clause */
#include "media.h"

#include <string.h>

int
media_refuse(const struct hf_media_request *request, const struct hf_media_exchange *exchange, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	int code = HF_ENOTFOUND;

	if (request->attachment->url.data != NULL)
		code = hf_error_set(&why, HF_ENOTSUP, 0, "the file is not beside the export");
	else
		(void)hf_error_set(&why, HF_ENOTFOUND, 0, "the export does not have the file");
	return exchange->end(exchange->ctx, request->token, code, &why, err);
}

int
media_push_files(const struct hf_host *host, const struct hf_host_files *files, const char *folder,
    const struct hf_media_exchange *exchange, struct hf_error *err)
{
	struct hf_media_request request;
	int r;

	if (files == NULL)
		return hf_error_set(err, HF_ENOTSUP, 0, "this host does not offer %s", HF_HOST_FILES);
	for (;;) {
		memset(&request, 0, sizeof(request));
		request.struct_size = sizeof(request);
		r = exchange->next(exchange->ctx, &request, err);
		if (r != HF_OK)
			return r == HF_ENOTFOUND ? HF_OK : r;
		if (request.attachment->path.data != NULL)
			r = files->push(host->ctx, folder, &request.attachment->path, &request, exchange, err);
		else
			r = media_refuse(&request, exchange, err);
		if (r == HF_OK && host->stop_requested(host->ctx) != 0)
			r = hf_error_set(err, HF_ESTOPPING, 0, "told to stop");
		if (r != HF_OK)
			return r;
	}
}
