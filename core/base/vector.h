/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BASE_VECTOR_H
#define BASE_VECTOR_H

/*
 * To be called after a library's code that uses wide vector registers.  OpenSSL 3.0 leaves their upper
 * halves in use, and until something clears them every SSE instruction of this program and of zstd waits
 * for the one before it that wrote the same register: on a processor with AVX-512 that cost a first backup
 * a sixth of its time.  A few cycles where there is such a processor, nothing elsewhere.
 */
void vector_rest(void);

#endif
