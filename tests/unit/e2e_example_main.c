/* SPDX-License-Identifier: MIT */
/* The example service's program as a function. */
#define main e2e_example_main
int e2e_example_main(void);
#include "appliance/example/example.c"
