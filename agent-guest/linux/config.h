/* SPDX-License-Identifier: MIT */
/*
 * The configuration file of muxagentd: `key = value` lines, `#` starts a comment.
 * docs/linux-agent.md lists the keys. config_parse knows no files, so that tests call it. No
 * locking.
 */
#ifndef AGENT_LINUX_CONFIG_H
#define AGENT_LINUX_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent-guest/core/grants.h"

#define CONFIG_FILE_DEFAULT    "/etc/muxvisor/agent.conf"
#define CONFIG_PATH_MAX	       256U
#define CONFIG_WATCHES_MAX     16U
#define CONFIG_DIRECTORIES_MAX 16U
#define CONFIG_QUARANTINE_MAX  96U  /* an id below it has to fit in AGENT_ID_MAX */
#define CONFIG_SOCKET_MAX      100U /* sun_path */
#define CONFIG_ERROR_MAX       512U

struct config_watch {
	char path[CONFIG_PATH_MAX]; /* a mount point */
	bool is_filesystem;	    /* all mounts of its file system, else this mount alone */
};

struct config {
	char name[AGENT_NAME_MAX]; /* of the guest; default: host name */
	uint32_t manager_cid;
	uint32_t manager_port;
	struct grants grants; /* which service may use which verbs */
	unsigned watch_count;
	struct config_watch watch[CONFIG_WATCHES_MAX];
	unsigned directory_count; /* where CONFIG events come from; default: /etc */
	char directory[CONFIG_DIRECTORIES_MAX][CONFIG_PATH_MAX];
	char logons[CONFIG_PATH_MAX]; /* wtmp file; "": none */
	char quarantine[CONFIG_QUARANTINE_MAX];
	char status_socket[CONFIG_SOCKET_MAX]; /* "": none */
	bool report_forks;
	bool remember;			     /* ignore marks for files that services called clean */
	char test_folder[CONFIG_SOCKET_MAX]; /* test aid: AF_UNIX instead of AF_VSOCK */
	uint32_t test_cid;
};

/* The defaults, without the host's name. */
void config_init(struct config *config);

/*
 * Reads a whole file's text into a config that config_init filled. 0, or -EINVAL and in `error` one
 * line "FILE:LINE: what is wrong"; `file` is for that line only.
 */
int config_parse(struct config *config, const char *file, const char *text,
		 char error[CONFIG_ERROR_MAX]);

/* Defaults, the file, the host's name. 0; -EINVAL, or what reading gives, with `error` filled. */
int config_load(struct config *config, const char *file, char error[CONFIG_ERROR_MAX]);

/* Is `path` the directory itself or below it? */
bool config_is_below(const char *path, const char *directory);

#endif
