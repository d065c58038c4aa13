/* SPDX-License-Identifier: MIT */
#include "hv/vpci/virtio_pci.h"

#define VENDOR_ID      0x1af4U
#define DEVICE_ID_BASE 0x1040U /* virtio 1.2, 4.1.2 */
#define SUBSYSTEM_ID   0x40U   /* 4.1.2.1: 0x40 or higher for a modern device */
#define REVISION_ID    1U
#define BAR_IO	       0U
#define BAR_MEMORY     1U
#define CAP_ID_MSIX    0x11U
#define CAP_ID_VENDOR  0x09U
#define ISR_QUEUE      1U
#define ISR_CONFIG     2U
#define DRIVER_STATUS_BITS                                                            \
	(VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_DRIVER_OK | \
	 VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_FAILED)

/* Capabilities in the configuration space. */
#define MSIX_CAP	    VPCI_FIRST_CAPABILITY
#define MSIX_CAP_CONTROL    (MSIX_CAP + 2U)
#define MSIX_CONTROL_MASK   0x4000U
#define MSIX_CONTROL_ENABLE 0x8000U
#define COMMON_CAP	    0x50U
#define NOTIFY_CAP	    0x60U
#define ISR_CAP		    0x74U
#define DEVICE_CAP	    0x84U
#define ACCESS_CAP	    0x94U /* VIRTIO_PCI_CAP_PCI_CFG (4.1.4.9) */
#define CAP_SIZE	    16U
#define LONG_CAP_SIZE	    20U
/* Fields of a virtio capability (4.1.4). */
#define CAP_BAR	    4U
#define CAP_OFFSET  8U
#define CAP_LENGTH  12U
#define CAP_EXTRA   16U
#define ACCESS_DATA (ACCESS_CAP + CAP_EXTRA)

enum { CAP_TYPE_COMMON = 1, CAP_TYPE_NOTIFY, CAP_TYPE_ISR, CAP_TYPE_DEVICE, CAP_TYPE_ACCESS };

/* Fields of the common configuration (4.1.4.3). The driver must use each with its own width; so the
 * width is part of the name by which they are looked up. */
#define FIELD(offset, size) ((uint32_t)(offset) << 3 | (uint32_t)(size))
enum {
	DEVICE_FEATURE_SELECT = FIELD(0x00, 4),
	DEVICE_FEATURE = FIELD(0x04, 4),
	DRIVER_FEATURE_SELECT = FIELD(0x08, 4),
	DRIVER_FEATURE = FIELD(0x0c, 4),
	CONFIG_VECTOR = FIELD(0x10, 2),
	NUM_QUEUES = FIELD(0x12, 2),
	DEVICE_STATUS = FIELD(0x14, 1),
	QUEUE_SELECT = FIELD(0x16, 2),
	QUEUE_SIZE = FIELD(0x18, 2),
	QUEUE_VECTOR = FIELD(0x1a, 2),
	QUEUE_ENABLE = FIELD(0x1c, 2),
	QUEUE_NOTIFY_OFF = FIELD(0x1e, 2),
	QUEUE_ADDRESSES = FIELD(0x20, 4), /* three of 64 bits, in halves */
};

/* --- device to driver --- */

void virtio_pci_queue_interrupt(struct virtio_pci *transport, uint16_t queue)
{
	struct virtio_pci_queue *q = &transport->queue[index_clamp(queue, VIRTIO_QUEUES_MAX)];
	uint16_t vector = atomic_load_explicit(&q->vector, memory_order_relaxed);

	if (!msix_raise(&transport->msix, vector)) {
		transport->isr |= ISR_QUEUE;
	}
}

void virtio_pci_needs_reset(struct virtio_pci *transport)
{
	uint8_t old = atomic_fetch_or(&transport->status, VIRTIO_STATUS_NEEDS_RESET);

	/* 2.1.2: tell the driver once it runs; before that it sees the bit by itself. */
	if ((old & VIRTIO_STATUS_DRIVER_OK) != 0) {
		transport->isr |= ISR_CONFIG;
		msix_raise(&transport->msix, transport->config_vector);
	}
}

/* --- life of the device --- */

static void update_notify_base(struct virtio_pci *t)
{
	uint32_t base;

	if (vpci_function_bar(&t->function, BAR_IO, &base) &&
	    (t->status & VIRTIO_STATUS_DRIVER_OK) != 0) {
		base += VIRTIO_PCI_NOTIFY;
	} else {
		base = VIRTIO_PCI_NO_NOTIFY;
	}
	/* Release: pairs with the acquire in virtio_pci_is_notify. */
	atomic_store_explicit(&t->notify_base, base, memory_order_release);
}

