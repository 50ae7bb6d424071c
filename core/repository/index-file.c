/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "repository/index-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"

#define PAGE_SIZE       ((size_t)4096)
#define PAGE_PAYLOAD    ((size_t)4032)
#define PAGE_SUM        ((size_t)16)
#define NONCE_SIZE      ((size_t)16)
#define RECORDS_A_PAGE  (PAGE_PAYLOAD / INDEX_RECORD_SIZE)
#define IDS_A_PAGE      (PAGE_PAYLOAD / HASH_SIZE)
#define PAGES_KEPT      256 /* 1 MiB: the whole index of some 20,000 blobs */
#define PAGES_A_WRITE   16
#define NO_PAGE         UINT64_MAX
#define TREE_BIT        (UINT32_C(1) << 31)
#define INTERPOLATE_MAX 8

static const uint8_t magic[8] = {'h', 'f', 'i', 'n', 'd', 'e', 'x', '1'};

/* Where the header's fields lie in page 0. */
enum { AT_MAGIC = 0, AT_REPOSITORY = 8, AT_NONCE = 40, AT_RECORDS = 56, AT_PACKS = 64, AT_SOURCES = 68 };

struct layout {
	uint8_t nonce[NONCE_SIZE];
	uint64_t records;
	uint32_t packs, sources;
};

struct index_file {
	int fd;
	char *path; /* NULL: without a name */
	struct layout layout;
	struct {
		uint64_t number;
		uint8_t data[PAGE_SIZE];
	} pages[PAGES_KEPT];
};

enum part { PART_RECORDS, PART_PACKS, PART_SOURCES };

struct index_file_writer {
	int fd;
	char *temporary;
	uint8_t repository[HASH_SIZE];
	struct layout layout;
	enum part part;
	uint64_t page; /* the next to be filled */
	size_t used;   /* of its payload */
	size_t filled; /* whole pages in buffer */
	uint8_t buffer[PAGES_A_WRITE * PAGE_SIZE];
};

static void
put32(uint8_t *out, uint32_t value)
{
	out[0] = (uint8_t)(value >> 24);
	out[1] = (uint8_t)(value >> 16);
	out[2] = (uint8_t)(value >> 8);
	out[3] = (uint8_t)value;
}

static uint32_t
get32(const uint8_t *in)
{
	return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
}

static void
put64(uint8_t *out, uint64_t value)
{
	put32(out, (uint32_t)(value >> 32));
	put32(out + 4, (uint32_t)value);
}

static uint64_t
get64(const uint8_t *in)
{
	return (uint64_t)get32(in) << 32 | get32(in + 4);
}

void
index_record_encode(const struct index_record *record, uint8_t out[INDEX_RECORD_SIZE])
{
	memcpy(out, record->id, HASH_SIZE);
	put32(out + 32, record->pack | (record->tree ? TREE_BIT : 0));
	put32(out + 36, record->offset);
	put32(out + 40, record->length);
	put32(out + 44, record->plain_length);
}

void
index_record_decode(const uint8_t in[INDEX_RECORD_SIZE], struct index_record *ret)
{
	memcpy(ret->id, in, HASH_SIZE);
	ret->pack = get32(in + 32) & ~TREE_BIT;
	ret->tree = get32(in + 32) >> 31;
	ret->offset = get32(in + 36);
	ret->length = get32(in + 40);
	ret->plain_length = get32(in + 44);
}

static uint64_t
pages_for(uint64_t items, size_t a_page)
{
	return (items + a_page - 1) / a_page;
}

static uint64_t
packs_page(const struct layout *layout)
{
	return 1 + pages_for(layout->records, RECORDS_A_PAGE);
}

static uint64_t
sources_page(const struct layout *layout)
{
	return packs_page(layout) + pages_for(layout->packs, IDS_A_PAGE);
}

static int
page_sum(const uint8_t nonce[NONCE_SIZE], uint64_t number, const uint8_t *page, uint8_t out[HASH_SIZE],
    struct hf_error *err)
{
	uint8_t all[NONCE_SIZE + 8 + PAGE_PAYLOAD];

	memcpy(all, nonce, NONCE_SIZE);
	put64(all + NONCE_SIZE, number);
	memcpy(all + NONCE_SIZE + 8, page, PAGE_PAYLOAD);
	return hash_bytes(all, sizeof(all), out, err);
}

static int
read_error(int n, struct hf_error *err)
{
	return n < 0 ? hf_error_set(err, HF_EIO, errno, "the index cache cannot be read: %s", strerror(errno)) :
	               hf_error_set(err, HF_ECORRUPT, 0, "the index cache is damaged");
}

