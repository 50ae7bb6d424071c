/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "plugin/note.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <holdfast/plugin.h>

#define EI_CLASS      4
#define EI_DATA       5
#define CLASS_32      1
#define CLASS_64      2
#define DATA_LITTLE   1
#define DATA_BIG      2
#define TYPE_DYN      3
#define PT_LOAD_      1
#define PT_NOTE_      4
#define NOTE_TYPE     1
#define NOTE_OWNER    "holdfast"
#define HEADERS_MAX   256
#define SEGMENT_MAX   65536
#define DESC_MAX      4096

/* Where the fields that matter lie, for each word size. */
struct layout {
	size_t header_size, word, phoff, shoff, phentsize, phnum, shentsize, shnum;
	size_t ph_size, ph_offset, ph_filesz, ph_align;
};

static const struct layout layout32 = {52, 4, 28, 32, 42, 44, 46, 48, 32, 4, 16, 28};
static const struct layout layout64 = {64, 8, 32, 40, 54, 56, 58, 60, 56, 8, 32, 48};

struct elf {
	const struct note_source *source;
	const struct layout *layout;
	bool big;
	uint64_t phoff;
	uint32_t phnum, phentsize;
};

bool
plugin_name_valid(const char *name)
{
	size_t i;

	if (name == NULL || name[0] < 'a' || name[0] > 'z')
		return false;
	for (i = 1; name[i] != '\0'; i++) {
		if (i == PLUGIN_NAME_SIZE - 1)
			return false;
		if ((name[i] < 'a' || name[i] > 'z') && (name[i] < '0' || name[i] > '9') &&
		    name[i] != '-')
			return false;
	}
	return true;
}

const char *
plugin_kind_name(uint32_t kind)
{
	switch (kind) {
	case HF_KIND_STRATEGY:
		return "strategy";
	case HF_KIND_SOURCE:
		return "source";
	case HF_KIND_STORAGE:
		return "storage";
	default:
		return NULL;
	}
}

uint32_t
plugin_kind_parse(const char *word, size_t size)
{
	const char *name;
	uint32_t kind;

	for (kind = HF_KIND_STRATEGY; (name = plugin_kind_name(kind)) != NULL; kind++) {
		if (strlen(name) == size && memcmp(name, word, size) == 0)
			return kind;
	}
	return 0;
}

static uint64_t
number(const struct elf *elf, const uint8_t *p, size_t size)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < size; i++)
		n = n << 8 | p[elf->big ? i : size - 1 - i];
	return n;
}

static bool
inside(uint64_t offset, uint64_t size, uint64_t total)
{
	return offset <= total && size <= total - offset;
}

static int
read_at(const struct elf *elf, uint64_t offset, void *data, size_t size, struct hf_error *err)
{
	if (!inside(offset, size, elf->source->size))
		return hf_error_set(err, HF_ECORRUPT, 0, "the ELF file is cut short");
	return elf->source->read(elf->source->ctx, offset, data, size, err);
}

/* What this program itself is, so that a file for another machine gets a sentence of its own. */
static int
check_machine(const uint8_t *ident, struct hf_error *err)
{
	const uint16_t one = 1;
	uint8_t data = *(const uint8_t *)&one == 1 ? DATA_LITTLE : DATA_BIG;
	uint8_t class = sizeof(void *) == 8 ? CLASS_64 : CLASS_32;

	if (ident[EI_CLASS] != class)
		return hf_error_set(err, HF_ENOTSUP, 0,
		    "it is made for %s-bit programs, and this holdfast is a %s-bit one",
		    ident[EI_CLASS] == CLASS_64 ? "64" : "32", class == CLASS_64 ? "64" : "32");
	if (ident[EI_DATA] != data)
		return hf_error_set(
		    err, HF_ENOTSUP, 0, "it is made for a machine with the other byte order");
	return HF_OK;
}

