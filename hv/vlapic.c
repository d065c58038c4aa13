/* SPDX-License-Identifier: MIT */
#include "hv/vlapic.h"

#include <errno.h>
#include <string.h>

/* Registers: MSR number minus 0x800, and page offset in units of 16 bytes (SDM 3A, 11.12.1.2). */
enum {
	REG_ID = 0x02,
	REG_VERSION = 0x03,
	REG_TPR = 0x08,
	REG_PPR = 0x0a,
	REG_EOI = 0x0b,
	REG_LDR = 0x0d,
	REG_SVR = 0x0f,
	REG_ISR = 0x10,
	REG_IRR = 0x20,
	REG_ESR = 0x28,
	REG_ICR = 0x30,
	REG_LVT_TIMER = 0x32,
	REG_LVT_ERROR = 0x37,
	REG_INITIAL_COUNT = 0x38,
	REG_CURRENT_COUNT = 0x39,
	REG_DIVIDE = 0x3e,
	REG_SELF_IPI = 0x3f,
};

#define REG_WORDS 4U /* a register every 16 bytes */

/* Bit n: MSR 0x800 + n can be read. ISR, TMR and IRR are 0x10-0x27. */
#define READABLE                                                                                \
	((1ULL << REG_ID) | (1ULL << REG_VERSION) | (1ULL << REG_TPR) | (1ULL << REG_PPR) |     \
	 (1ULL << REG_LDR) | (1ULL << REG_SVR) | (0xffffffULL << REG_ISR) | (1ULL << REG_ESR) | \
	 (1ULL << REG_ICR) | (0x3fULL << REG_LVT_TIMER) | (1ULL << REG_INITIAL_COUNT) |         \
	 (1ULL << REG_CURRENT_COUNT) | (1ULL << REG_DIVIDE))

#define APIC_BASE_X2APIC    0xfee00c00ULL /* enabled, in x2APIC mode */
#define APIC_BASE_BOOTSTRAP 0x100ULL
#define VERSION_6_LVT	    0x00050014U
#define SVR_ENABLE	    0x100U
#define SVR_VALID	    0x3ffU
#define SVR_RESET	    0xffU
#define LVT_MASKED	    0x10000U
#define LVT_READ_ONLY	    0x5000U /* delivery status, remote IRR */
#define LVT_COUNT	    6U
#define TIMER_MODE	    0x60000U
#define TIMER_DEADLINE	    0x40000U
#define ESR_SEND_ILLEGAL    0x20U
#define ESR_RECEIVE_ILLEGAL 0x40U
#define ICR_RESERVED	    0xfff32000ULL
#define ICR_DELIVERY_STATUS 0x1000ULL
#define ICR_DELIVERIES	    0x73U /* bit per mode: fixed, lowest, NMI, INIT, start-up */
#define ICR_LOGICAL	    0x800U
#define ICR_LEVEL	    0x4000U
#define ICR_TRIGGER_LEVEL   0x8000U
#define DIVIDE_VALID	    0xbU
#define FIRST_LEGAL_VECTOR  16U
#define MSI_ADDRESS_PREFIX  0xfeeULL
#define MSI_LOGICAL	    0x4U
#define MSI_DESTINATION_ALL 0xffU

/* Bits that a write to LVT entry n may set: timer, thermal, performance, LINT0, LINT1, error. */
static const uint32_t lvt_valid[LVT_COUNT] = {0x710ff, 0x117ff, 0x117ff, 0x1f7ff, 0x1f7ff, 0x110ff};

static uint32_t *reg(const struct vlapic *apic, uint32_t number)
{
	return &apic->page[number * REG_WORDS];
}

static void vector_set(struct vlapic *apic, uint32_t first, uint8_t vector)
{
	*reg(apic, first + vector / 32U) |= 1U << (vector % 32U);
}

static void vector_clear(struct vlapic *apic, uint32_t first, uint8_t vector)
{
	*reg(apic, first + vector / 32U) &= ~(1U << (vector % 32U));
}

