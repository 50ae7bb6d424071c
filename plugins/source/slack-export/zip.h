/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ZIP_H
#define ZIP_H

#include "../../common/zipfile.h"
#include "export.h"

/* A zip with one file for each room and day, and files at its top (which may be a folder in it). */
struct zip;

/* The files at the top of an export, by which it is known. */
#define ZIP_TOP_COUNT 5u
#define ZIP_TOP_NAMES "channels.json, groups.json, dms.json, mpims.json, users.json"
extern const char *const zip_top_names[ZIP_TOP_COUNT];

/* fd stays the caller's. */
int zip_open(int fd, const char *path, struct zip **ret_zip, struct hf_error *err);
void zip_close(struct zip *zip);
bool zip_file(const struct zip *zip, const char *name, uint64_t *ret_offset);
/* How many days a folder has, and where they lie, in order. */
size_t zip_folder(const struct zip *zip, const char *folder, const struct day **ret_days);
int zip_folders(const struct zip *zip, export_folder_fn fn, void *ctx, struct hf_error *err);

/* 20160131 for "2016-01-31.json", 0 for any other name. */
uint32_t zip_date(const char *name, size_t size);

#endif
