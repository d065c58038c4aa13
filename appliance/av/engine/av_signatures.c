/* SPDX-License-Identifier: MIT */
/*
 * Loader: each line is checked whole before anything of it enters the set, so that a refused line
 * leaves no trace.
 */
#include "appliance/av/engine/av_signatures.h"
#include "appliance/av/engine/av_line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OUT_OF_MEMORY	"out of memory"
#define WILD_SIZE_LEVEL 73U /* ClamAV reads the size * from this level on */

struct av_signatures *av_signatures_create(void)
{
	struct av_signatures *set = calloc(1, sizeof(*set));

	if (set != NULL) {
		set->pattern = malloc(sizeof(*set->pattern));
		if (set->pattern == NULL) {
			free(set);
			set = NULL;
		}
	}
	return set;
}

void av_signatures_destroy(struct av_signatures *set)
{
	if (set == NULL) {
		return;
	}
	av_automaton_destroy(&set->automaton);
	av_hash_table_destroy(&set->hashes);
	free(set->name);
	free(set->names);
	free(set->part);
	free(set->link);
	free(set->code);
	free(set->pattern);
	free(set);
}

/* The array with room for `more` elements beyond `count`, moved where it had to be; NULL: out of
 * memory, the array stays as it was. */
static void *grow(void *array, size_t *capacity, size_t count, size_t more, size_t size)
{
	size_t wanted = *capacity;
	void *grown;

	if (count + more <= *capacity) {
		return array;
	}
	while (wanted < count + more) {
		wanted += wanted / 2 + 256;
	}
	grown = realloc(array, wanted * size);
	if (grown != NULL) {
		*capacity = wanted;
	}
	return grown;
}

static bool grow_names(struct av_signatures *set, size_t length)
{
	uint32_t *name =
		grow(set->name, &set->name_capacity, set->signature_count, 1, sizeof(*name));
	char *names;

	if (name == NULL) {
		return false;
	}
	set->name = name;
	names = grow(set->names, &set->names_capacity, set->names_size, length + 1, 1);
	if (names == NULL) {
		return false;
	}
	set->names = names;
	return true;
}

static bool grow_patterns(struct av_signatures *set, const struct av_pattern *pattern)
{
	struct av_part *part = grow(set->part, &set->part_capacity, set->part_count,
				    pattern->part_count, sizeof(*part));
	struct av_link *link;
	uint8_t *code;

	if (part == NULL) {
		return false;
	}
	set->part = part;
	link = grow(set->link, &set->link_capacity, set->link_count, pattern->part_count,
		    sizeof(*link));
	if (link == NULL) {
		return false;
	}
	set->link = link;
	/* One byte more than needed: an empty program still gets an address. */
	code = grow(set->code, &set->code_capacity, set->code_size, (size_t)pattern->code_size + 1,
		    1);
	if (code == NULL) {
		return false;
	}
	set->code = code;
	return true;
}

/* Cannot fail after grow_names. */
static uint32_t add_name(struct av_signatures *set, struct av_slice name)
{
	set->name[set->signature_count] = (uint32_t)set->names_size;
	memcpy(set->names + set->names_size, name.data, name.length);
	set->names[set->names_size + name.length] = '\0';
	set->names_size += name.length + 1;
	return set->signature_count++;
}

static const char *check_name(struct av_slice name)
{
	if (name.length == 0) {
		return "no name";
	}
	for (size_t i = 0; i < name.length; i++) {
		if ((unsigned char)name.data[i] < 0x20 || name.data[i] == 0x7f) {
			return "a control character in the name";
		}
	}
	return NULL;
}

/* The optional fields MinFL and MaxFL. *skip: this engine is left out. */
static const char *check_levels(const struct av_slice *field, unsigned int count, bool *skip)
{
	uint32_t low = 0, high = UINT32_MAX;

	if (count > 0 && !av_line_number(field[0], UINT32_MAX, &low)) {
		return "the minimum functionality level is no number";
	}
	if (count > 1 && !av_line_number(field[1], UINT32_MAX, &high)) {
		return "the maximum functionality level is no number";
	}
	*skip = low > AV_FUNCTIONALITY_LEVEL || high < AV_FUNCTIONALITY_LEVEL;
	return NULL;
}

static int hex_value(char c)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *at = c != '\0' ? strchr(digits, c) : NULL;

	return at != NULL ? (int)((at - digits) % 16) : -1;
}

static const char *parse_digest(struct av_slice text, enum av_hash_kind *kind, uint8_t *digest)
{
	for (unsigned int i = 0; i < AV_HASH_KINDS; i++) {
		if (text.length != 2 * av_hash_size((enum av_hash_kind)i)) {
			continue;
		}
		*kind = (enum av_hash_kind)i;
		for (size_t at = 0; at < text.length; at += 2) {
			int high = hex_value(text.data[at]), low = hex_value(text.data[at + 1]);

			if (high < 0 || low < 0) {
				return "the hash holds a character that is no hex digit";
			}
			digest[at / 2] = (uint8_t)(high << 4 | low);
		}
		return NULL;
	}
	return "the hash is no MD5, SHA-1 or SHA-256";
}

