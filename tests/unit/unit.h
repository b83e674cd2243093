/* SPDX-License-Identifier: Apache-2.0 */
/* unit: what every unit test includes: cmocka with its prerequisites, and the one-line program. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define UNIT_MAIN(...)                                                                                       \
    int main(void) {                                                                                         \
        const struct CMUnitTest tests[] = {__VA_ARGS__};                                                     \
        return cmocka_run_group_tests(tests, NULL, NULL);                                                    \
    }
#define T(fn) cmocka_unit_test(fn)
