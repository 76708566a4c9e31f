/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all unit tests share: how a case is written and how it fails, and what
 * tests/test-xdp-unit.c knows of its options.  Each file here has the cases of
 * one module, or of one concern of a large one, and a list of them at its end.
 *
 * Cases run one after the other in the main thread.
 */

#ifndef UNIT_H
#define UNIT_H 1

#include <stdbool.h>

#include "compiler.h"

extern const char *object_path; /* --object: the default object. */
extern const char *objects_dir; /* --objects: where the others are. */
extern char *temp_dir;          /* A directory of this process for files. */
extern unsigned int holds_flows; /* --flows: for the cases of holds.c. */
extern bool holds_times;        /* --times: are these to print times? */

/* What a case needs. */
enum need {
    NEED_NOTHING,
    NEED_BPF,                   /* May create maps and load programs. */
    NEED_ROOT,
};

struct unit_case {
    const char *name;
    void (*func)(void);
    enum need need;
};

/* The cases of each file, with one without a name at the end. */
extern const struct unit_case unit_conns[];
extern const struct unit_case unit_conntrack[];
extern const struct unit_case unit_custody[];
extern const struct unit_case unit_displace[];
extern const struct unit_case unit_failures[];
extern const struct unit_case unit_holds[];
extern const struct unit_case unit_lost[];
extern const struct unit_case unit_turns[];
extern const struct unit_case unit_meter[];
extern const struct unit_case unit_numbers[];
extern const struct unit_case unit_object[];
extern const struct unit_case unit_op_flags[];
extern const struct unit_case unit_pool[];
extern const struct unit_case unit_port[];
extern const struct unit_case unit_sequence[];
extern const struct unit_case unit_shared[];
extern const struct unit_case unit_shares[];
extern const struct unit_case unit_spare[];
extern const struct unit_case unit_subtable[];
extern const struct unit_case unit_swap[];
extern const struct unit_case unit_table[];
extern const struct unit_case unit_table_group[];
extern const struct unit_case unit_table_hints[];
extern const struct unit_case unit_table_mask[];
extern const struct unit_case unit_table_pieces[];
extern const struct unit_case unit_table_refusals[];
extern const struct unit_case unit_table_rest[];
extern const struct unit_case unit_table_slot[];
extern const struct unit_case unit_table_tc[];
extern const struct unit_case unit_translate_actions[];
extern const struct unit_case unit_translate_ct[];
extern const struct unit_case unit_translate_match[];
extern const struct unit_case unit_translate_set[];
extern const struct unit_case unit_translate_tunnel[];
extern const struct unit_case unit_upcall[];
extern const struct unit_case unit_userspace[];

void fail(const char *format, ...) OVS_PRINTF_FORMAT(1, 2);
void skip(const char *reason);

/* Ends the current case with a failure if 'COND' is false. */
#define CHECK(COND)                                             \
    do {                                                        \
        if (!(COND)) {                                          \
            fail("line %d: not true: %s", __LINE__, #COND);     \
            return;                                             \
        }                                                       \
    } while (0)

#endif /* unit.h */
