/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/vector.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

__attribute__((target("avx"))) static void
clear_upper_halves(void)
{
	_mm256_zeroupper();
}

void
vector_rest(void)
{
	if (__builtin_cpu_supports("avx"))
		clear_upper_halves();
}
#else
void
vector_rest(void)
{
}
#endif
