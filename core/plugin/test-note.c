/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/unit.h"
#include "plugin/note.h"

#include <string.h>

#include <holdfast/plugin.h>

#define TEXT "abi=1\nname=some-name\nkinds=storage,source\nversion=1.2\n"

/* A whole ELF file: header, two program headers, notes. */
struct image {
	uint8_t data[1024];
	size_t size;
	bool big;
};

static void
put(struct image *image, size_t at, uint64_t n, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		image->data[at + i] = (uint8_t)(n >> 8 * (image->big ? size - 1 - i : i));
}

static size_t
put_note(struct image *image, size_t at, const char *owner, uint32_t type, const char *desc, size_t align)
{
	put(image, at, strlen(owner) + 1, 4);
	put(image, at + 4, strlen(desc) + 1, 4);
	put(image, at + 8, type, 4);
	at += 12;
	memcpy(image->data + at, owner, strlen(owner));
	at += (strlen(owner) + align) / align * align;
	memcpy(image->data + at, desc, strlen(desc));
	return at + (strlen(desc) + align) / align * align;
}

static void
image_make(struct image *image, bool wide, bool big, size_t align, const char *text)
{
	size_t word = wide ? 8 : 4, header = wide ? 64 : 52, ph = wide ? 56 : 32, notes, end;

	memset(image, 0, sizeof(*image));
	image->big = big;
	memcpy(image->data, "\177ELF", 4);
	image->data[4] = wide ? 2 : 1;
	image->data[5] = big ? 2 : 1;
	image->data[6] = 1;
	put(image, 16, 3, 2);
	put(image, wide ? 32 : 28, header, word);
	put(image, wide ? 54 : 42, ph, 2);
	put(image, wide ? 56 : 44, 2, 2);
	notes = (header + 2 * ph + 7) / 8 * 8;
	end = put_note(image, notes, "GNU", 3, "build", align);
	end = put_note(image, end, "holdfast", 2, "not ours", align);
	end = put_note(image, end, "holdfast", 1, text, align);
	put(image, header, 1, 4);
	put(image, header + (wide ? 32 : 16), end, word);
	put(image, header + ph, 4, 4);
	put(image, header + ph + (wide ? 8 : 4), notes, word);
	put(image, header + ph + (wide ? 32 : 16), end - notes, word);
	put(image, header + ph + (wide ? 48 : 28), align, word);
	image->size = end;
}

static int
image_read_at(void *ctx, uint64_t offset, void *data, size_t size, struct hf_error *err)
{
	const struct image *image = ctx;

	(void)err;
	/* The reader has to have checked this itself. */
	CU_ASSERT_FATAL(offset <= image->size && size <= image->size - offset);
	memcpy(data, image->data + offset, size);
	return HF_OK;
}

static int
image_read(struct image *image, struct plugin_note *note, struct hf_error *err)
{
	struct note_source source = {image, image->size, image_read_at};

	return note_read_from(&source, true, note, err);
}

static void
test_all_layouts(void)
{
	struct plugin_note note;
	struct image image;
	int i;

	for (i = 0; i < 8; i++) {
		memset(&note, 0, sizeof(note));
		image_make(&image, i & 1, i & 2, i & 4 ? 8 : 4, TEXT);
		CU_ASSERT_EQUAL(image_read(&image, &note, NULL), HF_OK);
		CU_ASSERT_EQUAL(note.abi, 1);
		CU_ASSERT_STRING_EQUAL(note.name, "some-name");
		CU_ASSERT_STRING_EQUAL(note.version, "1.2");
		CU_ASSERT_EQUAL(
		    note.kinds, PLUGIN_KIND_BIT(HF_KIND_STORAGE) | PLUGIN_KIND_BIT(HF_KIND_SOURCE));
	}
}

static void
test_cut_short(void)
{
	struct plugin_note note;
	struct image image;
	size_t whole;
	int i;

	for (i = 0; i < 4; i++) {
		image_make(&image, i & 1, i & 2, 4, TEXT);
		whole = image.size;
		for (image.size = 0; image.size < whole; image.size++)
			CU_ASSERT_EQUAL(image_read(&image, &note, NULL), HF_ECORRUPT);
	}
}

/* Every byte in turn takes every value: whatever the result, nothing outside the file is read. */
static void
test_every_byte_wrong(void)
{
	struct plugin_note note;
	struct image image, bad;
	size_t at;
	int i, value, rc;

	for (i = 0; i < 4; i++) {
		image_make(&image, i & 1, i & 2, 4, TEXT);
		for (at = 0; at < image.size; at++) {
			for (value = 0; value < 256; value++) {
				bad = image;
				bad.data[at] = (uint8_t)value;
				rc = image_read(&bad, &note, NULL);
				if (rc == HF_OK && (!plugin_name_valid(note.name) || note.abi != 1))
					CU_FAIL("a broken file gave an unchecked note");
			}
		}
	}
}

