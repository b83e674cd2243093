/* SPDX-License-Identifier: Apache-2.0 */
/* ossl: include this before any <openssl/...>: the library's old typedef ERR_STATE has the name of one of our
 * codes. */
#pragma once

#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/types.h>

#include <openssl/err.h>
#undef ERR_STATE

#include "base/err.h"
