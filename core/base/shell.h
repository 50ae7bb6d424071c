/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BASE_SHELL_H
#define BASE_SHELL_H

/* Room for a word in a command that is proposed to a person. */
struct shell_word {
	char text[1024];
};

/*
 * The word as a shell takes it (POSIX.1-2008, XCU 2.2): as it is where that is safe, else in single quotes.
 * Lies in out, or is word itself; one that is too long for a message stays as it is.
 */
const char *shell_quote(struct shell_word *out, const char *word);

#endif