static void
test_refusals(void)
{
	struct hf_error err = HF_ERROR_INIT;
	struct plugin_note note;
	struct note_source source;
	struct image image;

	image_make(&image, true, false, 4, TEXT);
	put(&image, 16, 2, 2);
	CU_ASSERT_EQUAL(image_read(&image, &note, &err), HF_ECORRUPT);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "not a shared object"));
	image_make(&image, true, false, 4, TEXT);
	put(&image, 64 + 56, 7, 4);
	CU_ASSERT_EQUAL(image_read(&image, &note, &err), HF_ENOTFOUND);
	memcpy(image.data, "#!/b", 4);
	CU_ASSERT_EQUAL(image_read(&image, &note, &err), HF_ECORRUPT);
	CU_ASSERT_STRING_EQUAL(err.msg, "it is not an ELF file");
	/* Another word size is said to be that, and not an ELF fault. */
	image_make(&image, sizeof(void *) != 8, false, 4, TEXT);
	source.ctx = &image;
	source.size = image.size;
	source.read = image_read_at;
	CU_ASSERT_EQUAL(note_read_from(&source, false, &note, &err), HF_ENOTSUP);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "-bit"));
}

static int
parse(const char *text, struct hf_error *err)
{
	struct plugin_note note;

	return note_parse(text, strlen(text), &note, err);
}

static void
test_text(void)
{
	struct hf_error err = HF_ERROR_INIT;
	struct plugin_note note;

	CU_ASSERT_EQUAL(parse(TEXT "needs=network\n", &err), HF_OK);
	CU_ASSERT_EQUAL(parse("abi=2\nname=x\nkinds=y\nversion=3\n", &err), HF_ENOTSUP);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "ABI 2"));
	/* The other ABI's note may look different after its first line. */
	CU_ASSERT_EQUAL(parse("abi=7\nsomething else\n", &err), HF_ENOTSUP);
	CU_ASSERT_EQUAL(parse("", &err), HF_ECORRUPT);
	CU_ASSERT_EQUAL(parse("abi=1\nname=x\nkinds=source\n", &err), HF_ECORRUPT);
	CU_ASSERT_EQUAL(parse("abi=1\nname=x\nkinds=source\nversion=1", &err), HF_ECORRUPT);
	CU_ASSERT_EQUAL(parse("abi=1\nname=X\nkinds=source\nversion=1\n", &err), HF_ECORRUPT);
	CU_ASSERT_EQUAL(parse("abi=1\nname=../x\nkinds=source\nversion=1\n", &err), HF_ECORRUPT);
	CU_ASSERT_EQUAL(parse("abi=1\nabi=1\nname=x\nkinds=source\nversion=1\n", &err), HF_ECORRUPT);
	CU_ASSERT_EQUAL(parse("abi=99999999999\nname=x\nkinds=source\nversion=1\n", &err), HF_ECORRUPT);
	CU_ASSERT_EQUAL(parse("abi=1\nname=x\nkinds=source\nversion=\033[2J\n", &err), HF_ECORRUPT);
	CU_ASSERT_EQUAL(
	    note_parse("abi=1\nname=x\nkinds=gate,source,\nversion=1\n\0\0", 43, &note, &err), HF_OK);
	CU_ASSERT_EQUAL(note.kinds, PLUGIN_KIND_BIT(HF_KIND_SOURCE));
}

static void
test_names(void)
{
	CU_ASSERT_TRUE(plugin_name_valid("a"));
	CU_ASSERT_TRUE(plugin_name_valid("abcdefghijklmnopqrstuvwxyz-01234"));
	CU_ASSERT_FALSE(plugin_name_valid("abcdefghijklmnopqrstuvwxyz-012345"));
	CU_ASSERT_FALSE(plugin_name_valid(""));
	CU_ASSERT_FALSE(plugin_name_valid("1a"));
	CU_ASSERT_FALSE(plugin_name_valid("-a"));
	CU_ASSERT_FALSE(plugin_name_valid("a_b"));
	CU_ASSERT_FALSE(plugin_name_valid("a/b"));
	CU_ASSERT_FALSE(plugin_name_valid("A"));
	CU_ASSERT_FALSE(plugin_name_valid(NULL));
	CU_ASSERT_EQUAL(plugin_kind_parse("source", 6), HF_KIND_SOURCE);
	CU_ASSERT_EQUAL(plugin_kind_parse("sourc", 5), 0);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"all layouts", test_all_layouts}, {"cut short", test_cut_short},
	    {"every byte wrong", test_every_byte_wrong}, {"refusals", test_refusals}, {"text", test_text},
	    {"names", test_names}, CU_TEST_INFO_NULL};

	return unit_run("note", tests);
}
