/* SPDX-License-Identifier: MIT */
/*
 * The scans of an antivirus service: takes events, reads the files that they are about through
 * access requests, has them scanned by an engine (av_engine.h), and acts on the result as the
 * policy says.
 *
 * Each event becomes a job. Jobs whose guest waits for a verdict go before those that are reports;
 * as many as the engine takes run at once, so that one slow guest holds up no other. A job that
 * ends for any reason (scanned, guest gone, request failed) gives its event back exactly once.
 *
 * What is printed on standard output, one line each, is the service's log:
 *   GUEST: PATH: SIGNATURE -> deny, quarantine (scan N bytes)      the story
 *   INFECTED GUEST PATH SIGNATURE                                  the same, for programs
 *   UNSCANNED GUEST PATH REASON                                    no result; the fallback holds
 * Bytes of a path that are not printable ASCII, and blanks, appear as \xNN.
 *
 * Threads: none; everything happens in the access library's callbacks.
 */
#ifndef AV_SCANNER_H
#define AV_SCANNER_H

#include "appliance/av/av_engine.h"
#include "appliance/av/av_policy.h"
#include "appliance/lib/include/muxaccess.h"

#define AV_JOBS_MAX   1024U
#define AV_GUESTS_MAX 32U

/* Codes of mux_verdict's `reason`. */
enum av_reason { AV_REASON_CLEAN = 0, AV_REASON_INFECTED = 1, AV_REASON_UNSCANNED = 2 };

/* Counter of its own, beside enum mux_counter: files without a result. */
#define AV_COUNTER_UNSCANNED 4096U

/* Engine, policy and service outlive the scanner. NULL: out of memory. */
struct av_scanner *av_scanner_create(struct mux_service *service, struct av_engine *engine,
				     const struct av_policy *policy);
/* Ends all jobs: those that wait for a verdict get their fallback at once, as do all later ones.
 * What was found infected is still put away. For a service that is about to stop. */
void av_scanner_stop(struct av_scanner *scanner);
/* Releases the events of all jobs, as above. After mux_service_run() has returned. */
void av_scanner_destroy(struct av_scanner *scanner);

/* For mux_on_event of every kind; context is the scanner. */
void av_scanner_take_event(struct mux_event *event, void *context);

/* Jobs that have not ended. */
unsigned int av_scanner_busy(const struct av_scanner *scanner);

/* ---- for the engine ---- */

struct mux_service *av_scanner_service(const struct av_scanner *scanner);
/* Asks for a part of the scan's file: `take` and `read_done` follow, or `abandon`, which may come
 * before this returns. One such request of a scan at a time. */
void av_scanner_read(struct av_scanner *scanner, unsigned int scan, uint64_t offset,
		     uint64_t length);
/* Ends the scan; what it asked for and has not got does not come any more. The engine may be told
 * to begin the next one before this returns. The text need not outlive the call. */
void av_scanner_finish(struct av_scanner *scanner, unsigned int scan, struct av_outcome outcome);

#endif
