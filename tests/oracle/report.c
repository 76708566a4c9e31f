/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results and failures.
 */

#include <config.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "oracle.h"
#include "util.h"

/* Failures of one part to print. */
#define MAX_REPORTS 3

unsigned int n_passed, n_failed, n_skipped;
unsigned long int part_failures;

/* The case that is run, of a part that has cases, or NULL. */
static const char *case_part;
static unsigned long int case_index;

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

/* Notes that case 'index' of 'part' is run from now on, until the part ends or
 * the next case. */
void
begin_case(const char *part, unsigned long int index)
{
    case_part = part;
    case_index = index;
}

/* Appends to 's' how to replay case 'index' of 'part'. */
static void
put_replay(struct ds *s, const char *part, unsigned long int index)
{
    ds_put_format(s, "replay: --seed %"PRIu64" --actions %lu --part %s "
                  "--case %lu%s", seed, n_actions, part, index,
                  ct_verifies ? " --ct-checksum" : "");
}

/* Ends the oracle: what 'format' says failed with 'error', through no fault of
 * the program. */
void
case_fatal(int error, const char *format, ...)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    va_list args;

    va_start(args, format);
    ds_put_format_valist(&s, format, args);
    va_end(args);
    ds_put_format(&s, " failed (%s)", ovs_strerror(error));
    if (case_part) {
        ds_put_cstr(&s, ", ");
        put_replay(&s, case_part, case_index);
    }
    ovs_fatal(0, "%s", ds_cstr(&s));
}

/* Ends the oracle: running a program on the 'size' bytes at 'data', as if
 * they came from 'ifindex', failed with 'error'. */
void
run_failed(int error, uint32_t ifindex, const void *data, size_t size)
{
    print_hex("packet", data, size);
    case_fatal(error, "BPF_PROG_RUN with %"PRIuSIZE" bytes from device "
               "%"PRIu32, size, ifindex);
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
        struct ds s = DS_EMPTY_INITIALIZER;

        put_replay(&s, part, index);
        printf("  %s\n", ds_cstr(&s));
        ds_destroy(&s);
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
    part_failures = 0;
    case_part = NULL;
}

/* Says that part 'name' cannot run, and why. */
void
skip_part(const char *name, const char *why)
{
    printf("skip %s: %s\n", name, why);
    n_skipped++;
}

/* Returns true if part 'name' was asked for. */
bool
part_wanted(const char *name)
{
    return !only_part || !strcmp(name, only_part);
}
