/* SPDX-License-Identifier: MIT */
/*
 * What the service and a scan process say to each other over a socket pair (SOCK_SEQPACKET), one
 * struct a packet. The file's bytes lie in a shared window, which only the service writes.
 *
 *   service                       scan process
 *   SCAN size, time        ->
 *                          <-     READ offset, length     )
 *   DATA length            ->                             ) as often as it needs
 *                          <-     RESULT
 *
 * The scan process reads hostile files: the service believes nothing that it says.
 */
#ifndef CLAMAV_MESSAGE_H
#define CLAMAV_MESSAGE_H

#include "appliance/av/av_engine.h"

#define CLAMAV_WINDOW	 (512U << 10)
#define CLAMAV_TEXT_SIZE 256U

enum clamav_order_kind { CLAMAV_ORDER_SCAN, CLAMAV_ORDER_DATA };

struct clamav_order {
	uint32_t kind;
	uint32_t time_ms; /* SCAN */
	uint64_t size;	  /* SCAN: of the file; DATA: bytes in the window, fewer than wanted where
			     the file cannot be read on */
};

enum clamav_reply_kind { CLAMAV_REPLY_READ, CLAMAV_REPLY_RESULT };

struct clamav_reply {
	uint32_t kind;
	uint32_t outcome; /* RESULT: enum av_outcome_kind */
	uint64_t offset;  /* READ */
	uint64_t length;
	char text[CLAMAV_TEXT_SIZE]; /* RESULT: signature or reason */
};

/* Is this, of `received` bytes, what a scan process may say about a file of file_size bytes? Ends
 * its text. */
bool clamav_message_check(struct clamav_reply *reply, size_t received, uint64_t file_size);

#endif
