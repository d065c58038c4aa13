/* SPDX-License-Identifier: MIT */
#include "appliance/av/av_text.h"

#include <string.h>

const char *av_text_escape(const char *from)
{
	static const char digits[] = "0123456789abcdef";
	static char buffer[AV_TEXT_BUFFERS][4 * AV_TEXT_MAX + 4];
	static unsigned int turn;
	char *text = buffer[turn++ % AV_TEXT_BUFFERS];
	char *to = text;

	for (unsigned int i = 0; from[i] != '\0'; i++) {
		unsigned char byte = (unsigned char)from[i];

		if (i == AV_TEXT_MAX) {
			memcpy(to, "...", 3);
			to += 3;
			break;
		}
		if (byte > ' ' && byte < 0x7f && byte != '\\') {
			*to++ = (char)byte;
		} else {
			*to++ = '\\';
			*to++ = 'x';
			*to++ = digits[byte >> 4];
			*to++ = digits[byte & 15];
		}
	}
	*to = '\0';
	return text;
}
