/* SPDX-License-Identifier: MIT */
/* What the commands of scripts do. One thread at a time. */
#ifndef AGENT_BARE_COMMANDS_H
#define AGENT_BARE_COMMANDS_H

#include "agent-guest/bare/guest.h"

/* Carries on with the task's command (stage 0: begins). true: done, with task->result. false: it
 * waits, or gives others a turn (task->has_yielded). */
bool commands_run(struct guest *guest, struct task *task);

/* Parts of commands that walk uses for each of its files; same results, the outcome is in
 * task->error. The path must stay until they are done. */
bool commands_touch(struct guest *guest, struct task *task, const char *path,
		    enum script_command how);
bool commands_execute(struct guest *guest, struct task *task, const char *path, bool wait);

/* One line of the story: what was done to path, and who said what about it. */
void commands_tell(struct guest *guest, const struct task *task, const char *what,
		   const char *path);

/* walk DIRECTORY open|read|write|exec. */
bool walk_run(struct guest *guest, struct task *task);

#endif
