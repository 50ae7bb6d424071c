/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/unit.h"
#include "http/policy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/un.h>

/* The first and the last address of each range that is denied, and its neighbours where these are public. */
static const char *const denied[] = {"0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0",
    "100.127.255.255", "127.0.0.0", "127.255.255.255", "169.254.0.0", "169.254.169.254", "169.254.255.255", "172.16.0.0",
    "172.31.255.255", "192.0.0.0", "192.0.0.255", "192.0.2.0", "192.0.2.255", "192.88.99.0", "192.88.99.255", "192.168.0.0",
    "192.168.255.255", "198.18.0.0", "198.19.255.255", "198.51.100.0", "198.51.100.255", "203.0.113.0", "203.0.113.255",
    "224.0.0.0", "239.255.255.255", "240.0.0.0", "255.255.255.255", "::", "::1", "::2", "::8.8.8.8", "::ffff:8.8.8.8",
    "::ffff:127.0.0.1", "::ffff:0:8.8.8.8", "64:ff9b::10.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::169.254.169.254",
    "64:ff9b::0.0.0.0", "64:ff9b:0:0:0:1:808:808", "64:ff9b:1::8.8.8.8", "100::1", "1fff:ffff::1", "2001::1",
    "2001:0:808:808::1", "2001:1::1", "2001:1ff:ffff::1", "2001:db8::", "2001:db8:ffff::1", "2002::", "2002:808:808::1",
    "2002:ffff::1", "3ffe::1", "3ffe:ffff::1", "3fff::1", "3fff:fff::1", "4000::", "5f00::1", "fc00::", "fdff::1",
    "fe80::1", "febf::1", "fec0::1", "feff::1", "ff00::", "ff02::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"};

static const char *const allowed[] = {"1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
    "126.255.255.255", "128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "191.255.255.255",
    "192.0.1.0", "192.0.1.255", "192.0.3.0", "192.88.98.255", "192.88.100.0", "192.167.255.255", "192.169.0.0",
    "198.17.255.255", "198.20.0.0", "198.51.99.255", "198.51.101.0", "203.0.112.255", "203.0.114.0", "223.255.255.255",
    "8.8.8.8", "64:ff9b::8.8.8.8", "2000::1", "2001:200::1", "2001:db7:ffff::1", "2001:db9::1", "2001:4860:4860::8888",
    "2003::1", "2600::1", "2a00:1450::1", "3ffd::1", "3fff:1000::1"};

/* What no address is, though some parsers would read one. */
static const char *const others[] = {"", "localhost", "8.8.8", "134744072", "0x08080808", "08.8.8.8", "8.8.8.8 ", " 8.8.8.8",
    "8.8.8.8.", "[2600::1]", "2600::1%lo", "8.8.8.8:80"};

static bool
is_public(const char *text)
{
	struct sockaddr_storage storage;
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

	memset(&storage, 0, sizeof(storage));
	if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
		memcpy(&storage, &in, sizeof(in));
	else if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1)
		memcpy(&storage, &in6, sizeof(in6));
	else
		CU_FAIL("no address");
	return policy_is_public((const struct sockaddr *)&storage);
}

static void
test_addresses(void)
{
	size_t i;

	for (i = 0; i < sizeof(denied) / sizeof(denied[0]); i++) {
		if (is_public(denied[i]) || policy_text_is_public(denied[i])) {
			printf("  %s is not denied\n", denied[i]);
			CU_FAIL("allowed");
		}
	}
	for (i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		if (!is_public(allowed[i]) || !policy_text_is_public(allowed[i])) {
			printf("  %s is denied\n", allowed[i]);
			CU_FAIL("denied");
		}
	}
}

static void
test_others(void)
{
	const struct sockaddr_un local = {.sun_family = AF_UNIX};
	size_t i;

	CU_ASSERT_FALSE(policy_is_public((const struct sockaddr *)&local));
	CU_ASSERT_FALSE(policy_text_is_public(NULL));
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		CU_ASSERT_FALSE(policy_text_is_public(others[i]));
}

/* Every address of the first 16 bits, against the ranges as they are written in the registry. */
static void
test_all_first_halves(void)
{
	char text[32];
	unsigned a, b;
	bool want;

	for (a = 0; a < 256; a++) {
		for (b = 0; b < 256; b++) {
			want = a != 0 && a != 10 && a != 127 && a < 224 && !(a == 100 && b >= 64 && b < 128) &&
			    !(a == 169 && b == 254) && !(a == 172 && b >= 16 && b < 32) && !(a == 192 && b == 168) &&
			    !(a == 198 && (b == 18 || b == 19));
			(void)snprintf(text, sizeof(text), "%u.%u.77.7", a, b);
			CU_ASSERT_EQUAL(policy_text_is_public(text), want);
		}
	}
}

int
main(void)
{
	CU_TestInfo tests[] = {{"addresses", test_addresses}, {"others", test_others},
	    {"all first halves", test_all_first_halves}, CU_TEST_INFO_NULL};

	return unit_run("policy", tests);
}