static int
elf_open(struct elf *elf, bool any_machine, struct hf_error *err)
{
	uint8_t h[64];
	uint64_t shoff, shnum, shentsize;
	int rc;

	if (elf->source->size < 4)
		return hf_error_set(err, HF_ECORRUPT, 0, "it is not an ELF file");
	if ((rc = read_at(elf, 0, h, 4, err)) != HF_OK)
		return rc;
	if (memcmp(h, "\177ELF", 4) != 0)
		return hf_error_set(err, HF_ECORRUPT, 0, "it is not an ELF file");
	if ((rc = read_at(elf, 0, h, layout32.header_size, err)) != HF_OK)
		return rc;
	if ((h[EI_CLASS] != CLASS_32 && h[EI_CLASS] != CLASS_64) ||
	    (h[EI_DATA] != DATA_LITTLE && h[EI_DATA] != DATA_BIG))
		return hf_error_set(
		    err, HF_ECORRUPT, 0, "it is an ELF file of an unknown class or byte order");
	elf->layout = h[EI_CLASS] == CLASS_64 ? &layout64 : &layout32;
	elf->big = h[EI_DATA] == DATA_BIG;
	if ((rc = read_at(elf, 0, h, elf->layout->header_size, err)) != HF_OK)
		return rc;
	if (number(elf, h + 16, 2) != TYPE_DYN)
		return hf_error_set(err, HF_ECORRUPT, 0, "it is an ELF file but not a shared object");
	if (!any_machine && (rc = check_machine(h, err)) != HF_OK)
		return rc;
	elf->phoff = number(elf, h + elf->layout->phoff, elf->layout->word);
	elf->phentsize = (uint32_t)number(elf, h + elf->layout->phentsize, 2);
	elf->phnum = (uint32_t)number(elf, h + elf->layout->phnum, 2);
	shoff = number(elf, h + elf->layout->shoff, elf->layout->word);
	shentsize = number(elf, h + elf->layout->shentsize, 2);
	shnum = number(elf, h + elf->layout->shnum, 2);
	if (elf->phnum == 0 || elf->phnum > HEADERS_MAX || elf->phentsize < elf->layout->ph_size)
		return hf_error_set(err, HF_ECORRUPT, 0, "its ELF program headers are not usable");
	/* Nothing here needs the sections, but they lie at the end: what lacks them was cut short. */
	if (!inside(elf->phoff, (uint64_t)elf->phnum * elf->phentsize, elf->source->size) ||
	    !inside(shoff, shnum * shentsize, elf->source->size))
		return hf_error_set(err, HF_ECORRUPT, 0, "the ELF file is cut short");
	return HF_OK;
}

/* Looks through one segment of notes; HF_ENOTFOUND when ours is not in it. */
static int
find_in_segment(
    const struct elf *elf, uint64_t at, uint64_t end, uint64_t align, struct plugin_note *note, struct hf_error *err)
{
	char desc[DESC_MAX];
	uint8_t head[12], owner[sizeof(NOTE_OWNER)];
	uint64_t namesz, descsz, desc_at;
	int rc;

	while (end - at >= sizeof(head)) {
		if ((rc = read_at(elf, at, head, sizeof(head), err)) != HF_OK)
			return rc;
		namesz = number(elf, head, 4);
		descsz = number(elf, head + 4, 4);
		at += sizeof(head);
		desc_at = at + ((namesz + align - 1) & ~(align - 1));
		if (!inside(desc_at, descsz, end))
			return hf_error_set(err, HF_ECORRUPT, 0, "an ELF note in it is longer than its segment");
		if (namesz == sizeof(owner) && number(elf, head + 8, 4) == NOTE_TYPE) {
			if ((rc = read_at(elf, at, owner, sizeof(owner), err)) != HF_OK)
				return rc;
			if (memcmp(owner, NOTE_OWNER, sizeof(owner)) == 0) {
				if (descsz > sizeof(desc))
					return hf_error_set(err, HF_ECORRUPT, 0,
					    "its holdfast note is longer than %d bytes", DESC_MAX);
				if ((rc = read_at(elf, desc_at, desc, (size_t)descsz, err)) != HF_OK)
					return rc;
				return note_parse(desc, (size_t)descsz, note, err);
			}
		}
		at = desc_at + ((descsz + align - 1) & ~(align - 1));
		if (at > end)
			break;
	}
	return HF_ENOTFOUND;
}

int
note_read_from(
    const struct note_source *source, bool any_machine, struct plugin_note *ret_note, struct hf_error *err)
{
	struct elf elf = {source, NULL, false, 0, 0, 0};
	struct plugin_note note;
	uint8_t ph[56];
	uint64_t offset, size, align;
	uint32_t i, type;
	bool found = false;
	int rc;

	if ((rc = elf_open(&elf, any_machine, err)) != HF_OK)
		return rc;
	for (i = 0; i < elf.phnum; i++) {
		rc = read_at(&elf, elf.phoff + (uint64_t)i * elf.phentsize, ph, elf.layout->ph_size, err);
		if (rc != HF_OK)
			return rc;
		type = (uint32_t)number(&elf, ph, 4);
		offset = number(&elf, ph + elf.layout->ph_offset, elf.layout->word);
		size = number(&elf, ph + elf.layout->ph_filesz, elf.layout->word);
		align = number(&elf, ph + elf.layout->ph_align, elf.layout->word);
		/* The loader maps what the headers promise; past the end of the file that is a SIGBUS. */
		if ((type == PT_LOAD_ || type == PT_NOTE_) && !inside(offset, size, source->size))
			return hf_error_set(err, HF_ECORRUPT, 0, "the ELF file is cut short");
		if (type != PT_NOTE_ || found || size > SEGMENT_MAX)
			continue;
		rc = find_in_segment(&elf, offset, offset + size, align == 8 ? 8 : 4, &note, err);
		if (rc != HF_OK && rc != HF_ENOTFOUND)
			return rc;
		found = rc == HF_OK;
	}
	if (!found)
		return hf_error_set(err, HF_ENOTFOUND, 0, "it has no .note.holdfast: it is no holdfast plugin");
	*ret_note = note;
	return HF_OK;
}

struct file {
	int fd;
};

