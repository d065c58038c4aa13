/* SPDX-License-Identifier: MIT */
/*
 * A job's way: queued -> (size asked) -> read and scanned -> verdict -> (quarantine or delete).
 *
 * The file of a verdict event is read by its handle: it is the object that the guest waits for,
 * whatever becomes of its name. Quarantine and delete are sent before the verdict for the same
 * reason; the agent takes both in order. Reports are read by path, after their size was asked for.
 */
#include "appliance/av/av_scanner.h"
#include "appliance/av/av_text.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO_SCAN	       UINT_MAX
#define TRIES_MAX      3U  /* a file that changes while it is read is read again */
#define PROGRESS_EVERY 50U /* clean files between two progress lines */

struct guest {
	char name[AV_POLICY_NAME_MAX + 1];
	uint64_t clean;
	uint64_t bytes;
};

struct job {
	struct job *next;
	struct av_scanner *scanner;
	struct mux_event *event; /* kept */
	const struct av_policy_rule *rule;
	unsigned int scan; /* while it has one, else NO_SCAN */
	int64_t request;   /* that it waits for, or 0 */
	uint64_t scanned;  /* bytes handed to the engine */
	unsigned int tries;
	bool has_enough; /* the engine stopped the read */
	bool is_begun;	 /* the engine has the scan */
	bool owes_verdict;
	bool is_measured; /* infected: the verdict is given, the file is being put away */
	bool by_path;	  /* the measure was tried by handle */
};

struct queue {
	struct job *first;
	struct job **last;
};

struct av_scanner {
	struct mux_service *service;
	struct av_engine *engine;
	const struct av_policy *policy;
	struct queue urgent; /* a guest waits */
	struct queue other;
	struct job *free_jobs;
	unsigned int busy;
	bool is_starting; /* start_jobs is at work further up the stack */
	bool is_stopping;
	unsigned int idle_scans;
	unsigned int idle_scan[AV_SCANS_MAX];
	struct job *running[AV_SCANS_MAX]; /* by scan */
	unsigned int guest_count;
	struct guest guest[AV_GUESTS_MAX];
	struct job job[AV_JOBS_MAX];
};

static void start_jobs(struct av_scanner *scanner);

/* ---- queues and life ---- */

static void queue_init(struct queue *queue)
{
	queue->first = NULL;
	queue->last = &queue->first;
}

static void queue_put(struct queue *queue, struct job *job)
{
	job->next = NULL;
	*queue->last = job;
	queue->last = &job->next;
}

static struct job *queue_take(struct queue *queue)
{
	struct job *job = queue->first;

	if (job != NULL) {
		queue->first = job->next;
		if (queue->first == NULL) {
			queue->last = &queue->first;
		}
	}
	return job;
}

struct av_scanner *av_scanner_create(struct mux_service *service, struct av_engine *engine,
				     const struct av_policy *policy)
{
	struct av_scanner *scanner = calloc(1, sizeof(*scanner));

	if (scanner == NULL) {
		return NULL;
	}
	scanner->service = service;
	scanner->engine = engine;
	scanner->policy = policy;
	engine->scanner = scanner;
	queue_init(&scanner->urgent);
	queue_init(&scanner->other);
	for (unsigned int i = AV_JOBS_MAX; i > 0; i--) {
		scanner->job[i - 1].next = scanner->free_jobs;
		scanner->free_jobs = &scanner->job[i - 1];
	}
	for (unsigned int i = 0; i < engine->scans; i++) {
		scanner->idle_scan[scanner->idle_scans++] = i;
	}
	mux_counter_set(service, MUX_COUNTER_SIGNATURES, engine->signatures);
	return scanner;
}

struct mux_service *av_scanner_service(const struct av_scanner *scanner)
{
	return scanner->service;
}

