/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For how long 'xdp_mutex' is held, and how long a thread waits that has
 * nothing to do with what is going on: histograms of both.
 *
 * The linker has everybody call functions in here instead of those that lock
 * and unlock (utilities/ovs-program.mk), so the code that is measured knows
 * nothing of it.
 *
 * The second thread stands for a PMD thread.  Each millisecond it puts a flow
 * of a port of its own, or deletes one, itself.  A real one leaves that to a
 * thread of the offload, and waits for nobody; this one has all of the wait
 * that the other would have.  It also stands for the main thread, and asks
 * something about ports.
 *
 * With more threads than CPUs, somebody always waits for one; and on a virtual
 * machine, the CPU itself goes away for milliseconds.  That is not what is to
 * be found out here.  So what counts of a hold is
 *
 *   - if the thread did not go to sleep meanwhile, the time for which it ran,
 *     but not more than the times that a timer has interrupted it (below),
 *
 *   - otherwise the time that passed, less that for which it could have run
 *     and had no CPU, which the kernel knows (schedstat).
 *
 * The kernel takes for time of a thread what a virtual CPU is away for in some
 * ways: a thread that does nothing but look at the clock finds gaps of several
 * milliseconds so.  Meanwhile nothing interrupts it.  So each thread that
 * takes the lock has a timer of the kernel (a software event of perf) that
 * does so each TICK while the thread runs, in the kernel, too.  What it misses
 * does not come later.
 *
 * Of the second thread, it is the latter, less what those who had the lock
 * meanwhile, or were the next to have it, have lost in that way, or less the
 * time for which any CPU was away, if that is more: such a timer on each CPU
 * tells.  The time that passed is given, too.
 */

#include <config.h>

#undef NDEBUG
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "ovs-atomic.h"
#include "ovs-thread.h"
#include "provider.h"
#include "util.h"
#include "xdp-mutex.h"
#include "xdp-port.h"

/* Element i counts what took less than 2^i microseconds, and at least half of
 * that. */
#define N_BUCKETS 24

struct histogram {
    uint64_t n[N_BUCKETS];
    uint64_t longest;           /* Nanoseconds. */
    uint64_t longest_wall;      /* The same with what passed without a CPU. */
};

/* How often a thread is interrupted, in nanoseconds. */
#define TICK 100000

/* For how long the timer is tried, in nanoseconds of a thread. */
#define CONTROL 50000000

/* How many of these a timer remembers, a power of 2; for how many CPUs there
 * can be one; and how many gaps between them are looked at. */
#define N_TICKS 16384
#define MAX_CPUS 256
#define MAX_GAPS 256

/* What perf notes each time. */
struct tick {
    struct perf_event_header header;
    uint64_t time;
};

/* A time in which a CPU was away. */
struct gap {
    uint64_t begin;
    uint64_t end;
};

/* A point in the life of a thread. */
struct moment {
    uint64_t time;
    uint64_t cpu;               /* Nanoseconds on a CPU, */
    uint64_t without_cpu;       /* and runnable, but without one. */
    uint64_t n_sleeps;
    uint64_t n_ticks;           /* Times that a timer interrupted it. */
    uint64_t lost;              /* By holders, see 'lost'. */
};

/* Of the holds.  'xdp_mutex' protects it. */
static atomic_bool watching;
static struct histogram holds;
static struct moment taken_at;
static bool was_watching;       /* When the lock was taken. */

/* How long all holds without sleep were by the time of the thread, and for how
 * much of it a timer came.  'xdp_mutex' protects them. */
static uint64_t all_cpu, all_ran;

/* When it was given back.  'xdp_mutex' protects it. */
static uint64_t released_at;

/* What all holds took longer than what counts of them, and for how long nobody
 * had the lock because who was the next to have it had no CPU. */
static atomic_uint64_t lost;

/* Of this thread: for how long it had no CPU when it gave the lock back, or 0,
 * and whether it is the second one, whose own time without a CPU counts
 * already. */
static __thread uint64_t last_without_cpu;
static __thread bool is_second;

/* Of the CPUs. */
static const struct perf_event_mmap_page *timers[MAX_CPUS];
static size_t n_timers;

