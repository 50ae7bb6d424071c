/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * Searches in JSON text, many bytes at a time: sixteen where every processor of the kind has the
 * instructions for it (SSE2 on amd64), else eight in a register.
 */
#if defined(__SSE2__)
#include <emmintrin.h>
#define BYTES_SSE2 1
/* For short texts only: what is inline is the other. */
#define BYTES_RARE __attribute__((noinline, unused))
#else
#define BYTES_RARE __attribute__((unused))
#endif

#define BYTES_ONES  0x0101010101010101ull
#define BYTES_HIGHS 0x8080808080808080ull

/* Whether a byte stands for itself in a JSON string: printable ASCII but for '"' and '\'. */
static inline bool
bytes_is_plain(char c)
{
	return (unsigned char)c >= 0x20 && (unsigned char)c < 0x80 && c != '"' && c != '\\';
}

/* A bit set in the high bit of each byte of x that is c; the lowest one set is exact. */
static inline uint64_t
bytes_equal(uint64_t x, char c)
{
	uint64_t differs = x ^ (BYTES_ONES * (unsigned char)c);

	return (differs - BYTES_ONES) & ~differs & BYTES_HIGHS;
}

/* The first of eight bytes at p that hits tells of, or p when bytes are not in that order: look again. */
static inline const char *
bytes_first(const char *p, uint64_t hits)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return p + ((unsigned)__builtin_ctzll(hits) >> 3);
#else
	(void)hits;
	return p;
#endif
}

/* The first byte from p on that does not stand for itself in a JSON string, or end. */
BYTES_RARE static const char *
bytes_skip_plain_by8(const char *p, const char *end)
{
	const char *begin = p;
	uint64_t x, hits;

	while (p < end && end - begin >= 8) {
		/* The last bytes once more together with some that are known. */
		if (end - p < 8)
			p = end - 8;
		memcpy(&x, p, 8);
		/* Borrows only reach the bytes above a true hit. */
		hits = ((x - BYTES_ONES * 0x20) & ~x & BYTES_HIGHS) | bytes_equal(x, '"') | bytes_equal(x, '\\') |
		    (x & BYTES_HIGHS);
		if (hits != 0) {
			p = bytes_first(p, hits);
			break;
		}
		p += 8;
	}
	while (p < end && bytes_is_plain(*p))
		p++;
	return p;
}

/* The first '"' or '\' from p on, or end: what matters in a string that is known to be one. */
BYTES_RARE static const char *
bytes_find_quote_by8(const char *p, const char *end)
{
	const char *begin = p;
	uint64_t x, hits;

	while (p < end && end - begin >= 8) {
		if (end - p < 8)
			p = end - 8;
		memcpy(&x, p, 8);
		hits = bytes_equal(x, '"') | bytes_equal(x, '\\');
		if (hits != 0) {
			p = bytes_first(p, hits);
			break;
		}
		p += 8;
	}
	while (p < end && *p != '"' && *p != '\\')
		p++;
	return p;
}

#ifdef BYTES_SSE2
/* Of sixteen bytes a bit each for those that do not stand for themselves. */
static inline unsigned
bytes_special_of16(const char *p)
{
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
	/* Signed, so that bytes from 0x80 on are less than a space too. */
	__m128i other = _mm_or_si128(_mm_cmplt_epi8(v, _mm_set1_epi8(' ')),
	    _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')), _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))));

	return (unsigned)_mm_movemask_epi8(other);
}

static inline unsigned
bytes_quotes_of16(const char *p)
{
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);

	return (unsigned)_mm_movemask_epi8(
	    _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')), _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))));
}

#define BYTES_SEARCH(name, of16)                                                                      \
	static inline const char *name(const char *p, const char *end)                                \
	{                                                                                             \
		const char *begin = p;                                                                \
		unsigned mask;                                                                        \
                                                                                                      \
		for (; end - p >= 16; p += 16) {                                                      \
			mask = of16(p);                                                               \
			if (mask != 0)                                                                \
				return p + (unsigned)__builtin_ctz(mask);                             \
		}                                                                                     \
		if (p == end || end - begin < 16)                                                     \
			return p == end ? end : name##_by8(p, end);                                   \
		/* The last bytes once more together with some that are known. */                     \
		mask = of16(end - 16);                                                                \
		return mask != 0 ? end - 16 + (unsigned)__builtin_ctz(mask) : end;                    \
	}

BYTES_SEARCH(bytes_skip_plain, bytes_special_of16)
BYTES_SEARCH(bytes_find_quote, bytes_quotes_of16)
#else
#define bytes_skip_plain bytes_skip_plain_by8
#define bytes_find_quote bytes_find_quote_by8
#endif

#endif
