/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Not a test of its own: puts files through the helper, for tests/extra/images.sh and tests/bench/images.
 *	test-files [-l] [-q QUALITY] [-o FOLDER] HOLDFAST FILE..
 *	test-files -m WIDTH [-p] FILE
 * Writes a line for each: reason, old size, new size, width, height, flags, FILE, with tabs between.  The new files go
 * into the folder under the number of their line.  The last line: "peak", KiB of the largest process for a picture.
 * With -m it makes a picture, three quarters as high, with -p a progressive one.
 */
#include "compat/compat.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image/image.h"
#include "image/test-make.h"

static int64_t
read_file(void *ctx, void *data, uint64_t size, struct hf_error *err)
{
	size_t n = fread(data, 1, (size_t)size, ctx);

	return n == 0 && ferror((FILE *)ctx) ? hf_error_set(err, HF_EIO, 0, "cannot read") : (int64_t)n;
}

static int
rewind_file(void *ctx, struct hf_error *err)
{
	(void)err;
	rewind(ctx);
	return HF_OK;
}

static int
write_file(void *ctx, const void *data, uint64_t size, struct hf_error *err)
{
	if (ctx == NULL || fwrite(data, 1, (size_t)size, ctx) == size)
		return HF_OK;
	return hf_error_set(err, HF_EIO, 0, "cannot write");
}

static int
one(struct image *image, const struct hf_image_request *request, const char *name, const char *folder, int number)
{
	struct hf_reader in = {(uint32_t)sizeof(in), 0, fopen(name, "rb"), read_file, rewind_file, 0};
	struct hf_sink out = {(uint32_t)sizeof(out), 0, NULL, write_file};
	struct hf_image_result result;
	struct hf_error err = HF_ERROR_INIT;
	char path[4096];
	int r;

	if (in.ctx == NULL) {
		perror(name);
		return 1;
	}
	(void)fseek(in.ctx, 0, SEEK_END);
	in.length = (uint64_t)ftell(in.ctx);
	rewind(in.ctx);
	(void)snprintf(path, sizeof(path), "%s/%d", folder != NULL ? folder : "", number);
	if (folder != NULL)
		out.ctx = fopen(path, "wb");
	r = image_recompress(image, request, &in, &out, NULL, NULL, &result, &err);
	(void)fclose(in.ctx);
	if (out.ctx != NULL && fclose(out.ctx) != 0)
		r = HF_EIO;
	if (r != HF_OK) {
		(void)fprintf(stderr, "%s: %s\n", name, err.msg);
		return 1;
	}
	if (!result.used && folder != NULL)
		(void)unlink(path);
	(void)printf("%s\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu32 "\t%" PRIu32 "\t%" PRIu32 "\t%s\n", result.reason,
	    result.old_size, result.new_size, result.width, result.height, result.flags, name);
	return 0;
}

static int
make_file(const char *name, unsigned width, int progressive)
{
	struct make make = {width, width / 4 * 3, 95, JCS_YCbCr, 2, 2, progressive, {{0, 0, NULL}}};
	FILE *file = fopen(name, "wb");
	size_t size;
	uint8_t *data;
	int failed;

	if (file == NULL)
		return 1;
	data = make_picture(&make, &size);
	failed = fwrite(data, 1, size, file) != size;
	free(data);
	return fclose(file) != 0 || failed;
}

int
main(int argc, char **argv)
{
	struct hf_image_request request = {(uint32_t)sizeof(request), 0, 80, 0};
	struct hf_error err = HF_ERROR_INIT;
	struct image *image;
	const char *folder = NULL;
	unsigned width = 0;
	int option, i, failed = 0, progressive = 0;

	while ((option = getopt(argc, argv, "lq:o:m:p")) != -1) {
		if (option == 'l')
			request.flags = HF_IMAGE_STRIP_LOCATION;
		else if (option == 'q')
			request.quality = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 'o')
			folder = optarg;
		else if (option == 'm')
			width = (unsigned)strtoul(optarg, NULL, 10);
		else if (option == 'p')
			progressive = 1;
		else
			return 2;
	}
	if (width != 0 && optind < argc)
		return make_file(argv[optind], width, progressive);
	if (optind >= argc || image_open(".", argv[optind], &image, &err) != HF_OK)
		return 2;
	for (i = optind + 1; i < argc; i++)
		failed |= one(image, &request, argv[i], folder, i - optind);
	(void)printf("peak\t%" PRIu32 "\n", image_peak_kib(image));
	image_close(image);
	return failed;
}
