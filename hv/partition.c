/* SPDX-License-Identifier: MIT */
/* Partitions: start, stop, restart, filling of memory, counters. hv/build.c builds them. */
#include "hv/partition.h"

#include "hv/log.h"
#include "hv/machine.h"
#include "hv/manifest.h"
#include "hv/sched.h"
#include "hv/vsock/switch.h"
#include "arch/x86_64/io.h"
#include "arch/x86_64/platform.h"

#include <errno.h>
#include <string.h>

/* What one step of loading may write: keeps ring 0 away from other work for well under a
 * millisecond. */
#define LOAD_STEP (256ULL << 10)

/* The end of so many lives of a partition is logged, then that of each whose number is a power of
 * two. */
#define LOGGED_RESTARTS 16U

/* Written at boot, constant afterwards. */
static struct partition partitions[MUX_PARTITIONS_MAX];
static uint32_t partitions_count;

struct partition *partition_add(const struct mux_partition_record *record)
{
	struct partition *partition = &partitions[partitions_count];

	partition->record = record;
	partition->index = partitions_count++;
	partition->cid = record->cid;
	memcpy(partition->name, record->name, sizeof(partition->name));
	partition->vcpu_count = record->vcpu_count;
	return partition;
}

uint32_t partition_count(void)
{
	return partitions_count;
}

struct partition *partition_get(uint32_t index)
{
	return index < partitions_count ? &partitions[index] : NULL;
}

struct partition *partition_find(uint32_t cid)
{
	for (uint32_t i = 0; i < partitions_count; i++) {
		if (partitions[i].cid == cid) {
			return &partitions[i];
		}
	}
	return NULL;
}

bool partition_is_logged(const struct partition *partition)
{
	uint32_t restarts = __atomic_load_n(&partition->restarts, __ATOMIC_RELAXED);

	return restarts < LOGGED_RESTARTS || (restarts & (restarts - 1)) == 0;
}

static uint32_t partition_state(const struct partition *partition)
{
	return atomic_load_explicit(&partition->state, memory_order_acquire);
}

static void partition_notify_vcpus(struct partition *partition)
{
	for (uint32_t i = 0; i < partition->vcpu_count; i++) {
		vcpu_notify(partition->vcpu[i]);
	}
}

/* With the control lock held. */
static void partition_begin(struct partition *partition)
{
	partition->load_zeroed = 0;
	partition->load_segment = 0;
	partition->load_offset = 0;
	partition->exit_code = 0;
	partition->restart_wanted = false;
	partition->running_vcpus = partition->vcpu_count;
	atomic_store_explicit(&partition->state, MUX_STATE_RUNNING, memory_order_release);
	for (uint32_t i = 0; i < partition->vcpu_count; i++) {
		/* None of its vCPUs runs, so nobody sends: what is there is of its last life. */
		atomic_store_explicit(&partition->vcpu[i]->sipi, 0, memory_order_relaxed);
		/* Pairs with the exchange in vcpu_take_orders. */
		atomic_store_explicit(&partition->vcpu[i]->start, true, memory_order_release);
	}
}

int partition_start(struct partition *partition)
{
	int error = -EBUSY;

	spin_lock(&partition->control);
	if (partition_state(partition) != MUX_STATE_RUNNING &&
	    partition_state(partition) != MUX_STATE_STOPPING) {
		partition_begin(partition);
		error = 0;
	}
	spin_unlock(&partition->control);
	if (error == 0) {
		partition_notify_vcpus(partition);
	}
	return error;
}

static int partition_end(struct partition *partition, uint32_t final_state, uint32_t code,
			 bool restart)
{
	int error = -EBUSY;

	spin_lock(&partition->control);
	if (partition_state(partition) == MUX_STATE_RUNNING) {
		partition->final_state = final_state;
		partition->exit_code = code;
		partition->restart_wanted = restart;
		atomic_store_explicit(&partition->state, MUX_STATE_STOPPING, memory_order_release);
		error = 0;
	}
	spin_unlock(&partition->control);
	if (error == 0) {
		partition_notify_vcpus(partition);
	}
	return error;
}

int partition_stop(struct partition *partition, bool restart)
{
	return partition_end(partition, MUX_STATE_OFF, 0, restart);
}

void partition_exit(struct partition *partition, uint32_t code)
{
	if (partition_end(partition, MUX_STATE_EXITED, code, false) == 0 &&
	    partition_is_logged(partition)) {
		log_info("partition %s exits with code %u", partition->name, code);
	}
}

void partition_fault(struct partition *partition)
{
	partition_end(partition, MUX_STATE_FAULTED, 255, false);
}

/* Does the manifest want it back? With the control lock held. */
static bool partition_wants_restart(const struct partition *partition)
{
	const struct mux_partition_record *record = partition->record;

	if (partition->restart_wanted) {
		return true;
	}
	if (partition->final_state == MUX_STATE_OFF ||
	    (record->restart_max != 0 && partition->restarts >= record->restart_max)) {
		return false;
	}
	return record->restart == MUX_RESTART_ALWAYS ||
	       (record->restart == MUX_RESTART_ON_FAIL && partition->exit_code != 0);
}

