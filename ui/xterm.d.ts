// SPDX-License-Identifier: Apache-2.0
// For tsc: the server gives xterm's own module under this name.
export * from '@xterm/xterm';
