/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef REPOSITORY_INTERNAL_H
#define REPOSITORY_INTERNAL_H

/* What the files of this folder share, and nobody else includes. */

#include <pthread.h>

#include "repository/repository.h"

/* The master key's three parts (REPOSITORY_FORMAT.md section 2). */
struct key_set {
	uint8_t encrypt[32];
	uint8_t mac_k[16];
	uint8_t mac_r[16];
};

#define SEAL_OVERHEAD 32u

struct lock_state;
struct index;
struct seal;

struct repository {
	struct repository_storage storage;
	char *cache_directory; /* of this repository: below the one in the options, by repository id */
	struct repository_id id;
	uint32_t version;
	uint64_t polynomial;
	struct key_set key;
	struct seal *seal;       /* for the thread that uses the repository */
	struct compressor *compressor; /* of object.c, made when first needed */
	struct lock_state *lock; /* NULL: not locked */
	struct index *index;     /* NULL: not loaded */
};

/* ---- seal.c: AES-256-CTR and Poly1305-AES; a struct seal is one thread's reusable cipher state ---- */
int seal_new(const struct key_set *key, struct seal **ret, struct hf_error *err);
void seal_free(struct seal *seal);
/* Appends IV, ciphertext and MAC of the plaintext: size + SEAL_OVERHEAD bytes. */
int seal_append(struct seal *seal, const void *plain, size_t size, struct buffer *out, struct hf_error *err);
/* Checks the MAC in constant time, then appends the plaintext.  HF_ECORRUPT: shorter than 32 bytes or forged. */
int seal_open(struct seal *seal, const void *sealed, size_t size, struct buffer *out, struct hf_error *err);
/* The same with an IV of the caller's choosing: for the test vectors only. */
int seal_append_iv(struct seal *seal, const uint8_t iv[16], const void *plain, size_t size, struct buffer *out,
    struct hf_error *err);

/* ---- object.c: whole objects ---- */
struct json_object;
#define OBJECT_PATH_SIZE 80
/* "snapshots/0123...": what an object is called in messages. */
const char *object_path(uint32_t type, const char *name, char out[OBJECT_PATH_SIZE]);
/* Appends an object's bytes, at most max of them (HF_ERANGE), unchecked. */
int object_get(const struct repository_storage *storage, uint32_t type, const char *name, size_t max,
    struct buffer *out, struct hf_error *err);
/* The same, and checks its name against its SHA-256 (not for config); fetches a second time if it differs. */
int object_get_checked(const struct repository_storage *storage, uint32_t type, const char *name, size_t max,
    struct buffer *out, struct hf_error *err);
/* Stores bytes from memory; flags as of put.  sha256 may be NULL. */
int object_put(const struct repository_storage *storage, uint32_t type, const char *name, const void *data,
    size_t size, const uint8_t *sha256, uint32_t flags, struct hf_error *err);
/* Reads JSON text that must be one object; what: its name for messages.  The caller puts *ret. */
int object_parse(const char *what, const void *text, size_t size, struct json_object **ret, struct hf_error *err);
/* Loads an object and checks its name against its SHA-256 (not for config); at most max bytes.  Retries once. */
int object_load(struct repository *repository, uint32_t type, const char *name, size_t max, struct buffer *out,
    struct hf_error *err);
/* Loads and unseals an index, snapshot or lock into its JSON text: zstd or plain (section 5). */
int object_load_json(struct repository *repository, uint32_t type, const char *name, size_t max, struct buffer *out,
    struct hf_error *err);
/* Seals and stores JSON text; ret_id is its name.  flags as of put. */
int object_save_json(struct repository *repository, uint32_t type, const void *json, size_t size,
    struct repository_id *ret_id, struct hf_error *err);
/* Stores a file's bytes under its SHA-256, from memory. */
int object_save(struct repository *repository, uint32_t type, const char *name, const void *data, size_t size,
    struct hf_error *err);

