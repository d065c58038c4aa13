/* SPDX-License-Identifier: MIT */
/*
 * Building: a trie with sibling lists, renumbered breadth first with children in byte order, then
 * failure links, outputs and rows, each computed from shallower states only.
 */
#include "appliance/av/engine/av_automaton.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct trie_node {
	uint32_t child;	  /* first, in byte order; 0: none */
	uint32_t sibling; /* next, or 0 */
	uint32_t keys;	  /* 1 + first key that ends here; 0: none */
	uint32_t number;  /* breadth first */
	uint8_t label;
};

struct builder {
	const struct av_key *keys;
	size_t key_count;
	struct trie_node *node;
	uint32_t node_count;
	uint32_t *next_key; /* of the keys that end in one node: 1 + next, or 0 */
	uint32_t *order;    /* node of each state number */
};

static uint32_t trie_child(struct builder *builder, uint32_t parent, uint8_t byte)
{
	uint32_t *link = &builder->node[parent].child;
	uint32_t node;

	while (*link != 0 && builder->node[*link].label < byte) {
		link = &builder->node[*link].sibling;
	}
	if (*link != 0 && builder->node[*link].label == byte) {
		return *link;
	}
	node = builder->node_count++;
	builder->node[node] = (struct trie_node){.sibling = *link, .label = byte};
	*link = node;
	return node;
}

/* From the last key to the first, so that each node's list is in ascending order. */
static void trie_fill(struct builder *builder)
{
	builder->node_count = 1;
	for (size_t i = builder->key_count; i > 0; i--) {
		const struct av_key *key = &builder->keys[i - 1];
		uint32_t node = 0;

		for (uint32_t j = 0; j < key->length; j++) {
			node = trie_child(builder, node, key->bytes[j]);
		}
		builder->next_key[i - 1] = builder->node[node].keys;
		builder->node[node].keys = (uint32_t)i;
	}
}

static void trie_number(struct builder *builder)
{
	uint32_t count = 1;

	builder->order[0] = 0;
	for (uint32_t at = 0; at < count; at++) {
		uint32_t node = builder->node[builder->order[at]].child;

		for (; node != 0; node = builder->node[node].sibling) {
			builder->node[node].number = count;
			builder->order[count++] = node;
		}
	}
}

static int builder_allocate(struct builder *builder)
{
	size_t nodes = 1;

	for (size_t i = 0; i < builder->key_count; i++) {
		nodes += builder->keys[i].length;
	}
	if (nodes >= AV_ENTRY_SLOW) {
		return -ENOMEM;
	}
	builder->node = calloc(nodes, sizeof(*builder->node));
	builder->order = calloc(nodes, sizeof(*builder->order));
	builder->next_key = calloc(builder->key_count + 1, sizeof(*builder->next_key));
	return builder->node && builder->order && builder->next_key ? 0 : -ENOMEM;
}

static void builder_free(struct builder *builder)
{
	free(builder->node);
	free(builder->order);
	free(builder->next_key);
}

/* ------------------------------------------------------------------------------------------ */

static int find_child(const struct av_automaton *automaton, uint32_t state, uint8_t byte,
		      uint32_t *child)
{
	uint32_t low = automaton->state[state].first_child;
	uint32_t high = automaton->state[state + 1].first_child;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (automaton->label[middle] < byte) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	*child = low;
	return low < automaton->state[state + 1].first_child && automaton->label[low] == byte;
}

uint32_t av_automaton_step(const struct av_automaton *automaton, uint32_t state, uint8_t byte)
{
	uint32_t child;

	while (state >= automaton->row_count) {
		if (find_child(automaton, state, byte, &child)) {
			return child;
		}
		if (state == 0) {
			return 0;
		}
		state = automaton->state[state].fail;
	}
	child = automaton->row[state * 256 + byte];
	return child & AV_ENTRY_SLOW ? child & ~AV_ENTRY_SLOW : child / 256;
}

static bool has_output(const struct av_automaton *automaton, uint32_t state)
{
	return automaton->state[state].output != automaton->state[state + 1].output;
}

