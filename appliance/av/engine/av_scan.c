/* SPDX-License-Identifier: MIT */
/*
 * The automaton runs `reach_ahead` bytes behind the data that has arrived, so that whatever follows
 * a candidate's anchor is at hand when it is compared; `reach_back` bytes before it are kept.
 */
#include "appliance/av/engine/av_scan.h"
#include "appliance/av/engine/av_program.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK 65536U /* new data that fits beside what is kept */

struct av_scan {
	const struct av_signatures *set;
	uint64_t size;
	uint64_t serial; /* of this scan; what carries another serial is stale */
	uint64_t work;
	uint64_t work_limit;
	uint64_t received;
	uint64_t base; /* position in the file of buffer[0] */
	size_t filled; /* bytes in buffer */
	size_t done;   /* bytes of them that the automaton has seen */
	size_t capacity;
	uint32_t state; /* of the automaton */
	uint32_t found_count;
	unsigned int flags;
	int status; /* what av_scan_feed answers */
	bool hashing[AV_HASH_KINDS];
	struct av_hash hash[AV_HASH_KINDS];
	uint64_t *links;	/* state of the links */
	uint64_t *found_serial; /* per signature: serial of the scan that found it last */
	uint32_t *found;
	uint8_t *buffer;
};

static size_t buffer_size(const struct av_signatures *set)
{
	return (size_t)set->reach_back + set->reach_ahead + CHUNK;
}

size_t av_scan_memory(const struct av_signatures *set)
{
	return sizeof(struct av_scan) + (size_t)set->link_words * sizeof(uint64_t) +
	       (size_t)set->signature_count * (sizeof(uint64_t) + sizeof(uint32_t)) +
	       buffer_size(set);
}

struct av_scan *av_scan_create(const struct av_signatures *set)
{
	struct av_scan *scan = calloc(1, sizeof(*scan));

	if (scan == NULL) {
		return NULL;
	}
	scan->set = set;
	scan->capacity = buffer_size(set);
	scan->links = calloc((size_t)set->link_words + 1, sizeof(*scan->links));
	scan->found_serial = calloc((size_t)set->signature_count + 1, sizeof(*scan->found_serial));
	scan->found = calloc((size_t)set->signature_count + 1, sizeof(*scan->found));
	scan->buffer = malloc(scan->capacity);
	if (!scan->links || !scan->found_serial || !scan->found || !scan->buffer) {
		av_scan_destroy(scan);
		return NULL;
	}
	return scan;
}

void av_scan_destroy(struct av_scan *scan)
{
	if (scan == NULL) {
		return;
	}
	free(scan->links);
	free(scan->found_serial);
	free(scan->found);
	free(scan->buffer);
	free(scan);
}

void av_scan_begin(struct av_scan *scan, uint64_t size, unsigned int flags)
{
	scan->size = size;
	scan->flags = flags;
	scan->serial++;
	scan->work = 0;
	scan->work_limit = size > UINT64_MAX / AV_WORK_PER_BYTE - AV_WORK_BASE
				   ? UINT64_MAX
				   : AV_WORK_BASE + size * AV_WORK_PER_BYTE;
	scan->received = 0;
	scan->base = 0;
	scan->filled = 0;
	scan->done = 0;
	scan->state = 0;
	scan->found_count = 0;
	scan->status = 0;
	for (unsigned int kind = 0; kind < AV_HASH_KINDS; kind++) {
		scan->hashing[kind] =
			av_hash_table_wants(&scan->set->hashes, (enum av_hash_kind)kind, size);
		if (scan->hashing[kind]) {
			av_hash_begin(&scan->hash[kind], (enum av_hash_kind)kind);
		}
	}
}

static void report_found(struct av_scan *scan, uint32_t signature)
{
	if (scan->found_serial[signature] == scan->serial) {
		return;
	}
	scan->found_serial[signature] = scan->serial;
	scan->found[scan->found_count++] = signature;
	if ((scan->flags & AV_SCAN_ALL) == 0) {
		scan->status = 1;
	}
}

/* First and last position where a part with this offset may start. false: nowhere. */
static bool offset_range(const struct av_offset *offset, uint64_t size, uint64_t *first,
			 uint64_t *last)
{
	*first = 0;
	*last = UINT64_MAX;
	switch (offset->kind) {
	case AV_OFFSET_ANY: return true;
	case AV_OFFSET_START: *first = offset->value; break;
	default:
		if (offset->value > size) {
			return false;
		}
		*first = size - offset->value;
	}
	*last = *first + offset->shift;
	return true;
}

