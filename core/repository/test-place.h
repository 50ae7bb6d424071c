/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEST_PLACE_H
#define TEST_PLACE_H

#include "repository/repository-internal.h"

/* A folder with the real local storage in it, for the unit tests of this directory. */
struct test_place {
	char path[2048];       /* of the repository */
	char directory[1024];  /* around it: password file, what restic is to back up */
	struct repository_storage storage;
	struct repository_options options; /* password "secret" */
};

#define TEST_PASSWORD "secret"

/* Both abort when the machine does not let them. */
void test_place_open(struct test_place *place);
void test_place_close(struct test_place *place);
/* Makes and opens a repository there. */
struct repository *test_place_repository(struct test_place *place);
/* The same with a weak key, many times faster. */
struct repository *test_place_weak_repository(struct test_place *place);
/* Stores a key file with N=1024 r=8 p for a password. */
void test_place_add_key(struct test_place *place, const struct key_set *master, unsigned p, const char *password);

/* The number of objects of a type. */
unsigned test_place_count(struct test_place *place, uint32_t type);
/* The name of some object of a type; false: none there. */
bool test_place_first(struct test_place *place, uint32_t type, char name[HASH_HEX_SIZE]);
/* Stores JSON text in v2's form, sealed with the repository's key; the name goes to name. */
void test_place_put_json(struct repository *repository, uint32_t type, const char *json, char name[HASH_HEX_SIZE]);
/* Stores bytes as they are, under their hash. */
void test_place_put_raw(struct test_place *place, uint32_t type, const void *data, size_t size,
    char name[HASH_HEX_SIZE]);
/* Where an object lies; out holds 4096. */
void test_place_file(struct test_place *place, const char *object, char *out);

/* Whether restic is installed: the oracle of what is written here. */
bool test_restic_is_there(void);
/* Runs "restic COMMAND" on the repository; returns its exit status, its output is appended to out (NULL: none). */
int test_restic(struct test_place *place, const char *command, struct buffer *out);

#endif
