/* SPDX-License-Identifier: MIT */
/*
 * Path globs of the rules that services set.
 *
 *   ?        one character but '/'
 *   *        any run of characters but '/'
 *   **       any run of characters
 *   / ** /   (without the spaces) also matches a single '/': any number of directories, or none
 *   [a-z_]   one character of the set, [!a-z] or [^a-z] one that is not in it; never '/'
 *   \x       x itself
 *
 * A glob matches the whole path; case counts. Matching keeps the set of all positions in the
 * pattern that the path so far can lead to, so it takes at most |path| * |pattern| steps whatever
 * the service sent. No state, no locking.
 */
#ifndef AGENT_CORE_GLOB_H
#define AGENT_CORE_GLOB_H

#include <stdbool.h>
#include <stddef.h>

#define GLOB_LENGTH_MAX 255U /* characters of a pattern */

/* Is this a glob: not too long, sets closed, no lone '\' at its end? */
bool glob_check(const char *pattern);

/* Only for patterns that glob_check accepted. */
bool glob_match(const char *pattern, const char *path);

#endif