/* The second thread. */
static struct flow_set set;
static struct histogram stalls;
static atomic_bool stop;
static pthread_t thread;

void __real_ovs_mutex_lock_at(const struct ovs_mutex *, const char *where);
void __wrap_ovs_mutex_lock_at(const struct ovs_mutex *, const char *where);
void __real_ovs_mutex_unlock(const struct ovs_mutex *);
void __wrap_ovs_mutex_unlock(const struct ovs_mutex *);

/* Returns '*ts' in nanoseconds. */
static uint64_t
timespec_ns(const struct timespec *ts)
{
    return ts->tv_sec * UINT64_C(1000000000) + ts->tv_nsec;
}

/* Returns for how many nanoseconds this thread could have run without having a
 * CPU, or 0 if the kernel does not count that. */
static uint64_t
without_cpu(void)
{
    static __thread int fd = -1;
    unsigned long long int waited;
    char text[128];
    ssize_t n;

    if (fd < 0) {
        fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
    }
    n = fd < 0 ? -1 : pread(fd, text, sizeof text - 1, 0);
    if (n <= 0) {
        return 0;
    }
    text[n] = '\0';
    return sscanf(text, "%*u %llu", &waited) == 1 ? waited : 0;
}

/* Starts a timer that interrupts this thread, or 'cpu' if that is not
 * negative, and notes each time. */
static const struct perf_event_mmap_page *
start_timer(int cpu)
{
    struct perf_event_attr attr = {
        .type = PERF_TYPE_SOFTWARE,
        .size = sizeof attr,
        .config = PERF_COUNT_SW_CPU_CLOCK,
        .sample_period = TICK,
        .sample_type = PERF_SAMPLE_TIME,
        .use_clockid = 1,
        .clockid = CLOCK_MONOTONIC,
    };
    int fd = syscall(SYS_perf_event_open, &attr, cpu < 0 ? 0 : -1, cpu, -1,
                     PERF_FLAG_FD_CLOEXEC);
    void *p;

    if (fd < 0) {
        ovs_fatal(errno, "asking perf for a timer failed");
    }
    /* What is mapped for reading only is written again and again. */
    p = mmap(NULL, sysconf(_SC_PAGESIZE) + N_TICKS * sizeof(struct tick),
             PROT_READ, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED) {
        ovs_fatal(errno, "mapping the samples of a timer failed");
    }
    close(fd);
    return p;
}

/* Returns how often 'timer' has interrupted anything. */
static uint64_t
get_n_ticks(const struct perf_event_mmap_page *timer)
{
    uint64_t head = *(volatile const uint64_t *) &timer->data_head;

    atomic_thread_fence(memory_order_acquire);
    return head / sizeof(struct tick);
}

/* Returns how often a timer has interrupted this thread.  (What perf notes of
 * other kinds, if the kernel holds a timer back, would be counted as more than
 * one time.) */
static uint64_t
get_own_n_ticks(void)
{
    static __thread const struct perf_event_mmap_page *timer;

    if (!timer) {
        timer = start_timer(-1);
    }
    return get_n_ticks(timer);
}

/* Fails unless the timer of a thread comes as often as it is to: holds and
 * stalls would be taken for shorter than they are. */
static void
check_timer(void)
{
    const uint64_t expected = CONTROL / TICK;
    uint64_t n = 0;

    /* The host may take most of one. */
    for (int i = 0; i < 5 && n < expected / 2; i++) {
        uint64_t begin = get_own_n_ticks();
        struct timespec ts;

        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
        for (uint64_t end = timespec_ns(&ts) + CONTROL;
             timespec_ns(&ts) < end; ) {
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
        }
        n = get_own_n_ticks() - begin;
    }
    if (n < expected / 2 || n > 2 * expected) {
        ovs_fatal(0, "in %d ms on a CPU, a timer of perf came %"PRIu64" times "
                  "instead of %"PRIu64"; this takes high resolution timers, "
                  "and sysctl kernel.perf_event_max_sample_rate=100000",
                  CONTROL / 1000000, n, expected);
    }
}

