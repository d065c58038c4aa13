/* SPDX-License-Identifier: MIT */
/* Processes: see processes.h. */
#include "agent-guest/linux/processes.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent-guest/linux/clock.h"
#include "agent-guest/linux/daemon.h"
#include "agent-guest/linux/log.h"
#include "agent-guest/linux/proc_link.h"

#define RECEIVE_BUFFER	  (8 << 20)
#define MESSAGES_PER_TURN 256U
#define MAPS_DELAY_US	  100000U     /* after exec, so that the loader has mapped the libraries */
#define KERNEL_THREAD	  0x00200000U /* PF_KTHREAD in the flags of proc(5)'s stat */
/* What the connector's messages lead to. */
#define CONNECTOR_KINDS                                                     \
	(1ULL << MUX_EVENT_PROCESS_START | 1ULL << MUX_EVENT_PROCESS_STOP | \
	 1ULL << MUX_EVENT_MEMORY)

void processes_init(struct processes *processes)
{
	memset(processes, 0, sizeof(*processes));
	processes->connector = -1;
}

/* ---- /proc ---- */

static int read_proc(uint32_t pid, const char *what, char *text, size_t size)
{
	char path[48];
	ssize_t count;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/%s", pid, what);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return -errno;
	}
	count = read(fd, text, size - 1);
	close(fd);
	text[count > 0 ? count : 0] = '\0';
	return count > 0 ? 0 : -ESRCH;
}

static bool read_image(uint32_t pid, char image[PROCESSES_IMAGE_MAX])
{
	char link[PROC_LINK_MAX];

	snprintf(link, sizeof(link), "/proc/%u/exe", pid);
	return proc_link_read(link, image, PROCESSES_IMAGE_MAX) > 0;
}

struct process_stat {
	char name[20];
	uint32_t parent;
	uint32_t flags;	   /* PF_KTHREAD */
	uint64_t start_us; /* since boot */
};

/* proc(5): "pid (comm) state ppid ...", the 22nd field is the start in clock ticks. comm may hold
 * anything, ')' too. */
static bool read_stat(uint32_t pid, struct process_stat *stat)
{
	char text[1024];
	unsigned long long start = 0;
	const char *at, *name;
	long hertz = sysconf(_SC_CLK_TCK);

	if (read_proc(pid, "stat", text, sizeof(text)) != 0) {
		return false;
	}
	name = strchr(text, '(');
	at = strrchr(text, ')');
	if (name == NULL || at == NULL || at < name ||
	    sscanf(at + 1,
		   " %*c %u %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d "
		   "%llu",
		   &stat->parent, &stat->flags, &start) != 3) {
		return false;
	}
	snprintf(stat->name, sizeof(stat->name), "%.*s", (int)(at - name - 1), name + 1);
	stat->start_us = start * 1000000U / (unsigned long long)(hertz > 0 ? hertz : 100);
	return true;
}

static int open_pidfd(uint32_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	/* EINVAL: a thread's id. */
	return fd >= 0 ? fd : errno == EINVAL ? -ESRCH : -errno;
}

static int signal_pidfd(int fd, int number)
{
	return syscall(SYS_pidfd_send_signal, fd, number, NULL, 0) < 0 ? -errno : 0;
}

/* Image ("": a kernel thread, or it has ended) and stat of one and the same process: the one that
 * can still be signalled afterwards has kept its pid. */
static bool look_at(uint32_t pid, char image[PROCESSES_IMAGE_MAX], struct process_stat *stat)
{
	int fd = open_pidfd(pid);
	bool is_same;

	image[0] = '\0';
	if (fd < 0) {
		return false;
	}
	is_same = read_stat(pid, stat);
	(void)read_image(pid, image);
	is_same = is_same && signal_pidfd(fd, 0) == 0;
	close(fd);
	return is_same;
}

/* ---- the table ---- */

static struct processes_entry *slot_of(struct processes *processes, uint32_t pid)
{
	return &processes->entry[pid % PROCESSES_TABLE];
}

static void clear(struct processes_entry *entry)
{
	free(entry->image);
	*entry = (struct processes_entry){0};
}

static void put(struct processes *processes, uint32_t pid, const char *image, uint64_t start_us)
{
	struct processes_entry *entry = slot_of(processes, pid);

	clear(entry);
	entry->image = strdup(image);
	if (entry->image != NULL) {
		entry->pid = pid;
		entry->start_us = start_us;
	}
}

