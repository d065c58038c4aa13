/* SPDX-License-Identifier: MIT */
/* The manager's program as a function. */
#define main e2e_manager_main
int e2e_manager_main(int argc, char **argv);
#include "appliance/manager/main.c"