static int
file_read(void *ctx, uint64_t offset, void *data, size_t size, struct hf_error *err)
{
	const struct file *file = ctx;
	size_t done = 0;
	ssize_t n;

	while (done < size) {
		n = pread(file->fd, (char *)data + done, size - done, (off_t)(offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return hf_error_set(err, HF_EIO, errno, "it cannot be read: %s", strerror(errno));
		if (n == 0)
			return hf_error_set(err, HF_ECORRUPT, 0, "the ELF file is cut short");
		done += (size_t)n;
	}
	return HF_OK;
}

int
note_read(int fd, const char *path, struct plugin_note *ret_note, struct hf_error *err)
{
	struct file file = {fd};
	struct note_source source = {&file, 0, file_read};
	struct hf_error why = HF_ERROR_INIT;
	struct stat st;
	int rc;

	if (fstat(fd, &st) != 0)
		return hf_error_set(err, HF_EIO, errno, "%s: %s", path, strerror(errno));
	source.size = st.st_size > 0 ? (uint64_t)st.st_size : 0;
	if ((rc = note_read_from(&source, false, ret_note, &why)) != HF_OK)
		return hf_error_set(err, rc, why.os_errno, "%s: %s", path, why.msg);
	return HF_OK;
}

/* Copies a value that is to be printable ASCII without spaces and to fit; false when it is not. */
static bool
copy_word(char *to, size_t to_size, const char *from, size_t size)
{
	size_t i;

	if (size == 0 || size >= to_size)
		return false;
	for (i = 0; i < size; i++) {
		if (from[i] <= ' ' || from[i] > '~')
			return false;
	}
	memcpy(to, from, size);
	to[size] = '\0';
	return true;
}

static uint32_t
parse_kinds(const char *value, size_t size)
{
	const char *comma;
	uint32_t kinds = 0, kind;
	size_t n;

	while (size > 0) {
		comma = memchr(value, ',', size);
		n = comma != NULL ? (size_t)(comma - value) : size;
		if ((kind = plugin_kind_parse(value, n)) != 0)
			kinds |= PLUGIN_KIND_BIT(kind);
		n += comma != NULL;
		value += n;
		size -= n;
	}
	return kinds;
}

static bool
parse_abi(const char *value, size_t size, uint32_t *ret_abi)
{
	uint32_t abi = 0;
	size_t i;

	if (size == 0 || size > 6)
		return false;
	for (i = 0; i < size; i++) {
		if (value[i] < '0' || value[i] > '9')
			return false;
		abi = abi * 10 + (uint32_t)(value[i] - '0');
	}
	*ret_abi = abi;
	return true;
}

enum { KEY_ABI, KEY_NAME, KEY_KINDS, KEY_VERSION, KEY_COUNT };
static const char *const keys[KEY_COUNT] = {"abi", "name", "kinds", "version"};

static bool
parse_value(struct plugin_note *note, int key, const char *value, size_t size)
{
	switch (key) {
	case KEY_ABI:
		return parse_abi(value, size, &note->abi);
	case KEY_NAME:
		return copy_word(note->name, sizeof(note->name), value, size) &&
		    plugin_name_valid(note->name);
	case KEY_KINDS:
		note->kinds = parse_kinds(value, size);
		return true;
	default:
		return copy_word(note->version, sizeof(note->version), value, size);
	}
}

int
note_parse(const char *text, size_t size, struct plugin_note *ret_note, struct hf_error *err)
{
	struct plugin_note note = {0};
	const char *line, *end, *equals;
	bool seen[KEY_COUNT] = {false};
	int key;

	while (size > 0 && text[size - 1] == '\0')
		size--;
	for (line = text; size > 0; line = end + 1) {
		end = memchr(line, '\n', size);
		if (end == NULL)
			return hf_error_set(err, HF_ECORRUPT, 0, "a line of its holdfast note has no end");
		size -= (size_t)(end - line) + 1;
		equals = memchr(line, '=', (size_t)(end - line));
		if (equals == NULL)
			return hf_error_set(err, HF_ECORRUPT, 0, "a line of its holdfast note has no \"=\"");
		for (key = 0; key < KEY_COUNT; key++) {
			if (strlen(keys[key]) == (size_t)(equals - line) &&
			    memcmp(keys[key], line, (size_t)(equals - line)) == 0)
				break;
		}
		if (key == KEY_COUNT)
			continue;
		if (seen[key])
			return hf_error_set(
			    err, HF_ECORRUPT, 0, "its holdfast note has \"%s\" twice", keys[key]);
		seen[key] = true;
		if (!parse_value(&note, key, equals + 1, (size_t)(end - equals) - 1))
			return hf_error_set(
			    err, HF_ECORRUPT, 0, "its holdfast note has an unusable \"%s\"", keys[key]);
		if (key == KEY_ABI && note.abi != HF_ABI_MAJOR)
			return hf_error_set(err, HF_ENOTSUP, 0,
			    "it is built for plugin ABI %u, and this holdfast has %u: install the "
			    "plugin's version for this holdfast",
			    note.abi, HF_ABI_MAJOR);
	}
	for (key = 0; key < KEY_COUNT; key++) {
		if (!seen[key])
			return hf_error_set(err, HF_ECORRUPT, 0, "its holdfast note has no \"%s\"", keys[key]);
	}
	*ret_note = note;
	return HF_OK;
}