static void irr_set(struct vlapic *apic, uint8_t vector)
{
	vector_set(apic, REG_IRR, vector);
	apic->irr_changed = true;
}

/* Highest vector in the 256 bits that start at register `first`; 0: none, as no vector is below 16.
 */
static uint8_t highest_vector(const struct vlapic *apic, uint32_t first)
{
	/* Runs several times an exit: the upper half is mostly empty. */
	uint32_t upper = *reg(apic, first + 4) | *reg(apic, first + 5) | *reg(apic, first + 6) |
			 *reg(apic, first + 7);

	for (uint32_t i = upper != 0 ? 8 : 4; i-- > 0;) {
		uint32_t bits = *reg(apic, first + i);

		if (bits != 0) {
			return (uint8_t)(i * 32U + 31U - (uint32_t)__builtin_clz(bits));
		}
	}
	return 0;
}

uint8_t vlapic_svi(const struct vlapic *apic)
{
	return highest_vector(apic, REG_ISR);
}

uint8_t vlapic_rvi(const struct vlapic *apic)
{
	return highest_vector(apic, REG_IRR);
}

/* Processor priority (SDM 3A, 11.8.3.1). The page holds it: after a write to TPR, an acceptance or
 * an EOI it is updated here, or by VT-x when that was virtualised (SDM 3C, 30.1.3). */
static void update_priority(struct vlapic *apic)
{
	uint32_t tpr = *reg(apic, REG_TPR);
	uint32_t in_service = vlapic_svi(apic) & 0xf0U;

	*reg(apic, REG_PPR) = (tpr & 0xf0U) >= in_service ? tpr : in_service;
}

/* The class that an interrupt must exceed to be taken. */
static uint32_t priority_class(const struct vlapic *apic)
{
	return *reg(apic, REG_PPR) & 0xf0U;
}

static bool is_enabled(const struct vlapic *apic)
{
	return (*reg(apic, REG_SVR) & SVR_ENABLE) != 0;
}

/* An LVT entry fires. False: it wants to, with an illegal vector. */
static bool lvt_fire(struct vlapic *apic, uint32_t number)
{
	uint32_t lvt = *reg(apic, number);
	bool is_legal = (lvt & 0xffU) >= FIRST_LEGAL_VECTOR;

	if ((lvt & LVT_MASKED) != 0) {
		return true;
	}
	if (is_legal) {
		irr_set(apic, (uint8_t)lvt);
	}
	return is_legal;
}

static void raise_error(struct vlapic *apic, uint32_t error)
{
	apic->errors |= error;
	if (!lvt_fire(apic, REG_LVT_ERROR)) {
		apic->errors |= ESR_RECEIVE_ILLEGAL;
	}
}

/* --- timer (SDM 3A, 11.5.4) --- */

static uint32_t timer_mode(const struct vlapic *apic)
{
	return *reg(apic, REG_LVT_TIMER) & TIMER_MODE;
}

uint64_t vlapic_deadline(const struct vlapic *apic)
{
	return (*reg(apic, REG_LVT_TIMER) & LVT_MASKED) != 0 ? 0 : apic->timer_due;
}

uint64_t vlapic_wake_time(const struct vlapic *apic)
{
	uint64_t deadline = vlapic_deadline(apic);
	uint32_t class = *reg(apic, REG_LVT_TIMER) & 0xf0U;

	return deadline == 0 || class <= priority_class(apic) ? UINT64_MAX : deadline;
}

void vlapic_timer_expire(struct vlapic *apic, uint64_t now)
{
	if (apic->timer_due == 0 || now < apic->timer_due) {
		return;
	}
	apic->timer_due = 0;
	if (!lvt_fire(apic, REG_LVT_TIMER)) {
		raise_error(apic, ESR_RECEIVE_ILLEGAL);
	}
}

/* --- messages --- */

