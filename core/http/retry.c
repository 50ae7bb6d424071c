/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "http/retry.h"

#include <holdfast/error.h>
#include <string.h>

#include "http/library.h"

#define SECOND       INT64_C(1000000000)
#define SECONDS_MAX  INT64_C(1000000000) /* more is as good as for ever */
#define DATE_SIZE    64

bool
retry_status(uint32_t status)
{
	switch (status) {
	case 408:
	case 425:
	case 429:
	case 500:
	case 502:
	case 503:
	case 504:
		return true;
	default:
		return false;
	}
}

int
retry_status_code(uint32_t status)
{
	if (status >= 200 && status <= 299)
		return HF_OK;
	switch (status) {
	case 401:
		return HF_EAUTH;
	case 403:
		return HF_EPERM;
	case 404:
	case 410:
		return HF_ENOTFOUND;
	case 429:
		return HF_ERATE;
	case 507:
		return HF_ENOSPC;
	default:
		return retry_status(status) ? HF_EAGAIN : HF_EINVAL;
	}
}

int
retry_curl_code(CURLcode code, bool *ret_again)
{
	*ret_again = false;
	switch (code) {
	case CURLE_OK:
		return HF_OK;
	case CURLE_OUT_OF_MEMORY:
		return HF_ENOMEM;
	case CURLE_URL_MALFORMAT:
	case CURLE_BAD_FUNCTION_ARGUMENT:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_UNKNOWN_OPTION:
	case CURLE_NOT_BUILT_IN:
		return HF_EINVAL;
	/* A certificate that is not trusted now is not trusted in a second. */
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
	case CURLE_SSL_INVALIDCERTSTATUS:
		return HF_EPERM;
	case CURLE_PARTIAL_FILE:
	case CURLE_BAD_CONTENT_ENCODING:
	case CURLE_WEIRD_SERVER_REPLY:
	/* HTTP/0.9: something spoke, but not HTTP. */
	case CURLE_UNSUPPORTED_PROTOCOL:
		*ret_again = true;
		return HF_ECORRUPT;
	default:
		*ret_again = true;
		return HF_ENET;
	}
}

/* Digits alone, into seconds; RETRY_NEVER for other text. */
static int64_t
seconds_of(const char *value, size_t size)
{
	int64_t seconds = 0;
	size_t i;

	for (i = 0; i < size; i++) {
		if (value[i] < '0' || value[i] > '9')
			return RETRY_NEVER;
		if (seconds <= SECONDS_MAX)
			seconds = seconds * 10 + (value[i] - '0');
	}
	return size == 0 ? RETRY_NEVER : seconds > SECONDS_MAX ? SECONDS_MAX : seconds;
}

int64_t
retry_after(const char *value, size_t size, int64_t now)
{
	int64_t seconds = seconds_of(value, size);
	char date[DATE_SIZE];
	time_t then;

	if (seconds != RETRY_NEVER)
		return seconds * SECOND;
	if (size == 0 || size >= sizeof(date))
		return RETRY_NEVER;
	memcpy(date, value, size);
	date[size] = '\0';
	then = curl.getdate(date, NULL);
	if (then == (time_t)-1)
		return RETRY_NEVER;
	if ((int64_t)then <= now)
		return 0;
	return ((int64_t)then - now > SECONDS_MAX ? SECONDS_MAX : (int64_t)then - now) * SECOND;
}

int64_t
retry_pause(const struct retry_limits *limits, unsigned tries, uint32_t random)
{
	int64_t pause = limits->first_ns;

	while (tries > 1 && pause < limits->longest_ns) {
		pause *= 2;
		tries--;
	}
	if (pause > limits->longest_ns)
		pause = limits->longest_ns;
	return pause - (int64_t)((double)pause / 2 * ((double)random / UINT32_MAX));
}
