/* SPDX-License-Identifier: MIT */
/*
 * Port and memory-mapped accesses of a partition, and interrupt messages within it. Ports that no
 * virtual device has behave as on a bus where nobody answers: reads give all ones, writes are lost.
 */
#include "hv/exit.h"

#include "arch/x86_64/io.h"
#include "hv/mmio_decode.h"
#include "hv/partition.h"
#include "hv/vpci/virtio_pci.h"
#include "muxvisor/platform_ports.h"

#define PORT_CLOCK_INDEX 0x70U
#define PORT_CLOCK_DATA	 0x71U

static void sipi_send(struct vcpu *target, uint32_t sipi)
{
	atomic_fetch_or_explicit(&target->sipi, sipi, memory_order_release);
	vcpu_notify(target);
}

void io_send_message(struct partition *partition, const struct vcpu *sender,
		     const struct vlapic_message *message)
{
	const struct vlapic *from = sender != NULL ? &sender->lapic : NULL;

	for (uint32_t i = 0; i < partition->vcpu_count; i++) {
		struct vcpu *target = partition->vcpu[i];

		if (!vlapic_is_target(&target->lapic, from, message)) {
			continue;
		}
		switch (message->delivery) {
		case VLAPIC_LOWEST: vcpu_post_interrupt(target, message->vector); return;
		case VLAPIC_FIXED: vcpu_post_interrupt(target, message->vector); break;
		case VLAPIC_INIT: sipi_send(target, VCPU_SIPI_INIT); break;
		case VLAPIC_STARTUP: sipi_send(target, VCPU_SIPI_VECTOR | message->vector); break;
		case VLAPIC_NMI: break; /* not offered: docs/guest-interface.md */
		}
	}
}

void io_send_msi(void *owner, uint64_t address, uint32_t data)
{
	struct vlapic_message message;

	if (vlapic_msi_decode(address, data, &message) == 0) {
		io_send_message(owner, NULL, &message);
	}
}

/*
 * The machine's real-time clock (MC146818), which nobody sets and which has no alarm here: seconds,
 * minutes, hours, day of week, day, month, year; A (update in progress), B (format), D (valid);
 * century. The lock makes one step of the two accesses.
 */
static uint8_t clock_read(uint8_t index)
{
	static struct spinlock lock;
	uint8_t value = 0;

	index &= 0x7fU; /* bit 7 masks NMIs: not a partition's business */
	if (index < 64 && (((1ULL << 0x32 | 0x2fd5ULL) >> index) & 1) != 0) {
		spin_lock(&lock);
		outb(PORT_CLOCK_INDEX, index);
		value = inb(PORT_CLOCK_DATA);
		spin_unlock(&lock);
	}
	return value;
}

/* The value that a read gives. */
static uint32_t port_access(struct partition *partition, bool is_write, uint16_t port,
			    uint32_t size, uint32_t value)
{
	spin_lock(&partition->device_lock);
	if (port == PORT_CLOCK_INDEX && is_write) {
		partition->clock_index = (uint8_t)value;
	} else if (port == PORT_CLOCK_DATA && !is_write) {
		value = clock_read(partition->clock_index);
	} else if ((uint16_t)(port - VUART_PORT_FIRST) >= VUART_PORT_COUNT) {
		vpci_io(&partition->vpci, is_write, port, size, &value);
	} else if (is_write) {
		vuart_write(&partition->vuart, port, (uint8_t)value);
	} else {
		value = vuart_read(&partition->vuart, port);
	}
	spin_unlock(&partition->device_lock);
	return value;
}

/* ACPI's sleep control and reset registers, and a panic that the guest tells
 * (include/muxvisor/platform_ports.h). True: the partition stops. */
static bool port_is_stop(struct vcpu *vcpu, const struct virt_exit *exit, uint8_t value)
{
	struct partition *partition = vcpu->partition;
	uint16_t port = exit->io.port;

	if (port == MUX_PORT_PANIC && (value & MUX_PANIC_PANICKED) != 0) {
		vcpu_fault(vcpu, exit, "the guest's kernel panicked: its last lines stand above");
		return true;
	}
	if (port == MUX_PORT_SLEEP_CONTROL && value == MUX_SLEEP_OFF) {
		partition_exit(partition, 0);
		return true;
	}
	return port == MUX_PORT_RESET && value == MUX_RESET_VALUE &&
	       partition_stop(partition, true) == 0;
}