static void send_self(struct vlapic *apic, uint8_t vector)
{
	if (vector < FIRST_LEGAL_VECTOR) {
		raise_error(apic, ESR_SEND_ILLEGAL);
	} else if (is_enabled(apic)) {
		irr_set(apic, vector);
	}
}

static int write_icr(struct vlapic *apic, uint64_t value, struct vlapic_action *action)
{
	struct vlapic_message message = {
		.delivery = (enum vlapic_delivery)((value >> 8) & 7U),
		.shorthand = (enum vlapic_shorthand)((value >> 18) & 3U),
		.is_logical = (value & ICR_LOGICAL) != 0,
		.vector = (uint8_t)value,
		.destination = (uint32_t)(value >> 32),
	};
	bool is_fixed = message.delivery <= VLAPIC_LOWEST;

	if ((value & ICR_RESERVED) != 0 || ((ICR_DELIVERIES >> message.delivery) & 1U) == 0) {
		return -EINVAL;
	}
	*reg(apic, REG_ICR) = (uint32_t)(value & ~ICR_DELIVERY_STATUS);
	/* VT-x reads the register as 64 bits here (SDM 3C, 30.5), the xAPIC layout has the
	 * destination in a register of its own. */
	reg(apic, REG_ICR)[1] = message.destination;
	*reg(apic, REG_ICR + 1) = message.destination;
	if (message.delivery == VLAPIC_INIT && (value & ICR_TRIGGER_LEVEL) != 0 &&
	    (value & ICR_LEVEL) == 0) {
		return 0; /* INIT level de-assert has no effect since the P6 (11.6.1) */
	}
	if (is_fixed && (message.vector < FIRST_LEGAL_VECTOR || message.shorthand == VLAPIC_SELF)) {
		send_self(apic, message.vector);
		return 0;
	}
	action->has_message = true;
	action->message = message;
	return 0;
}

bool vlapic_is_target(const struct vlapic *apic, const struct vlapic *sender,
		      const struct vlapic_message *message)
{
	uint32_t id = apic->apic_id;
	uint32_t destination = message->destination;

	if (apic == sender &&
	    (message->delivery == VLAPIC_INIT || message->delivery == VLAPIC_STARTUP)) {
		return false;
	}
	switch (message->shorthand) {
	case VLAPIC_SELF: return apic == sender;
	case VLAPIC_ALL: return true;
	case VLAPIC_ALL_BUT_SELF: return apic != sender;
	case VLAPIC_BY_DESTINATION: break;
	}
	if (destination == VLAPIC_DESTINATION_ALL) {
		return true;
	}
	if (!message->is_logical) {
		return destination == id;
	}
	/* x2APIC cluster mode (11.12.10.2). */
	return destination >> 16 == id >> 4 && ((destination >> (id & 15U)) & 1U) != 0;
}

int vlapic_msi_decode(uint64_t address, uint32_t data, struct vlapic_message *message)
{
	uint32_t delivery = (data >> 8) & 7U;
	uint32_t destination = (uint32_t)(address >> 12) & 0xffU;
	bool is_logical = (address & MSI_LOGICAL) != 0;
	uint8_t vector = (uint8_t)data;

	if (address >> 20 != MSI_ADDRESS_PREFIX) {
		return -EINVAL;
	}
	if (delivery != VLAPIC_NMI && (delivery > VLAPIC_LOWEST || vector < FIRST_LEGAL_VECTOR)) {
		return -EINVAL;
	}
	if (!is_logical && destination == MSI_DESTINATION_ALL) {
		destination = VLAPIC_DESTINATION_ALL;
	}
	*message = (struct vlapic_message){
		.delivery = (enum vlapic_delivery)delivery,
		.shorthand = VLAPIC_BY_DESTINATION,
		.is_logical = is_logical,
		.vector = vector,
		.destination = destination,
	};
	return 0;
}

/* --- interrupts --- */

