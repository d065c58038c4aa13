/* SPDX-License-Identifier: MIT */
/*
 * AF_VSOCK sockets over a packet transport: connections, credit, message boundaries. Portable C
 * without any idea of devices, file descriptors or blocking: the host's tests run two stacks
 * against each other. appliance/runtime/sockets.c makes POSIX calls of it.
 *
 * Nothing here blocks or calls back but into the transport. No locks: one thread per stack. Every
 * function that can fail returns a negative errno value.
 *
 * The peer is never trusted: whatever breaks the protocol resets that connection alone. Memory: one
 * receive buffer per connection, allocated when it is made, within memory_limit; message boundaries
 * grow with the peer's messages up to one per byte of the receive buffer.
 */
#ifndef APPLIANCE_RUNTIME_VSOCK_SOCKET_H
#define APPLIANCE_RUNTIME_VSOCK_SOCKET_H

#include "drivers/virtio_vsock_packet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VSOCK_SOCKETS_MAX	   512U /* per stack, closing ones included */
#define VSOCK_SOCKETS_PER_PEER_MAX 128U /* connections with one peer CID */
#define VSOCK_BACKLOG_MAX	   128U
#define VSOCK_BUCKETS		   256U /* power of two */
#define VSOCK_PEER_SLOTS	   1024U
#define VSOCK_RESETS_MAX	   64U /* answers to unknown connections that wait for the ring */

#define VSOCK_BUFFER_SIZE_DEFAULT 0x20000U /* two of the longest protocol messages */
#define VSOCK_BUFFER_SIZE_LIMIT	  0x40000U /* default of option_size_max */
#define VSOCK_BUFFER_SIZE_LEAST	  128U
#define VSOCK_BUFFER_SIZE_MOST	  0x1000000U
#define VSOCK_PORT_ANY		  0xffffffffU
#define VSOCK_CID_ANY		  0xffffffffU
#define VSOCK_PORT_DYNAMIC	  1024U /* first port of those given to unbound sockets */

#define VSOCK_CONNECT_TIMEOUT_US 2000000U
#define VSOCK_CLOSE_TIMEOUT_US	 8000000U
#define VSOCK_NEVER		 UINT64_MAX

struct vsock_transport {
	/* Queues a packet, copying header and payload (header->length bytes, at most payload_max).
	 * -EAGAIN: no room for this destination now; vsock_socket_run() is called when there is. */
	int (*send)(void *context, const struct virtio_vsock_packet *header, const void *payload);
	/* Packets for this CID that send() would take now. */
	uint32_t (*room)(void *context, uint32_t cid);
	/* Monotonic microseconds. */
	uint64_t (*now)(void *context);
	void *context;
	uint32_t payload_max; /* payload bytes of a packet */
	uint32_t packets_max; /* the most that room() ever says */
};

enum vsock_socket_state {
	VSOCK_IDLE, /* no connection yet; perhaps bound */
	VSOCK_LISTENING,
	VSOCK_CONNECTING, /* REQUEST sent */
	VSOCK_ESTABLISHED,
	VSOCK_CLOSING, /* closed by its owner; waits for the peer's RST */
	VSOCK_CLOSED,  /* the connection is over; received data may still be read */
};

struct vsock_link {
	struct vsock_link *next, *previous; /* NULL: in no list */
};

struct vsock_socket {
	struct vsock_stack *stack;
	struct vsock_socket *hash_next;
	struct vsock_link work;	   /* has packets to send that the transport refused */
	struct vsock_link timed;   /* has a deadline */
	struct vsock_link waiting; /* in its listener's queue until accept */
	struct vsock_link queue;   /* listener: connections to accept */
	uint32_t queue_length, backlog;

	uint16_t type; /* VIRTIO_VSOCK_TYPE_* */
	uint8_t state; /* enum vsock_socket_state */
	bool bound;
	bool hashed;
	bool counted;	    /* in the peer's connection count */
	uint8_t local_shut; /* VIRTIO_VSOCK_SHUTDOWN_*: what we told the peer */
	uint8_t peer_shut;  /* what the peer told us */
	uint8_t pending;    /* bit per packet that waits for the transport */
	bool credit_asked;  /* one CREDIT_REQUEST for each time that credit runs out */
	int error;	    /* positive errno for SO_ERROR, 0 none */
	uint32_t local_port, peer_cid, peer_port;
	uint64_t deadline_us; /* of connect or close, or VSOCK_NEVER */

	/* Sending: bytes sent, and what the peer said last (5.10.6.3). */
	uint32_t sent_count, peer_forward_count, peer_buffer_size;

	/* Receiving: a byte ring of buffer_size. */
	uint8_t *buffer;
	uint32_t buffer_size;
	uint32_t head, used;	/* first byte, bytes in the ring */
	uint32_t forward_count; /* bytes that left the ring, modulo 2^32 */
	uint32_t announced;	/* forward_count in the last packet sent */
	uint32_t *messages;	/* SEQPACKET: ring of lengths of complete messages */
	uint32_t message_capacity, message_first, message_count;
	uint32_t message_partial; /* bytes of the message that is not complete */

	/* Options, inherited by accepted connections. */
	uint64_t option_size, option_size_min, option_size_max;
	uint64_t connect_timeout_us;
	void *owner; /* for the layer above */
};

