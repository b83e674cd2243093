/* SPDX-License-Identifier: Apache-2.0 */
/* yaml: a JSON value as YAML 1.2 text, and as JSON text that is safe on a terminal. Any thread. */
#pragma once

#include "base/buf.h"

#include <jansson.h>

/* Block style; strings are quoted whenever they could be read as something else. Ends with a newline. */
int yaml_put(struct buf *out, const json_t *v);
/* Indented JSON (indent 0: one line), with every control character escaped. Ends with a newline. */
int json_put_text(struct buf *out, const json_t *v, unsigned indent);
