/* SPDX-License-Identifier: Apache-2.0 */

/* Parses the command line of a program that works with the frames of
 * pattern.h: --help, the options for the frames, and those that only this
 * program has, of which it gives a table. */

#include "options.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "bench-util.h"
#include "pattern.h"

/* What getopt_long() returns for --help, and for the first option of the
 * table.  For those of the frames it returns more. */
enum { OPTION_HELP = 256, OPTION_FIRST };

/* Options that all of these programs have. */
static const struct option common[] = {
    {"help", no_argument, NULL, OPTION_HELP},
    PATTERN_LONGOPTS,
};
#define N_COMMON (sizeof common / sizeof common[0])

/* Takes 'arg' as the argument of option 'o'. */
static void
take(const struct bench_option *o, const char *arg)
{
    if (o->flag) {
        *o->flag = true;
    } else {
        *o->number = bench_parse_number(o->name, arg, o->min, o->max);
    }
}

/* Parses 'argv': the 'n' options at 'options', those for frames into
 * '*pattern', and --help, for which it calls 'usage'.  Returns the index of
 * the first argument that is not an option. */
int
bench_parse_options(int argc, char *argv[],
                    const struct bench_option options[], size_t n,
                    struct pattern_options *pattern, void (*usage)(void))
{
    struct option longopts[N_COMMON + n + 1];
    size_t i;
    int c;

    memset(longopts, 0, sizeof longopts);
    memcpy(longopts, common, sizeof common);
    for (i = 0; i < n; i++) {
        struct option *o = &longopts[N_COMMON + i];

        o->name = options[i].name + strlen("--");
        o->has_arg = options[i].flag ? no_argument : required_argument;
        o->val = OPTION_FIRST + i;
    }
    while ((c = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
        if (c == OPTION_HELP) {
            usage();
        } else if (c >= OPTION_FIRST && c < (int) (OPTION_FIRST + n)) {
            take(&options[c - OPTION_FIRST], optarg);
        } else if (!pattern_parse_option(c, optarg, pattern)) {
            exit(EXIT_FAILURE);
        }
    }
    return optind;
}
