/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEST_RANDOM_H
#define TEST_RANDOM_H

#include <stdint.h>

/* The next of a series that the state's first value decides (xorshift64); it must not be 0. */
static inline unsigned
test_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (unsigned)(*state >> 33);
}

#endif
