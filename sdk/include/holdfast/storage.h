/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef HOLDFAST_STORAGE_H
#define HOLDFAST_STORAGE_H

#include <holdfast/host.h>
#include <holdfast/options.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What an object is.  The restic repository format gives each type its folder. */
#define HF_OBJECT_CONFIG   1u /* one, with the name "config" */
#define HF_OBJECT_KEY      2u
#define HF_OBJECT_LOCK     3u
#define HF_OBJECT_SNAPSHOT 4u
#define HF_OBJECT_INDEX    5u
#define HF_OBJECT_DATA     6u

struct hf_object_key {
	uint32_t type;
	uint32_t reserved;
	const char *name; /* 64 lower-case hex digits; "config" for HF_OBJECT_CONFIG */
};

#define HF_PUT_NOREPLACE 1u /* HF_EEXIST when the object is already there, without a race */

struct hf_storage_props {
	uint32_t struct_size;
	uint32_t max_connections;
	uint32_t atomic_replace; /* HF_YES: a failed put leaves nothing, or the old object whole */
	uint32_t flaky_errors;   /* HF_YES: "not found" may pass */
	uint32_t list_consistent;
	uint32_t reserved;
	uint64_t max_object_size; /* 0: no limit known */
};

/* Called once for each object; nonzero: stop and return it. */
typedef int (*hf_list_fn)(void *ctx, const char *name, uint64_t size, struct hf_error *err);

/*
 * A storage keeps the objects of one repository.  It retries nothing: the host does.  Thread rules
 * are the component's thread_model.
 */
struct hf_storage_ops {
	uint32_t struct_size;
	uint32_t flags;
	/* Checks values without any input or output. */
	int (*configure)(const struct hf_value *values, uint32_t count, struct hf_error *err);
	int (*open)(const struct hf_host *host, const struct hf_value *values, uint32_t count,
	    void **ret_handle, struct hf_error *err);
	void (*close)(void *handle);
	/* Makes the places objects go to.  May be called again. */
	int (*create)(void *handle, struct hf_error *err);
	int (*properties)(void *handle, struct hf_storage_props *ret_props, struct hf_error *err);
	/*
	 * Stores data->length bytes.  Durable, under its final name and whole when this returns HF_OK;
	 * otherwise nothing is seen under that name.  sha256: of the bytes (32), for media that take it.
	 */
	int (*put)(void *handle, const struct hf_object_key *key, const struct hf_reader *data,
	    const uint8_t *sha256, uint32_t flags, struct hf_error *err);
	/* Pushes length bytes from offset; length 0: all that follow.  Fewer there: HF_ERANGE. */
	int (*get)(void *handle, const struct hf_object_key *key, uint64_t offset, uint64_t length,
	    const struct hf_sink *sink, struct hf_error *err);
	/*
	 * Lists a type's objects, each once.  Names that are not object names are left out.  An error
	 * after some objects is an error: never a short list.
	 */
	int (*list)(void *handle, uint32_t type, hf_list_fn fn, void *ctx, struct hf_error *err);
	int (*stat)(void *handle, const struct hf_object_key *key, uint64_t *ret_size, struct hf_error *err);
	/* HF_ENOTFOUND when it was not there. */
	int (*remove)(void *handle, const struct hf_object_key *key, struct hf_error *err);
};

#ifdef __cplusplus
}
#endif
#endif