/* Hash:Size:Name[:MinFL[:MaxFL]] */
static const char *add_hash(struct av_signatures *set, const struct av_slice *field,
			    unsigned int count)
{
	struct av_hash_entry entry = {0};
	enum av_hash_kind kind = AV_HASH_MD5;
	uint32_t level = 0;
	bool skip = false;
	const char *reason;

	if (count < 3 || count > 5) {
		return "not 3 to 5 fields";
	}
	reason = check_levels(field + 3, count - 3, &skip);
	if (reason == NULL) {
		reason = parse_digest(field[0], &kind, entry.digest);
	}
	if (reason == NULL) {
		reason = check_name(field[2]);
	}
	if (reason != NULL) {
		return reason;
	}
	if (av_line_equals(field[1], "*")) {
		if (count < 4 || !av_line_number(field[3], UINT32_MAX, &level) ||
		    level < WILD_SIZE_LEVEL) {
			return "the size * needs a minimum functionality level of 73 or more";
		}
	} else if (!av_line_number(field[1], UINT32_MAX - 1, &entry.size) || entry.size == 0) {
		return "the size is no number from 1 to 4294967294";
	}
	if (skip) {
		set->counts.other_level++;
		return NULL;
	}
	entry.signature = set->signature_count;
	if (!grow_names(set, field[2].length) ||
	    av_hash_table_add(&set->hashes, kind, &entry) != 0) {
		return OUT_OF_MEMORY;
	}
	add_name(set, field[2]);
	set->counts.hashes++;
	return NULL;
}

static const char *parse_offset(struct av_slice text, struct av_offset *offset)
{
	static const char end_prefix[] = "EOF-";
	const size_t prefix = sizeof(end_prefix) - 1;
	const char *comma = memchr(text.data, ',', text.length);

	*offset = (struct av_offset){AV_OFFSET_ANY, 0, 0};
	if (av_line_equals(text, "*")) {
		return NULL;
	}
	if (comma != NULL) {
		struct av_slice shift = {comma + 1, text.length - (size_t)(comma + 1 - text.data)};

		if (!av_line_number(shift, INT32_MAX, &offset->shift)) {
			return "the offset's shift is no number";
		}
		text.length = (size_t)(comma - text.data);
	}
	offset->kind = AV_OFFSET_START;
	if (text.length > prefix && memcmp(text.data, end_prefix, prefix) == 0) {
		offset->kind = AV_OFFSET_END;
		text.data += prefix;
		text.length -= prefix;
	}
	return av_line_number(text, INT32_MAX, &offset->value)
		       ? NULL
		       : "the offset is none of *, n, EOF-n with or without ,shift";
}

static uint32_t longest(const struct av_program *program)
{
	return (uint32_t)program->shortest + program->slack;
}

/* Sets up the link in front of part `index` of the pattern; false: over the limit. */
static bool set_up_link(const struct av_pattern *pattern, unsigned int index, uint32_t *words,
			struct av_link *link)
{
	const struct av_pattern_part *part = &pattern->part[index];
	uint32_t limit = AV_LINK_MEMORY_MAX / sizeof(uint64_t) - *words;
	uint32_t needed = av_link_set_up(link, part->gap_min, part->gap_max,
					 longest(&part->before) + part->anchor_length,
					 longest(&pattern->part[index - 1].after), *words, limit);

	*words += needed;
	return needed != 0;
}

static void add_part(struct av_signatures *set, const struct av_pattern *pattern,
		     unsigned int index, const struct av_offset *offset, uint32_t first_link)
{
	const struct av_pattern_part *from = &pattern->part[index];
	struct av_part *part = &set->part[set->part_count++];
	uint32_t back = longest(&from->before) + from->anchor_length;
	uint32_t ahead = longest(&from->after);

	*part = (struct av_part){
		.signature = set->signature_count,
		.link_in = index == 0 ? AV_NO_LINK : first_link + index - 1,
		.link_out = index + 1 == pattern->part_count ? AV_NO_LINK : first_link + index,
		.offset = *offset,
		.before = from->before,
		.after = from->after,
		.anchor_length = from->anchor_length,
	};
	memcpy(part->anchor, from->anchor, sizeof(part->anchor));
	part->before.code += (uint32_t)set->code_size;
	part->after.code += (uint32_t)set->code_size;
	set->reach_back = back > set->reach_back ? back : set->reach_back;
	set->reach_ahead = ahead > set->reach_ahead ? ahead : set->reach_ahead;
}

