/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef HTTP_POLICY_H
#define HTTP_POLICY_H

#include <stdbool.h>
#include <sys/socket.h>

/*
 * Whether an address is one of the public Internet, after the special-purpose registries of IANA (RFC 6890).
 * Everything else is denied: loopback, private, link-local, shared (RFC 6598), documentation, benchmarks,
 * multicast, reserved, IPv4 in any IPv6 clothes (mapped, 6to4, Teredo) but NAT64's of a public address.
 */
bool policy_is_public(const struct sockaddr *address);
/* The same of an address as text; false for text that is none. */
bool policy_text_is_public(const char *address);

#endif
