/* SPDX-License-Identifier: Apache-2.0 */
/* password: yescrypt by libcrypt. Slow on purpose: helper threads only. */
#include "base/text.h"
#include "server/auth.h"

#include <crypt.h>
#include <stdlib.h>

enum { PASSWORD_MIN = 8, PASSWORD_MAX = 128 };

/* libcrypt's work area holds the password: wiped before it is given back. */
static bool crypt_into(const char *password, const char *setting, char out[160]) {
    void *data = NULL;
    int size = 0;
    const char *hash = crypt_ra(password, setting, &data, &size);
    bool ok = hash && hash[0] != '*' && slice_to_str(slice_str(hash), out, 160);
    if (data && size > 0)
        explicit_bzero(data, (size_t)size);
    free(data);
    return ok;
}

int auth_hash(struct slice password, char out[160], struct errinfo *ei) {
    char text[PASSWORD_MAX + 1];
    if (password.n < PASSWORD_MIN || password.n > PASSWORD_MAX)
        return err_set(ei, ERR_INVALID, "password", "a password must have %d to %d bytes, this one has %zu",
                       PASSWORD_MIN, PASSWORD_MAX, password.n);
    /* what a prompt or a form cannot send, nobody could type again */
    if (!text_is_utf8(password) || memchr(password.p, '\n', password.n) ||
        memchr(password.p, '\r', password.n) || memchr(password.p, '\t', password.n))
        return err_set(ei, ERR_INVALID, "password",
                       "a password must be text in UTF-8 without control characters");
    slice_to_str(password, text, sizeof text);
    char *setting = crypt_gensalt_ra("$y$", 0, NULL, 0);
    bool ok = setting && crypt_into(text, setting, out);
    free(setting);
    explicit_bzero(text, sizeof text);
    return ok ? 0 : err_set(ei, ERR_CRYPTO, "password", "the password could not be hashed");
}

bool auth_password_matches(struct slice password, const char *hash) {
    char text[PASSWORD_MAX + 1], again[160];
    bool fits = slice_to_str(password, text, sizeof text);
    char *setting = hash ? NULL : crypt_gensalt_ra("$y$", 0, NULL, 0);
    bool ok = (hash || setting) && crypt_into(text, hash ? hash : setting, again);
    free(setting);
    explicit_bzero(text, sizeof text);
    return ok && fits && hash && slice_eq_secret(slice_str(again), slice_str(hash));
}
