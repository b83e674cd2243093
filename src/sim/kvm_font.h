/* SPDX-License-Identifier: Apache-2.0 */
/* kvm_font: a squarish 5 x 7 letter for each printable ASCII character. Constant, any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* A cell has a blank column and a blank row behind the letter, so that lines of text need no care. */
enum { KVM_FONT_W = 6, KVM_FONT_H = 8, KVM_FONT_ROWS = 7 };

/* The seven rows of c, bit 4 leftmost; those of '?' when c is not printable. */
const uint8_t *kvm_font_rows(char c);