/* A damaged cache is of no use to anybody: removed, so that the next run makes it again. */
static int
page_damaged(struct index_file *file, struct hf_error *err)
{
	if (file->path == NULL)
		return read_error(0, err);
	(void)unlink(file->path);
	return hf_error_set(err, HF_ECORRUPT, 0,
	    "%s was damaged and is removed; run again, it is made anew", file->path);
}

static int
page_read(struct index_file *file, uint64_t number, const uint8_t **ret, struct hf_error *err)
{
	size_t slot = (size_t)(number % PAGES_KEPT);
	uint8_t *data = file->pages[slot].data, sum[HASH_SIZE];
	ssize_t n;
	int r;

	if (file->pages[slot].number != number) {
		file->pages[slot].number = NO_PAGE;
		do
			n = pread(file->fd, data, PAGE_SIZE, (off_t)(number * PAGE_SIZE));
		while (n < 0 && errno == EINTR);
		if (n != (ssize_t)PAGE_SIZE)
			return read_error(n < 0 ? -1 : 0, err);
		r = page_sum(file->layout.nonce, number, data, sum, err);
		if (r != HF_OK)
			return r;
		if (memcmp(sum, data + PAGE_PAYLOAD, PAGE_SUM) != 0)
			return page_damaged(file, err);
		file->pages[slot].number = number;
	}
	*ret = data;
	return HF_OK;
}

static struct index_file *
file_new(int fd, const char *path)
{
	struct index_file *file = malloc(sizeof(*file));
	size_t i;

	if (file == NULL)
		return NULL;
	file->path = path == NULL ? NULL : strdup(path);
	if (path != NULL && file->path == NULL) {
		free(file);
		return NULL;
	}
	memset(&file->layout, 0, sizeof(file->layout));
	file->fd = fd;
	for (i = 0; i < PAGES_KEPT; i++)
		file->pages[i].number = NO_PAGE;
	return file;
}

static int
read_header(struct index_file *file, const uint8_t repository[HASH_SIZE], struct hf_error *err)
{
	uint8_t nonce[NONCE_SIZE];
	const uint8_t *page;
	struct stat st;
	int r;

	/* The header is checked with the nonce that it holds itself. */
	if (pread(file->fd, nonce, NONCE_SIZE, AT_NONCE) != (ssize_t)NONCE_SIZE)
		return read_error(0, err);
	memcpy(file->layout.nonce, nonce, NONCE_SIZE);
	r = page_read(file, 0, &page, err);
	if (r != HF_OK)
		return r;
	if (memcmp(page + AT_MAGIC, magic, sizeof(magic)) != 0 ||
	    memcmp(page + AT_REPOSITORY, repository, HASH_SIZE) != 0)
		return hf_error_set(err, HF_ECORRUPT, 0, "the index cache is of another repository or version");
	file->layout.records = get64(page + AT_RECORDS);
	file->layout.packs = get32(page + AT_PACKS);
	file->layout.sources = get32(page + AT_SOURCES);
	if (fstat(file->fd, &st) != 0)
		return read_error(-1, err);
	if (file->layout.records > (uint64_t)st.st_size || file->layout.packs >= TREE_BIT ||
	    (uint64_t)st.st_size != (sources_page(&file->layout) + pages_for(file->layout.sources, IDS_A_PAGE)) *
	                                PAGE_SIZE)
		return read_error(0, err);
	return HF_OK;
}

int
index_file_open(const char *path, const uint8_t repository[HASH_SIZE], struct index_file **ret,
    struct hf_error *err)
{
	struct index_file *file;
	int fd = open(path, O_RDONLY | O_CLOEXEC), r;

	if (fd < 0)
		return hf_error_set(err, errno == ENOENT || errno == ENOTDIR ? HF_ENOTFOUND : HF_EIO, errno,
		    "%s: %s", path,
		    strerror(errno));
	file = file_new(fd, path);
	if (file == NULL) {
		(void)close(fd);
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", path);
	}
	r = read_header(file, repository, err);
	if (r != HF_OK) {
		index_file_close(file);
		return r;
	}
	*ret = file;
	return HF_OK;
}

void
index_file_close(struct index_file *file)
{
	if (file == NULL)
		return;
	(void)close(file->fd);
	free(file->path);
	free(file);
}

uint64_t
index_file_records(const struct index_file *file)
{
	return file->layout.records;
}

uint32_t
index_file_packs(const struct index_file *file)
{
	return file->layout.packs;
}

uint32_t
index_file_sources(const struct index_file *file)
{
	return file->layout.sources;
}

/* Item number of a part that begins at page first. */
static int
item(struct index_file *file, uint64_t first, uint64_t number, size_t size, const uint8_t **ret,
    struct hf_error *err)
{
	size_t a_page = PAGE_PAYLOAD / size;
	const uint8_t *page;
	int r;

	r = page_read(file, first + number / a_page, &page, err);
	if (r == HF_OK)
		*ret = page + (size_t)(number % a_page) * size;
	return r;
}

