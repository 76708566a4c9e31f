/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results and failures.
 */

#include <config.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "oracle.h"

/* Failures of one part to print. */
#define MAX_REPORTS 3

unsigned int n_passed, n_failed, n_skipped;
unsigned long int part_failures;

/* Prints 'size' bytes in hexadecimal. */
void
print_hex(const char *title, const void *data_, size_t size)
{
    const uint8_t *data = data_;

    printf("  %s: ", title);
    for (size_t i = 0; i < size; i++) {
        printf("%02x", data[i]);
    }
    printf("\n");
}

/* Counts a failure of the current part.  Returns true if there have not been
 * too many of them to print another one, and has printed the message then. */
static bool OVS_PRINTF_FORMAT(1, 0)
vfailure(const char *format, va_list args)
{
    if (++part_failures > MAX_REPORTS) {
        return false;
    }
    printf("FAILED: ");
    vprintf(format, args);
    printf("\n");
    return true;
}

/* As vfailure(). */
bool OVS_PRINTF_FORMAT(1, 2)
failure(const char *format, ...)
{
    va_list args;
    bool printed;

    va_start(args, format);
    printed = vfailure(format, args);
    va_end(args);
    return printed;
}

/* As failure(), with how to replay case 'index' of 'part'. */
bool OVS_PRINTF_FORMAT(3, 4)
case_failure(const char *part, unsigned long int index,
             const char *format, ...)
{
    va_list args;
    bool printed;

    va_start(args, format);
    printed = vfailure(format, args);
    va_end(args);
    if (printed) {
        printf("  replay: --seed %"PRIu64" --actions %lu --part %s "
               "--case %lu%s\n", seed, n_actions, part, index,
               ct_verifies ? " --ct-checksum" : "");
    }
    return printed;
}

/* Ends a part: prints its result, and counts it. */
void OVS_PRINTF_FORMAT(2, 3)
end_part(const char *name, const char *format, ...)
{
    va_list args;

    printf(part_failures ? "not ok %s: " : "ok %s: ", name);
    if (part_failures) {
        printf("%lu failures, ", part_failures);
        n_failed++;
    } else {
        n_passed++;
    }
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
    fflush(stdout);
    part_failures = 0;
}

/* Says that part 'name' cannot run, and why. */
void
skip_part(const char *name, const char *why)
{
    printf("skip %s: %s\n", name, why);
    fflush(stdout);
    n_skipped++;
}

/* Returns true if part 'name' was asked for. */
bool
part_wanted(const char *name)
{
    return !only_part || !strcmp(name, only_part);
}
