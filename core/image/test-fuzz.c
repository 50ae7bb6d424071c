/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fuzzer's corpus, and the test pictures with bytes changed, through fuzz.c: what was once found to
 * be wrong stays right.  FUZZ_ROUNDS makes it more.
 */
#include "compat/compat.h"

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/path.h"
#include "base/unit.h"

#define FILE_MAX ((size_t)64 << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t state = 1;

/* Numerical Recipes' generator: the same bytes in each run. */
static uint32_t
next(void)
{
	state = state * 1664525u + 1013904223u;
	return state >> 8;
}

static void
mutate(uint8_t *data, size_t size)
{
	uint32_t changes = next() % 4 + 1;

	/* Mostly where the headers are. */
	for (; changes > 0; changes--)
		data[next() % (next() % 2 == 0 && size > 700 ? 700 : size)] = (uint8_t)next();
}

static unsigned
try_file(const char *path, unsigned rounds)
{
	struct buffer file = BUFFER_INIT(FILE_MAX);
	uint8_t *copy;
	unsigned i;

	if (path_read(path, FILE_MAX, &file, NULL) != HF_OK || file.size == 0) {
		buffer_release(&file);
		return 0;
	}
	(void)LLVMFuzzerTestOneInput(file.data, file.size);
	for (i = 0; i < rounds; i++) {
		/* Of just this size, for the sanitizer. */
		copy = malloc(file.size);
		CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
		memcpy(copy, file.data, file.size);
		mutate(copy, file.size);
		(void)LLVMFuzzerTestOneInput(copy, i % 8 == 0 ? next() % file.size + 1 : file.size);
		free(copy);
	}
	buffer_release(&file);
	return rounds + 1;
}

static unsigned
try_folder(const char *name, unsigned rounds)
{
	const char *top = getenv("srcdir");
	struct dirent *entry;
	unsigned done = 0;
	char path[4096];
	DIR *folder;

	(void)snprintf(path, sizeof(path), "%s/../tests/%s", top != NULL ? top : ".", name);
	folder = opendir(path);
	CU_ASSERT_PTR_NOT_NULL_FATAL(folder);
	while ((entry = readdir(folder)) != NULL) {
		(void)snprintf(path, sizeof(path), "%s/../tests/%s/%s", top != NULL ? top : ".", name, entry->d_name);
		if (entry->d_name[0] != '.')
			done += try_file(path, rounds);
	}
	(void)closedir(folder);
	return done;
}

static void
test_corpus(void)
{
	const char *rounds = getenv("FUZZ_ROUNDS");
	unsigned n = rounds != NULL ? (unsigned)strtoul(rounds, NULL, 10) : 60;

	CU_ASSERT(try_folder("fuzz/image/corpus", n / 4) >= 10);
	CU_ASSERT(try_folder("data/images", n) >= 5 * (n + 1));
}

int
main(void)
{
	CU_TestInfo tests[] = {{"corpus", test_corpus}, CU_TEST_INFO_NULL};

	return unit_run("fuzz", tests);
}
