/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/unit.h"
#include "repository/repository-internal.h"

#include <stdlib.h>
#include <string.h>

#define POLYNOMIAL 0x30c41cc329ecf7ull
#define INPUT_SIZE ((size_t)12 << 20)

static void
test_polynomial(void)
{
	uint64_t p;
	int i;

	CU_ASSERT(polynomial_is_irreducible(POLYNOMIAL));
	CU_ASSERT(polynomial_is_irreducible(0x3da3358b4dc173ull));
	CU_ASSERT(!polynomial_is_irreducible(POLYNOMIAL ^ 1)); /* divisible by x */
	CU_ASSERT(!polynomial_is_irreducible(POLYNOMIAL ^ 2)); /* divisible by x + 1 */
	CU_ASSERT(!polynomial_is_irreducible(0x25));           /* irreducible, of degree 5 */
	CU_ASSERT(!polynomial_is_irreducible(0));
	CU_ASSERT(!polynomial_is_irreducible(UINT64_MAX));
	for (i = 0; i < 3; i++) {
		CU_ASSERT_EQUAL(polynomial_random(&p, NULL), HF_OK);
		CU_ASSERT(polynomial_is_irreducible(p));
		CU_ASSERT_EQUAL(p >> 53, 1);
	}
}

/* H(u64le(0)) || H(u64le(1)) || ... */
static uint8_t *
vector_input(void)
{
	uint8_t *data = malloc(INPUT_SIZE), count[8];
	uint64_t i;
	unsigned b;

	for (i = 0; data != NULL && i < INPUT_SIZE / HASH_SIZE; i++) {
		for (b = 0; b < 8; b++)
			count[b] = (uint8_t)(i >> (8 * b));
		(void)hash_bytes(count, sizeof(count), data + i * HASH_SIZE, NULL);
	}
	return data;
}

static void
sum_is(const void *data, size_t size, const char *wanted)
{
	uint8_t sum[HASH_SIZE];
	char hex[HASH_HEX_SIZE];

	CU_ASSERT_EQUAL(hash_bytes(data, size, sum, NULL), HF_OK);
	hex_encode(sum, sizeof(sum), hex);
	CU_ASSERT_STRING_EQUAL(hex, wanted);
}

static void
test_vector(void)
{
	static const size_t wanted[] = {1805181, 967513, 1131442, 769554, 732350, 1233014, 731147, 571392, 2885097,
	    1706155, 50067};
	uint8_t *data = vector_input();
	struct chunker *chunker;
	size_t i, at = 0, n;

	CU_ASSERT_PTR_NOT_NULL_FATAL(data);
	CU_ASSERT_EQUAL_FATAL(chunker_new(POLYNOMIAL, &chunker, NULL), HF_OK);
	sum_is(data, INPUT_SIZE, "a2592d13577fc38f18ca829e7a3a6e81bea5c200b537b14530c53c0115396625");
	for (i = 0; at < INPUT_SIZE && i < sizeof(wanted) / sizeof(wanted[0]); i++, at += n) {
		n = chunker_cut(chunker, data + at, INPUT_SIZE - at, true);
		CU_ASSERT_EQUAL_FATAL(n, wanted[i]);
		if (i == 0)
			sum_is(data, n, "776d486d07644ec1718b93d8fc3c485993ecb1f37ab0397fc7ed05604e024a71");
		/* With less data than the chunk the cut is not known; with just enough it is the same. */
		CU_ASSERT_EQUAL(chunker_cut(chunker, data + at, n - 1, false), 0);
		CU_ASSERT_EQUAL(chunker_cut(chunker, data + at, n - 1, true), n - 1);
		CU_ASSERT_EQUAL(chunker_cut(chunker, data + at, n, false), at + n < INPUT_SIZE ? n : 0);
	}
	CU_ASSERT_EQUAL(at, INPUT_SIZE);
	chunker_free(chunker);
	free(data);
}

static void
test_zeros(void)
{
	uint8_t *data = calloc(1, 1 << 20);
	struct chunker *chunker;

	CU_ASSERT_PTR_NOT_NULL_FATAL(data);
	CU_ASSERT_EQUAL_FATAL(chunker_new(POLYNOMIAL, &chunker, NULL), HF_OK);
	CU_ASSERT_EQUAL(chunker_cut(chunker, data, 1 << 20, true), 524288);
	CU_ASSERT_EQUAL(chunker_cut(chunker, data, 0, true), 0);
	CU_ASSERT_EQUAL(chunker_cut(chunker, data, 1, true), 1);
	CU_ASSERT_EQUAL(chunker_cut(chunker, data, 524287, true), 524287);
	CU_ASSERT_EQUAL(chunker_cut(chunker, data, 524287, false), 0);
	sum_is(data, 524288, "07854d2fef297a06ba81685e660c332de36d5d18d546927d30daad6d7fda1541");
	chunker_free(chunker);
	free(data);
}

/* Data without any cut: the longest chunk. */
static void
test_longest(void)
{
	size_t size = (size_t)9 << 20;
	uint8_t *data = malloc(size);
	struct chunker *chunker;

	CU_ASSERT_PTR_NOT_NULL_FATAL(data);
	memset(data, 0x5a, size);
	CU_ASSERT_EQUAL_FATAL(chunker_new(POLYNOMIAL, &chunker, NULL), HF_OK);
	CU_ASSERT_EQUAL(chunker_cut(chunker, data, size, true), (size_t)8 << 20);
	CU_ASSERT_EQUAL(chunker_cut(chunker, data, (size_t)8 << 20, false), (size_t)8 << 20);
	CU_ASSERT_EQUAL(chunker_cut(chunker, data, ((size_t)8 << 20) - 1, false), 0);
	CU_ASSERT_EQUAL(chunker_new(POLYNOMIAL ^ 1, &chunker, NULL), HF_EINVAL);
	chunker_free(chunker);
	free(data);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"polynomial", test_polynomial}, {"vector", test_vector}, {"zeros", test_zeros},
	    {"longest", test_longest}, CU_TEST_INFO_NULL};

	return unit_run("chunker", tests);
}
