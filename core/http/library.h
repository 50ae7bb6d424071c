/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef HTTP_LIBRARY_H
#define HTTP_LIBRARY_H

#include <curl/curl.h>

#include <holdfast/error.h>

/*
 * libcurl, loaded when the first request is made: with the thirty libraries that it needs in turn it doubles the
 * time and the memory that a process takes to start, and most of holdfast's speak no HTTP.
 */
#define LIBRARY_FUNCTIONS(function)                                                                                 \
	function(easy_cleanup) function(easy_getinfo) function(easy_init) function(easy_setopt) \
	function(easy_strerror) function(free) function(getdate) function(global_init)      \
	function(multi_add_handle) function(multi_cleanup) function(multi_info_read) function(multi_init)            \
	function(multi_perform) function(multi_poll) function(multi_remove_handle) function(multi_strerror)          \
	function(slist_append) function(slist_free_all) function(url) function(url_cleanup) function(url_dup)        \
	function(url_get) function(url_set) function(url_strerror) function(version_info)

#define LIBRARY_MEMBER(name) __typeof__(curl_##name) *(name);

struct library {
	LIBRARY_FUNCTIONS(LIBRARY_MEMBER)
};

/* curl.easy_init is curl_easy_init, and so on, once library_open has said HF_OK. */
extern struct library curl;

/*
 * Loads and sets up libcurl, once a process; from any thread.  HF_ENOTSUP: it is not installed, or too old;
 * HF_ENOMEM.
 */
int library_open(struct hf_error *err);

#endif
