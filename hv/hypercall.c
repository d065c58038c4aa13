/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls (include/muxvisor/hypercall.h): a table of handler and right needed. Handlers check
 * all their arguments before they change anything.
 */
#include "muxvisor/hypercall.h"

#include "hv/exit.h"
#include "hv/machine.h"
#include "hv/partition.h"
#include "hv/vsock/switch.h"

#include <string.h>

struct hypercall {
	int64_t (*handle)(struct vcpu *vcpu, const uint64_t args[3]);
	uint32_t right;
	enum vcpu_next next;
};

static int64_t hypercall_version(struct vcpu *vcpu, const uint64_t args[3])
{
	(void)vcpu;
	(void)args;
	return MUX_ABI_VERSION;
}

static int64_t hypercall_exit(struct vcpu *vcpu, const uint64_t args[3])
{
	partition_exit(vcpu->partition, (uint32_t)min_u64(args[0], 255));
	return 0;
}

static int64_t hypercall_yield(struct vcpu *vcpu, const uint64_t args[3])
{
	(void)args;
	vcpu->has_yielded = true;
	return 0;
}

static int64_t hypercall_stats(struct vcpu *vcpu, const uint64_t args[3])
{
	struct partition *caller = vcpu->partition;
	struct partition *subject = caller;
	struct mux_stats stats;
	void *out;

	if (args[0] != 0 && args[0] != caller->cid) {
		if ((caller->record->rights & MUX_RIGHT_MANAGER) == 0) {
			return -MUX_EPERM;
		}
		subject = args[0] > MUX_CID_MAX ? NULL : partition_find((uint32_t)args[0]);
		if (subject == NULL) {
			return -MUX_ENOENT;
		}
	}
	if (args[2] < sizeof(stats)) {
		return -MUX_EINVAL;
	}
	out = guest_mem_ptr(&caller->mem, gpa(args[1]), sizeof(stats));
	if (out == NULL) {
		return -MUX_EFAULT;
	}
	partition_stats(subject, &stats);
	memcpy(out, &stats, sizeof(stats));
	return sizeof(stats);
}

static int64_t hypercall_partition_info(struct vcpu *vcpu, const uint64_t args[3])
{
	struct mux_partition_info info = {0};
	struct partition *subject;
	void *out;

	if (args[0] >= partition_count()) {
		return -MUX_ENOENT;
	}
	if (args[2] < sizeof(info)) {
		return -MUX_EINVAL;
	}
	out = guest_mem_ptr(&vcpu->partition->mem, gpa(args[1]), sizeof(info));
	if (out == NULL) {
		return -MUX_EFAULT;
	}
	subject = partition_get((uint32_t)index_clamp(args[0], partition_count()));
	memcpy(info.name, subject->name, sizeof(info.name));
	info.cid = subject->cid;
	info.rights = subject->record->rights;
	spin_lock(&subject->control);
	info.state = atomic_load_explicit(&subject->state, memory_order_relaxed);
	info.exit_code = subject->exit_code;
	info.restarts = subject->restarts;
	spin_unlock(&subject->control);
	info.memory_size = subject->record->memory_size;
	memcpy(out, &info, sizeof(info));
	return sizeof(info);
}

static int64_t hypercall_partition_control(struct vcpu *vcpu, const uint64_t args[3])
{
	struct partition *subject =
		args[0] > MUX_CID_MAX ? NULL : partition_find((uint32_t)args[0]);

	if (subject == NULL) {
		return -MUX_ENOENT;
	}
	if (subject == vcpu->partition) {
		return -MUX_EINVAL;
	}
	switch (args[1]) {
	case MUX_CONTROL_START: return partition_start(subject) == 0 ? 0 : -MUX_EBUSY;
	case MUX_CONTROL_STOP: return partition_stop(subject, false) == 0 ? 0 : -MUX_EBUSY;
	case MUX_CONTROL_RESTART: return partition_stop(subject, true) == 0 ? 0 : -MUX_EBUSY;
	default: return -MUX_EINVAL;
	}
}

/* The switch's errors have the ABI's numbers: hv/libc/errno.h and hypercall.h are both Linux's. */
static int64_t hypercall_policy(struct vcpu *vcpu, const uint64_t args[3])
{
	struct mux_rule_record rule;
	const void *in = guest_mem_ptr(&vcpu->partition->mem, gpa(args[0]), sizeof(rule));

	if (in == NULL) {
		return -MUX_EFAULT;
	}
	memcpy(&rule, in, sizeof(rule));
	switch (args[1]) {
	case MUX_POLICY_REMOVE: return vsock_policy_remove(&rule);
	case MUX_POLICY_ADD: return vsock_policy_add(&rule);
	case MUX_POLICY_COUNT: return vsock_policy_count(&rule);
	default: return -MUX_EINVAL;
	}
}

static int64_t hypercall_machine_off(struct vcpu *vcpu, const uint64_t args[3])
{
	machine_finish((int)min_u64(args[0], 255), vcpu->partition->name);
	return 0;
}

static const struct hypercall hypercalls[] = {
	[MUX_HC_VERSION] = {hypercall_version, 0, VCPU_ADVANCE},
	[MUX_HC_EXIT] = {hypercall_exit, 0, VCPU_STOP},
	[MUX_HC_YIELD] = {hypercall_yield, 0, VCPU_YIELD},
	[MUX_HC_STATS] = {hypercall_stats, 0, VCPU_ADVANCE},
	[MUX_HC_PARTITION_INFO] = {hypercall_partition_info, MUX_RIGHT_MANAGER, VCPU_ADVANCE},
	[MUX_HC_PARTITION_CONTROL] = {hypercall_partition_control, MUX_RIGHT_MANAGER, VCPU_ADVANCE},
	[MUX_HC_POLICY] = {hypercall_policy, MUX_RIGHT_MANAGER, VCPU_ADVANCE},
	[MUX_HC_MACHINE_OFF] = {hypercall_machine_off, MUX_RIGHT_MANAGER, VCPU_STOP},
};

enum vcpu_next exit_handle_hypercall(struct vcpu *vcpu)
{
	uint64_t number = vcpu->regs[REG_RAX];
	const uint64_t args[3] = {vcpu->regs[REG_RDI], vcpu->regs[REG_RSI], vcpu->regs[REG_RDX]};
	const struct hypercall *call;

	if (number >= ARRAY_COUNT(hypercalls)) {
		vcpu->regs[REG_RAX] = (uint64_t)-MUX_ENOSYS;
		return VCPU_ADVANCE;
	}
	call = &hypercalls[index_clamp(number, ARRAY_COUNT(hypercalls))];
	if (virt->register_read(vcpu, VIRT_CPL) != 0 ||
	    (call->right & ~vcpu->partition->record->rights) != 0) {
		vcpu->regs[REG_RAX] = (uint64_t)-MUX_EPERM;
		return VCPU_ADVANCE;
	}
	vcpu->regs[REG_RAX] = (uint64_t)call->handle(vcpu, args);
	return call->next;
}
