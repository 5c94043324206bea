/* Clocks, the server's CPU time and memory, latency percentiles. */
#define _GNU_SOURCE
#include "generator.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + now.tv_nsec;
}

/*
 * The kernel's clock of a process counts the time of all its threads, ended ones too. It is the sum that user and system
 * time in /proc are made from, in nanoseconds where those come in hundredths of a second.
 */
static double cpu_of(int pid) {
  clockid_t clock;
  struct timespec used;
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0) fail("the server is gone");
  return used.tv_sec + used.tv_nsec / 1e9;
}

static double server_cpu(void) {
  double sum = 0;
  for (int i = 0; i < plan.pid_count; i++) sum += cpu_of(plan.pids[i]);
  return sum;
}

static double machine_cpu(void) {
  unsigned long user, nice, system, irq, softirq;
  FILE *file = fopen("/proc/stat", "r");
  if (!file || fscanf(file, "cpu %lu %lu %lu %*u %*u %lu %lu", &user, &nice, &system, &irq, &softirq) != 5)
    fail("/proc/stat is not as expected");
  fclose(file);
  return (double)(user + nice + system + irq + softirq) / sysconf(_SC_CLK_TCK);
}

static long rss_of(int pid) {
  char path[64];
  long pages;
  snprintf(path, sizeof path, "/proc/%d/statm", pid);
  FILE *file = fopen(path, "r");
  if (!file || fscanf(file, "%*d %ld", &pages) != 1) fail("the server is gone");
  fclose(file);
  return pages * sysconf(_SC_PAGESIZE);
}

static long server_rss(void) {
  long sum = 0;
  for (int i = 0; i < plan.pid_count; i++) sum += rss_of(plan.pids[i]);
  return sum;
}

void take_snapshot(struct snapshot *snapshot) {
  struct rusage own;
  getrusage(RUSAGE_SELF, &own);
  snapshot->cpu = server_cpu();
  snapshot->store = plan.store ? cpu_of(plan.store) : 0;
  snapshot->machine = machine_cpu();
  snapshot->rss = server_rss();
  snapshot->at = now_ns() / 1e9;
  snapshot->generator =
    own.ru_utime.tv_sec + own.ru_stime.tv_sec + (own.ru_utime.tv_usec + own.ru_stime.tv_usec) / 1e6;
  snapshot->delivered = totals.delivered;
  snapshot->bytes = totals.bytes;
}

void print_snapshot(const char *name, const struct snapshot *snapshot) {
  printf("\"%s\":{\"at\":%.6f,\"cpu\":%.6f,\"store\":%.6f,\"generator\":%.6f,\"machine\":%.2f,\"rss\":%ld,\"delivered\":%lu,\"bytes\":%lu},", name,
         snapshot->at, snapshot->cpu, snapshot->store, snapshot->generator, snapshot->machine, snapshot->rss, snapshot->delivered, snapshot->bytes);
}

/* Buckets that grow with the value: each power of two is cut into 128, so a percentile is right to within 1 %. */
#define CUT_BITS 7
static uint64_t buckets[(64 - CUT_BITS) << CUT_BITS];

void record_latency(uint64_t nanoseconds) {
  int shift = 63 - __builtin_clzll(nanoseconds | 1) - CUT_BITS;
  if (shift < 0) shift = 0;
  buckets[((uint64_t)shift << CUT_BITS) + (nanoseconds >> shift)]++;
}

void reset_latency(void) { memset(buckets, 0, sizeof buckets); }

double latency_percentile(double share) {
  const int count = sizeof buckets / sizeof *buckets;
  uint64_t all = 0, seen = 0;
  for (int i = 0; i < count; i++) all += buckets[i];
  for (int i = 0; i < count; i++) {
    seen += buckets[i];
    if (!all || seen < (uint64_t)(share * all)) continue;
    /* From 2 * 128 on, a bucket's number holds its shift, which is one less than its row. */
    int shift = i < 2 << CUT_BITS ? 0 : (i >> CUT_BITS) - 1;
    return ((uint64_t)(i - (shift << CUT_BITS)) << shift) / 1e9;
  }
  return 0;
}

void fail(const char *format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  printf("{\"error\":\"");
  for (const char *at = text; *at; at++)
    if ((unsigned char)*at >= ' ') printf(*at == '"' || *at == '\\' ? "\\%c" : "%c", *at);
  printf("\"}\n");
  exit(1);
}
