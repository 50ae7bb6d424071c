/* SPDX-License-Identifier: BSD-2-Clause */
#include "media.h"

#include <stdlib.h>

#define READ_SIZE 16384u

struct list {
	const struct hf_host_scratch *scratch;
	struct hf_scratch *lines;
	struct hf_reader reader;
	bool reading, ended;
	struct bytes text; /* read and not taken yet */
	size_t at;
};

int
list_open(const struct media *media, const char *account, const char *name, struct list **ret, struct hf_error *err)
{
	struct list *list = calloc(1, sizeof(*list));
	char label[80], hex[65];
	uint8_t sum[32];
	uint64_t size;
	int r;

	if (list == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "a list: out of memory");
	list->scratch = media->scratch;
	list->text = (struct bytes)BYTES_INIT(2 * REF_LINE_MAX + READ_SIZE);
	r = media->tools.write->sha256(account, strlen(account), sum, err);
	if (r == HF_OK) {
		hex_put(sum, 8, hex);
		(void)snprintf(label, sizeof(label), "%s-%s", name, hex);
		r = media->scratch->open(media->host->ctx, label, &list->lines, &size, err);
	}
	/* It is made anew each time: what was done is in the index. */
	if (r == HF_OK)
		r = media->scratch->truncate(list->lines, 0, err);
	if (r != HF_OK) {
		list_free(list);
		return r;
	}
	*ret = list;
	return HF_OK;
}

void
list_free(struct list *list)
{
	if (list == NULL)
		return;
	list->scratch->remove(list->lines);
	bytes_release(&list->text);
	free(list);
}

int
list_add(struct list *list, const struct bytes *line, struct hf_error *err)
{
	int r = list->scratch->append(list->lines, line->data, line->size, err);

	return r == HF_OK ? list->scratch->append(list->lines, "\n", 1, err) : r;
}

static int
fill(struct list *list, struct hf_error *err)
{
	char piece[READ_SIZE];
	int64_t n;
	int r;

	/* At first there is no text at all. */
	if (list->text.data != NULL)
		memmove(list->text.data, list->text.data + list->at, list->text.size - list->at);
	list->text.size -= list->at;
	list->at = 0;
	n = list->reader.read(list->reader.ctx, piece, sizeof(piece), err);
	if (n < 0)
		return (int)n;
	list->ended = n == 0;
	bytes_put(&list->text, piece, (size_t)n);
	r = bytes_status(&list->text, "a list", err);
	return r;
}

int
list_next(struct list *list, const char **ret_line, size_t *ret_size, struct hf_error *err)
{
	const char *newline;
	int r = HF_OK;

	if (!list->reading)
		r = list->scratch->reader(list->lines, &list->reader, err);
	list->reading = true;
	if (r == HF_OK && list->text.data == NULL)
		r = fill(list, err);
	while (r == HF_OK) {
		newline = list->text.size == list->at
		              ? NULL
		              : memchr(list->text.data + list->at, '\n', list->text.size - list->at);
		if (newline != NULL) {
			*ret_line = list->text.data + list->at;
			*ret_size = (size_t)(newline - *ret_line);
			list->at += *ret_size + 1;
			return HF_OK;
		}
		if (list->ended)
			return hf_error_set(err, HF_ENOTFOUND, 0, "the list is at its end");
		r = fill(list, err);
	}
	return r;
}
