/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "image/image.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/unit.h"
#include "image/test-make.h"
#include "plugin/host.h"

/* Of the build's folder, where the tests run. */
#define PROGRAM "./holdfast"
#define BAD     "./image/test-helper"

struct source {
	const uint8_t *data;
	size_t size, at, fail_at;
};

struct target {
	uint8_t *data;
	size_t size;
	int fail;
};

static int64_t
source_read(void *ctx, void *data, uint64_t size, struct hf_error *err)
{
	struct source *source = ctx;
	size_t n = source->size - source->at;

	if (source->fail_at != 0 && source->at >= source->fail_at)
		return hf_error_set(err, HF_ENET, 0, "the line is cut");
	/* Never as much as there is room for. */
	if (n > size / 2 + 1)
		n = (size_t)(size / 2 + 1);
	memcpy(data, source->data + source->at, n);
	source->at += n;
	return (int64_t)n;
}

static int
source_rewind(void *ctx, struct hf_error *err)
{
	(void)err;
	((struct source *)ctx)->at = 0;
	return HF_OK;
}

static int
target_write(void *ctx, const void *data, uint64_t size, struct hf_error *err)
{
	struct target *target = ctx;

	if (target->fail != 0)
		return hf_error_set(err, target->fail, 0, "no");
	target->data = realloc(target->data, target->size + (size_t)size);
	CU_ASSERT_PTR_NOT_NULL_FATAL(target->data);
	memcpy(target->data + target->size, data, (size_t)size);
	target->size += (size_t)size;
	return HF_OK;
}

static struct hf_error err = HF_ERROR_INIT;
static struct hf_image_result got;
static struct target target;

/* One picture; got and target tell what came of it. */
static int
recompress(struct image *image, struct source *source, uint32_t quality, image_stop_fn stop)
{
	struct hf_image_request request = {(uint32_t)sizeof(request), 0, quality, 0};
	struct hf_reader in = {(uint32_t)sizeof(in), 0, source, source_read, source_rewind, source->size};
	struct hf_sink out = {(uint32_t)sizeof(out), 0, &target, target_write};

	free(target.data);
	target.data = NULL;
	target.size = 0;
	source->at = 0;
	memset(&got, 0xee, sizeof(got));
	return image_recompress(image, &request, &in, &out, stop, NULL, &got, &err);
}

static struct image *
open_image(const char *program)
{
	struct image *image = NULL;

	CU_ASSERT_EQUAL_FATAL(image_open(".", program, &image, &err), HF_OK);
	return image;
}

static struct source
photograph(unsigned side, int quality)
{
	struct make make = {side, side, quality, JCS_YCbCr, 2, 2, 0, {{0, 0, NULL}}};
	struct source source = {NULL, 0, 0, 0};

	source.data = make_picture(&make, &source.size);
	return source;
}

static void
release(struct source *source)
{
	free((void *)(uintptr_t)source->data);
}

static void
expect_used(const struct source *source)
{
	CU_ASSERT_STRING_EQUAL(got.reason, "recompressed");
	CU_ASSERT_EQUAL(got.used, 1);
	CU_ASSERT_EQUAL(got.old_size, source->size);
	CU_ASSERT_EQUAL_FATAL(got.new_size, target.size);
	CU_ASSERT_FATAL(target.size > 4 && target.size * 10 <= source->size * 9);
	CU_ASSERT_EQUAL(memcmp(target.data, "\xff\xd8\xff", 3), 0);
	CU_ASSERT_EQUAL(memcmp(target.data + target.size - 2, "\xff\xd9", 2), 0);
}

static void
expect_kept(const struct source *source, const char *reason)
{
	CU_ASSERT_STRING_EQUAL(got.reason, reason);
	CU_ASSERT_EQUAL(got.used, 0);
	CU_ASSERT_EQUAL(got.new_size, 0);
	CU_ASSERT_EQUAL(got.old_size, source->size);
	CU_ASSERT_EQUAL(target.size, 0);
}

