/* SPDX-License-Identifier: MIT */
/*
 * A set of signatures, loaded from text in ClamAV's formats (ClamAV manual, "Signatures"):
 *   *.hdb, *.hsb  Hash:Size:Name[:MinFL[:MaxFL]]   MD5, SHA-1 or SHA-256 by the hash's length;
 *                 size * needs MinFL >= 73
 *   *.ndb         Name:TargetType:Offset:HexSignature[:MinFL[:MaxFL]]   target 0 (any file);
 *                 offset *, n, EOF-n, each of the last two also with ,MaxShift
 * A line that is malformed or not supported is reported with file, line and reason, and skipped;
 * the others count. Lines whose functionality levels leave this engine out are skipped in silence,
 * as in ClamAV. Empty lines and lines that begin with # are comments.
 *
 * Life: create, load (any number of files), finish, then any number of scans (av_scan.h) share the
 * set, which does not change any more. No locking: load and finish are one thread's work.
 */
#ifndef AV_SIGNATURES_H
#define AV_SIGNATURES_H

#include "appliance/av/engine/av_automaton.h"
#include "appliance/av/engine/av_hash_table.h"
#include "appliance/av/engine/av_link.h"
#include "appliance/av/engine/av_pattern.h"

/* Functionality level of ClamAV 1.4, whose formats these are. */
#define AV_FUNCTIONALITY_LEVEL 215U
#define AV_LINE_MAX	       8191U
/* State that all bounded gaps of a set may need in one scan; a line beyond that is refused. */
#define AV_LINK_MEMORY_MAX (4U << 20)

enum av_offset_kind { AV_OFFSET_ANY, AV_OFFSET_START, AV_OFFSET_END };

struct av_offset {
	enum av_offset_kind kind;
	uint32_t value; /* from the start, or before the end */
	uint32_t shift; /* how many bytes later it may still begin */
};

#define AV_NO_LINK UINT32_MAX

struct av_part {
	uint32_t signature;
	uint32_t link_in;	 /* from the part before, or AV_NO_LINK: first part */
	uint32_t link_out;	 /* to the part after, or AV_NO_LINK: last part */
	struct av_offset offset; /* of the first part */
	struct av_program before;
	struct av_program after;
	uint8_t anchor_length;
	uint8_t anchor[AV_ANCHOR_MAX];
};

struct av_counts {
	uint32_t hashes;
	uint32_t patterns;
	uint32_t other_level; /* skipped for their functionality levels */
	uint32_t refused;     /* reported */
};

struct av_signatures {
	struct av_counts counts;
	uint32_t signature_count;
	uint32_t part_count;
	uint32_t link_count;
	uint32_t link_words;  /* state of all links, in 64-bit words */
	uint32_t reach_back;  /* text that any part needs before the end of its anchor */
	uint32_t reach_ahead; /* and after it */
	uint32_t *name;	      /* per signature: offset into names */
	char *names;
	struct av_part *part;
	struct av_link *link;
	uint8_t *code;
	struct av_hash_table hashes;
	struct av_automaton automaton;
	struct av_pattern *pattern; /* scratch while loading */
	size_t name_capacity, names_size, names_capacity, part_capacity, link_capacity, code_size,
		code_capacity;
};

/* Says that line `line` (from 1) of `file` was refused. */
typedef void av_report_function(void *context, const char *file, unsigned int line,
				const char *reason);

/* NULL: out of memory. */
struct av_signatures *av_signatures_create(void);
void av_signatures_destroy(struct av_signatures *set);

/* Whether the name's ending is one of the formats above. */
bool av_signatures_is_file(const char *file);

/* Loads the text of one file. 0; -EINVAL: not a known ending; -ENOMEM: the set is of no use. */
int av_signatures_load(struct av_signatures *set, const char *file, const char *text, size_t length,
		       av_report_function *report, void *context);

/* Builds what scans need. 0 or -ENOMEM. */
int av_signatures_finish(struct av_signatures *set);

const char *av_signatures_name(const struct av_signatures *set, uint32_t signature);

/* Bytes that the finished set takes, without what each scan takes. */
size_t av_signatures_memory(const struct av_signatures *set);

#endif
