/* SPDX-License-Identifier: MIT */
/*
 * VM exits: one handler per reason. Each runs on the vCPU's CPU with the vCPU loaded and no lock
 * held, returns what to do next, and never moves RIP itself. What no handler knows stops the
 * partition.
 */
#ifndef HV_EXIT_H
#define HV_EXIT_H

#include "hv/vcpu.h"

enum vcpu_next exit_handle(struct vcpu *vcpu, const struct virt_exit *exit);

/* io.c */
enum vcpu_next exit_handle_io(struct vcpu *vcpu, const struct virt_exit *exit);
enum vcpu_next exit_handle_memory(struct vcpu *vcpu, const struct virt_exit *exit);
/* An MSI of the partition's device: `owner` is the struct partition. Any CPU. */
void io_send_msi(void *owner, uint64_t address, uint32_t data);
/* Delivers an interrupt message within the partition; `sender` is NULL for an MSI. Any CPU. */
void io_send_message(struct partition *partition, const struct vcpu *sender,
		     const struct vlapic_message *message);

/* msr.c */
enum vcpu_next exit_handle_msr(struct vcpu *vcpu, bool is_write);

/* cpuid.c */
enum vcpu_next exit_handle_cpuid(struct vcpu *vcpu);

/* hypercall.c */
enum vcpu_next exit_handle_hypercall(struct vcpu *vcpu);

#endif
