/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "cli/exits.h"
#include "core/operation.h"

static void problems(void **state) {
    static const struct {
        int status;
        const char *type;
        int exit;
    } cases[] = {
        {200, "", EXIT_OK},
        {202, "unreachable", EXIT_OK},
        {204, NULL, EXIT_OK},
        {400, "invalid", EXIT_USAGE},
        {400, "", EXIT_USAGE},
        {401, "auth", EXIT_AUTH},
        {401, NULL, EXIT_AUTH},
        {403, "denied", EXIT_AUTH},
        {404, "not-found", EXIT_NOT_FOUND},
        {404, "", EXIT_NOT_FOUND},
        {409, "unreachable", EXIT_UNREACHABLE},
        {409, "state", EXIT_REFUSED},
        {409, "exists", EXIT_REFUSED},
        {409, "something-new", EXIT_REFUSED},
        {429, "limit", EXIT_REFUSED},
        {503, "", EXIT_UNREACHABLE},
        {504, "timeout", EXIT_TIMEOUT},
        {500, "internal", EXIT_FAILED},
        {507, "store-full", EXIT_FAILED},
        {418, "", EXIT_FAILED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (exit_of_problem(cases[i].status, cases[i].type) != cases[i].exit)
            fail_msg("%d %s", cases[i].status, cases[i].type);
}

static void local_errors(void **state) {
    assert_int_equal(exit_of_err(0), EXIT_OK);
    assert_int_equal(exit_of_err(ERR_UNREACHABLE), EXIT_UNREACHABLE);
    assert_int_equal(exit_of_err(ERR_TLS), EXIT_UNREACHABLE);
    assert_int_equal(exit_of_err(ERR_TIMEOUT), EXIT_TIMEOUT);
    assert_int_equal(exit_of_err(ERR_UNKNOWN_OUTCOME), EXIT_TIMEOUT);
    assert_int_equal(exit_of_err(ERR_DENIED), EXIT_AUTH);
    assert_int_equal(exit_of_err(ERR_IO), EXIT_FAILED);
}

/* Every code an operation can end with has a meaning here, and only "done" is a success. */
static void operations(void **state) {
    assert_int_equal(exit_of_operation("done", "none"), EXIT_OK);
    assert_int_equal(exit_of_operation("failed", "unreachable"), EXIT_UNREACHABLE);
    assert_int_equal(exit_of_operation("failed", "not-available"), EXIT_REFUSED);
    assert_int_equal(exit_of_operation("failed", "not-confirmed"), EXIT_TIMEOUT);
    assert_int_equal(exit_of_operation("expired", "deadline"), EXIT_TIMEOUT);
    assert_int_equal(exit_of_operation("cancelled", "by-operator"), EXIT_FAILED);
    for (unsigned c = 0; c < OP_CODE_COUNT; c++)
        assert_int_not_equal(exit_of_operation("failed", op_code_id((enum op_code)c)), EXIT_OK);
}

static void texts(void **state) {
    for (int i = 0; i < EXIT_COUNT; i++)
        assert_non_null(exit_text(i));
    assert_null(exit_text(EXIT_COUNT));
    assert_null(exit_text(-1));
}

UNIT_MAIN(T(problems), T(local_errors), T(operations), T(texts))