static const char *add_pattern(struct av_signatures *set, struct av_slice name,
			       const struct av_offset *offset)
{
	const struct av_pattern *pattern = set->pattern;
	uint32_t words = set->link_words, first_link = set->link_count;

	if (!grow_patterns(set, pattern) || !grow_names(set, name.length)) {
		return OUT_OF_MEMORY;
	}
	for (unsigned int i = 1; i < pattern->part_count; i++) {
		if (!set_up_link(pattern, i, &words, &set->link[first_link + i - 1])) {
			return "its bounded gaps need more state than all signatures may take";
		}
	}
	for (unsigned int i = 0; i < pattern->part_count; i++) {
		add_part(set, pattern, i, offset, first_link);
	}
	memcpy(set->code + set->code_size, pattern->code, pattern->code_size);
	set->code_size += pattern->code_size;
	set->link_count += pattern->part_count - 1;
	set->link_words = words;
	add_name(set, name);
	set->counts.patterns++;
	return NULL;
}

/* ClamAV refuses plain hex signatures below three bytes. */
static bool is_too_short(const struct av_pattern *pattern)
{
	const struct av_pattern_part *part = &pattern->part[0];

	return pattern->part_count == 1 && part->before.size == 0 && part->after.size == 0 &&
	       part->anchor_length < 3;
}

/* Name:TargetType:Offset:HexSignature[:MinFL[:MaxFL]] */
static const char *add_body(struct av_signatures *set, const struct av_slice *field,
			    unsigned int count)
{
	struct av_offset offset;
	uint32_t target = 0;
	bool skip = false;
	const char *reason;

	if (count < 4 || count > 6) {
		return "not 4 to 6 fields";
	}
	reason = check_levels(field + 4, count - 4, &skip);
	if (reason == NULL && skip) {
		set->counts.other_level++;
		return NULL;
	}
	if (reason == NULL) {
		reason = check_name(field[0]);
	}
	if (reason == NULL && !av_line_number(field[1], UINT32_MAX, &target)) {
		reason = "the target type is no number";
	}
	if (reason == NULL && target != 0) {
		reason = "only target type 0 (any file) is supported";
	}
	if (reason == NULL) {
		reason = parse_offset(field[2], &offset);
	}
	if (reason == NULL) {
		reason = av_pattern_parse(set->pattern, field[3].data, field[3].length);
	}
	if (reason == NULL && is_too_short(set->pattern)) {
		reason = "shorter than 3 bytes";
	}
	return reason != NULL ? reason : add_pattern(set, field[0], &offset);
}

static bool has_ending(const char *file, const char *ending)
{
	size_t length = strlen(file), tail = strlen(ending);

	return length > tail && strcmp(file + length - tail, ending) == 0;
}

bool av_signatures_is_file(const char *file)
{
	return has_ending(file, ".hdb") || has_ending(file, ".hsb") || has_ending(file, ".ndb");
}

static const char *add_line(struct av_signatures *set, struct av_slice line, bool body)
{
	struct av_slice field[AV_FIELDS_MAX];
	unsigned int count;

	if (line.length > AV_LINE_MAX) {
		return "longer than 8191 characters";
	}
	count = av_line_split(line, field);
	return body ? add_body(set, field, count) : add_hash(set, field, count);
}

int av_signatures_load(struct av_signatures *set, const char *file, const char *text, size_t length,
		       av_report_function *report, void *context)
{
	struct av_slice rest = {text, length}, line;
	bool body = has_ending(file, ".ndb");

	if (!av_signatures_is_file(file)) {
		return -EINVAL;
	}
	for (unsigned int number = 1; av_line_next(&rest, &line); number++) {
		const char *reason;

		if (line.length == 0 || line.data[0] == '#') {
			continue;
		}
		reason = add_line(set, line, body);
		if (reason == NULL) {
			continue;
		}
		set->counts.refused++;
		report(context, file, number, reason);
		if (strcmp(reason, OUT_OF_MEMORY) == 0) {
			return -ENOMEM;
		}
	}
	return 0;
}

int av_signatures_finish(struct av_signatures *set)
{
	struct av_key *keys = calloc((size_t)set->part_count + 1, sizeof(*keys));
	int error;

	if (keys == NULL) {
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < set->part_count; i++) {
		keys[i].bytes = set->part[i].anchor;
		keys[i].length = set->part[i].anchor_length;
	}
	error = av_automaton_build(&set->automaton, keys, set->part_count, AV_AUTOMATON_ROWS_MAX);
	free(keys);
	av_hash_table_sort(&set->hashes);
	free(set->pattern);
	set->pattern = NULL;
	return error;
}

const char *av_signatures_name(const struct av_signatures *set, uint32_t signature)
{
	return set->names + set->name[signature];
}

size_t av_signatures_memory(const struct av_signatures *set)
{
	return sizeof(*set) + set->name_capacity * sizeof(*set->name) + set->names_capacity +
	       set->part_capacity * sizeof(*set->part) + set->link_capacity * sizeof(*set->link) +
	       set->code_capacity + av_hash_table_memory(&set->hashes) +
	       av_automaton_memory(&set->automaton);
}
