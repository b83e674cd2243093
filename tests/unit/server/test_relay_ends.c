/* SPDX-License-Identifier: Apache-2.0 */
#include "desk.h"
static void none(void **s) {}
UNIT_MAIN(T(none))