uint64_t processes_start(const struct processes *processes, uint32_t pid)
{
	const struct processes_entry *entry = &processes->entry[pid % PROCESSES_TABLE];

	return entry->pid == pid ? entry->start_us : 0;
}

void processes_image(const struct processes *processes, uint32_t pid,
		     char image[PROCESSES_IMAGE_MAX])
{
	const struct processes_entry *entry = &processes->entry[pid % PROCESSES_TABLE];

	if (!read_image(pid, image) && entry->pid == pid) {
		snprintf(image, PROCESSES_IMAGE_MAX, "%s", entry->image);
	}
}

static int compare_pids(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void list_all(struct processes *processes)
{
	DIR *stream = opendir("/proc");
	struct dirent *entry;

	processes->list_count = 0;
	if (processes->list == NULL) {
		processes->list = malloc(PROCESSES_LIST_MAX * sizeof(*processes->list));
	}
	while (stream != NULL && processes->list != NULL && (entry = readdir(stream)) != NULL &&
	       processes->list_count < PROCESSES_LIST_MAX) {
		if (isdigit((unsigned char)entry->d_name[0])) {
			processes->list[processes->list_count++] =
				(uint32_t)strtoul(entry->d_name, NULL, 10);
		}
	}
	if (stream != NULL) {
		closedir(stream);
	}
	if (processes->list_count > 0) {
		qsort(processes->list, processes->list_count, sizeof(*processes->list),
		      compare_pids);
	}
}

/* Those that were there before: so that their ends have names. */
static void learn_all(struct processes *processes)
{
	char image[PROCESSES_IMAGE_MAX];
	struct process_stat stat;

	list_all(processes);
	for (size_t i = 0; i < processes->list_count; i++) {
		if (look_at(processes->list[i], image, &stat) && image[0] != '\0') {
			put(processes, processes->list[i], image, stat.start_us);
		}
	}
}

/* ---- the connector ---- */

/* A netlink header, a connector header, and what is wanted. */
static int subscribe(int fd, enum proc_cn_mcast_op operation)
{
	const struct nlmsghdr header = {
		.nlmsg_len = NLMSG_LENGTH(sizeof(struct cn_msg) + sizeof(operation)),
		.nlmsg_type = NLMSG_DONE};
	const struct cn_msg message = {.id = {CN_IDX_PROC, CN_VAL_PROC}, .len = sizeof(operation)};
	char request[NLMSG_LENGTH(sizeof(message) + sizeof(operation))] = {0};

	memcpy(request, &header, sizeof(header));
	memcpy(request + NLMSG_HDRLEN, &message, sizeof(message));
	memcpy(request + NLMSG_HDRLEN + sizeof(message), &operation, sizeof(operation));
	return send(fd, request, sizeof(request), 0) < 0 ? -errno : 0;
}

static int open_connector(void)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC};
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR);
	int size = RECEIVE_BUFFER;
	int error;

	if (fd < 0) {
		return -errno;
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	error = bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0
			? -errno
			: subscribe(fd, PROC_CN_MCAST_LISTEN);
	if (error != 0) {
		close(fd);
		return error;
	}
	return fd;
}

void processes_apply(struct processes *processes, bool wants_processes, bool wants_memory)
{
	bool is_on = processes->connector >= 0;
	bool is_wanted = wants_processes || wants_memory;

	processes->is_told = wants_processes;
	processes->is_memory = wants_memory;
	if (!is_on && is_wanted) {
		processes->connector = open_connector();
		if (processes->connector < 0) {
			log_line(LOG_LEVEL_ERROR, "no process events: %s",
				 strerror(-processes->connector));
			processes->connector = -1;
			return;
		}
		learn_all(processes);
	} else if (is_on && !is_wanted) {
		(void)subscribe(processes->connector, PROC_CN_MCAST_IGNORE);
		close(processes->connector);
		processes->connector = -1;
		processes->maps_used = 0;
		for (unsigned i = 0; i < PROCESSES_TABLE; i++) {
			clear(&processes->entry[i]);
		}
	}
}

static void tell(struct daemon *daemon, enum mux_event_kind kind, uint32_t pid, const char *path,
		 const char *process)
{
	struct agent_event event = {
		.kind = kind, .pid = pid, .path = path, .path2 = "", .process = process};

	if (daemon->processes.is_told) {
		notify_report(daemon, &event);
	}
}

