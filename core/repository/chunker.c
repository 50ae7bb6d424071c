/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "repository/repository-internal.h"

#include <stdlib.h>

/*
 * restic's cuts (REPOSITORY_FORMAT.md section 12).  The fingerprint depends on the last 64 bytes
 * alone, so a stretch of data can be searched from anywhere with the same result.
 */
#define CHUNK_MIN   ((size_t)512 << 10)
#define WINDOW      64u
#define CUT_MASK    (((uint64_t)1 << 20) - 1)
#define DEGREE      53
#define DIGEST_TOP  (DEGREE - 8)
#define LANE        ((size_t)64 << 10)
#define NO_CUT      SIZE_MAX
#define BEN_OR_LAST (DEGREE / 2)

struct chunker {
	uint64_t out[256];
	uint64_t mod[256];
};

static int
polynomial_degree(uint64_t p)
{
	int degree = -1;

	for (; p != 0; p >>= 1)
		degree++;
	return degree;
}

static uint64_t
polynomial_mod(uint64_t a, uint64_t p)
{
	int degree = polynomial_degree(p), d;

	while ((d = polynomial_degree(a)) >= degree)
		a ^= p << (d - degree);
	return a;
}

/* a * b mod p, for a and b already below p. */
static uint64_t
polynomial_multiply(uint64_t a, uint64_t b, uint64_t p)
{
	uint64_t top = (uint64_t)1 << polynomial_degree(p), product = 0;

	for (; b != 0; b >>= 1) {
		if (b & 1)
			product ^= a;
		a <<= 1;
		if (a & top)
			a ^= p;
	}
	return product;
}

static uint64_t
polynomial_gcd(uint64_t a, uint64_t b)
{
	uint64_t rest;

	while (b != 0) {
		rest = polynomial_mod(a, b);
		a = b;
		b = rest;
	}
	return a;
}

bool
polynomial_is_irreducible(uint64_t polynomial)
{
	uint64_t power = 2; /* x^(2^i) */
	int i;

	if (polynomial_degree(polynomial) != DEGREE)
		return false;
	for (i = 1; i <= BEN_OR_LAST; i++) {
		power = polynomial_multiply(power, power, polynomial);
		if (polynomial_gcd(polynomial, power ^ 2) != 1)
			return false;
	}
	return true;
}

int
polynomial_random(uint64_t *ret, struct hf_error *err)
{
	uint64_t p;
	int r;

	do {
		r = random_bytes(&p, sizeof(p), err);
		if (r != HF_OK)
			return r;
		p &= ((uint64_t)1 << (DEGREE + 1)) - 1;
		p |= (uint64_t)1 << DEGREE | 1;
	} while (!polynomial_is_irreducible(p));
	*ret = p;
	return HF_OK;
}

int
chunker_new(uint64_t polynomial, struct chunker **ret, struct hf_error *err)
{
	struct chunker *chunker;
	uint64_t b, leaving;
	unsigned i;

	if (!polynomial_is_irreducible(polynomial))
		return hf_error_set(err, HF_EINVAL, 0, "the repository's chunker polynomial %llx is not irreducible",
		    (unsigned long long)polynomial);
	chunker = malloc(sizeof(*chunker));
	if (chunker == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "chunker: out of memory");
	for (b = 0; b < 256; b++) {
		for (leaving = b, i = 0; i < WINDOW - 1; i++)
			leaving = polynomial_mod(leaving << 8, polynomial);
		chunker->out[b] = leaving;
		chunker->mod[b] = polynomial_mod(b << DEGREE, polynomial) | b << DEGREE;
	}
	*ret = chunker;
	return HF_OK;
}

void
chunker_free(struct chunker *chunker)
{
	free(chunker);
}

static inline uint64_t
slide(const struct chunker *chunker, uint64_t digest, uint8_t out, uint8_t in)
{
	digest ^= chunker->out[out];
	return (digest << 8 | in) ^ chunker->mod[digest >> DIGEST_TOP];
}

/* The fingerprint of the 64 bytes before end. */
static uint64_t
fingerprint(const struct chunker *chunker, const uint8_t *end)
{
	uint64_t digest = 0;
	unsigned i;

	for (i = WINDOW; i > 0; i--)
		digest = (digest << 8 | end[-(int)i]) ^ chunker->mod[digest >> DIGEST_TOP];
	return digest;
}

/* The first cut after at, at most at limit; digest is that of the 64 bytes before at. */
static size_t
search(const struct chunker *chunker, uint64_t digest, const uint8_t *data, size_t at, size_t limit)
{
	while (at < limit) {
		digest = slide(chunker, digest, data[at - WINDOW], data[at]);
		at++;
		if ((digest & CUT_MASK) == 0)
			return at;
	}
	return NO_CUT;
}

/*
 * The same over two neighbouring stretches of LANE bytes at once: each step waits for the one
 * before it, so two independent rows nearly double the speed.
 */
static size_t
search_two(const struct chunker *chunker, const uint8_t *data, size_t at)
{
	uint64_t a = fingerprint(chunker, data + at), b = fingerprint(chunker, data + at + LANE);
	const uint8_t *p = data + at, *q = p + LANE;
	size_t i, cut;

	for (i = 0; i < LANE; i++) {
		a = slide(chunker, a, p[(ptrdiff_t)i - (ptrdiff_t)WINDOW], p[i]);
		b = slide(chunker, b, q[(ptrdiff_t)i - (ptrdiff_t)WINDOW], q[i]);
		if ((a & CUT_MASK) == 0)
			return at + i + 1;
		if ((b & CUT_MASK) == 0) {
			cut = search(chunker, a, data, at + i + 1, at + LANE);
			return cut != NO_CUT ? cut : at + LANE + i + 1;
		}
	}
	return NO_CUT;
}

size_t
chunker_cut(const struct chunker *chunker, const uint8_t *data, size_t size, bool final)
{
	return chunker_cut_from(chunker, data, size, 0, final);
}

size_t
chunker_cut_from(const struct chunker *chunker, const uint8_t *data, size_t size, size_t from, bool final)
{
	size_t limit = size < CHUNK_MAX ? size : CHUNK_MAX, at = from > CHUNK_MIN ? from : CHUNK_MIN, cut;
	uint64_t digest;

	if (size < CHUNK_MIN)
		return final ? size : 0;
	digest = fingerprint(chunker, data + at);
	if ((digest & CUT_MASK) == 0)
		return at;
	for (; limit - at >= 2 * LANE; at += 2 * LANE) {
		cut = search_two(chunker, data, at);
		if (cut != NO_CUT)
			return cut;
	}
	cut = search(chunker, fingerprint(chunker, data + at), data, at, limit);
	if (cut != NO_CUT)
		return cut;
	return limit == CHUNK_MAX || final ? limit : 0;
}