static void reset_registers(struct virtio_pci *t)
{
	t->device_feature_select = 0;
	t->driver_feature_select = 0;
	t->driver_features = 0;
	t->queue_select = 0;
	for (uint32_t i = 0; i < VIRTIO_QUEUES_MAX; i++) {
		struct virtio_pci_queue *q = &t->queue[i];

		*q = (struct virtio_pci_queue){.size = t->ops->queue_size_max,
					       .vector = MSIX_NO_VECTOR};
	}
	t->config_vector = MSIX_NO_VECTOR;
	t->isr = 0;
	t->status = 0;
}

/* The device first: after its reset it raises no interrupts and breaks no more rules. */
static void reset_device(struct virtio_pci *t)
{
	atomic_store_explicit(&t->notify_base, VIRTIO_PCI_NO_NOTIFY, memory_order_release);
	t->ops->reset(t->device);
	msix_clear_pending(&t->msix);
	reset_registers(t);
}

static bool accept_features(struct virtio_pci *t)
{
	uint64_t features = t->driver_features;

	return (features & ~t->ops->features) == 0 && (features & VIRTIO_F_VERSION_1) != 0 &&
	       t->ops->features_ok(t->device, features);
}

/* The driver only adds bits (2.1.1); what it leaves out stays set. */
static void write_status(struct virtio_pci *t, uint32_t value)
{
	uint32_t status = t->status;
	uint32_t added = value & ~status & DRIVER_STATUS_BITS;

	if (value == 0) {
		reset_device(t);
		return;
	}
	if ((added & VIRTIO_STATUS_FEATURES_OK) != 0 && !accept_features(t)) {
		added &= ~VIRTIO_STATUS_FEATURES_OK;
	}
	if (((status | added) & VIRTIO_STATUS_FEATURES_OK) == 0 ||
	    (status & VIRTIO_STATUS_NEEDS_RESET) != 0) {
		added &= ~VIRTIO_STATUS_DRIVER_OK;
	}
	t->status |= (uint8_t)added;
	if ((added & VIRTIO_STATUS_DRIVER_OK) != 0) {
		t->ops->driver_ok(t->device);
		update_notify_base(t);
	}
}

/* --- common configuration --- */

/* The selected queue, or NULL when there is no such. */
static struct virtio_pci_queue *selected_queue(struct virtio_pci *t)
{
	if (t->queue_select >= t->ops->queue_count) {
		return NULL;
	}
	return &t->queue[index_clamp(t->queue_select, VIRTIO_QUEUES_MAX)];
}

/* The half of a queue address that `field` names; NULL: no such field, or not of this width. */
static uint32_t *queue_address(struct virtio_pci_queue *queue, uint32_t field)
{
	uint32_t index = (field - QUEUE_ADDRESSES) / FIELD(4, 0);

	if ((field - QUEUE_ADDRESSES) % FIELD(4, 0) != 0 || index >= ARRAY_COUNT(queue->address)) {
		return NULL;
	}
	return &queue->address[index_clamp(index, ARRAY_COUNT(queue->address))];
}

static uint32_t read_queue_field(struct virtio_pci *t, uint32_t field)
{
	struct virtio_pci_queue *q = selected_queue(t);
	const uint32_t *address;

	if (q == NULL) {
		return field == QUEUE_VECTOR ? MSIX_NO_VECTOR : 0;
	}
	switch (field) {
	case QUEUE_SIZE: return q->size;
	case QUEUE_VECTOR: return q->vector;
	case QUEUE_ENABLE: return q->is_enabled;
	case QUEUE_NOTIFY_OFF: return t->queue_select;
	default: break;
	}
	address = queue_address(q, field);
	return address == NULL ? 0 : *address;
}

static uint32_t read_common(struct virtio_pci *t, uint32_t field)
{
	switch (field) {
	case DEVICE_FEATURE_SELECT: return t->device_feature_select;
	case DEVICE_FEATURE:
		if (t->device_feature_select > 1) {
			return 0;
		}
		return (uint32_t)(t->ops->features >> (32 * t->device_feature_select));
	case DRIVER_FEATURE_SELECT: return t->driver_feature_select;
	case DRIVER_FEATURE:
		if (t->driver_feature_select > 1) {
			return 0;
		}
		return (uint32_t)(t->driver_features >> (32 * t->driver_feature_select));
	case CONFIG_VECTOR: return t->config_vector;
	case NUM_QUEUES: return t->ops->queue_count;
	case DEVICE_STATUS: return t->status;
	case QUEUE_SELECT: return t->queue_select;
	default: return read_queue_field(t, field);
	}
}

