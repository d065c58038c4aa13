/* SPDX-License-Identifier: MIT */
#include "appliance/clamav/clamav_message.h"

bool clamav_message_check(struct clamav_reply *reply, size_t received, uint64_t file_size)
{
	if (received != sizeof(*reply)) {
		return false;
	}
	reply->text[CLAMAV_TEXT_SIZE - 1] = '\0';
	switch (reply->kind) {
	case CLAMAV_REPLY_READ:
		return reply->length > 0 && reply->length <= CLAMAV_WINDOW &&
		       reply->length <= file_size && reply->offset <= file_size - reply->length;
	case CLAMAV_REPLY_RESULT:
		return reply->outcome == AV_OUTCOME_CLEAN ||
		       reply->outcome == AV_OUTCOME_INFECTED ||
		       reply->outcome == AV_OUTCOME_UNSCANNED;
	default: return false;
	}
}
