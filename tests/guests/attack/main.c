// SPDX-License-Identifier: MIT
/*
 * attack FAMILY: makes the attack of that family whose number is the partition's number of
 * restarts, then exits, so that the next start makes the next one. After the last it reports to
 * the monitor by an ordinary connection, with the number of attacks that hang.
 *
 * Each attack prints "attack NN NAME" and, when it was refused, "attack NN NAME: ok". One that
 * succeeds prints "FAILED" and hangs, which the monitor counts.
 */
#include "tests/guests/attack/attack.h"

#include <linux/vm_sockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MONITOR_PORT 1U
#define DIRT	     0xd1d1d1d1d1d1d1d1ULL
#define STACK_KEPT   0x100000ULL /* the runtime's stack is at the end of the free memory */
#define HEAP_KEPT    0x10000ULL	 /* what newlib has taken of the heap until main */

static const struct attack_family *const families[] = {
	&attack_memory,	  &attack_bar,	   &attack_indirect, &attack_ring,
	&attack_cpu,	  &attack_refusal, &attack_tx,	     &attack_rx,
	&attack_register, &attack_packet,  &attack_flood,    &attack_smp,
};

const void *attack_hypercall_code;
bool attack_uses_vmmcall;
bool attack_is_in_qemu;

extern const char attack_vmcall[], attack_vmmcall[];
__asm__("attack_vmcall: vmcall; ret\nattack_vmmcall: vmmcall; ret");

/* By the CPU's brand. */
static void look_for_qemu(void)
{
	uint32_t r[4] = {0x80000002U, 0, 0, 0};

	__asm__ volatile("cpuid" : "+a"(r[0]), "=b"(r[1]), "+c"(r[2]), "=d"(r[3]));
	attack_is_in_qemu = memcmp(r, "QEMU TCG", 8) == 0;
}

static void choose_hypercall(void)
{
	uint32_t a = MUX_CPUID_FEATURES, b, c = 0, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	attack_uses_vmmcall = (b & MUX_FEATURE_VMMCALL) != 0;
	attack_hypercall_code = attack_uses_vmmcall ? attack_vmmcall : attack_vmcall;
}

struct mux_stats attack_stats(void)
{
	struct mux_stats stats = {0};

	mux_stats(0, &stats);
	return stats;
}

void attack_spin(uint64_t ticks)
{
	uint64_t end = mux_tsc() + ticks;

	while (mux_tsc() < end) {
		__asm__ volatile("pause");
	}
}

__attribute__((noreturn)) static void hang(void)
{
	fflush(stdout);
	for (;;) {
		__asm__ volatile("sti; hlt");
	}
}

/* Memory that no segment fills is zero at each start, whatever the last run left there. */
static void scan_and_soil(void)
{
	const struct mux_guest_boot *boot = mux_boot();
	uint64_t *word = (uint64_t *)(uintptr_t)(boot->free_start + HEAP_KEPT);
	uint64_t *end = (uint64_t *)(uintptr_t)(boot->free_end - STACK_KEPT);

	uint64_t *found = word;
	uint64_t count = (uint64_t)(end - word);
	bool is_zero;

	__asm__ volatile("test %%eax, %%eax\n\trepe scasq"
			 : "+D"(found), "+c"(count), "=@ccz"(is_zero)
			 : "a"(0)
			 : "memory");
	if (!is_zero) {
		printf("attack: FAILED memory at %p holds 0x%lx%s\n", (void *)(found - 1),
		       (unsigned long)found[-1], found[-1] == ATTACK_SECRET ? ", the secret" : "");
		hang();
	}
	count = (uint64_t)(end - word);
	__asm__ volatile("rep stosq" : "+D"(word), "+c"(count) : "a"(DIRT) : "memory");
}

static const struct attack_family *find_family(const char *name)
{
	for (size_t i = 0; i < ARRAY_COUNT(families); i++) {
		if (strcmp(families[i]->name, name) == 0) {
			return families[i];
		}
	}
	printf("attack: FAILED no family %s\n", name);
	hang();
}

static bool is_skipped(const struct attack *attack)
{
	return (attack->end & ATTACK_BREAKPOINTS) != 0 && attack_is_in_qemu;
}

static void report(const struct attack_family *family)
{
	struct sockaddr_vm address = {
		.svm_family = AF_VSOCK,
		.svm_cid = MUX_CID_MANAGER,
		.svm_port = MONITOR_PORT,
	};
	uint8_t hangs = 0;
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

	for (size_t i = 0; i < family->count; i++) {
		const struct attack *attack = &family->attacks[i];

		hangs = (uint8_t)(hangs +
				  (ATTACK_END(attack) == ATTACK_HANGS && !is_skipped(attack)));
	}
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    send(fd, &hangs, 1, MSG_NOSIGNAL) != 1) {
		printf("attack: FAILED the monitor does not answer\n");
		hang();
	}
	printf("attack: all %u of %s done\n", (unsigned)family->count, family->name);
	for (;;) {
		sleep(1000);
	}
}

__attribute__((noreturn)) static void run(unsigned int number, const struct attack *attack)
{
	const char *why;

	printf("attack %02u %s\n", number, attack->name);
	fflush(stdout);
	if (is_skipped(attack)) {
		printf("attack %02u %s: skipped\n", number, attack->name);
		fflush(stdout);
		mux_exit(0);
	}
	why = attack->run();
	if (why == NULL && ATTACK_END(attack) == ATTACK_STOPPED) {
		why = "it goes on";
	}
	if (why != NULL) {
		printf("attack %02u %s: FAILED %s\n", number, attack->name, why);
		hang();
	}
	printf("attack %02u %s: ok\n", number, attack->name);
	/* At once: the attack may have left anything behind. */
	fflush(stdout);
	mux_exit(0);
}

int main(int argc, char **argv)
{
	const struct attack_family *family;
	uint64_t number = attack_stats().restarts;

	setvbuf(stdout, NULL, _IOLBF, 0);
	choose_hypercall();
	look_for_qemu();
	scan_and_soil();
	family = find_family(argc > 1 ? argv[1] : "");
	if (number >= family->count) {
		report(family);
	}
	fault_init();
	run((unsigned int)number, &family->attacks[number]);
}
