/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RECORD_H
#define RECORD_H

#include <holdfast/strategy.h>

#include "out.h"

/* A record with all its members; a longer one is not backed up, and told. */
#define RECORD_MAX (8u << 20)

/* Why a record is written; what holdfast-chats(7) calls "op". */
enum record_op { OP_MESSAGE, OP_EDIT, OP_REACTION, OP_UPDATE, OP_DELETE, OP_PERSON };

/*
 * Writes a message's record to out, and where its parts lie to *ret_line, as of op OP_MESSAGE or
 * OP_DELETE.  The line lies in out.  HF_EINVAL: it has no id; HF_ERANGE: too long; HF_ECORRUPT: raw is
 * none.  newest_ns: the newest of its times, or HF_NO_TIME.
 */
int record_of_message(struct out *out, const struct hf_message *message, struct hf_line *ret_line,
    int64_t *ret_newest_ns, struct hf_error *err);
int record_of_person(struct out *out, const struct hf_participant *person, struct hf_line *ret_line,
    struct hf_error *err);
/* Gives the line in out another op. */
void record_set_op(struct out *out, enum record_op op, struct hf_line *line);
/* What happened to a message that is not deleted, from its record before to the one now. */
enum record_op record_change(const struct tools *tools, const char *before, size_t before_size,
    const struct hf_line *now);

#endif
