/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef HOLDFAST_SCRATCH_H
#define HOLDFAST_SCRATCH_H

#include <holdfast/host.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Bytes that outlive a crash of the worker but not the job: downloads that are not whole yet, lists of what is still
 * to be done.  The host keeps them in files of its own, and proves what is read again: after a power cut some of the
 * last bytes may be missing, but none are wrong.  A few thousand bytes never touch a file at all.
 */
#define HF_HOST_SCRATCH "holdfast.host.scratch/1"

#define HF_SCRATCH_NOTE_MAX 4096u /* bytes */

struct hf_scratch; /* the host's; one thread at a time uses it */

struct hf_host_scratch {
	uint32_t struct_size;
	uint32_t flags;
	/*
	 * Opens what is kept under a name (1 to 64 of [a-z0-9._-], not beginning with "." or "-") for this instance,
	 * or begins it; none is open twice.  ret_size: how many bytes there are.  HF_ENOTSUP: there is no job.
	 */
	int (*open)(void *host_ctx, const char *name, struct hf_scratch **ret, uint64_t *ret_size,
	    struct hf_error *err);
	/* Keeps what is there for the next open.  NULL is fine. */
	void (*close)(struct hf_scratch *scratch);
	/* Closes it and takes it away. */
	void (*remove)(struct hf_scratch *scratch);
	/* After a failure (HF_ENOSPC, HF_EIO) it is to be removed, or truncated to nothing. */
	int (*append)(struct hf_scratch *scratch, const void *data, uint64_t size, struct hf_error *err);
	/* Leaves the first so many bytes; 0 also takes the note away. */
	int (*truncate)(struct hf_scratch *scratch, uint64_t size, struct hf_error *err);
	/* A few bytes about it, such as what it is a part of; HF_EINVAL unless nothing was appended yet. */
	int (*set_note)(struct hf_scratch *scratch, const void *data, uint64_t size, struct hf_error *err);
	/* HF_ENOTFOUND: none was set. */
	int (*note)(struct hf_scratch *scratch, const struct hf_sink *sink, struct hf_error *err);
	/* Of all bytes from the first on, valid until anything else is done with it. */
	int (*reader)(struct hf_scratch *scratch, struct hf_reader *ret, struct hf_error *err);
	/* SHA-256 of all bytes, 32 bytes; it was counted on the way. */
	int (*sha256)(struct hf_scratch *scratch, uint8_t *out, struct hf_error *err);
};

#ifdef __cplusplus
}
#endif
#endif