/* ---- compress.c: zstd with bounded memory ---- */
struct compressor;
int compressor_new(struct compressor **ret, struct hf_error *err);
void compressor_free(struct compressor *compressor);
/* Appends one frame with content size, window at most 8 MiB, no dictionary. */
int compressor_pack(struct compressor *compressor, const void *data, size_t size, struct buffer *out,
    struct hf_error *err);
/* Appends what the frames hold; more than max bytes, or damage: HF_ECORRUPT. */
int compressor_unpack(struct compressor *compressor, const void *data, size_t size, size_t max, struct buffer *out,
    struct hf_error *err);
/* HF_OK when the frames hold exactly these bytes; needs no second copy of them.  HF_ECORRUPT otherwise. */
int compressor_compare(struct compressor *compressor, const void *data, size_t size, const void *plain,
    size_t plain_size, struct hf_error *err);

/* ---- key.c: key files, key derivation in a child ---- */
int key_create(const struct repository_storage *storage, const struct repository_options *options,
    const struct key_set *master, struct hf_error *err);
/* Tries each key file.  HF_EAUTH when none opens. */
int key_open(const struct repository_storage *storage, const struct repository_options *options,
    struct key_set *ret_master, struct hf_error *err);

/* ---- lock.c: for tests, while the thread waits ---- */
int lock_refresh(struct repository *repository, struct hf_error *err);
/* Pretends that the last refresh was earlier. */
void lock_backdate(struct repository *repository, int64_t ns);

/* ---- index.c: where each blob lies ---- */
struct index_entry {
	struct repository_id pack;
	uint32_t offset, length; /* length as stored */
	uint32_t plain_length;   /* 0: not compressed */
	enum blob_type type;
};
/* which: 0 for the first copy, 1 for the next, ...  HF_ENOTFOUND. */
int index_find(struct index *index, enum blob_type type, const struct repository_id *id, unsigned which,
    struct index_entry *ret, struct hf_error *err);
/* Each pack with the blobs the index gives it, packs in order of their id, blobs in order of their offset. */
struct index_blob {
	struct repository_id id;
	struct index_entry entry;
};
typedef int (*index_pack_fn)(void *ctx, const struct repository_id *pack, const struct index_blob *blobs,
    size_t count, struct hf_error *err);
int index_each_pack(struct index *index, index_pack_fn fn, void *ctx, struct hf_error *err);
void index_free(struct index *index);
/* Adds a stored pack's blobs to what index_find knows. */
int index_add_pack(struct index *index, const struct repository_id *pack, const struct index_blob *blobs,
    size_t count, struct hf_error *err);

/* ---- blob.c ---- */
/* Opens one stored blob: MAC, zstd, exact size, SHA-256 against id.  Appends the plaintext. */
int blob_open(struct seal *seal, struct compressor *compressor, const struct repository_id *id,
    const struct index_entry *entry, const void *stored, size_t size, struct buffer *out, struct hf_error *err);

/* ---- chunker.c: restic's cuts (section 12) ---- */
struct chunker;
int chunker_new(uint64_t polynomial, struct chunker **ret, struct hf_error *err);
void chunker_free(struct chunker *chunker);
/* The length of the first chunk of data, of which final says that nothing follows; 0: give more data. */
size_t chunker_cut(const struct chunker *chunker, const uint8_t *data, size_t size, bool final);
/* The same where no cut was found in the first from bytes, so that they are not searched again. */
size_t chunker_cut_from(const struct chunker *chunker, const uint8_t *data, size_t size, size_t from, bool final);
#define CHUNK_MAX ((size_t)8 << 20) /* no chunk is longer */
bool polynomial_is_irreducible(uint64_t polynomial);
int polynomial_random(uint64_t *ret, struct hf_error *err);

/* ---- snapshot.c ---- */
int snapshot_load(struct repository *repository, const struct repository_id *id, struct snapshot *ret,
    struct hf_error *err);

#endif