/* 2.2.1: features are settled with FEATURES_OK. */
static void write_driver_feature(struct virtio_pci *t, uint32_t value)
{
	uint32_t shift = t->driver_feature_select == 0 ? 0 : 32;

	if (t->driver_feature_select > 1 || (t->status & VIRTIO_STATUS_FEATURES_OK) != 0) {
		return;
	}
	t->driver_features &= ~(0xffffffffULL << shift);
	t->driver_features |= (uint64_t)value << shift;
}

/* 4.1.5.1.2.1: a vector that cannot be mapped reads back as NO_VECTOR. */
static void write_vector(struct virtio_pci *t, _Atomic uint16_t *vector, uint32_t value)
{
	*vector = (uint16_t)(value < t->msix.count ? value : MSIX_NO_VECTOR);
}

static void write_queue_size(struct virtio_pci *t, struct virtio_pci_queue *q, uint32_t value)
{
	if (value != 0 && value <= t->ops->queue_size_max && (value & (value - 1)) == 0) {
		q->size = (uint16_t)value;
	}
}

static void enable_queue(struct virtio_pci *t, struct virtio_pci_queue *q)
{
	const uint32_t *half = q->address;
	const struct virtio_queue_config config = {
		.size = q->size,
		.descriptors = gpa((uint64_t)half[1] << 32 | half[0]),
		.driver = gpa((uint64_t)half[3] << 32 | half[2]),
		.device = gpa((uint64_t)half[5] << 32 | half[4]),
	};
	uint8_t status = t->status;

	if ((status & VIRTIO_STATUS_FEATURES_OK) == 0 ||
	    (status & (VIRTIO_STATUS_DRIVER_OK | VIRTIO_STATUS_NEEDS_RESET)) != 0) {
		return;
	}
	q->is_enabled = t->ops->queue_enable(t->device, t->queue_select, &config) == 0;
	if (!q->is_enabled) {
		virtio_pci_needs_reset(t);
	}
}

static void write_queue_field(struct virtio_pci *t, uint32_t field, uint32_t value)
{
	struct virtio_pci_queue *q = selected_queue(t);
	uint32_t *address;

	if (q == NULL) {
		return;
	}
	if (field == QUEUE_VECTOR) {
		write_vector(t, &q->vector, value);
		return;
	}
	if (q->is_enabled) {
		return; /* 4.1.4.3.2: nothing else may change until a reset */
	}
	address = queue_address(q, field);
	if (address != NULL) {
		*address = value;
	} else if (field == QUEUE_SIZE) {
		write_queue_size(t, q, value);
	} else if (field == QUEUE_ENABLE && value == 1) {
		enable_queue(t, q);
	}
}

static void write_common(struct virtio_pci *t, uint32_t field, uint32_t value)
{
	switch (field) {
	case DEVICE_FEATURE_SELECT: t->device_feature_select = value; return;
	case DRIVER_FEATURE_SELECT: t->driver_feature_select = value; return;
	case DRIVER_FEATURE: write_driver_feature(t, value); return;
	case CONFIG_VECTOR: write_vector(t, &t->config_vector, value); return;
	case DEVICE_STATUS: write_status(t, value); return;
	case QUEUE_SELECT: t->queue_select = (uint16_t)value; return;
	default: write_queue_field(t, field, value); return;
	}
}

/* --- BARs --- */

static uint32_t read_io(struct virtio_pci *t, uint32_t offset, uint32_t size)
{
	if (offset < VIRTIO_PCI_COMMON + VIRTIO_PCI_COMMON_SIZE) {
		return read_common(t, FIELD(offset, size));
	}
	if (offset == VIRTIO_PCI_ISR) {
		return atomic_exchange(&t->isr, 0);
	}
	if (offset >= VIRTIO_PCI_DEVICE &&
	    offset + size <= VIRTIO_PCI_DEVICE + VIRTIO_PCI_DEVICE_SIZE) {
		return t->ops->config_read(t->device, offset - VIRTIO_PCI_DEVICE, size);
	}
	return 0;
}

