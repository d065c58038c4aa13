/* SPDX-License-Identifier: MIT */
#include "appliance/clamav/clamav_time.h"
#include "appliance/av/av_engine.h"

/* An eighth of the time is for libclamav to notice, and one for the verdict's way to the guest. */
#define MARGIN_PART   8U
#define MARGIN_MIN_MS 50U
#define MARGIN_MAX_MS 2000U

static uint32_t margin_of(uint32_t whole_ms)
{
	uint32_t margin = whole_ms / MARGIN_PART;

	if (margin < MARGIN_MIN_MS) {
		return MARGIN_MIN_MS;
	}
	return margin < MARGIN_MAX_MS ? margin : MARGIN_MAX_MS;
}

bool clamav_time_split(uint32_t left_ms, uint32_t max_ms, struct clamav_time *time)
{
	uint32_t margin = margin_of(left_ms < max_ms ? left_ms : max_ms);

	time->scan_ms = max_ms;
	time->kill_ms = max_ms + margin;
	if (left_ms == AV_TIME_NO_END || left_ms >= max_ms + 2 * margin) {
		return true;
	}
	if (left_ms < 4 * margin) {
		return false;
	}
	time->kill_ms = left_ms - margin;
	time->scan_ms = time->kill_ms - margin;
	return true;
}
