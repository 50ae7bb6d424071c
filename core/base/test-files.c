/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/files.h"
#include "base/path.h"
#include "base/unit.h"

#include <sys/stat.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char top[] = "test-files-XXXXXX";

static struct hf_text
text(const char *path)
{
	return (struct hf_text){path, strlen(path), HF_TEXT_UTF8, 0};
}

static int
try_open(const char *path)
{
	struct hf_file file = {.struct_size = (uint32_t)sizeof(file)};
	struct hf_error err = HF_ERROR_INIT;
	struct hf_text name = text(path);
	char folder[64];
	int r;

	(void)snprintf(folder, sizeof(folder), "%s/export", top);
	r = files_host_extension.open(NULL, folder, &name, &file, &err);
	CU_ASSERT(r == HF_OK || err.msg[0] != '\0');
	if (r == HF_OK)
		files_host_extension.close(&file);
	return r;
}

static void
put(const char *path, const char *data)
{
	char full[128];

	(void)snprintf(full, sizeof(full), "%s/%s", top, path);
	CU_ASSERT_EQUAL(path_write(full, data, strlen(data), 0600, NULL), HF_OK);
}

static void
test_refused(void)
{
	char full[128], longest[300];

	put("secret", "not yours");
	put("export/photo.jpg", "a picture");
	put("export/files/one.txt", "one");
	(void)snprintf(full, sizeof(full), "%s/export/link", top);
	CU_ASSERT_EQUAL(symlink("../secret", full), 0);
	(void)snprintf(full, sizeof(full), "%s/export/up", top);
	CU_ASSERT_EQUAL(symlink("..", full), 0);
	(void)snprintf(full, sizeof(full), "%s/export/inside", top);
	CU_ASSERT_EQUAL(symlink("photo.jpg", full), 0);
	(void)snprintf(full, sizeof(full), "%s/export/pipe", top);
	CU_ASSERT_EQUAL(mkfifo(full, 0600), 0);
	CU_ASSERT_EQUAL(try_open("photo.jpg"), HF_OK);
	CU_ASSERT_EQUAL(try_open("./photo.jpg"), HF_OK);
	CU_ASSERT_EQUAL(try_open("files/one.txt"), HF_OK);
	CU_ASSERT_EQUAL(try_open("files//one.txt"), HF_OK);
	CU_ASSERT_EQUAL(try_open("../secret"), HF_EPERM);
	CU_ASSERT_EQUAL(try_open("files/../photo.jpg"), HF_EPERM);
	CU_ASSERT_EQUAL(try_open("/etc/passwd"), HF_EPERM);
	CU_ASSERT_EQUAL(try_open("link"), HF_EPERM);
	CU_ASSERT_EQUAL(try_open("inside"), HF_EPERM);
	CU_ASSERT_EQUAL(try_open("up/secret"), HF_EPERM);
	CU_ASSERT_EQUAL(try_open("pipe"), HF_EPERM);
	CU_ASSERT_EQUAL(try_open("files"), HF_EPERM);
	CU_ASSERT_EQUAL(try_open("."), HF_EPERM);
	CU_ASSERT_EQUAL(try_open(".."), HF_EPERM);
	CU_ASSERT_EQUAL(try_open("photo.jpg/"), HF_ENOTFOUND);
	CU_ASSERT_EQUAL(try_open("photo.jpg/x"), HF_ENOTFOUND);
	CU_ASSERT_EQUAL(try_open("none.jpg"), HF_ENOTFOUND);
	CU_ASSERT_EQUAL(try_open("none/none.jpg"), HF_ENOTFOUND);
	CU_ASSERT_EQUAL(try_open(""), HF_EINVAL);
	memset(longest, 'a', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	CU_ASSERT_EQUAL(try_open(longest), HF_EINVAL);
}

static void
test_text(void)
{
	static const char nul[] = "photo.jpg\0.png";
	struct hf_file file = {.struct_size = (uint32_t)sizeof(file)};
	struct hf_text name = {nul, sizeof(nul) - 1, HF_TEXT_UTF8, 0};
	char folder[64], data[16];

	(void)snprintf(folder, sizeof(folder), "%s/export", top);
	CU_ASSERT_EQUAL(files_host_extension.open(NULL, folder, &name, &file, NULL), HF_EINVAL);
	name = text("photo.jpg\\u0000.png");
	name.encoding = HF_TEXT_JSON;
	CU_ASSERT_EQUAL(files_host_extension.open(NULL, folder, &name, &file, NULL), HF_EINVAL);
	name = text("\\u0070hoto.jpg");
	name.encoding = HF_TEXT_JSON;
	CU_ASSERT_EQUAL_FATAL(files_host_extension.open(NULL, folder, &name, &file, NULL), HF_OK);
	CU_ASSERT_EQUAL(file.reader->length, 9);
	CU_ASSERT_EQUAL(file.reader->read(file.reader->ctx, data, 4, NULL), 4);
	CU_ASSERT_EQUAL(file.reader->read(file.reader->ctx, data, sizeof(data), NULL), 5);
	CU_ASSERT_EQUAL(memcmp(data, "cture", 5), 0);
	CU_ASSERT_EQUAL(file.reader->read(file.reader->ctx, data, sizeof(data), NULL), 0);
	CU_ASSERT_EQUAL(file.reader->rewind(file.reader->ctx, NULL), HF_OK);
	CU_ASSERT_EQUAL(file.reader->read(file.reader->ctx, data, sizeof(data), NULL), 9);
	files_host_extension.close(&file);
	files_host_extension.close(&file);
	name = text("photo.jpg");
	CU_ASSERT_EQUAL(files_host_extension.open(NULL, "no-such-folder", &name, &file, NULL), HF_ENOTFOUND);
}

/* Whoever asks for one file, and what it was told. */
struct asker {
	char data[64], validator[64];
	size_t size;
	uint64_t offset;
	int64_t whole;
	int ended, end_code, answer, refuse;
	unsigned begins;
};

static int
take_begin(void *ctx, uint64_t token, const struct hf_media_info *info, struct hf_error *err)
{
	struct asker *asker = ctx;

	(void)err;
	CU_ASSERT_EQUAL(token, 7);
	asker->begins++;
	asker->offset = info->offset;
	asker->whole = info->size;
	memcpy(asker->validator, info->validator.data, info->validator.size);
	asker->validator[info->validator.size] = '\0';
	return HF_OK;
}

static int
take_write(void *ctx, uint64_t token, const void *data, uint64_t size, struct hf_error *err)
{
	struct asker *asker = ctx;

	(void)err;
	CU_ASSERT_EQUAL(token, 7);
	CU_ASSERT_FATAL(asker->size + size < sizeof(asker->data));
	memcpy(asker->data + asker->size, data, size);
	asker->size += size;
	return asker->refuse;
}

static int
take_end(void *ctx, uint64_t token, int code, const struct hf_error *why, struct hf_error *err)
{
	struct asker *asker = ctx;

	(void)err;
	CU_ASSERT_EQUAL(token, 7);
	CU_ASSERT(code == HF_OK || why != NULL);
	asker->ended++;
	asker->end_code = code;
	return asker->answer;
}

static int
ask(struct asker *asker, const char *path, uint64_t offset, const char *validator)
{
	struct hf_media_exchange exchange = {.struct_size = (uint32_t)sizeof(exchange), .ctx = asker,
	    .begin = take_begin, .write = take_write, .end = take_end};
	struct hf_media_request request = {.struct_size = (uint32_t)sizeof(request), .token = 7, .offset = offset,
	    .validator = validator == NULL ? (struct hf_text){NULL, 0, 0, 0} : text(validator)};
	struct hf_text name = text(path);
	char folder[64];

	(void)snprintf(folder, sizeof(folder), "%s/export", top);
	return files_host_extension.push(NULL, folder, &name, &request, &exchange, NULL);
}

static void
test_push(void)
{
	struct asker one = {.answer = HF_OK}, two = {.answer = HF_OK}, three = {.answer = HF_OK, .refuse = HF_ERANGE},
	             none = {.answer = HF_ESTOPPING};

	CU_ASSERT_EQUAL(ask(&one, "photo.jpg", 0, NULL), HF_OK);
	CU_ASSERT_EQUAL(one.ended, 1);
	CU_ASSERT_EQUAL(one.end_code, HF_OK);
	CU_ASSERT_EQUAL(one.whole, 9);
	CU_ASSERT_EQUAL(memcmp(one.data, "a picture", 9), 0);
	CU_ASSERT_EQUAL(ask(&two, "photo.jpg", 4, one.validator), HF_OK);
	CU_ASSERT_EQUAL(two.offset, 4);
	CU_ASSERT_EQUAL(two.size, 5);
	CU_ASSERT_EQUAL(memcmp(two.data, "cture", 5), 0);
	put("export/photo.jpg", "a photograph");
	two = (struct asker){.answer = HF_OK};
	CU_ASSERT_EQUAL(ask(&two, "photo.jpg", 4, one.validator), HF_OK);
	CU_ASSERT_EQUAL(two.offset, 0);
	CU_ASSERT_EQUAL(two.size, 12);
	CU_ASSERT_STRING_NOT_EQUAL(two.validator, one.validator);
	CU_ASSERT_EQUAL(ask(&three, "photo.jpg", 0, NULL), HF_OK);
	CU_ASSERT_EQUAL(three.ended, 1);
	CU_ASSERT_EQUAL(three.end_code, HF_ERANGE);
	CU_ASSERT_EQUAL(ask(&none, "none.jpg", 0, NULL), HF_ESTOPPING);
	CU_ASSERT_EQUAL(none.begins, 0);
	CU_ASSERT_EQUAL(none.end_code, HF_ENOTFOUND);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"refused", test_refused}, {"text", test_text}, {"push", test_push}, CU_TEST_INFO_NULL};
	char line[128];
	int r;

	if (mkdtemp(top) == NULL)
		return 99;
	(void)snprintf(line, sizeof(line), "%s/export/files", top);
	if (path_make_directories(line, NULL) != HF_OK)
		return 99;
	r = unit_run("files", tests);
	(void)snprintf(line, sizeof(line), "rm -rf ./%s", top);
	return system(line) != 0 ? 99 : r;
}