static void
test_pictures(void)
{
	struct image *image = open_image(PROGRAM);
	struct source large = photograph(700, 98), small = photograph(64, 95), coarse = photograph(300, 70);
	int i;

	for (i = 0; i < 3; i++) {
		CU_ASSERT_EQUAL(recompress(image, &large, 80, NULL), HF_OK);
		expect_used(&large);
		CU_ASSERT_EQUAL(got.width, 700);
		CU_ASSERT_EQUAL(got.height, 700);
		CU_ASSERT_EQUAL(recompress(image, &coarse, 80, NULL), HF_OK);
		expect_kept(&coarse, "not_smaller");
		CU_ASSERT_EQUAL(recompress(image, &small, 50, NULL), HF_OK);
		expect_used(&small);
	}
	CU_ASSERT(image_peak_kib(image) > 100 && image_peak_kib(image) < 1000000);
	image_close(image);
	release(&large);
	release(&small);
	release(&coarse);
}

static void
test_no_jpeg(void)
{
	static const uint8_t png[] = "\x89PNG\r\n\x1a\n and so on";
	struct source source = {png, sizeof(png), 0, 0}, empty = {png, 0, 0, 0}, large;
	struct image *image = open_image("/nonexistent"); /* there is no need of a helper */
	uint8_t *data;

	CU_ASSERT_EQUAL(recompress(image, &source, 80, NULL), HF_OK);
	expect_kept(&source, "not_a_jpeg");
	CU_ASSERT_EQUAL(recompress(image, &empty, 80, NULL), HF_OK);
	expect_kept(&empty, "not_a_jpeg");
	data = calloc(1, IMAGE_FILE_MAX + 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(data);
	memcpy(data, "\xff\xd8\xff", 3);
	large = (struct source){data, IMAGE_FILE_MAX + 1, 0, 0};
	CU_ASSERT_EQUAL(recompress(image, &large, 80, NULL), HF_OK);
	expect_kept(&large, "too_large");
	free(data);
	image_close(image);
}

static void
test_requests(void)
{
	struct hf_image_request request = {(uint32_t)sizeof(request), 2, 80, 0};
	struct source source = photograph(64, 95);
	struct image *image = open_image(PROGRAM);

	CU_ASSERT_EQUAL(recompress(image, &source, 0, NULL), HF_EINVAL);
	CU_ASSERT_EQUAL(recompress(image, &source, 101, NULL), HF_EINVAL);
	CU_ASSERT_EQUAL(image_recompress(image, &request, NULL, NULL, NULL, NULL, &got, &err), HF_EINVAL);
	CU_ASSERT_EQUAL(got.struct_size, 0xeeeeeeee);
	image_close(image);
	release(&source);
}

/* Their errors are not ours to hide, and the next picture is none the worse. */
static void
test_reader_and_sink(void)
{
	struct source source = photograph(300, 97);
	struct image *image = open_image(PROGRAM);

	source.fail_at = 100;
	CU_ASSERT_EQUAL(recompress(image, &source, 80, NULL), HF_ENET);
	CU_ASSERT_EQUAL(target.size, 0);
	CU_ASSERT_EQUAL(got.struct_size, 0xeeeeeeee);
	source.fail_at = 0;
	target.fail = HF_ENOSPC;
	CU_ASSERT_EQUAL(recompress(image, &source, 80, NULL), HF_ENOSPC);
	target.fail = 0;
	CU_ASSERT_EQUAL(recompress(image, &source, 80, NULL), HF_OK);
	expect_used(&source);
	image_close(image);
	image = NULL;
	CU_ASSERT_EQUAL_FATAL(image_open("/nonexistent", PROGRAM, &image, &err), HF_OK);
	CU_ASSERT_EQUAL(recompress(image, &source, 80, NULL), HF_EIO);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "/nonexistent"));
	image_close(image);
	release(&source);
}

static unsigned warnings;

static void
count_warnings(void *ctx, int level, const char *msg)
{
	(void)ctx;
	if (level == HF_LOG_WARNING && strstr(msg, "cannot be started") != NULL)
		warnings++;
}

static void
test_no_helper(void)
{
	static const char *const programs[] = {"/nonexistent", "/bin/false"};
	struct source source = photograph(200, 97);
	struct image *image;
	size_t i, k;

	log_set_sink(count_warnings, NULL);
	for (i = 0; i < 2; i++) {
		warnings = 0;
		image = open_image(programs[i]);
		for (k = 0; k < 5; k++) {
			CU_ASSERT_EQUAL(recompress(image, &source, 80, NULL), HF_OK);
			expect_kept(&source, "no_helper");
		}
		CU_ASSERT_EQUAL(warnings, 1);
		image_close(image);
	}
	log_set_sink(NULL, NULL);
	release(&source);
}

