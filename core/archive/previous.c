/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "archive/previous.h"

int
previous_load(struct repository *repository, enum blob_type type, const struct repository_id *id,
    struct buffer *out, struct hf_error *err)
{
	char hex[HASH_HEX_SIZE];
	int r = repository_load_blob(repository, type, id, out, err);

	if (r != HF_ENOTFOUND)
		return r;
	hex_encode(id->bytes, HASH_SIZE, hex);
	return hf_error_set(err, HF_ECORRUPT, 0,
	    "the previous snapshot names %s %.16s, which the repository does not have: run holdfast check",
	    type == BLOB_TREE ? "tree" : "data", hex);
}
