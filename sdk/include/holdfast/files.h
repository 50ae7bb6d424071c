/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef HOLDFAST_FILES_H
#define HOLDFAST_FILES_H

#include <holdfast/source.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Files beside an export, whose names come from inside of it and so may be anybody's: below the export's folder
 * nothing is followed that leads elsewhere, and only regular files are opened.
 */
#define HF_HOST_FILES "holdfast.host.files/1"

/* An open file; open fills it. */
struct hf_file {
	uint32_t struct_size; /* set by the caller */
	uint32_t flags;
	const struct hf_reader *reader; /* its length is that of the file when it was opened; valid until close */
	int64_t mtime_ns;
	char version[64]; /* NUL-terminated; differs when the file was changed or is another one */
};

struct hf_host_files {
	uint32_t struct_size;
	uint32_t flags;
	/*
	 * Opens the file at path below folder.  folder is the user's own and may be anywhere; path has '/' between
	 * components.  HF_ENOTFOUND: there is none; HF_EPERM: path is absolute, has "..", passes a symbolic link, is
	 * not a regular file, or the system refuses; HF_EINVAL: it is no path at all (empty, a NUL, too long);
	 * HF_EIO.  Close ret_file after HF_OK.
	 */
	int (*open)(void *host_ctx, const char *folder, const struct hf_text *path, struct hf_file *ret_file,
	    struct hf_error *err);
	void (*close)(struct hf_file *file);
	/*
	 * For fetch_media: answers request with the file at path, from open to the exchange's end, to which every
	 * failure of the file goes, and what begin or write refused with.  Returns what end answered: not HF_OK
	 * means to stop and return it.
	 */
	int (*push)(void *host_ctx, const char *folder, const struct hf_text *path,
	    const struct hf_media_request *request, const struct hf_media_exchange *exchange, struct hf_error *err);
};

#ifdef __cplusplus
}
#endif
#endif