bool vlapic_post(struct vlapic *apic, uint8_t vector)
{
	if (vector < FIRST_LEGAL_VECTOR) {
		return false;
	}
	atomic_fetch_or_explicit(&apic->pending[vector / 64U], 1ULL << (vector % 64U),
				 memory_order_relaxed);
	/* Release: pairs with the exchange in vlapic_sync_pending, which then sees the bit. */
	return atomic_exchange_explicit(&apic->has_pending, 1, memory_order_acq_rel) == 0;
}

void vlapic_sync_pending(struct vlapic *apic)
{
	/* First the flag, then the bits: a vector posted in between sets the flag again. */
	atomic_exchange_explicit(&apic->has_pending, 0, memory_order_acq_rel);
	for (uint32_t i = 0; i < ARRAY_COUNT(apic->pending); i++) {
		uint64_t bits =
			atomic_exchange_explicit(&apic->pending[i], 0, memory_order_acquire);

		/* Software-disabled: fixed interrupts are not accepted (11.4.7.2). */
		if (bits == 0 || !is_enabled(apic)) {
			continue;
		}
		*reg(apic, REG_IRR + 2 * i) |= (uint32_t)bits;
		*reg(apic, REG_IRR + 2 * i + 1) |= (uint32_t)(bits >> 32);
		apic->irr_changed = true;
	}
}

int vlapic_next(const struct vlapic *apic)
{
	uint8_t vector = vlapic_rvi(apic);

	return (vector & 0xf0U) > priority_class(apic) ? vector : -1;
}

void vlapic_accept(struct vlapic *apic, uint8_t vector)
{
	vector_clear(apic, REG_IRR, vector);
	vector_set(apic, REG_ISR, vector);
	update_priority(apic);
}

void vlapic_eoi(struct vlapic *apic)
{
	vector_clear(apic, REG_ISR, vlapic_svi(apic));
	update_priority(apic);
}

/* --- registers --- */

void vlapic_reset(struct vlapic *apic)
{
	uint32_t id = apic->apic_id;

	memset(apic->page, 0, PAGE_SIZE);
	*reg(apic, REG_ID) = id;
	*reg(apic, REG_VERSION) = VERSION_6_LVT;
	*reg(apic, REG_LDR) = (id >> 4) << 16 | 1U << (id & 15U);
	*reg(apic, REG_SVR) = SVR_RESET;
	for (uint32_t i = 0; i < LVT_COUNT; i++) {
		*reg(apic, REG_LVT_TIMER + i) = LVT_MASKED;
	}
	apic->irr_changed = true; /* the CPU's copy of RVI is stale */
	apic->errors = 0;
	apic->timer_due = 0;
	vlapic_sync_pending(apic); /* software-disabled: drops what was posted */
}

void vlapic_init(struct vlapic *apic, void *page, uint32_t apic_id, bool is_bootstrap)
{
	*apic = (struct vlapic){
		.page = page,
		.apic_id = apic_id,
		.is_bootstrap = is_bootstrap,
	};
	vlapic_reset(apic);
}

static uint64_t apic_base(const struct vlapic *apic)
{
	return APIC_BASE_X2APIC | (apic->is_bootstrap ? APIC_BASE_BOOTSTRAP : 0);
}

int vlapic_msr_read(struct vlapic *apic, uint32_t msr, uint64_t now, uint64_t *value)
{
	uint32_t number = msr - VLAPIC_MSR_FIRST;

	vlapic_timer_expire(apic, now);
	if (msr == VLAPIC_MSR_APIC_BASE) {
		*value = apic_base(apic);
		return 0;
	}
	if (msr == VLAPIC_MSR_TSC_DEADLINE) {
		*value = apic->timer_due;
		return 0;
	}
	if (number > VLAPIC_MSR_LAST - VLAPIC_MSR_FIRST || ((READABLE >> number) & 1U) == 0) {
		return -EINVAL;
	}
	number = (uint32_t)index_clamp(number, VLAPIC_MSR_LAST - VLAPIC_MSR_FIRST + 1);
	vlapic_sync(apic);
	*value = *reg(apic, number);
	if (number == REG_ICR) {
		*value |= (uint64_t)reg(apic, REG_ICR)[1] << 32;
	}
	return 0;
}