/* The engine has no result for it, or nobody wants it any more. */
static void abandon_scan(struct job *job)
{
	struct av_engine *engine = job->scanner->engine;

	if (job->is_begun) {
		job->is_begun = false;
		engine->calls->abandon(engine, job->scan);
	}
}

static void release_scan(struct job *job)
{
	struct av_scanner *scanner = job->scanner;

	if (job->scan != NO_SCAN) {
		abandon_scan(job);
		scanner->running[job->scan] = NULL;
		scanner->idle_scan[scanner->idle_scans++] = job->scan;
		job->scan = NO_SCAN;
	}
}

static void give_verdict(struct job *job, enum mux_verdict verdict, enum av_reason reason,
			 const char *text)
{
	if (job->owes_verdict) {
		job->owes_verdict = false;
		(void)mux_verdict(job->event, verdict, (uint32_t)reason, text,
				  reason == AV_REASON_CLEAN ? MUX_VERDICT_REMEMBER : 0);
	}
}

static void free_job(struct job *job)
{
	struct av_scanner *scanner = job->scanner;

	release_scan(job);
	give_verdict(job, job->rule->fallback, AV_REASON_UNSCANNED,
		     scanner->is_stopping ? "the service stops" : "not scanned");
	mux_event_release(job->event);
	job->event = NULL;
	job->next = scanner->free_jobs;
	scanner->free_jobs = job;
	scanner->busy--;
}

static void end_job(struct job *job)
{
	struct av_scanner *scanner = job->scanner;

	free_job(job);
	start_jobs(scanner);
}

static void cancel_request(struct job *job)
{
	if (job->request > 0) {
		(void)mux_cancel(mux_event_info(job->event)->agent, job->request);
		job->request = 0;
	}
}

/* One whose file is being put away has answered, and ends with that. */
void av_scanner_stop(struct av_scanner *scanner)
{
	scanner->is_stopping = true;
	for (unsigned int i = 0; i < AV_JOBS_MAX; i++) {
		struct job *job = &scanner->job[i];

		if (job->event != NULL && !job->is_measured) {
			cancel_request(job);
			free_job(job);
		}
	}
	queue_init(&scanner->urgent);
	queue_init(&scanner->other);
}

void av_scanner_destroy(struct av_scanner *scanner)
{
	scanner->is_stopping = true;
	for (unsigned int i = 0; i < AV_JOBS_MAX; i++) {
		if (scanner->job[i].event != NULL) {
			free_job(&scanner->job[i]);
		}
	}
	free(scanner);
}

unsigned int av_scanner_busy(const struct av_scanner *scanner)
{
	return scanner->busy;
}

/* ---- what is said ---- */

static const char *job_guest(const struct job *job)
{
	return mux_agent_info(mux_event_info(job->event)->agent)->name;
}

static const char *job_path(const struct job *job)
{
	const struct mux_event_info *info = mux_event_info(job->event);

	return info->kind == MUX_EVENT_RENAME ? info->path2 : info->path;
}

/* NULL where there are more guests than are counted one by one. */
static struct guest *find_guest(struct av_scanner *scanner, const char *name)
{
	struct guest *guest;

	for (unsigned int i = 0; i < scanner->guest_count; i++) {
		if (strncmp(scanner->guest[i].name, name, AV_POLICY_NAME_MAX) == 0) {
			return &scanner->guest[i];
		}
	}
	if (scanner->guest_count == AV_GUESTS_MAX) {
		return NULL;
	}
	guest = &scanner->guest[scanner->guest_count++];
	snprintf(guest->name, sizeof(guest->name), "%s", name);
	return guest;
}

static void count_clean(struct job *job)
{
	struct guest *guest = find_guest(job->scanner, job_guest(job));

	if (guest == NULL) {
		return;
	}
	guest->clean++;
	guest->bytes += job->scanned;
	if (guest->clean % PROGRESS_EVERY == 0) {
		printf("%s: %llu files clean so far, %llu bytes\n", av_text_escape(guest->name),
		       (unsigned long long)guest->clean, (unsigned long long)guest->bytes);
	}
}