struct vsock_reset {
	uint32_t cid, peer_port, local_port;
	uint16_t type;
};

struct vsock_stack {
	struct vsock_transport transport;
	uint32_t cid;
	uint32_t next_port;
	uint32_t socket_count;
	uint64_t memory_used, memory_limit; /* bytes of receive buffers */
	struct vsock_link work, timed;	    /* list heads */
	struct vsock_socket *bucket[VSOCK_BUCKETS];
	uint16_t peer_count[VSOCK_PEER_SLOTS]; /* connections by CID modulo the slots */
	struct vsock_reset reset[VSOCK_RESETS_MAX];
	uint32_t reset_first, reset_count;
	uint64_t packets_dropped; /* broke the format, or an answer that found no room */
	uint64_t protocol_errors; /* connections reset because the peer broke the protocol */
};

/* Readiness, as poll() names it. */
#define VSOCK_READABLE	(1U << 0)
#define VSOCK_WRITABLE	(1U << 1)
#define VSOCK_ERROR	(1U << 2)
#define VSOCK_HANGUP	(1U << 3) /* both directions shut */
#define VSOCK_PEER_DONE (1U << 4) /* the peer sends no more */

/* Flags of send and recv. */
#define VSOCK_SEND_WHOLE  (1U << 0) /* SEQPACKET: the whole message or -EAGAIN */
#define VSOCK_SEND_RECORD (1U << 1) /* SEQPACKET: end of record with the last byte */
#define VSOCK_RECV_PEEK	  (1U << 2)
#define VSOCK_RECV_LENGTH (1U << 3) /* SEQPACKET: return the message's length even if cut */

/* port_seed: where the search for a free port starts; differs from boot to boot, so that a
 * restarted partition does not meet its old connections. */
void vsock_socket_stack_init(struct vsock_stack *stack, const struct vsock_transport *transport,
			     uint32_t cid, uint64_t memory_limit, uint32_t port_seed);
/* All connections were lost (5.10.6.7): ECONNRESET everywhere, listeners stay. */
void vsock_socket_stack_reset(struct vsock_stack *stack, uint32_t cid);
/* A packet arrived: header and header->length payload bytes. The header may lie in a receive
 * buffer; nothing of it is kept. */
void vsock_socket_receive(struct vsock_stack *stack, const struct virtio_vsock_packet *header,
			  const uint8_t *payload);
/* Sends what had to wait, and ends what is past its deadline. */
void vsock_socket_run(struct vsock_stack *stack);
/* Time of the next deadline, or VSOCK_NEVER. */
uint64_t vsock_socket_next_deadline(const struct vsock_stack *stack);
/* Packets wait for room in the transport. */
bool vsock_socket_has_work(const struct vsock_stack *stack);

/* NULL: no memory, or VSOCK_SOCKETS_MAX. */
struct vsock_socket *vsock_socket_create(struct vsock_stack *stack, uint16_t type);
/* The socket is gone for the caller; an open connection is shut down in the background. */
void vsock_socket_close(struct vsock_socket *socket);

/* VSOCK_PORT_ANY picks a free port. -EADDRINUSE; -EINVAL: already bound. */
int vsock_socket_bind(struct vsock_socket *socket, uint32_t port);
/* -EINVAL: not bound or connected. Backlog is clamped to 1..VSOCK_BACKLOG_MAX. */
int vsock_socket_listen(struct vsock_socket *socket, uint32_t backlog);
/* -EAGAIN: none waits; -EINVAL: no listener. */
int vsock_socket_accept(struct vsock_socket *socket, struct vsock_socket **out);
/* -EINPROGRESS: the REQUEST is on its way, VSOCK_WRITABLE tells the end and socket->error how;
 * -EALREADY, -EISCONN, -EINVAL (listening), -EADDRNOTAVAIL, -ENOBUFS (no memory for the buffer, or
 * too many connections with this peer). */
int vsock_socket_connect(struct vsock_socket *socket, uint32_t cid, uint32_t port);

/*
 * Bytes taken, which may be fewer than size; with SEQPACKET and without VSOCK_SEND_WHOLE the caller
 * must go on with the rest, which belongs to the same message. -EAGAIN: no credit or no room in the
 * transport; -ENOTCONN; -EPIPE: shut down; -EMSGSIZE: a message that never fits the peer's buffer,
 * or with VSOCK_SEND_WHOLE the transport; the connection's error (ECONNRESET, ...) once.
 */
long vsock_socket_send(struct vsock_socket *socket, const void *data, size_t size, uint32_t flags);
/* Bytes received; 0: end of stream, or an empty SEQPACKET message. -EAGAIN, -ENOTCONN, the error.
 */
long vsock_socket_recv(struct vsock_socket *socket, void *data, size_t size, uint32_t flags);
/* how: VIRTIO_VSOCK_SHUTDOWN_* of our side. -ENOTCONN. */
int vsock_socket_shutdown(struct vsock_socket *socket, uint32_t how);
/* Ends the connection at once with a RST; the socket's error becomes `error`. */
void vsock_socket_abort(struct vsock_socket *socket, int error);
/* VSOCK_READABLE and so on. */
uint32_t vsock_socket_ready(struct vsock_socket *socket);
/* Takes the pending error (positive errno), as SO_ERROR does. */
int vsock_socket_take_error(struct vsock_socket *socket);

#endif