/* Whether the part may start at any of the positions nearest - lane, whose lanes are set. */
static bool may_start(struct av_scan *scan, const struct av_part *part, uint64_t now,
		      uint64_t nearest, const struct av_lanes *lanes)
{
	const struct av_signatures *set = scan->set;
	uint64_t first = 0, last = 0;

	if (part->link_in == AV_NO_LINK &&
	    !offset_range(&part->offset, scan->size, &first, &last)) {
		return false;
	}
	for (unsigned int word = 0; word < AV_LANES; word++) {
		for (uint64_t left = lanes->bits[word]; left != 0; left &= left - 1) {
			unsigned int lane = word * 64 + (unsigned int)__builtin_ctzll(left);
			uint64_t start = nearest - lane;

			if (part->link_in == AV_NO_LINK
				    ? start >= first && start <= last
				    : av_link_query(&set->link[part->link_in], scan->links,
						    scan->serial, now, start, &scan->work)) {
				return true;
			}
		}
	}
	return false;
}

static void record_ends(struct av_scan *scan, const struct av_part *part, uint64_t now,
			uint64_t nearest, const struct av_lanes *lanes)
{
	for (unsigned int word = 0; word < AV_LANES; word++) {
		for (uint64_t left = lanes->bits[word]; left != 0; left &= left - 1) {
			unsigned int lane = word * 64 + (unsigned int)__builtin_ctzll(left);

			av_link_insert(&scan->set->link[part->link_out], scan->links, scan->serial,
				       now, nearest + lane, &scan->work);
		}
	}
}

/* Whether a first part with an offset can start right at all, before any byte is compared. */
static bool offset_possible(const struct av_scan *scan, const struct av_part *part, uint64_t anchor)
{
	uint64_t first, last;

	if (part->link_in != AV_NO_LINK || part->offset.kind == AV_OFFSET_ANY) {
		return true;
	}
	if (!offset_range(&part->offset, scan->size, &first, &last) ||
	    anchor < part->before.shortest) {
		return false;
	}
	return anchor - part->before.shortest >= first &&
	       anchor <= last + part->before.shortest + part->before.slack;
}

/* The part's anchor ends at buffer[end - 1]. */
static void try_part(struct av_scan *scan, const struct av_part *part, size_t end)
{
	const uint8_t *code = scan->set->code;
	const uint8_t *anchor = scan->buffer + end - part->anchor_length;
	uint64_t now = scan->base + end;
	uint64_t anchor_at = now - part->anchor_length;
	struct av_lanes lanes;

	scan->work++;
	if (scan->found_serial[part->signature] == scan->serial ||
	    !offset_possible(scan, part, anchor_at) ||
	    !av_program_match(code, &part->before, true, anchor, (size_t)(anchor - scan->buffer),
			      &lanes, &scan->work) ||
	    !may_start(scan, part, now, anchor_at - part->before.shortest, &lanes) ||
	    !av_program_match(code, &part->after, false, scan->buffer + end, scan->filled - end,
			      &lanes, &scan->work)) {
		return;
	}
	if (part->link_out == AV_NO_LINK) {
		report_found(scan, part->signature);
	} else {
		record_ends(scan, part, now, now + part->after.shortest, &lanes);
	}
}

/* All anchors that end at buffer[end - 1], where the automaton is in `state`. */
static void try_outputs(struct av_scan *scan, uint32_t state, size_t end)
{
	const struct av_signatures *set = scan->set;

	for (; state != 0; state = set->automaton.state[state].next_output) {
		const struct av_state *node = &set->automaton.state[state];

		for (uint32_t i = node[0].output; i < node[1].output; i++) {
			try_part(scan, &set->part[set->automaton.output[i]], end);
			if (scan->status != 0) {
				return;
			}
		}
	}
	if (scan->work > scan->work_limit) {
		scan->status = -E2BIG;
	}
}

/*
 * Runs states that have rows until one is slow or the text ends; returns the last row entry. This
 * loop sees nearly every byte of ordinary files, hence four bytes a turn.
 */