static void copy_states(struct av_automaton *automaton, const struct builder *builder)
{
	uint32_t child = 1, output = 0;

	for (uint32_t i = 0; i < builder->node_count; i++) {
		const struct trie_node *node = &builder->node[builder->order[i]];

		automaton->state[i].first_child = child;
		automaton->state[i].output = output;
		automaton->label[i] = node->label;
		for (uint32_t key = node->keys; key != 0; key = builder->next_key[key - 1]) {
			automaton->output[output++] = key - 1;
		}
		for (uint32_t at = node->child; at != 0; at = builder->node[at].sibling) {
			child++;
		}
	}
	automaton->state[builder->node_count].first_child = child;
	automaton->state[builder->node_count].output = output;
	automaton->output_count = output;
}

/* Row entries for state `to`, once its own outputs are known. */
static uint32_t row_entry(const struct av_automaton *automaton, uint32_t to)
{
	bool slow = to >= automaton->row_count || has_output(automaton, to) ||
		    automaton->state[to].next_output != 0;

	return slow ? to | AV_ENTRY_SLOW : to * 256;
}

static void fill_row(struct av_automaton *automaton, uint32_t state)
{
	uint32_t *row = automaton->row + (size_t)state * 256;
	const struct av_state *node = &automaton->state[state];

	if (state == 0) {
		memset(row, 0, 256 * sizeof(*row));
	} else {
		memcpy(row, automaton->row + (size_t)node->fail * 256, 256 * sizeof(*row));
	}
	for (uint32_t child = node->first_child; child < node[1].first_child; child++) {
		row[automaton->label[child]] = row_entry(automaton, child);
	}
}

/* Breadth first: the failure link of a child is one step from the parent's, which is shallower. */
static void link_failures(struct av_automaton *automaton)
{
	struct av_state *state = automaton->state;
	uint32_t rows = automaton->row_count;

	automaton->row_count = 0; /* steps go by children and links until the rows stand */
	for (uint32_t i = 0; i < automaton->state_count; i++) {
		for (uint32_t child = state[i].first_child; child < state[i + 1].first_child;
		     child++) {
			uint32_t fail = 0;

			if (i != 0) {
				fail = av_automaton_step(automaton, state[i].fail,
							 automaton->label[child]);
			}
			state[child].fail = fail;
			state[child].next_output =
				has_output(automaton, fail) ? fail : state[fail].next_output;
		}
	}
	automaton->row_count = rows;
	for (uint32_t i = 0; i < rows; i++) {
		fill_row(automaton, i);
	}
}

static int allocate(struct av_automaton *automaton, const struct builder *builder,
		    uint32_t rows_max)
{
	uint32_t states = builder->node_count;

	automaton->state_count = states;
	automaton->row_count = states < rows_max ? states : rows_max;
	automaton->row = malloc((size_t)automaton->row_count * 256 * sizeof(*automaton->row));
	automaton->state = calloc((size_t)states + 1, sizeof(*automaton->state));
	automaton->label = malloc(states);
	automaton->output = malloc((builder->key_count + 1) * sizeof(*automaton->output));
	return automaton->row && automaton->state && automaton->label && automaton->output
		       ? 0
		       : -ENOMEM;
}

int av_automaton_build(struct av_automaton *automaton, const struct av_key *keys, size_t count,
		       uint32_t rows_max)
{
	struct builder builder = {.keys = keys, .key_count = count};
	int error = builder_allocate(&builder);

	memset(automaton, 0, sizeof(*automaton));
	if (error == 0) {
		trie_fill(&builder);
		trie_number(&builder);
		error = allocate(automaton, &builder, rows_max);
	}
	if (error == 0) {
		copy_states(automaton, &builder);
		link_failures(automaton);
	} else {
		av_automaton_destroy(automaton);
	}
	builder_free(&builder);
	return error;
}

void av_automaton_destroy(struct av_automaton *automaton)
{
	free(automaton->row);
	free(automaton->state);
	free(automaton->label);
	free(automaton->output);
	memset(automaton, 0, sizeof(*automaton));
}

size_t av_automaton_memory(const struct av_automaton *automaton)
{
	return (size_t)automaton->row_count * 256 * sizeof(*automaton->row) +
	       ((size_t)automaton->state_count + 1) * sizeof(*automaton->state) +
	       automaton->state_count +
	       (size_t)automaton->output_count * sizeof(*automaton->output);
}
