/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "http/policy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

static const struct {
	uint8_t address[4];
	unsigned bits;
} denied4[] = {
    {{0, 0, 0, 0}, 8},        /* this network, RFC 791 */
    {{10, 0, 0, 0}, 8},       /* private, RFC 1918 */
    {{100, 64, 0, 0}, 10},    /* shared behind a provider's NAT, RFC 6598 */
    {{127, 0, 0, 0}, 8},      /* loopback, RFC 1122 */
    {{169, 254, 0, 0}, 16},   /* link-local, RFC 3927; clouds tell secrets there */
    {{172, 16, 0, 0}, 12},    /* private, RFC 1918 */
    {{192, 0, 0, 0}, 24},     /* protocol assignments, RFC 6890 */
    {{192, 0, 2, 0}, 24},     /* documentation, RFC 5737 */
    {{192, 88, 99, 0}, 24},   /* 6to4 relays, RFC 7526 */
    {{192, 168, 0, 0}, 16},   /* private, RFC 1918 */
    {{198, 18, 0, 0}, 15},    /* benchmarks, RFC 2544 */
    {{198, 51, 100, 0}, 24},  /* documentation, RFC 5737 */
    {{203, 0, 113, 0}, 24},   /* documentation, RFC 5737 */
    {{224, 0, 0, 0}, 3},      /* multicast, reserved, broadcast: RFC 5771, RFC 1112 */
};

/* Only of 2000::/3, outside of which nothing is global unicast (RFC 4291). */
static const struct {
	uint8_t address[4];
	unsigned bits;
} denied6[] = {
    {{0x20, 0x01, 0x00, 0x00}, 23}, /* protocol assignments, RFC 2928; Teredo, RFC 4380 */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation, RFC 3849 */
    {{0x20, 0x02, 0x00, 0x00}, 16}, /* 6to4, RFC 3056 */
    {{0x3f, 0xfe, 0x00, 0x00}, 16}, /* 6bone, RFC 3701 */
    {{0x3f, 0xff, 0x00, 0x00}, 20}, /* documentation, RFC 9637 */
};

static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b}; /* 64:ff9b::/96, RFC 6052 */

static bool
matches(const uint8_t *address, const uint8_t *prefix, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;
	unsigned mask = 0xffu << (8 - rest) & 0xffu;

	if (memcmp(address, prefix, whole) != 0)
		return false;
	return rest == 0 || ((address[whole] ^ prefix[whole]) & mask) == 0;
}

static bool
is_public4(const uint8_t address[4])
{
	size_t i;

	for (i = 0; i < sizeof(denied4) / sizeof(denied4[0]); i++) {
		if (matches(address, denied4[i].address, denied4[i].bits))
			return false;
	}
	return true;
}

static bool
is_public6(const uint8_t address[16])
{
	size_t i;

	if (memcmp(address, nat64, sizeof(nat64)) == 0)
		return is_public4(address + sizeof(nat64));
	if ((address[0] & 0xe0) != 0x20)
		return false;
	for (i = 0; i < sizeof(denied6) / sizeof(denied6[0]); i++) {
		if (matches(address, denied6[i].address, denied6[i].bits))
			return false;
	}
	return true;
}

bool
policy_is_public(const struct sockaddr *address)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	if (address->sa_family == AF_INET) {
		memcpy(&in, address, sizeof(in));
		return is_public4((const uint8_t *)&in.sin_addr);
	}
	if (address->sa_family == AF_INET6) {
		memcpy(&in6, address, sizeof(in6));
		return is_public6((const uint8_t *)&in6.sin6_addr);
	}
	return false;
}

bool
policy_text_is_public(const char *address)
{
	uint8_t bytes[16];

	if (address == NULL)
		return false;
	if (inet_pton(AF_INET, address, bytes) == 1)
		return is_public4(bytes);
	return inet_pton(AF_INET6, address, bytes) == 1 && is_public6(bytes);
}