static void say_infected(const struct job *job, const char *signature)
{
	const char *guest = av_text_escape(job_guest(job));
	const char *path = av_text_escape(job_path(job));
	const char *name = av_text_escape(signature);
	const char *comma = job->owes_verdict ? "deny, " : "";

	printf("%s: %s: %s -> %s%s (scan %llu bytes)\n", guest, path, name, comma,
	       av_policy_measure_name(job->rule->infected), (unsigned long long)job->scanned);
	printf("INFECTED %s %s %s\n", guest, path, name);
}

static void say_unscanned(const struct job *job, const char *reason)
{
	mux_counter_add(job->scanner->service, AV_COUNTER_UNSCANNED, 1);
	printf("UNSCANNED %s %s %s\n", av_text_escape(job_guest(job)),
	       av_text_escape(job_path(job)), reason);
}

/* ---- measures ---- */

static void apply_measure(struct job *job);

static void on_measure_done(const struct mux_result *result, void *context)
{
	struct job *job = context;

	if (result->status == -ENOENT && !job->by_path) {
		/* The verdict overtook the request, so that the handle is gone. */
		job->by_path = true;
		apply_measure(job);
		return;
	}
	if (result->status != 0 && result->status != -ENOTCONN) {
		printf("%s: %s: %s failed: %s\n", av_text_escape(job_guest(job)),
		       av_text_escape(job_path(job)), av_policy_measure_name(job->rule->infected),
		       strerror(-result->status));
	} else if (result->status == 0 && result->verb == MUX_VERB_QUARANTINE) {
		mux_counter_add(job->scanner->service, MUX_COUNTER_QUARANTINED, 1);
	}
	end_job(job);
}

/* Ends the job where nothing is to be done, or nothing can. */
static void apply_measure(struct job *job)
{
	struct mux_call call = {.done = on_measure_done, .context = job};
	struct mux_agent *agent = mux_event_info(job->event)->agent;
	struct mux_file file =
		job->by_path ? mux_file_path(job_path(job)) : mux_file_event(job->event);
	int64_t request = 0;

	switch (job->rule->infected) {
	case AV_MEASURE_QUARANTINE: request = mux_quarantine(agent, file, &call); break;
	case AV_MEASURE_DELETE: request = mux_delete(agent, file, &call); break;
	default: break;
	}
	if (request < 0 && request != -ENOTCONN) {
		say_unscanned(job, "the measure could not be asked for");
	}
	if (request <= 0) {
		end_job(job);
	}
}

static void finish_infected(struct job *job, const char *signature)
{
	char name[AV_TEXT_MAX + 1]; /* the engine's text ends with the scan */
	bool waits = job->owes_verdict;
	struct mux_event *event;

	snprintf(name, sizeof(name), "%s", signature);
	job->by_path = !waits;
	say_infected(job, name);
	mux_counter_add(job->scanner->service, MUX_COUNTER_INFECTED, 1);
	release_scan(job);
	job->owes_verdict = false;
	job->is_measured = true;
	event = mux_event_keep(job->event); /* apply_measure may end the job */
	apply_measure(job);
	if (waits) {
		(void)mux_verdict(event, MUX_VERDICT_DENY, AV_REASON_INFECTED, name, 0);
	}
	mux_event_release(event);
}

static void finish_clean(struct job *job)
{
	give_verdict(job, MUX_VERDICT_ALLOW, AV_REASON_CLEAN, "");
	count_clean(job);
	end_job(job);
}

static void finish_unscanned(struct job *job, const char *reason)
{
	say_unscanned(job, reason);
	give_verdict(job, job->rule->fallback, AV_REASON_UNSCANNED, reason);
	end_job(job);
}

/* ---- reading ---- */

static void start_job(struct job *job);

