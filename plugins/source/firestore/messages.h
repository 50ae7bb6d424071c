/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef MESSAGES_H
#define MESSAGES_H

#include "changes.h"
#include "record.h"

/*
 * The messages of one room that are new or changed since the query's cursor.  A room's first pass takes all
 * documents; later ones those by their time of update, or, where there is no such field, those whose updateTime the
 * service has set since.
 */
int messages_push(struct service *service, const struct changes *changes, struct record *record,
    const struct hf_query *query, const struct hf_record_sink *sink, struct hf_error *err);

#endif
