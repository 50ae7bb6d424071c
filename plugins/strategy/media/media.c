/* SPDX-License-Identifier: BSD-2-Clause */
#include "media.h"

#include <stdlib.h>

#include <holdfast/plugin.h>

enum { OPTION_COMPRESS, OPTION_QUALITY, OPTION_MAX_SIZE, OPTION_STRIP_LOCATION, OPTION_COUNT };

static const struct hf_option options[] = {
    {sizeof(struct hf_option), HF_OPTION_BOOL, 0, 1, "compress_media", "make photographs (JPEG) smaller", "true", 0, 0},
    {sizeof(struct hf_option), HF_OPTION_INT, 0, 1, "media_quality", "of photographs that are made smaller", "80", 1,
        100},
    {sizeof(struct hf_option), HF_OPTION_SIZE, 0, 1, "max_media_size", "larger files are left out", "100 MB", 1,
        INT64_MAX},
    {sizeof(struct hf_option), HF_OPTION_BOOL, 0, 1, "strip_location", "take out where a photograph was taken", "false",
        0, 0},
    {0, 0, 0, 0, NULL, NULL, NULL, 0, 0},
};

static int
media_configure(const struct hf_value *values, uint32_t count, struct hf_error *err)
{
	(void)values;
	if (count < OPTION_COUNT)
		return hf_error_set(err, HF_EINVAL, 0, "the options of media are not all there");
	return HF_OK;
}

static int
media_open(const struct hf_host *host, const struct hf_value *values, uint32_t count, void **ret_handle,
    struct hf_error *err)
{
	struct media *media;
	int r = media_configure(values, count, err);

	if (r != HF_OK)
		return r;
	media = calloc(1, sizeof(*media));
	if (media == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "media: out of memory");
	media->host = host;
	media->tools.json = host->get_extension(host->ctx, HF_HOST_JSON);
	media->tools.write = host->get_extension(host->ctx, HF_HOST_WRITE);
	media->scratch = host->get_extension(host->ctx, HF_HOST_SCRATCH);
	media->image = host->get_extension(host->ctx, HF_HOST_IMAGE);
	media->compress = values[OPTION_COMPRESS].number != 0;
	media->quality = (uint32_t)values[OPTION_QUALITY].number;
	media->max_size = (uint64_t)values[OPTION_MAX_SIZE].number;
	media->strip_location = values[OPTION_STRIP_LOCATION].number != 0;
	if (media->tools.json == NULL || media->tools.write == NULL || media->scratch == NULL) {
		free(media);
		return hf_error_set(err, HF_ENOTSUP, 0, "this host does not offer all of %s, %s and %s", HF_HOST_JSON,
		    HF_HOST_WRITE, HF_HOST_SCRATCH);
	}
	*ret_handle = media;
	return HF_OK;
}

static void
media_close(void *handle)
{
	free(handle);
}

/* One unit: what is in it is known only when the messages are read. */
static int
media_plan(void *handle, const struct hf_source_view *view, const struct hf_planner *planner, struct hf_error *err)
{
	const struct media *media = handle;
	char name[HF_COMPONENT_SIZE], path[HF_COMPONENT_SIZE + 16];
	struct hf_unit unit = {.struct_size = (uint32_t)sizeof(unit), .flags = HF_UNIT_RESUMABLE, .path = path};
	int r = media->tools.write->component(view->account, strlen(view->account), name, err);

	if (r != HF_OK)
		return r;
	(void)snprintf(path, sizeof(path), "/media/%s", name);
	unit.id = (struct hf_text){view->account, strlen(view->account), HF_TEXT_UTF8, 0};
	return planner->unit(planner->ctx, &unit, err);
}

static int
media_execute(void *handle, const struct hf_source_view *view, const struct hf_unit *unit, const struct hf_run *run,
    const struct hf_emitter *emitter, struct hf_error *err)
{
	return work_execute(handle, view, unit, run, emitter, err);
}

static const struct hf_strategy_ops media_ops = {sizeof(struct hf_strategy_ops), 0, media_configure, media_open,
    media_close, media_plan, media_execute, NULL};

static const struct hf_component media_component = {sizeof(struct hf_component), HF_KIND_STRATEGY, "media",
    "pictures, videos and files in chats", HF_STRATEGY_CHATS, HF_THREAD_PER_INSTANCE, options, &media_ops, NULL};

static const struct hf_component *const components[] = {&media_component, NULL};

HF_PLUGIN("media", "strategy", "0.1.0", "BSD-2-Clause", components);