static void await_maps(struct daemon *daemon, uint32_t pid)
{
	struct processes *processes = &daemon->processes;
	unsigned at = (processes->maps_head + processes->maps_used) % PROCESSES_MAPS_MAX;

	if (!processes->is_memory) {
		return;
	}
	if (processes->maps_used == PROCESSES_MAPS_MAX) {
		notify_lost(daemon, 1ULL << MUX_EVENT_MEMORY, "too many processes start");
		return;
	}
	processes->maps[at] =
		(struct processes_maps){.pid = pid, .due_us = clock_now().us + MAPS_DELAY_US};
	processes->maps_used++;
}

static void take_exec(struct daemon *daemon, uint32_t pid)
{
	static char image[PROCESSES_IMAGE_MAX], parent[PROCESSES_IMAGE_MAX];
	struct process_stat stat = {.parent = 0};
	bool is_known = look_at(pid, image, &stat);

	parent[0] = '\0';
	if (is_known) {
		processes_image(&daemon->processes, stat.parent, parent);
	}
	if (image[0] == '\0') {
		/* It has ended already: its name is what is left. */
		snprintf(image, sizeof(image), "%s", is_known ? stat.name : "");
	}
	put(&daemon->processes, pid, image, is_known ? stat.start_us : 0);
	tell(daemon, MUX_EVENT_PROCESS_START, pid, image, parent);
	await_maps(daemon, pid);
}

static void take_fork(struct daemon *daemon, uint32_t child, uint32_t parent)
{
	static char image[PROCESSES_IMAGE_MAX], own[PROCESSES_IMAGE_MAX];
	bool is_told = daemon->config.report_forks;
	struct process_stat stat;

	processes_image(&daemon->processes, parent, image);
	/* Its start time costs a look, and few ask about forks. */
	put(&daemon->processes, child, image,
	    is_told && look_at(child, own, &stat) ? stat.start_us : 0);
	if (is_told) {
		tell(daemon, MUX_EVENT_PROCESS_START, child, image, image);
	}
}

static void take_exit(struct daemon *daemon, uint32_t pid)
{
	struct processes_entry *entry = slot_of(&daemon->processes, pid);
	const char *image = entry->pid == pid ? entry->image : "";

	tell(daemon, MUX_EVENT_PROCESS_STOP, pid, image, image);
	if (entry->pid == pid) {
		clear(entry);
	}
}

static void take_event(struct daemon *daemon, const struct proc_event *event)
{
	switch (event->what) {
	case PROC_EVENT_FORK:
		/* Threads have another id than their group. */
		if (event->event_data.fork.child_pid == event->event_data.fork.child_tgid) {
			take_fork(daemon, (uint32_t)event->event_data.fork.child_tgid,
				  (uint32_t)event->event_data.fork.parent_tgid);
		}
		break;
	case PROC_EVENT_EXEC:
		take_exec(daemon, (uint32_t)event->event_data.exec.process_tgid);
		break;
	case PROC_EVENT_EXIT:
		if (event->event_data.exit.process_pid == event->event_data.exit.process_tgid) {
			take_exit(daemon, (uint32_t)event->event_data.exit.process_tgid);
		}
		break;
	default: break;
	}
}

/* Copies the event out: it is not aligned in the message. */
static void take_message(struct daemon *daemon, const char *message, size_t size)
{
	const size_t start = NLMSG_HDRLEN + sizeof(struct cn_msg);
	struct proc_event event = {0};

	if (size <= start) {
		return;
	}
	size -= start;
	memcpy(&event, message + start, size < sizeof(event) ? size : sizeof(event));
	take_event(daemon, &event);
}

void processes_take(struct daemon *daemon)
{
	_Alignas(struct nlmsghdr) char buffer[1024];

	for (unsigned i = 0; i < MESSAGES_PER_TURN; i++) {
		struct sockaddr_nl from;
		socklen_t from_size = sizeof(from);
		ssize_t size = recvfrom(daemon->processes.connector, buffer, sizeof(buffer), 0,
					(struct sockaddr *)&from, &from_size);

		if (size < 0 && errno == ENOBUFS) {
			log_line(LOG_LEVEL_WARNING, "process events are lost: too many at once");
			notify_lost(daemon, CONNECTOR_KINDS, "the connector's queue overflowed");
			continue;
		}
		if (size < 0) {
			return;
		}
		if (from_size == sizeof(from) && from.nl_pid == 0) { /* from the kernel */
			take_message(daemon, buffer, (size_t)size);
		}
	}
}