static bool on_data(struct mux_agent *agent, uint64_t offset, const void *data, size_t size,
		    void *context)
{
	struct job *job = context;
	struct av_engine *engine = job->scanner->engine;

	(void)agent;
	job->scanned += size;
	job->has_enough = !engine->calls->take(engine, job->scan, offset, data, size);
	return !job->has_enough;
}

static void on_read_done(const struct mux_result *result, void *context)
{
	struct job *job = context;
	struct av_engine *engine = job->scanner->engine;

	job->request = 0;
	if (result->status == 0 || (result->status == -ECANCELED && job->has_enough)) {
		engine->calls->read_done(engine, job->scan, result->total);
	} else if (result->status == -ENOTCONN) {
		end_job(job);
	} else {
		finish_unscanned(job, strerror(-result->status));
	}
}

static struct mux_file job_file(const struct job *job)
{
	return job->owes_verdict ? mux_file_event(job->event) : mux_file_path(job_path(job));
}

static void fail_request(struct job *job, int64_t error)
{
	if (error == -ENOTCONN) {
		end_job(job);
	} else {
		finish_unscanned(job, strerror((int)-error));
	}
}

void av_scanner_read(struct av_scanner *scanner, unsigned int scan, uint64_t offset,
		     uint64_t length)
{
	struct job *job = scanner->running[scan];
	struct mux_call call = {.done = on_read_done, .context = job};
	int64_t request = mux_read(mux_event_info(job->event)->agent, job_file(job), offset, length,
				   on_data, &call);

	if (request < 0) {
		fail_request(job, request);
		return;
	}
	job->has_enough = false;
	job->request = request;
}

void av_scanner_finish(struct av_scanner *scanner, unsigned int scan, struct av_outcome outcome)
{
	struct job *job = scanner->running[scan];

	job->is_begun = false;
	cancel_request(job);
	mux_counter_add(scanner->service, MUX_COUNTER_SCANNED, 1);
	mux_counter_add(scanner->service, MUX_COUNTER_SCANNED_BYTES, job->scanned);
	switch (outcome.kind) {
	case AV_OUTCOME_CLEAN: finish_clean(job); break;
	case AV_OUTCOME_INFECTED: finish_infected(job, outcome.text); break;
	case AV_OUTCOME_CHANGED:
		if (++job->tries < TRIES_MAX) {
			start_job(job); /* its size has changed */
		} else {
			finish_unscanned(job, "it changed while it was read");
		}
		break;
	default: finish_unscanned(job, outcome.text);
	}
}

static void begin_scan(struct job *job, uint64_t size)
{
	struct av_engine *engine = job->scanner->engine;

	job->scanned = 0;
	job->is_begun = true;
	engine->calls->begin(engine, job->scan, size,
			     job->owes_verdict ? mux_event_time_left_ms(job->event)
					       : AV_TIME_NO_END);
}

static void on_stat_done(const struct mux_result *result, void *context)
{
	struct job *job = context;

	job->request = 0;
	if (result->status == -ENOENT || result->status == -ENOTCONN) {
		end_job(job); /* the file, or the guest, is gone: there is nothing to protect */
	} else if (result->status != 0) {
		finish_unscanned(job, strerror(-result->status));
	} else if ((result->stat->flags & MUX_STAT_DIRECTORY) != 0) {
		finish_clean(job);
	} else {
		begin_scan(job, result->stat->size);
	}
}

/* An event that waits tells the size; else, and after a change, it is asked for. */
static void start_job(struct job *job)
{
	struct mux_call call = {.done = on_stat_done, .context = job};
	int64_t request;

	if (job->owes_verdict && job->tries == 0) {
		begin_scan(job, mux_event_info(job->event)->size);
		return;
	}
	request = mux_stat(mux_event_info(job->event)->agent, job_file(job), &call);
	if (request < 0) {
		fail_request(job, request);
		return;
	}
	job->request = request;
}

