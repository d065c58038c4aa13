/* SPDX-License-Identifier: MIT */
/*
 * The scans of the antivirus service: takes events, reads the files that they are about through
 * access requests, and acts on the result as the policy says.
 *
 * Each event becomes a job. Jobs whose guest waits for a verdict go before those that are reports;
 * AV_SCANS_MAX run at once, each with a scan context of its own, so that one slow guest holds up
 * no other. A job that ends for any reason (scanned, guest gone, request failed) gives its event
 * back exactly once.
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

#include "appliance/av/av_policy.h"
#include "appliance/av/engine/av_scan.h"
#include "appliance/lib/include/muxaccess.h"

#define AV_SCANS_MAX  8U
#define AV_JOBS_MAX   1024U
#define AV_GUESTS_MAX 32U

/* Codes of mux_verdict's `reason`. */
enum av_reason { AV_REASON_CLEAN = 0, AV_REASON_INFECTED = 1, AV_REASON_UNSCANNED = 2 };

struct av_scanner;

/* `set` is finished; it, the policy and the service outlive the scanner. NULL: out of memory. */
struct av_scanner *av_scanner_create(struct mux_service *service, const struct av_signatures *set,
				     const struct av_policy *policy);
/* Releases the events of all jobs; those that wait for a verdict get their fallback. After
 * mux_service_run() has returned. */
void av_scanner_destroy(struct av_scanner *scanner);

/* For mux_on_event of every kind; context is the scanner. */
void av_scanner_take_event(struct mux_event *event, void *context);

/* Jobs that have not ended. */
unsigned int av_scanner_busy(const struct av_scanner *scanner);

#endif
