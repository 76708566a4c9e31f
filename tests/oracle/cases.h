/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cases of a part that does the same again and again, each time with other
 * random numbers.
 */

#ifndef CASES_H
#define CASES_H 1

unsigned long int run_cases(const char *part, unsigned long int n_cases,
                            void (*test)(unsigned long int index));

#endif /* cases.h */