static struct job *next_job(struct av_scanner *scanner)
{
	struct job *job = queue_take(&scanner->urgent);

	return job != NULL ? job : queue_take(&scanner->other);
}

/* A job that ends at once calls this again: the loop that started it goes on, so that the stack
 * does not grow with the queue. */
static void start_jobs(struct av_scanner *scanner)
{
	struct job *job;

	if (scanner->is_starting || scanner->is_stopping) {
		return;
	}
	scanner->is_starting = true;
	while (scanner->idle_scans > 0 && (job = next_job(scanner)) != NULL) {
		job->scan = scanner->idle_scan[--scanner->idle_scans];
		scanner->running[job->scan] = job;
		start_job(job);
	}
	scanner->is_starting = false;
}

/* ---- events ---- */

static bool has_content(enum mux_event_kind kind)
{
	switch (kind) {
	case MUX_EVENT_OPEN:
	case MUX_EVENT_CLOSE:
	case MUX_EVENT_WRITE:
	case MUX_EVENT_CREATE:
	case MUX_EVENT_RENAME:
	case MUX_EVENT_EXECUTE:
	case MUX_EVENT_READ: return true;
	default: return false;
	}
}

static void say_event(const struct mux_event_info *info)
{
	static const char *const name[MUX_EVENT_KINDS] = {
		[MUX_EVENT_DELETE] = "deleted",	       [MUX_EVENT_PROCESS_START] = "started",
		[MUX_EVENT_PROCESS_STOP] = "stopped",  [MUX_EVENT_MEMORY] = "mapped for execution",
		[MUX_EVENT_CONFIG] = "configuration",  [MUX_EVENT_LOGON] = "logon",
		[MUX_EVENT_NETWORK] = "network event",
	};

	if (name[info->kind] != NULL) {
		printf("%s: %s: %s\n", av_text_escape(mux_agent_info(info->agent)->name),
		       av_text_escape(info->path[0] != '\0' ? info->path : info->process),
		       name[info->kind]);
	}
}

/* The event cannot become a job; the guest's rule says what that means. */
static void refuse_event(const struct av_scanner *scanner, struct mux_event *event,
			 const struct av_policy_rule *rule)
{
	const char *reason =
		scanner->is_stopping ? "the service stops" : "too many scans are waiting";
	const struct mux_event_info *info = mux_event_info(event);

	mux_counter_add(scanner->service, AV_COUNTER_UNSCANNED, 1);
	printf("UNSCANNED %s %s %s\n", av_text_escape(mux_agent_info(info->agent)->name),
	       av_text_escape(info->path), reason);
	if (info->wants_verdict) {
		(void)mux_verdict(event, rule != NULL ? rule->fallback : MUX_VERDICT_DENY,
				  AV_REASON_UNSCANNED, reason, 0);
	}
}

void av_scanner_take_event(struct mux_event *event, void *context)
{
	struct av_scanner *scanner = context;
	const struct mux_event_info *info = mux_event_info(event);
	const struct av_policy_rule *rule = av_policy_rule(scanner->policy, info->rule);
	struct job *job = scanner->free_jobs;

	if (!has_content(info->kind)) {
		say_event(info);
		if (info->wants_verdict) {
			(void)mux_verdict(event, MUX_VERDICT_ALLOW, AV_REASON_CLEAN, "", 0);
		}
		return;
	}
	if (job == NULL || rule == NULL || scanner->is_stopping) {
		refuse_event(scanner, event, rule);
		return;
	}
	scanner->free_jobs = job->next;
	scanner->busy++;
	*job = (struct job){.scanner = scanner,
			    .event = mux_event_keep(event),
			    .rule = rule,
			    .scan = NO_SCAN,
			    .owes_verdict = info->wants_verdict};
	queue_put(info->wants_verdict ? &scanner->urgent : &scanner->other, job);
	start_jobs(scanner);
}
