/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef REPOSITORY_INDEX_FILE_H
#define REPOSITORY_INDEX_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <holdfast/error.h>

#include "base/hash.h"

/*
 * A derived file that says where each blob lies: records sorted by blob id, the ids of the packs they
 * name by number, the ids of the index files it was made from.  Made of pages that each carry a
 * checksum, so that opening it costs the same for any size and no damage goes unseen.
 *
 * page: payload[4032], SHA-256(nonce, page number, payload)[0..15], 48 bytes zero.
 * Page 0 is the header; then pages of records (84), of pack ids (126), of index ids (126).
 */
#define INDEX_RECORD_SIZE 48

struct index_record {
	uint8_t id[HASH_SIZE];
	uint32_t pack; /* number in the file's list of packs */
	uint32_t tree; /* 1: a tree blob, 0: data */
	uint32_t offset, length, plain_length;
};

/* Big-endian, the blob id first: records sort by their bytes. */
void index_record_encode(const struct index_record *record, uint8_t out[INDEX_RECORD_SIZE]);
void index_record_decode(const uint8_t in[INDEX_RECORD_SIZE], struct index_record *ret);

struct index_file;

/* Opens a file if it is one, whole, of this repository.  HF_ENOTFOUND: there is none; HF_ECORRUPT: of no use. */
int index_file_open(const char *path, const uint8_t repository[HASH_SIZE], struct index_file **ret,
    struct hf_error *err);
void index_file_close(struct index_file *file);
uint64_t index_file_records(const struct index_file *file);
uint32_t index_file_packs(const struct index_file *file);
uint32_t index_file_sources(const struct index_file *file);

/* The numbered record, pack id, or id of an index file; good until the next call. */
int index_file_record(struct index_file *file, uint64_t number, const uint8_t **ret, struct hf_error *err);
int index_file_pack(struct index_file *file, uint32_t number, const uint8_t **ret, struct hf_error *err);
int index_file_source(struct index_file *file, uint32_t number, const uint8_t **ret, struct hf_error *err);
/* The number of the first record that has the id or a greater one; records when all are less. */
int index_file_search(struct index_file *file, const uint8_t id[HASH_SIZE], uint64_t *ret_number,
    struct hf_error *err);

/* Writes a new file: all records in order, then all packs, then all sources. */
struct index_file_writer;
int index_file_create(const char *directory, const uint8_t repository[HASH_SIZE], struct index_file_writer **ret,
    struct hf_error *err);
int index_file_add_record(struct index_file_writer *writer, const uint8_t record[INDEX_RECORD_SIZE],
    struct hf_error *err);
int index_file_add_pack(struct index_file_writer *writer, const uint8_t id[HASH_SIZE], struct hf_error *err);
int index_file_add_source(struct index_file_writer *writer, const uint8_t id[HASH_SIZE], struct hf_error *err);
/* Under path, or without a name when path is NULL; the writer is gone in any case. */
int index_file_finish(struct index_file_writer *writer, const char *path, struct index_file **ret,
    struct hf_error *err);
void index_file_abandon(struct index_file_writer *writer);

#endif
