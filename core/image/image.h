/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IMAGE_IMAGE_H
#define IMAGE_IMAGE_H

#include <holdfast/image.h>

/* A larger file is no photograph of at most 50 million pixels. */
#define IMAGE_FILE_MAX ((uint64_t)64 << 20)

/*
 * The host's side of <holdfast/image.h>: the helper process, and two files without a name that pictures go through.
 * The helper is started when the first picture comes, and once more after a picture that took it down.  From one thread
 * at a time.
 */
struct image;

/*
 * directory: where the two files are made, readable by their owner alone and without a name from the beginning.
 * program: the holdfast to run, NULL: the one that runs.  Both are copied.
 */
int image_open(const char *directory, const char *program, struct image **ret, struct hf_error *err);
void image_close(struct image *image);

/* How the caller says that it wants to stop; ctx as given with it. */
typedef int32_t (*image_stop_fn)(void *ctx);

/* As struct hf_host_image's function; stop may be NULL. */
int image_recompress(struct image *image, const struct hf_image_request *request, const struct hf_reader *in,
    const struct hf_sink *out, image_stop_fn stop, void *stop_ctx, struct hf_image_result *ret, struct hf_error *err);
/* The most memory, in KiB, that a process for a picture has used. */
uint32_t image_peak_kib(const struct image *image);

/* What HF_HOST_IMAGE gives plugins: done by the image of the host's services. */
extern const struct hf_host_image image_host_extension;

#endif
