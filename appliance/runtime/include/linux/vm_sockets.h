/* SPDX-License-Identifier: MIT */
/*
 * Addresses and options of AF_VSOCK, with Linux's names and values.
 */
#ifndef RUNTIME_LINUX_VM_SOCKETS_H
#define RUNTIME_LINUX_VM_SOCKETS_H

#include <sys/socket.h>

/* Options of level AF_VSOCK. Sizes are uint64_t bytes; the timeout is a struct timeval. */
#define SO_VM_SOCKETS_BUFFER_SIZE     0 /* receive buffer; takes effect on new connections */
#define SO_VM_SOCKETS_BUFFER_MIN_SIZE 1
#define SO_VM_SOCKETS_BUFFER_MAX_SIZE 2
#define SO_VM_SOCKETS_CONNECT_TIMEOUT 6

#define VMADDR_CID_ANY	      0xffffffffU
#define VMADDR_PORT_ANY	      0xffffffffU
#define VMADDR_CID_HYPERVISOR 0U
#define VMADDR_CID_LOCAL      1U
#define VMADDR_CID_HOST	      2U /* the manager partition */

struct sockaddr_vm {
	sa_family_t svm_family;
	unsigned short svm_reserved1;
	unsigned int svm_port;
	unsigned int svm_cid;
	unsigned char svm_flags;
	unsigned char svm_zero[3];
};

_Static_assert(sizeof(struct sockaddr_vm) == sizeof(struct sockaddr), "sockaddr_vm");

#endif