/* ---- executable mappings ---- */

/* proc(5): "start-end perms offset device inode path". */
static void tell_mapping(struct daemon *daemon, uint32_t pid, char *line, const char *image)
{
	char permissions[8];
	unsigned long inode;
	int path_at = 0;
	const char *path;
	struct agent_event event = {.kind = MUX_EVENT_MEMORY, .pid = pid, .path2 = ""};

	if (sscanf(line, "%*s %7s %*s %*s %lu %n", permissions, &inode, &path_at) != 2 ||
	    permissions[2] != 'x') {
		return;
	}
	path = path_at > 0 ? line + path_at : "";
	if (path[0] == '[') {
		return; /* the kernel's own: [vdso], [vsyscall] */
	}
	event.path = inode != 0 ? path : "[anonymous]";
	event.process = image;
	notify_report(daemon, &event);
}

static void look_at_maps(struct daemon *daemon, uint32_t pid)
{
	static char image[PROCESSES_IMAGE_MAX];
	static char line[PROCESSES_IMAGE_MAX + 128];
	char path[32];
	FILE *stream;

	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	stream = fopen(path, "re");
	if (stream == NULL) {
		return; /* it has ended */
	}
	processes_image(&daemon->processes, pid, image);
	while (fgets(line, sizeof(line), stream) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		tell_mapping(daemon, pid, line, image);
	}
	fclose(stream);
}

void processes_tick(struct daemon *daemon, uint64_t now_us)
{
	struct processes *processes = &daemon->processes;

	while (processes->maps_used > 0 && processes->maps[processes->maps_head].due_us <= now_us) {
		uint32_t pid = processes->maps[processes->maps_head].pid;

		processes->maps_head = (processes->maps_head + 1) % PROCESSES_MAPS_MAX;
		processes->maps_used--;
		look_at_maps(daemon, pid);
	}
}

uint64_t processes_next_deadline(const struct processes *processes)
{
	return processes->maps_used > 0 ? processes->maps[processes->maps_head].due_us : UINT64_MAX;
}

/* ---- access verbs ---- */

int processes_next(struct processes *processes, uint64_t *cursor, struct agent_process *process)
{
	static char image[PROCESSES_IMAGE_MAX];
	struct process_stat stat;

	if (*cursor == 0) {
		list_all(processes);
	}
	for (size_t i = 0; i < processes->list_count; i++) {
		uint32_t pid = processes->list[i];

		if (pid <= *cursor || !look_at(pid, image, &stat)) {
			continue;
		}
		if (image[0] == '\0') {
			snprintf(image, sizeof(image), "[%s]", stat.name); /* a kernel thread */
		}
		*cursor = pid;
		*process = (struct agent_process){.pid = pid,
						  .parent = stat.parent,
						  .start_us = stat.start_us,
						  .image = image};
		return 1;
	}
	return 0;
}

static int signal_of(enum mux_verb verb)
{
	return verb == MUX_VERB_PROCESS_STOP	 ? SIGSTOP
	       : verb == MUX_VERB_PROCESS_RESUME ? SIGCONT
						 : SIGKILL;
}

/* Is the process that has the pid now the one that was named, and one that may be touched? */
static int check_process(const struct agent_process_name *name, char image[PROCESSES_IMAGE_MAX])
{
	struct process_stat stat;

	if (!read_stat(name->pid, &stat)) {
		return -ESRCH;
	}
	if (!agent_process_is(name, stat.start_us)) {
		return -ESTALE;
	}
	if (!read_image(name->pid, image)) {
		snprintf(image, PROCESSES_IMAGE_MAX, "[%s]", stat.name);
	}
	return name->pid == 1 || name->pid == (uint32_t)getpid() ||
			       (stat.flags & KERNEL_THREAD) != 0
		       ? -EOPNOTSUPP
		       : 0;
}

/* The pidfd comes first: if the process ends after that, the signal finds nobody. */
int processes_control(enum mux_verb verb, const struct agent_process_name *name,
		      char image[PROCESSES_IMAGE_MAX])
{
	int error;
	int fd;

	if (name->pid == 0 || (name->start_us == 0 && name->alive_us == 0)) {
		return -ESRCH;
	}
	fd = open_pidfd(name->pid);
	if (fd < 0) {
		return fd;
	}
	error = check_process(name, image);
	if (error == 0) {
		error = signal_pidfd(fd, signal_of(verb));
	}
	close(fd);
	return error;
}
