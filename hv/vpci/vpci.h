/* SPDX-License-Identifier: MIT */
/*
 * Virtual PCI of a partition: bus 0 by configuration mechanism #1 (PCI 3.0, 3.2.2.3.2) and by ECAM
 * (PCI Express 3.0, 7.2.2), type 0 headers, capabilities and BARs. 00:00.0 is a host bridge;
 * functions 00:01.0 to 00:03.0 are added when the partition is built. No bridges, no interrupt
 * pins, no expansion ROM.
 *
 * Locks: all functions need the partition's device lock, except in the build phase (init, add).
 */
#ifndef HV_VPCI_VPCI_H
#define HV_VPCI_VPCI_H

#include "hv/types.h"

#define VPCI_DEVICES_MAX 4U
#define VPCI_BARS_MAX	 2U
#define VPCI_CONFIG_SIZE 256U

/* Offsets in the type 0 header (PCI 3.0, 6.1). */
#define VPCI_COMMAND	      0x04U
#define VPCI_COMMAND_IO	      0x0001U
#define VPCI_COMMAND_MEMORY   0x0002U
#define VPCI_COMMAND_MASTER   0x0004U
#define VPCI_COMMAND_INTX_OFF 0x0400U
#define VPCI_STATUS	      0x06U
#define VPCI_STATUS_CAP_LIST  0x0010U
#define VPCI_REVISION	      0x08U
#define VPCI_BAR0	      0x10U
#define VPCI_SUBSYSTEM_VENDOR 0x2cU
#define VPCI_SUBSYSTEM_ID     0x2eU
#define VPCI_CAPABILITIES     0x34U
#define VPCI_FIRST_CAPABILITY 0x40U

/* Where a guest may place BARs. A BAR elsewhere reads back as written and decodes nothing. The
 * partition must have no RAM in the memory window. */
#define VPCI_IO_FIRST	  0x1000U
#define VPCI_IO_LAST	  0xffffU
#define VPCI_MEMORY_FIRST 0xc0000000U
#define VPCI_MEMORY_LAST  0xfebfffffU
/* The ECAM window of bus 0 lies in it and goes before BARs. */
#define VPCI_ECAM_FIRST 0xf0000000U
#define VPCI_ECAM_SIZE	0x100000U

struct vpci_function;

/* Behaviour behind the configuration bytes. NULL where a function needs none: the first two and
 * reset, and the BAR operations of one without BARs. Called with the device lock held. Offsets and
 * sizes are inside the configuration space or the BAR. */
struct vpci_function_ops {
	/* Before a read: bring config[offset..] up to date. */
	void (*config_read)(struct vpci_function *function, uint32_t offset, uint32_t size);
	/* After a write (only bits that are writable have changed). */
	void (*config_written)(struct vpci_function *function, uint32_t offset, uint32_t size);
	/* size is 1, 2 or 4, in a memory BAR also 8; not aligned by the caller. */
	uint64_t (*bar_read)(struct vpci_function *function, uint32_t bar, uint32_t offset,
			     uint32_t size);
	void (*bar_write)(struct vpci_function *function, uint32_t bar, uint32_t offset,
			  uint32_t size, uint64_t value);
	/* The partition is reset: the header is at its defaults already. */
	void (*reset)(struct vpci_function *function);
};

struct vpci_bar {
	uint32_t size; /* power of two, at most 256 (I/O) or 4 MiB; 0: not implemented */
	bool is_io;
	uint32_t address; /* after reset, as firmware would have set it */
};

struct vpci_function {
	const struct vpci_function_ops *ops; /* not NULL */
	void *owner;			     /* of the ops */
	struct vpci_bar bar[VPCI_BARS_MAX];
	uint8_t config[VPCI_CONFIG_SIZE];
	uint8_t writable[VPCI_CONFIG_SIZE]; /* 1: the guest may change that bit */
};

struct vpci {
	uint32_t address;				/* CONFIG_ADDRESS, port 0xcf8 */
	struct vpci_function *device[VPCI_DEVICES_MAX]; /* function 0 of each; NULL: none */
	struct vpci_function host_bridge;
};

/* Empty bus with the host bridge. */
void vpci_init(struct vpci *vpci);

/* `number` is 1..VPCI_DEVICES_MAX - 1 and free. The function must outlive the bus. */
void vpci_add(struct vpci *vpci, uint32_t number, struct vpci_function *function);

/* State after reset: BARs at their firmware addresses, command register 0, each function reset. */
void vpci_reset(struct vpci *vpci);

/*
 * Port access; size is 1, 2 or 4. true: handled (ports 0xcf8-0xcff, enabled I/O BARs). The byte
 * port 0xcf9 (reset control) is not handled here. A read of what is absent gives all ones; `value`
 * may change at a write too.
 */
bool vpci_io(struct vpci *vpci, bool is_write, uint16_t port, uint32_t size, uint32_t *value);

/* Access to a guest-physical address; size is 1, 2, 4 or 8. true: inside an enabled memory BAR, or
 * in the ECAM window with at most 4 bytes at a multiple of the size. */
bool vpci_memory(struct vpci *vpci, bool is_write, gpa_t address, uint32_t size, uint64_t *value);

/* Configuration space of bus/device/function `bdf` (bus << 8 | device << 3 | function); offset
 * below 4096, size 1, 2 or 4 and not across a dword. All ones where nothing is. */
uint32_t vpci_config_read(struct vpci *vpci, uint32_t bdf, uint32_t offset, uint32_t size);
void vpci_config_write(struct vpci *vpci, uint32_t bdf, uint32_t offset, uint32_t size,
		       uint32_t value);

/* For functions: little-endian fields of config, and whether (and where) a BAR decodes now. */
uint32_t vpci_function_get(const struct vpci_function *function, uint32_t offset, uint32_t size);
void vpci_function_set(struct vpci_function *function, uint32_t offset, uint32_t size,
		       uint32_t value);
bool vpci_function_bar(const struct vpci_function *function, uint32_t bar, uint32_t *address);

#endif