/* Adds to 'gaps', of which there are '*n', those between 'begin' and 'end' in
 * which the CPU of 'timer' was away. */
static void
find_gaps(const struct perf_event_mmap_page *timer, uint64_t begin,
          uint64_t end, struct gap *gaps, size_t *n)
{
    const struct tick *ticks = (const void *) ((const char *) timer
                                               + sysconf(_SC_PAGESIZE));
    uint64_t i = get_n_ticks(timer);
    uint64_t oldest = i > N_TICKS ? i - N_TICKS : 0;
    uint64_t next = end;

    while (i-- > oldest && next > begin && *n < MAX_GAPS) {
        uint64_t time = ticks[i % N_TICKS].time;

        if (ticks[i % N_TICKS].header.type == PERF_RECORD_SAMPLE
            && time < next) {
            if (next - time > 2 * TICK) {
                gaps[(*n)++] = (struct gap) {
                    .begin = MAX(begin, time + TICK), .end = next
                };
            }
            next = time;
        }
    }
}

/* For qsort(): sorts by 'begin'. */
static int
compare_gaps(const void *a_, const void *b_)
{
    const struct gap *a = a_, *b = b_;

    return a->begin < b->begin ? -1 : a->begin > b->begin;
}

/* Returns for how many nanoseconds between 'begin' and 'end' a CPU was
 * away. */
static uint64_t
get_away(uint64_t begin, uint64_t end)
{
    struct gap gaps[MAX_GAPS];
    uint64_t away = 0;
    size_t n = 0;

    for (size_t i = 0; i < n_timers; i++) {
        find_gaps(timers[i], begin, end, gaps, &n);
    }
    qsort(gaps, n, sizeof *gaps, compare_gaps);
    for (size_t i = 0; i < n; i++) {
        uint64_t from = MAX(gaps[i].begin, begin);

        if (gaps[i].end > from) {
            away += gaps[i].end - from;
            begin = gaps[i].end;
        }
    }
    return away;
}

/* Returns what it is now. */
static struct moment
get_moment(void)
{
    struct moment m = { .without_cpu = without_cpu() };
    struct rusage usage;
    struct timespec ts;

    getrusage(RUSAGE_THREAD, &usage);
    m.n_sleeps = usage.ru_nvcsw;
    m.n_ticks = get_own_n_ticks();
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    m.cpu = timespec_ns(&ts);
    atomic_read_relaxed(&lost, &m.lost);
    m.time = now_ns();
    return m;
}

/* Returns the difference of 'a' and 'b', or 0 if that is negative: not all
 * that makes up a moment is read at the same time. */
