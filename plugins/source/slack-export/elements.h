/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ELEMENTS_H
#define ELEMENTS_H

#include <holdfast/host.h>

#include "export.h"

/* The longest element; memory stays near ELEMENTS_SIZE but for those that need more. */
#define ELEMENTS_SIZE 131072u
#define ELEMENTS_MAX  (16u << 20)

/* Reads a file that is one JSON array, element by element. */
struct elements {
	const struct hf_host_json *json;
	struct stream *stream;
	char *data;
	size_t capacity;
	size_t start; /* of what was not handed out yet */
	size_t end;
	uint64_t number; /* of the element handed out last, from 1 */
	bool last;       /* nothing follows in the file */
};

/* Takes the stream over, also when it fails. */
int elements_open(struct elements *elements, const struct hf_host_json *json, struct stream *stream,
    struct hf_error *err);
void elements_close(struct elements *elements);
/*
 * 1 and the text of the next element, good until the next call; 0 after the last; or a negative code.
 * After HF_ECORRUPT or HF_ERANGE nothing more can be read from this file.
 */
int elements_next(struct elements *elements, const char **ret_text, size_t *ret_size, struct hf_error *err);

#endif