int
index_file_record(struct index_file *file, uint64_t number, const uint8_t **ret, struct hf_error *err)
{
	if (number >= file->layout.records)
		return read_error(0, err);
	return item(file, 1, number, INDEX_RECORD_SIZE, ret, err);
}

int
index_file_pack(struct index_file *file, uint32_t number, const uint8_t **ret, struct hf_error *err)
{
	if (number >= file->layout.packs)
		return read_error(0, err);
	return item(file, packs_page(&file->layout), number, HASH_SIZE, ret, err);
}

int
index_file_source(struct index_file *file, uint32_t number, const uint8_t **ret, struct hf_error *err)
{
	if (number >= file->layout.sources)
		return read_error(0, err);
	return item(file, sources_page(&file->layout), number, HASH_SIZE, ret, err);
}

/* Where between two ids an id should be, as they are spread evenly: a page of [low, high). */
static uint64_t
guess_page(uint64_t low, uint64_t high, uint64_t least, uint64_t most, uint64_t key)
{
	double part;
	uint64_t guess;

	if (key <= least || most <= least)
		return low;
	part = (double)(key - least) / (double)(most - least);
	guess = low + (uint64_t)(part * (double)(high - low));
	return guess < high ? guess : high - 1;
}

/* The first record of a page that is not less than id; count when all are. */
static size_t
search_page(const uint8_t *page, size_t count, const uint8_t id[HASH_SIZE])
{
	size_t low = 0, high = count, middle;

	while (low < high) {
		middle = (low + high) / 2;
		if (memcmp(page + middle * INDEX_RECORD_SIZE, id, HASH_SIZE) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int
index_file_search(struct index_file *file, const uint8_t id[HASH_SIZE], uint64_t *ret_number, struct hf_error *err)
{
	uint64_t low = 0, high = pages_for(file->layout.records, RECORDS_A_PAGE), at, left;
	uint64_t key = get64(id), least = 0, most = UINT64_MAX;
	const uint8_t *page, *last;
	unsigned steps = 0;
	size_t count;
	int r;

	/* The first page whose last record is not less than id: by interpolation, then surely by halving. */
	while (low < high) {
		at = steps++ < INTERPOLATE_MAX ? guess_page(low, high, least, most, key) : low + (high - low) / 2;
		r = page_read(file, 1 + at, &page, err);
		if (r != HF_OK)
			return r;
		left = file->layout.records - at * RECORDS_A_PAGE;
		count = left < RECORDS_A_PAGE ? (size_t)left : RECORDS_A_PAGE;
		last = page + (count - 1) * INDEX_RECORD_SIZE;
		if (memcmp(last, id, HASH_SIZE) < 0) {
			low = at + 1;
			least = get64(last);
		} else if (memcmp(page, id, HASH_SIZE) < 0) {
			*ret_number = at * RECORDS_A_PAGE + search_page(page, count, id);
			return HF_OK;
		} else {
			high = at;
			most = get64(page);
		}
	}
	*ret_number = low * RECORDS_A_PAGE < file->layout.records ? low * RECORDS_A_PAGE : file->layout.records;
	return HF_OK;
}

/* ---- writing ---- */

static int
write_error(const char *path, struct hf_error *err)
{
	int saved = errno;

	return hf_error_set(err, saved == ENOSPC || saved == EDQUOT ? HF_ENOSPC : HF_EIO, saved, "%s: %s", path,
	    strerror(saved));
}

int
index_file_create(const char *directory, const uint8_t repository[HASH_SIZE], struct index_file_writer **ret,
    struct hf_error *err)
{
	struct index_file_writer *writer = calloc(1, sizeof(*writer));
	int r;

	if (writer == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "index cache: out of memory");
	writer->fd = -1;
	writer->temporary = path_join(directory, "index-tmp-XXXXXX");
	if (writer->temporary == NULL) {
		r = hf_error_set(err, HF_ENOMEM, 0, "index cache: out of memory");
		goto fail;
	}
	r = random_bytes(writer->layout.nonce, NONCE_SIZE, err);
	if (r != HF_OK)
		goto fail;
	writer->fd = mkstemp(writer->temporary);
	if (writer->fd < 0) {
		r = write_error(writer->temporary, err);
		goto fail;
	}
	(void)fcntl(writer->fd, F_SETFD, FD_CLOEXEC);
	memcpy(writer->repository, repository, HASH_SIZE);
	/* Page 0 is written last: until then its zeros are no header. */
	writer->page = 1;
	if (lseek(writer->fd, (off_t)PAGE_SIZE, SEEK_SET) < 0) {
		r = write_error(writer->temporary, err);
		goto fail;
	}
	*ret = writer;
	return HF_OK;
fail:
	index_file_abandon(writer);
	return r;
}

void
index_file_abandon(struct index_file_writer *writer)
{
	if (writer == NULL)
		return;
	if (writer->fd >= 0) {
		(void)close(writer->fd);
		(void)unlink(writer->temporary);
	}
	free(writer->temporary);
	free(writer);
}

static int
flush_pages(struct index_file_writer *writer, struct hf_error *err)
{
	int r = path_write_all(writer->fd, writer->buffer, writer->filled * PAGE_SIZE, writer->temporary, err);

	writer->filled = 0;
	return r;
}

/* Closes the page that is being filled. */
static int
end_page(struct index_file_writer *writer, struct hf_error *err)
{
	uint8_t *page = writer->buffer + writer->filled * PAGE_SIZE, sum[HASH_SIZE];
	int r;

	if (writer->used == 0)
		return HF_OK;
	memset(page + writer->used, 0, PAGE_SIZE - writer->used);
	r = page_sum(writer->layout.nonce, writer->page, page, sum, err);
	if (r != HF_OK)
		return r;
	memcpy(page + PAGE_PAYLOAD, sum, PAGE_SUM);
	writer->page++;
	writer->used = 0;
	writer->filled++;
	return writer->filled == PAGES_A_WRITE ? flush_pages(writer, err) : HF_OK;
}

static int
add_item(struct index_file_writer *writer, enum part part, const uint8_t *data, size_t size, struct hf_error *err)
{
	int r;

	if (writer->part != part || writer->used + size > PAGE_PAYLOAD) {
		r = end_page(writer, err);
		if (r != HF_OK)
			return r;
		writer->part = part;
	}
	memcpy(writer->buffer + writer->filled * PAGE_SIZE + writer->used, data, size);
	writer->used += size;
	return HF_OK;
}

int
index_file_add_record(struct index_file_writer *writer, const uint8_t record[INDEX_RECORD_SIZE],
    struct hf_error *err)
{
	writer->layout.records++;
	return add_item(writer, PART_RECORDS, record, INDEX_RECORD_SIZE, err);
}

int
index_file_add_pack(struct index_file_writer *writer, const uint8_t id[HASH_SIZE], struct hf_error *err)
{
	if (writer->layout.packs + 1 >= TREE_BIT)
		return hf_error_set(err, HF_ERANGE, 0, "the repository has more packs than holdfast can count");
	writer->layout.packs++;
	return add_item(writer, PART_PACKS, id, HASH_SIZE, err);
}

int
index_file_add_source(struct index_file_writer *writer, const uint8_t id[HASH_SIZE], struct hf_error *err)
{
	writer->layout.sources++;
	return add_item(writer, PART_SOURCES, id, HASH_SIZE, err);
}

static int
write_header(struct index_file_writer *writer, struct hf_error *err)
{
	uint8_t page[PAGE_SIZE] = {0}, sum[HASH_SIZE];
	int r;

	memcpy(page + AT_MAGIC, magic, sizeof(magic));
	memcpy(page + AT_REPOSITORY, writer->repository, HASH_SIZE);
	memcpy(page + AT_NONCE, writer->layout.nonce, NONCE_SIZE);
	put64(page + AT_RECORDS, writer->layout.records);
	put32(page + AT_PACKS, writer->layout.packs);
	put32(page + AT_SOURCES, writer->layout.sources);
	r = page_sum(writer->layout.nonce, 0, page, sum, err);
	if (r != HF_OK)
		return r;
	memcpy(page + PAGE_PAYLOAD, sum, PAGE_SUM);
	if (pwrite(writer->fd, page, PAGE_SIZE, 0) != (ssize_t)PAGE_SIZE)
		return write_error(writer->temporary, err);
	return HF_OK;
}

int
index_file_finish(struct index_file_writer *writer, const char *path, struct index_file **ret,
    struct hf_error *err)
{
	struct index_file *file = NULL;
	int r;

	if ((r = end_page(writer, err)) != HF_OK || (r = flush_pages(writer, err)) != HF_OK ||
	    (r = write_header(writer, err)) != HF_OK)
		goto fail;
	file = file_new(writer->fd, path);
	if (file == NULL) {
		r = hf_error_set(err, HF_ENOMEM, 0, "index cache: out of memory");
		goto fail;
	}
	/* Not synced: a cache that a power cut tears fails its checksums and is made again. */
	if (path != NULL && rename(writer->temporary, path) != 0) {
		r = write_error(path, err);
		goto fail;
	}
	if (path == NULL)
		(void)unlink(writer->temporary);
	file->layout = writer->layout;
	free(writer->temporary);
	free(writer);
	*ret = file;
	return HF_OK;
fail:
	if (file != NULL)
		free(file->path);
	free(file);
	index_file_abandon(writer);
	return r;
}