static int32_t
stop_now(void *ctx)
{
	(void)ctx;
	return 1;
}

/* Whatever a helper does or says, the old picture stays, and a helper that behaves makes the next one smaller. */
static void
test_bad_helper(void)
{
	static const char *const reasons[] = {"", "helper_died", "helper_died", "helper_died", "helper_died", "helper_died",
	    "differs", "differs", "helper_died"};
	struct source source = photograph(300, 97);
	struct image *image = open_image(BAD);
	uint32_t quality;

	for (quality = 1; quality < sizeof(reasons) / sizeof(reasons[0]); quality++) {
		CU_ASSERT_EQUAL(recompress(image, &source, quality, NULL), HF_OK);
		expect_kept(&source, reasons[quality]);
		CU_ASSERT_EQUAL(recompress(image, &source, 50, NULL), HF_OK);
		expect_used(&source);
	}
	CU_ASSERT_EQUAL(recompress(image, &source, 9, stop_now), HF_ESTOPPING);
	CU_ASSERT_EQUAL(target.size, 0);
	CU_ASSERT_EQUAL(recompress(image, &source, 50, NULL), HF_OK);
	expect_used(&source);
	image_close(image);
	release(&source);
}

static int
count_entries(const char *folder, const char *prefix)
{
	struct dirent *entry;
	DIR *directory = opendir(folder);
	int n = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(directory);
	while ((entry = readdir(directory)) != NULL)
		n += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
	(void)closedir(directory);
	return n;
}

/* No file with a name, no child, and by the host table as by hand. */
static void
test_offer(void)
{
	struct source source = photograph(200, 97);
	struct hf_image_request request = {(uint32_t)sizeof(request), 0, 80, 0};
	struct hf_reader in = {(uint32_t)sizeof(in), 0, &source, source_read, source_rewind, source.size};
	struct hf_sink out = {(uint32_t)sizeof(out), 0, &target, target_write};
	const struct hf_host_image *extension;
	const struct hf_host *table;
	struct host_services services = {.image = open_image(PROGRAM)};
	struct host *host = NULL;

	CU_ASSERT_EQUAL_FATAL(host_open("family", &services, NULL, NULL, &host, &err), HF_OK);
	table = host_table(host);
	CU_ASSERT_PTR_NULL(table->get_extension(table->ctx, HF_HOST_IMAGE));
	CU_ASSERT_EQUAL(host_set_extension(HF_HOST_IMAGE, &image_host_extension, &err), HF_OK);
	extension = table->get_extension(table->ctx, HF_HOST_IMAGE);
	CU_ASSERT_PTR_NOT_NULL_FATAL(extension);
	CU_ASSERT(HF_HAS(extension, recompress));
	target.size = 0;
	CU_ASSERT_EQUAL(extension->recompress(table->ctx, &request, &in, &out, &got, &err), HF_OK);
	expect_used(&source);
	CU_ASSERT_EQUAL(count_entries(".", "image-"), 0);
	CU_ASSERT_EQUAL(host_set_extension(HF_HOST_IMAGE, NULL, &err), HF_OK);
	CU_ASSERT_PTR_NULL(table->get_extension(table->ctx, HF_HOST_IMAGE));
	image_close(services.image);
	services.image = NULL;
	CU_ASSERT_EQUAL(extension->recompress(table->ctx, &request, &in, &out, &got, &err), HF_ENOTSUP);
	host_free(host);
	CU_ASSERT_EQUAL(waitpid(-1, NULL, WNOHANG), -1);
	free(target.data);
	target.data = NULL;
	release(&source);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"pictures", test_pictures}, {"no JPEG", test_no_jpeg}, {"requests", test_requests},
	    {"reader and sink", test_reader_and_sink}, {"no helper", test_no_helper}, {"bad helper", test_bad_helper},
	    {"offer", test_offer}, CU_TEST_INFO_NULL};

	return unit_run("image", tests);
}