static uint64_t
minus(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/* Returns for how long this thread ran from 'begin' to 'end'. */
static uint64_t
ran(const struct moment *begin, const struct moment *end)
{
    return MIN(end->cpu - begin->cpu,
               (end->n_ticks - begin->n_ticks + 1) * TICK);
}

/* Adds something that took 'wall', of which 'ns' count, to 'h'. */
static void
histogram_add(struct histogram *h, uint64_t wall, uint64_t ns)
{
    uint64_t us = ns / 1000;

    h->n[us ? MIN(log_2_floor(us) + 1, N_BUCKETS - 1) : 0]++;
    h->longest = MAX(h->longest, ns);
    h->longest_wall = MAX(h->longest_wall, wall);
}

/* Adds the hold since 'begin'. */
static void
add_hold(const struct moment *begin)
{
    struct moment end = get_moment();
    uint64_t wall = end.time - begin->time;
    uint64_t ns = (end.n_sleeps == begin->n_sleeps
                   ? MIN(ran(begin, &end), wall)
                   : minus(wall, end.without_cpu - begin->without_cpu));
    uint64_t orig;

    histogram_add(&holds, wall, ns);
    if (end.n_sleeps == begin->n_sleeps) {
        all_cpu += end.cpu - begin->cpu;
        all_ran += ran(begin, &end);
    }
    atomic_add_relaxed(&lost, wall - ns, &orig);
    released_at = end.time;
    last_without_cpu = end.without_cpu;
}

/* Adds to 'lost' what passed before 'begin', when this thread took the lock,
 * without anybody having it. */
static void
add_gap(const struct moment *begin)
{
    uint64_t orig;

    if (released_at && last_without_cpu && !is_second) {
        atomic_add_relaxed(&lost,
                           MIN(minus(begin->time, released_at),
                               begin->without_cpu - last_without_cpu), &orig);
    }
}

/* Adds what the second thread has waited since 'begin'. */
static void
add_stall(const struct moment *begin)
{
    struct moment end = get_moment();
    uint64_t wall = end.time - begin->time;
    uint64_t ns = minus(wall, end.without_cpu - begin->without_cpu);

    histogram_add(&stalls, wall,
                  end.n_sleeps == begin->n_sleeps
                  ? MIN(ran(begin, &end), wall)
                  : minus(ns, MAX(end.lost - begin->lost,
                                  get_away(begin->time, end.time))));
}

/* Adds 'h' to the reply, with 'prefix' in front of each name. */
static void
print_histogram(const struct histogram *h, const char *prefix)
{
    printf(" %slongest=%"PRIu64" %swall=%"PRIu64, prefix, h->longest, prefix,
           h->longest_wall);
    for (size_t i = 0; i < N_BUCKETS; i++) {
        printf(" %s%"PRIuSIZE"=%"PRIu64, prefix, i, h->n[i]);
    }
}

/* What ovs_mutex_lock_at() is. */
void
__wrap_ovs_mutex_lock_at(const struct ovs_mutex *mutex, const char *where)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    __real_ovs_mutex_lock_at(mutex, where);
    if (mutex == &xdp_mutex) {
        atomic_read_relaxed(&watching, &was_watching);
        if (was_watching) {
            taken_at = get_moment();
            add_gap(&taken_at);
        }
    }
}

/* What ovs_mutex_unlock() is. */
void
__wrap_ovs_mutex_unlock(const struct ovs_mutex *mutex)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    if (mutex == &xdp_mutex && was_watching) {
        add_hold(&taken_at);
    }
    __real_ovs_mutex_unlock(mutex);
}

/* The second thread. */
static void *
thread_main(void *aux OVS_UNUSED)
{
    const uint64_t interval = 1000000;
    uint64_t next = now_ns();
    uint64_t i = 0;
    bool stopped;

    is_second = true;
    do {
        struct flow_set one = set;
        struct moment begin;

        one.first = set.first + i / 2 % set.n;
        one.n = 1;
        begin = get_moment();
        if (i++ % 2) {
            flows_delete(&one);
        } else {
            flows_put(&one);
        }
        add_stall(&begin);

        /* The main thread of 3.1 asks this in each of its rounds. */
        begin = get_moment();
        xdp_port_any_at_tc();
        add_stall(&begin);

        next = MAX(next + interval, now_ns());
        sleep_until(next);
        atomic_read_relaxed(&stop, &stopped);
    } while (!stopped || i % 2);
    return NULL;
}

/* Starts to watch, with a second thread that puts and deletes the flows in
 * 'set_'. */
void
watch_start(const struct flow_set *set_)
{
    set = *set_;
    if (!n_timers) {
        check_timer();
        n_timers = MIN(sysconf(_SC_NPROCESSORS_ONLN), MAX_CPUS);
        for (size_t i = 0; i < n_timers; i++) {
            timers[i] = start_timer(i);
        }
    }
    memset(&stalls, 0, sizeof stalls);
    xdp_lock();
    memset(&holds, 0, sizeof holds);
    all_cpu = all_ran = 0;
    released_at = 0;
    atomic_store_relaxed(&watching, true);
    xdp_unlock();
    atomic_init(&stop, false);
    thread = ovs_thread_create("pmd", thread_main, NULL);
    reply("ok");
}

/* Ends that. */
void
watch_stop(void)
{
    atomic_store_relaxed(&stop, true);
    xpthread_join(thread, NULL);
    xdp_lock();
    atomic_store_relaxed(&watching, false);
    xdp_unlock();
    printf("ok own_cpu=%"PRIu64" own_ran=%"PRIu64, all_cpu, all_ran);
    print_histogram(&holds, "hold_");
    print_histogram(&stalls, "stall_");
    reply("%s", "");
}
