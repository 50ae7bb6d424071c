/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef INDEX_H
#define INDEX_H

#include <holdfast/source.h>

#include "common/bytes.h"
#include "spool.h"

/* What the host lends. */
struct tools {
	const struct hf_host_json *json;
	const struct hf_host_write *write;
};

/* One line of index.jsonl: a card of contacts.vcf, in the same order there.  Texts are UTF-8. */
struct index_entry {
	struct bytes id;
	struct bytes revision;
	bool has_revision;
	uint64_t size; /* of the card in contacts.vcf */
	int64_t updated_ns;
	struct bytes line; /* it was read from */
};

#define INDEX_ID_MAX   4096u
#define INDEX_LINE_MAX (64u << 10)

void index_init(struct index_entry *entry);
void index_release(struct index_entry *entry);
/* Appends text as a JSON string. */
void index_put_text(const struct tools *tools, const char *text, size_t size, struct bytes *out);
/* Appends the line of a card; revision NULL: it has none. */
void index_put(const struct tools *tools, const struct hf_text *id, const struct hf_text *revision, uint64_t size,
    int64_t updated_ns, struct bytes *out);
/* Reads the next line; HF_ENOTFOUND after the last, HF_ECORRUPT when it is none. */
int index_next(const struct tools *tools, struct spool *spool, struct index_entry *entry, struct hf_error *err);

#endif
