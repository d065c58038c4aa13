/* SPDX-License-Identifier: MIT */
/*
 * What must hold of the switch's own state between two turns, for the tests and the fuzzer. Aborts
 * with a line on stderr when it does not.
 */
#ifndef TESTS_UNIT_VSOCK_CHECK_H
#define TESTS_UNIT_VSOCK_CHECK_H

/* Queues, masks and busy heads agree; and unless a port has work left, whoever waits will be
 * served: its destination has no known buffer and was asked for a kick. */
void vsock_check(void);

#endif