static void write_io(struct virtio_pci *t, uint32_t offset, uint32_t size, uint32_t value)
{
	uint32_t notify = offset - VIRTIO_PCI_NOTIFY;

	if (offset < VIRTIO_PCI_COMMON + VIRTIO_PCI_COMMON_SIZE) {
		write_common(t, FIELD(offset, size), value);
	} else if (notify < t->notify_size && (t->status & VIRTIO_STATUS_DRIVER_OK) != 0) {
		virtio_pci_notify(t, (uint16_t)(notify >> VIRTIO_PCI_NOTIFY_SHIFT));
	}
}

static uint64_t bar_read(struct vpci_function *function, uint32_t bar, uint32_t offset,
			 uint32_t size)
{
	struct virtio_pci *t = function->owner;

	if (bar == BAR_IO) {
		return read_io(t, offset, size);
	}
	return msix_mmio_read(&t->msix, offset, size);
}

static void bar_write(struct vpci_function *function, uint32_t bar, uint32_t offset, uint32_t size,
		      uint64_t value)
{
	struct virtio_pci *t = function->owner;

	if (bar == BAR_IO) {
		write_io(t, offset, size, (uint32_t)value);
	} else {
		msix_mmio_write(&t->msix, offset, size, value);
	}
}

/* --- configuration space --- */

/* BAR access through the configuration space (4.1.4.9): what the driver wrote to the capability. */
struct window {
	uint32_t bar;
	uint32_t offset;
	uint32_t size;
};

static bool get_window(const struct virtio_pci *t, struct window *out)
{
	const struct vpci_function *f = &t->function;

	out->bar = vpci_function_get(f, ACCESS_CAP + CAP_BAR, 1);
	out->offset = vpci_function_get(f, ACCESS_CAP + CAP_OFFSET, 4);
	out->size = vpci_function_get(f, ACCESS_CAP + CAP_LENGTH, 4);
	if (out->bar > BAR_MEMORY || (out->size != 1 && out->size != 2 && out->size != 4)) {
		return false;
	}
	/* An aligned offset inside the BAR cannot reach past its end. */
	return out->offset % out->size == 0 &&
	       out->offset < f->bar[index_clamp(out->bar, VPCI_BARS_MAX)].size;
}

/* An access whose first byte is the first of the data field goes through the window. */
static void config_read(struct vpci_function *function, uint32_t offset, uint32_t size)
{
	struct window w;

	(void)size;
	if (offset == ACCESS_DATA && get_window(function->owner, &w)) {
		uint64_t value = bar_read(function, w.bar, w.offset, w.size);

		vpci_function_set(function, ACCESS_DATA, w.size, (uint32_t)value);
	}
}

static void config_written(struct vpci_function *function, uint32_t offset, uint32_t size)
{
	struct virtio_pci *t = function->owner;
	uint32_t control = vpci_function_get(function, MSIX_CAP_CONTROL, 2);
	uint32_t command = vpci_function_get(function, VPCI_COMMAND, 2);
	struct window w;

	(void)size;
	if (offset == ACCESS_DATA && get_window(t, &w)) {
		bar_write(function, w.bar, w.offset, w.size,
			  vpci_function_get(function, ACCESS_DATA, w.size));
		return;
	}
	/* Command register, a BAR or the MSI-X control may have changed. A message is a memory
	 * write of the function: without bus master it waits. */
	update_notify_base(t);
	msix_set_control(&t->msix, (control & MSIX_CONTROL_ENABLE) != 0,
			 (control & MSIX_CONTROL_MASK) != 0 ||
				 (command & VPCI_COMMAND_MASTER) == 0);
}

static void function_reset(struct vpci_function *function)
{
	struct virtio_pci *t = function->owner;

	reset_device(t);
	msix_reset(&t->msix);
	vpci_function_set(function, MSIX_CAP_CONTROL, 2, t->msix.count - 1);
	vpci_function_set(function, ACCESS_CAP + CAP_BAR, 1, 0);
	vpci_function_set(function, ACCESS_CAP + CAP_OFFSET, 4, 0);
	vpci_function_set(function, ACCESS_CAP + CAP_LENGTH, 4, 0);
	vpci_function_set(function, ACCESS_DATA, 4, 0);
}

static const struct vpci_function_ops function_ops = {
	.config_read = config_read,
	.config_written = config_written,
	.bar_read = bar_read,
	.bar_write = bar_write,
	.reset = function_reset,
};