static void partition_reset_devices(struct partition *partition)
{
	spin_lock(&partition->device_lock);
	vpci_reset(&partition->vpci);
	vuart_reset(&partition->vuart);
	spin_unlock(&partition->device_lock);
}

/* All its vCPUs have parked: nothing of it runs any more. */
static void partition_finish_stop(struct partition *partition)
{
	bool restart;
	uint32_t restarts;

	partition_reset_devices(partition);
	spin_lock(&partition->control);
	restart = partition_wants_restart(partition);
	if (restart) {
		partition->restarts++;
		partition_begin(partition);
	} else {
		atomic_store_explicit(&partition->state, partition->final_state,
				      memory_order_release);
	}
	restarts = partition->restarts;
	spin_unlock(&partition->control);
	if (restart) {
		if (partition_is_logged(partition)) {
			log_info("partition %s restarts (%u)", partition->name, restarts);
		}
		partition_notify_vcpus(partition);
	} else {
		machine_partition_stopped();
	}
}

void partition_park(struct vcpu *vcpu)
{
	struct partition *partition = vcpu->partition;
	bool is_last;

	if (vcpu->state == VCPU_OFF) {
		return;
	}
	sched_release(vcpu);
	vcpu->state = VCPU_OFF;
	spin_lock(&partition->control);
	partition->running_vcpus--;
	is_last = partition->running_vcpus == 0;
	spin_unlock(&partition->control);
	if (is_last) {
		partition_finish_stop(partition);
	}
}

/* Zeroes the next piece of its memory. True when all of it is zero. */
static bool partition_load_zero(struct partition *partition)
{
	uint64_t before = 0;

	for (uint32_t i = 0; i < partition->mem.count; i++) {
		const struct guest_region *r = &partition->mem.region[i];
		uint64_t offset = partition->load_zeroed - before;

		if (offset < r->size) {
			uint64_t step = min_u64(LOAD_STEP, r->size - offset);

			memset(r->base + offset, 0, step);
			partition->load_zeroed += step;
			return false;
		}
		before += r->size;
	}
	return true;
}

/* Copies the next piece of its segments. True when all are there. */
static bool partition_load_copy(struct partition *partition)
{
	size_t blob_size;
	const void *blob = platform_blob(&blob_size);
	const struct mux_partition_record *record = partition->record;
	const struct mux_segment_record *segment;
	const uint8_t *from;
	uint64_t step;

	if (partition->load_segment == record->segment_count) {
		return true;
	}
	segment = manifest_segment(blob, record->segment_first + partition->load_segment);
	from = manifest_segment_data(blob, segment);
	step = min_u64(LOAD_STEP, segment->size - partition->load_offset);
	memcpy(guest_mem_ptr(&partition->mem, gpa(segment->gpa + partition->load_offset), step),
	       from + partition->load_offset, step);
	partition->load_offset += step;
	if (partition->load_offset == segment->size) {
		partition->load_segment++;
		partition->load_offset = 0;
	}
	return false;
}

bool partition_load_step(struct partition *partition)
{
	const struct mux_partition_record *record = partition->record;
	const struct virt_start start = {.rip = record->entry, .cr3 = record->cr3};
	struct vcpu *vcpu = partition->vcpu[0];

	if (!partition_load_zero(partition) || !partition_load_copy(partition)) {
		return false;
	}
	vcpu_reset(vcpu, &start);
	virt->register_write(vcpu, VIRT_RSP, record->stack);
	vcpu->regs[REG_RDI] = record->argument;
	vcpu->regs[REG_RSI] = record->argument;
	log_info("partition %s starts, %lu ticks after ring 0", partition->name,
		 (unsigned long)(rdtsc() - platform_entry_tsc()));
	return true;
}

/* The CPU that owns the counters may be counting. */
static void stats_add(uint64_t *sum, const uint64_t *counter)
{
	*sum += __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static void stats_add_vcpu(struct mux_stats *stats, const struct vcpu_counters *counters)
{
	stats_add(&stats->exits, &counters->exits);
	stats_add(&stats->ring0_ticks, &counters->ring0_ticks);
	stats_add(&stats->guest_ticks, &counters->guest_ticks);
	stats_add(&stats->switch_ticks, &counters->switch_ticks);
	stats_add(&stats->interrupts, &counters->interrupts);
	for (uint32_t i = 0; i < ARRAY_COUNT(counters->exits_by_kind); i++) {
		stats_add(&stats->exits_by_kind[i], &counters->exits_by_kind[i]);
	}
}

void partition_stats(struct partition *partition, struct mux_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	for (uint32_t i = 0; i < partition->vcpu_count; i++) {
		stats_add_vcpu(stats, &partition->vcpu[i]->counters);
	}
	if (partition->port != NULL) {
		vsock_port_stats(partition->port, stats);
	}
	spin_lock(&partition->control);
	stats->restarts = partition->restarts;
	spin_unlock(&partition->control);
	stats->ticks_now = rdtsc();
}