/* IN changes only as many bytes of RAX as it reads, a doubleword clears the upper half (SDM 2A,
 * IN). */
static uint64_t merge_rax(uint64_t rax, uint32_t value, uint8_t size)
{
	switch (size) {
	case 1: return (rax & ~0xffULL) | (value & 0xff);
	case 2: return (rax & ~0xffffULL) | (value & 0xffff);
	default: return value;
	}
}

enum vcpu_next exit_handle_io(struct vcpu *vcpu, const struct virt_exit *exit)
{
	struct partition *partition = vcpu->partition;
	uint16_t queue;
	uint32_t value;

	if (exit->io.is_string) {
		vcpu_fault(vcpu, exit, "string I/O at port 0x%x is not offered", exit->io.port);
		return VCPU_STOP;
	}
	if (exit->io.is_write && partition->port != NULL &&
	    virtio_pci_is_notify(&partition->transport, exit->io.port, &queue)) {
		vcpu->counters.exits_by_kind[MUX_EXIT_KIND_KICK]++;
		virtio_pci_notify(&partition->transport, queue);
		return VCPU_ADVANCE;
	}
	vcpu->counters.exits_by_kind[MUX_EXIT_KIND_IO]++;
	if (exit->io.is_write && port_is_stop(vcpu, exit, (uint8_t)vcpu->regs[REG_RAX])) {
		return VCPU_STOP;
	}
	value = port_access(partition, exit->io.is_write, exit->io.port, exit->io.size,
			    (uint32_t)vcpu->regs[REG_RAX]);
	if (!exit->io.is_write) {
		vcpu->regs[REG_RAX] = merge_rax(vcpu->regs[REG_RAX], value, exit->io.size);
	}
	return VCPU_ADVANCE;
}

static uint64_t register_get(struct vcpu *vcpu, uint8_t reg)
{
	return reg == REG_RSP ? virt->register_read(vcpu, VIRT_RSP) : vcpu->regs[reg % REG_COUNT];
}

static void register_set(struct vcpu *vcpu, uint8_t reg, uint64_t value)
{
	if (reg == REG_RSP) {
		virt->register_write(vcpu, VIRT_RSP, value);
	} else {
		vcpu->regs[reg % REG_COUNT] = value;
	}
}

/* One decoded MOV to or from a memory BAR or ECAM. False: nothing there. */
static bool mmio_access(struct vcpu *vcpu, gpa_t address, const struct mmio_instruction *mov)
{
	struct partition *partition = vcpu->partition;
	uint64_t value = 0;
	bool done;

	if (mov->is_write) {
		value = mmio_decode_store(mov, register_get(vcpu, mov->reg));
	}
	spin_lock(&partition->device_lock);
	done = vpci_memory(&partition->vpci, mov->is_write, address, mov->size, &value);
	spin_unlock(&partition->device_lock);
	if (done && !mov->is_write) {
		register_set(vcpu, mov->reg, mmio_decode_load(mov, value));
	}
	return done;
}

enum vcpu_next exit_handle_memory(struct vcpu *vcpu, const struct virt_exit *exit)
{
	const char *access = exit->memory.is_fetch   ? "execution"
			     : exit->memory.is_write ? "write"
						     : "read";
	uint64_t address = exit->memory.address.value;
	struct mmio_instruction mov;
	uint8_t bytes[15];
	uint32_t fetched;

	if (exit->memory.is_fetch || !exit->memory.is_operand || address < VPCI_MEMORY_FIRST ||
	    address > VPCI_MEMORY_LAST) {
		vcpu_fault(vcpu, exit, "%s at GPA 0x%lx, which it does not have", access, address);
		return VCPU_STOP;
	}
	fetched = vcpu_fetch(vcpu, bytes);
	if (mmio_decode(bytes, fetched, virt->register_read(vcpu, VIRT_IS_64BIT) != 0, &mov) != 0) {
		vcpu_fault(vcpu, exit,
			   "%s at GPA 0x%lx by an instruction that is not offered there", access,
			   address);
		return VCPU_STOP;
	}
	if (mov.is_write != exit->memory.is_write ||
	    !mmio_access(vcpu, exit->memory.address, &mov)) {
		vcpu_fault(vcpu, exit, "%s at GPA 0x%lx, where it has no device", access, address);
		return VCPU_STOP;
	}
	virt->vcpu_advance(vcpu, mov.length);
	return VCPU_RESUME;
}