static void add_capability(struct vpci_function *f, uint32_t at, uint32_t next, uint32_t type,
			   uint32_t offset, uint32_t length)
{
	bool is_long = type == CAP_TYPE_NOTIFY || type == CAP_TYPE_ACCESS;

	vpci_function_set(f, at, 4,
			  CAP_ID_VENDOR | next << 8 | (is_long ? LONG_CAP_SIZE : CAP_SIZE) << 16 |
				  type << 24);
	vpci_function_set(f, at + CAP_BAR, 4, BAR_IO);
	vpci_function_set(f, at + CAP_OFFSET, 4, offset);
	vpci_function_set(f, at + CAP_LENGTH, 4, length);
}

static void make_writable(struct vpci_function *f, uint32_t offset, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++) {
		f->writable[offset + i] = 0xff;
	}
}

static void build_capabilities(struct virtio_pci *t)
{
	struct vpci_function *f = &t->function;

	vpci_function_set(f, VPCI_STATUS, 2, VPCI_STATUS_CAP_LIST);
	vpci_function_set(f, VPCI_CAPABILITIES, 1, MSIX_CAP);
	vpci_function_set(f, MSIX_CAP, 2, CAP_ID_MSIX | COMMON_CAP << 8);
	vpci_function_set(f, MSIX_CAP_CONTROL, 2, t->msix.count - 1);
	f->writable[MSIX_CAP_CONTROL + 1] = (MSIX_CONTROL_ENABLE | MSIX_CONTROL_MASK) >> 8;
	vpci_function_set(f, MSIX_CAP + 4, 4, MSIX_TABLE | BAR_MEMORY);
	vpci_function_set(f, MSIX_CAP + 8, 4, MSIX_PENDING | BAR_MEMORY);

	add_capability(f, COMMON_CAP, NOTIFY_CAP, CAP_TYPE_COMMON, VIRTIO_PCI_COMMON,
		       VIRTIO_PCI_COMMON_SIZE);
	add_capability(f, NOTIFY_CAP, ISR_CAP, CAP_TYPE_NOTIFY, VIRTIO_PCI_NOTIFY, t->notify_size);
	vpci_function_set(f, NOTIFY_CAP + CAP_EXTRA, 4, 1U << VIRTIO_PCI_NOTIFY_SHIFT);
	add_capability(f, ISR_CAP, DEVICE_CAP, CAP_TYPE_ISR, VIRTIO_PCI_ISR, 1);
	add_capability(f, DEVICE_CAP, ACCESS_CAP, CAP_TYPE_DEVICE, VIRTIO_PCI_DEVICE,
		       VIRTIO_PCI_DEVICE_SIZE);
	add_capability(f, ACCESS_CAP, 0, CAP_TYPE_ACCESS, 0, 0);
	make_writable(f, ACCESS_CAP + CAP_BAR, 1);
	make_writable(f, ACCESS_CAP + CAP_OFFSET, LONG_CAP_SIZE - CAP_OFFSET);
}

void virtio_pci_init(struct virtio_pci *transport, const struct virtio_pci_settings *settings)
{
	struct vpci_function *f = &transport->function;
	uint32_t queues = settings->ops->queue_count;

	*transport = (struct virtio_pci){
		.function = {.ops = &function_ops, .owner = transport},
		.ops = settings->ops,
		.device = settings->device,
		.notify_size = queues << VIRTIO_PCI_NOTIFY_SHIFT,
		.notify_base = VIRTIO_PCI_NO_NOTIFY,
	};
	f->bar[BAR_IO] = (struct vpci_bar){VIRTIO_PCI_IO_SIZE, true, settings->io_base};
	f->bar[BAR_MEMORY] = (struct vpci_bar){MSIX_BAR_SIZE, false, settings->memory_base};
	msix_init(&transport->msix, queues + 1, settings->send, settings->send_owner);
	reset_registers(transport);
	vpci_function_set(f, 0, 2, VENDOR_ID);
	vpci_function_set(f, 2, 2, DEVICE_ID_BASE + settings->ops->device_id);
	vpci_function_set(f, VPCI_REVISION, 4, REVISION_ID | settings->class_code << 8);
	vpci_function_set(f, VPCI_SUBSYSTEM_VENDOR, 2, VENDOR_ID);
	vpci_function_set(f, VPCI_SUBSYSTEM_ID, 2, SUBSYSTEM_ID);
	build_capabilities(transport);
}
