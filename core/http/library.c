/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "http/library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#define VERSION_LEAST 0x075800 /* 7.88: CURLU_PUNYCODE */

/* The ABI has kept its number since 2006; a system that counts its own finds its newest without one. */
static const char *const names[] = {"libcurl.so.4", "libcurl.so", NULL};

struct library curl;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static bool is_open;

static int
find(void *handle, const char *name, void *place, struct hf_error *err)
{
	void *address = dlsym(handle, name);

	if (address == NULL)
		return hf_error_set(err, HF_ENOTSUP, 0, "libcurl has no %s", name);
	memcpy(place, &address, sizeof(address));
	return HF_OK;
}

#define LIBRARY_FIND(name)                                              \
	if (r == HF_OK)                                                 \
		r = find(handle, "curl_" #name, &library->name, err);

static int
find_all(void *handle, struct library *library, struct hf_error *err)
{
	int r = HF_OK;

	LIBRARY_FUNCTIONS(LIBRARY_FIND)
	return r;
}

static int
load(struct library *library, struct hf_error *err)
{
	const char *const *name = names;
	const curl_version_info_data *info;
	void *handle = NULL;
	int r;

	while (handle == NULL && *name != NULL)
		handle = dlopen(*name++, RTLD_NOW | RTLD_LOCAL);
	if (handle == NULL)
		return hf_error_set(err, HF_ENOTSUP, 0, "libcurl cannot be loaded: %.300s", dlerror());
	r = find_all(handle, library, err);
	if (r != HF_OK)
		return r;
	info = library->version_info(CURLVERSION_NOW);
	if (info->version_num < VERSION_LEAST)
		return hf_error_set(err, HF_ENOTSUP, 0, "libcurl %s is too old; 7.88 is needed", info->version);
	return library->global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? HF_OK :
	    hf_error_set(err, HF_ENOMEM, 0, "libcurl cannot be set up");
}

/* It stays loaded, and set up: threads of its own may still look up names. */
int
library_open(struct hf_error *err)
{
	struct library library;
	int r = HF_OK;

	(void)pthread_mutex_lock(&mutex);
	if (!is_open) {
		r = load(&library, err);
		if (r == HF_OK) {
			curl = library;
			is_open = true;
		}
	}
	(void)pthread_mutex_unlock(&mutex);
	return r;
}
