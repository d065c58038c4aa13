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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	struct av_scan *scan; /* while it runs */
	uint64_t size;	      /* that the scan was begun with */
	uint64_t scanned;     /* bytes handed to it */
	unsigned int tries;
	int scan_status;
	bool owes_verdict;
	bool by_path; /* the measure was tried by handle */
};

struct queue {
	struct job *first;
	struct job **last;
};

struct av_scanner {
	struct mux_service *service;
	const struct av_signatures *set;
	const struct av_policy *policy;
	struct queue urgent; /* a guest waits */
	struct queue other;
	struct job *free_jobs;
	unsigned int busy;
	bool is_starting; /* start_jobs is at work further up the stack */
	unsigned int idle_scans;
	struct av_scan *idle_scan[AV_SCANS_MAX];
	struct av_scan *scan[AV_SCANS_MAX];
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

struct av_scanner *av_scanner_create(struct mux_service *service, const struct av_signatures *set,
				     const struct av_policy *policy)
{
	struct av_scanner *scanner = calloc(1, sizeof(*scanner));

	if (scanner == NULL) {
		return NULL;
	}
	scanner->service = service;
	scanner->set = set;
	scanner->policy = policy;
	queue_init(&scanner->urgent);
	queue_init(&scanner->other);
	for (unsigned int i = AV_JOBS_MAX; i > 0; i--) {
		scanner->job[i - 1].next = scanner->free_jobs;
		scanner->free_jobs = &scanner->job[i - 1];
	}
	for (unsigned int i = 0; i < AV_SCANS_MAX; i++) {
		scanner->scan[i] = av_scan_create(set);
		if (scanner->scan[i] == NULL) {
			av_scanner_destroy(scanner);
			return NULL;
		}
		scanner->idle_scan[scanner->idle_scans++] = scanner->scan[i];
	}
	mux_counter_set(service, MUX_COUNTER_SIGNATURES, set->signature_count);
	return scanner;
}

static void release_scan(struct job *job)
{
	if (job->scan != NULL) {
		job->scanner->idle_scan[job->scanner->idle_scans++] = job->scan;
		job->scan = NULL;
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
	give_verdict(job, job->rule->fallback, AV_REASON_UNSCANNED, "not scanned");
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

void av_scanner_destroy(struct av_scanner *scanner)
{
	for (unsigned int i = 0; i < AV_JOBS_MAX; i++) {
		if (scanner->job[i].event != NULL) {
			free_job(&scanner->job[i]);
		}
	}
	for (unsigned int i = 0; i < AV_SCANS_MAX; i++) {
		av_scan_destroy(scanner->scan[i]);
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

static void finish_infected(struct job *job, uint32_t signature)
{
	const char *name = av_signatures_name(job->scanner->set, signature);
	bool waits = job->owes_verdict;
	struct mux_event *event;

	job->by_path = !waits;
	say_infected(job, name);
	mux_counter_add(job->scanner->service, MUX_COUNTER_INFECTED, 1);
	release_scan(job);
	job->owes_verdict = false;
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

	(void)agent;
	(void)offset;
	job->scan_status = av_scan_feed(job->scan, data, size);
	job->scanned += size;
	return job->scan_status == 0;
}

static const char *scan_error(int error)
{
	switch (error) {
	case -E2BIG: return "it costs more work than a scan may";
	case -EOVERFLOW:
	case -ENODATA: return "it changed while it was read";
	default: return strerror(-error);
	}
}

/* The whole file was read, or as much as the scan wanted. */
static void finish_scan(struct job *job)
{
	struct av_result result;
	int error = av_scan_end(job->scan, &result);

	mux_counter_add(job->scanner->service, MUX_COUNTER_SCANNED, 1);
	mux_counter_add(job->scanner->service, MUX_COUNTER_SCANNED_BYTES, job->scanned);
	if (result.count > 0) {
		finish_infected(job, result.signature[0]);
	} else if (error == 0) {
		finish_clean(job);
	} else if (error != -E2BIG && ++job->tries < TRIES_MAX) {
		start_job(job); /* its size has changed */
	} else {
		finish_unscanned(job, scan_error(error));
	}
}

static void on_read_done(const struct mux_result *result, void *context)
{
	struct job *job = context;

	if (result->status == 0 || (result->status == -ECANCELED && job->scan_status != 0)) {
		finish_scan(job);
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

static void read_file(struct job *job)
{
	struct mux_call call = {.done = on_read_done, .context = job};
	int64_t request;

	job->scan_status = 0;
	job->scanned = 0;
	av_scan_begin(job->scan, job->size, 0);
	request = mux_read(mux_event_info(job->event)->agent, job_file(job), 0, MUX_READ_ALL,
			   on_data, &call);
	if (request < 0) {
		fail_request(job, request);
	}
}

static void on_stat_done(const struct mux_result *result, void *context)
{
	struct job *job = context;

	if (result->status == -ENOENT || result->status == -ENOTCONN) {
		end_job(job); /* the file, or the guest, is gone: there is nothing to protect */
	} else if (result->status != 0) {
		finish_unscanned(job, strerror(-result->status));
	} else if ((result->stat->flags & MUX_STAT_DIRECTORY) != 0) {
		finish_clean(job);
	} else {
		job->size = result->stat->size;
		read_file(job);
	}
}

/* An event that waits tells the size; else, and after a change, it is asked for. */
static void start_job(struct job *job)
{
	struct mux_call call = {.done = on_stat_done, .context = job};
	int64_t request;

	if (job->owes_verdict && job->tries == 0) {
		job->size = mux_event_info(job->event)->size;
		read_file(job);
		return;
	}
	request = mux_stat(mux_event_info(job->event)->agent, job_file(job), &call);
	if (request < 0) {
		fail_request(job, request);
	}
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

	if (scanner->is_starting) {
		return;
	}
	scanner->is_starting = true;
	while (scanner->idle_scans > 0 && (job = next_job(scanner)) != NULL) {
		job->scan = scanner->idle_scan[--scanner->idle_scans];
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
	case MUX_EVENT_EXECUTE: return true;
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
static void refuse_event(struct mux_event *event, const struct av_policy_rule *rule)
{
	const struct mux_event_info *info = mux_event_info(event);

	printf("UNSCANNED %s %s too many scans are waiting\n",
	       av_text_escape(mux_agent_info(info->agent)->name), av_text_escape(info->path));
	if (info->wants_verdict) {
		(void)mux_verdict(event, rule != NULL ? rule->fallback : MUX_VERDICT_DENY,
				  AV_REASON_UNSCANNED, "too many scans", 0);
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
	if (job == NULL || rule == NULL) {
		refuse_event(event, rule);
		return;
	}
	scanner->free_jobs = job->next;
	scanner->busy++;
	*job = (struct job){.scanner = scanner,
			    .event = mux_event_keep(event),
			    .rule = rule,
			    .owes_verdict = info->wants_verdict};
	queue_put(info->wants_verdict ? &scanner->urgent : &scanner->other, job);
	start_jobs(scanner);
}