/* A software-disabled APIC keeps all LVT entries masked (11.4.7.2). */
static int write_svr(struct vlapic *apic, uint32_t value)
{
	if ((value & ~SVR_VALID) != 0) {
		return -EINVAL;
	}
	*reg(apic, REG_SVR) = value;
	for (uint32_t i = 0; i < LVT_COUNT && !is_enabled(apic); i++) {
		*reg(apic, REG_LVT_TIMER + i) |= LVT_MASKED;
	}
	return 0;
}

static int write_lvt(struct vlapic *apic, uint32_t number, uint32_t value)
{
	uint32_t entry = (uint32_t)index_clamp(number - REG_LVT_TIMER, LVT_COUNT);
	uint32_t *lvt = reg(apic, REG_LVT_TIMER + entry);

	if ((value & ~lvt_valid[entry]) != 0 || (value & TIMER_MODE) == TIMER_MODE) {
		return -EINVAL; /* both mode bits: reserved */
	}
	/* 11.5.4.1: a change to or from TSC-deadline mode disarms the timer. */
	if (entry == 0 && ((*lvt ^ value) & TIMER_DEADLINE) != 0) {
		apic->timer_due = 0;
	}
	*lvt = (value & ~LVT_READ_ONLY) | (is_enabled(apic) ? 0 : LVT_MASKED);
	return 0;
}

/* Registers of 32 bits. */
static int write_register(struct vlapic *apic, uint32_t number, uint32_t value)
{
	switch (number) {
	case REG_TPR:
		if (value > 0xffU) {
			return -EINVAL;
		}
		*reg(apic, REG_TPR) = value;
		update_priority(apic);
		return 0;
	case REG_EOI:
		if (value != 0) {
			return -EINVAL;
		}
		vlapic_eoi(apic);
		return 0;
	case REG_SVR: return write_svr(apic, value);
	case REG_ESR:
		if (value != 0) {
			return -EINVAL;
		}
		*reg(apic, REG_ESR) = apic->errors;
		apic->errors = 0;
		return 0;
	case REG_INITIAL_COUNT: return 0; /* the timer has TSC-deadline mode only */
	case REG_DIVIDE:
		if ((value & ~DIVIDE_VALID) != 0) {
			return -EINVAL;
		}
		*reg(apic, REG_DIVIDE) = value;
		return 0;
	case REG_SELF_IPI:
		if (value > 0xffU) {
			return -EINVAL;
		}
		send_self(apic, (uint8_t)value);
		return 0;
	default:
		if (number < REG_LVT_TIMER || number > REG_LVT_ERROR) {
			return -EINVAL;
		}
		return write_lvt(apic, number, value);
	}
}

int vlapic_msr_write(struct vlapic *apic, uint32_t msr, uint64_t value, uint64_t now,
		     struct vlapic_action *action)
{
	uint32_t number = msr - VLAPIC_MSR_FIRST;
	int result = -EINVAL;

	*action = (struct vlapic_action){0};
	if (msr == VLAPIC_MSR_APIC_BASE) {
		return value == apic_base(apic) ? 0 : -EINVAL;
	}
	if (number == REG_EOI && value == 0) { /* the frequent one */
		vlapic_eoi(apic);
		return 0;
	}
	vlapic_timer_expire(apic, now);
	if (msr == VLAPIC_MSR_TSC_DEADLINE) {
		if (timer_mode(apic) == TIMER_DEADLINE) {
			apic->timer_due = value;
			vlapic_timer_expire(apic, now);
		}
		result = 0;
	} else if (number == REG_ICR) {
		result = write_icr(apic, value, action);
	} else if (number <= VLAPIC_MSR_LAST - VLAPIC_MSR_FIRST && value >> 32 == 0) {
		result = write_register(apic, number, (uint32_t)value);
	}
	return result;
}