static uint32_t run_rows(const uint32_t *row, uint32_t entry, const uint8_t **text,
			 const uint8_t *end)
{
	const uint8_t *at = *text;

	while (end - at >= 4) {
		uint32_t first = row[entry + at[0]], second, third;

		if (first >= AV_ENTRY_SLOW) {
			*text = at + 1;
			return first;
		}
		second = row[first + at[1]];
		if (second >= AV_ENTRY_SLOW) {
			*text = at + 2;
			return second;
		}
		third = row[second + at[2]];
		if (third >= AV_ENTRY_SLOW) {
			*text = at + 3;
			return third;
		}
		entry = row[third + at[3]];
		at += 4;
		if (entry >= AV_ENTRY_SLOW) {
			*text = at;
			return entry;
		}
	}
	while (at < end && entry < AV_ENTRY_SLOW) {
		entry = row[entry + *at++];
	}
	*text = at;
	return entry;
}

static void run_automaton(struct av_scan *scan, size_t limit)
{
	const struct av_automaton *automaton = &scan->set->automaton;
	const uint8_t *at = scan->buffer + scan->done, *end = scan->buffer + limit;
	uint32_t state = scan->state;

	while (at < end && scan->status == 0) {
		if (state < automaton->row_count) {
			uint32_t entry = run_rows(automaton->row, state * 256, &at, end);

			if (entry < AV_ENTRY_SLOW) {
				state = entry / 256;
				break;
			}
			state = entry & ~AV_ENTRY_SLOW;
		} else {
			state = av_automaton_step(automaton, state, *at++);
		}
		try_outputs(scan, state, (size_t)(at - scan->buffer));
	}
	scan->state = state;
	scan->done = (size_t)(at - scan->buffer);
}

/* Makes room by dropping what no candidate can reach back to any more. */
static void slide_buffer(struct av_scan *scan)
{
	size_t keep_from =
		scan->done > scan->set->reach_back ? scan->done - scan->set->reach_back : 0;

	memmove(scan->buffer, scan->buffer + keep_from, scan->filled - keep_from);
	scan->base += keep_from;
	scan->filled -= keep_from;
	scan->done -= keep_from;
}

static void feed_hashes(struct av_scan *scan, const void *data, size_t length)
{
	for (unsigned int kind = 0; kind < AV_HASH_KINDS; kind++) {
		if (scan->hashing[kind]) {
			av_hash_feed(&scan->hash[kind], data, length);
		}
	}
}

int av_scan_feed(struct av_scan *scan, const void *data, size_t length)
{
	const uint8_t *bytes = data;

	if (scan->status == 0 && length > scan->size - scan->received) {
		scan->status = -EOVERFLOW;
	}
	if (scan->status != 0) {
		return scan->status;
	}
	scan->received += length;
	feed_hashes(scan, data, length);
	while (length > 0 && scan->status == 0) {
		size_t part;

		if (scan->filled == scan->capacity) {
			slide_buffer(scan);
		}
		part = scan->capacity - scan->filled;
		part = part < length ? part : length;
		memcpy(scan->buffer + scan->filled, bytes, part);
		scan->filled += part;
		bytes += part;
		length -= part;
		if (scan->filled - scan->done > scan->set->reach_ahead) {
			run_automaton(scan, scan->filled - scan->set->reach_ahead);
		}
	}
	return scan->status;
}

static void look_up_hashes(struct av_scan *scan)
{
	for (unsigned int kind = 0; kind < AV_HASH_KINDS; kind++) {
		uint8_t digest[AV_HASH_DIGEST_MAX];
		uint32_t signature;

		if (scan->status != 0 || !scan->hashing[kind]) {
			continue;
		}
		av_hash_end(&scan->hash[kind], digest);
		if (av_hash_table_find(&scan->set->hashes, (enum av_hash_kind)kind, scan->size,
				       digest, &signature)) {
			report_found(scan, signature);
		}
	}
}

int av_scan_end(struct av_scan *scan, struct av_result *result)
{
	if (scan->status == 0 && scan->received == scan->size) {
		run_automaton(scan, scan->filled);
		look_up_hashes(scan);
	} else if (scan->status == 0) {
		scan->status = -ENODATA;
	}
	result->signature = scan->found;
	result->count = scan->found_count;
	return scan->status < 0 ? scan->status : 0;
}

uint64_t av_scan_work(const struct av_scan *scan)
{
	return scan->work;
}
