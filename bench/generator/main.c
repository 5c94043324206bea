/* The run: connect, join, settle, warm up, measure, drain, report. */
#define _GNU_SOURCE
#include "generator.h"

#include <stdio.h>
#include <stdlib.h>

/* How long the server may take over something that is not timed. */
#define PATIENCE_S 60
#define JOIN_SLICES 4

static struct snapshot before, connected, settled, start, end, joins[JOIN_SLICES + 1];

static uint64_t in_seconds(double seconds) { return now_ns() + (uint64_t)(seconds * 1e9); }

static void run_for(double seconds) {
  for (uint64_t until = in_seconds(seconds); now_ns() < until;) turn(until);
}

static void connect_everyone(void) {
  uint64_t deadline = in_seconds(PATIENCE_S);
  for (int opened = 0; greeted < plan.members;) {
    while (opened < plan.members && opened - greeted < plan.parallel) open_connection(opened++);
    turn(deadline);
    if (now_ns() > deadline) fail("only %d of %d connections after %d s", greeted, plan.members, PATIENCE_S);
  }
}

/* Taken apart into slices of equal size, so that a join that grows dearer with the number of rooms can be seen. */
static void join_everyone(void) {
  uint64_t deadline = in_seconds(PATIENCE_S);
  int all = (plan.members - (plan.apart ? plan.publishers * plan.groups : 0)) * plan.rooms;
  take_snapshot(&joins[0]);
  for (int i = 0; i < plan.members; i++)
    if (!is_apart(&connections[i])) join_next(&connections[i]);
  for (int slice = 1; slice <= JOIN_SLICES; slice++) {
    while (joins_done < (long)all * slice / JOIN_SLICES) {
      turn(deadline);
      if (now_ns() > deadline) fail("only %d of %d joins after %d s", joins_done, all, PATIENCE_S);
    }
    take_snapshot(&joins[slice]);
  }
}

static void drain(void) {
  uint64_t deadline = in_seconds(PATIENCE_S);
  while (totals.delivered < totals.expected) {
    turn(deadline);
    if (now_ns() > deadline) fail("%lu of %lu deliveries never came", totals.expected - totals.delivered, totals.expected);
  }
  /* What comes now has come before: deliver() ends the run over it. */
  run_for(0.2);
}

static void exchange_messages(void) {
  prepare_traffic();
  if (plan.stall) set_stalled(true);
  start_publishing();
  run_for(plan.warmup);
  reset_latency();
  take_snapshot(&start);
  run_for(plan.seconds);
  take_snapshot(&end);
  stop_publishing();
  drain();
  if (!plan.stall) return;
  set_stalled(false);
  run_for(2);
}

static void report(void) {
  printf("{");
  print_snapshot("before", &before);
  print_snapshot("connected", &connected);
  print_snapshot("settled", &settled);
  print_snapshot("start", &start);
  print_snapshot("end", &end);
  for (int i = 0; i <= JOIN_SLICES; i++) {
    char name[16];
    snprintf(name, sizeof name, "joins%d", i);
    print_snapshot(name, &joins[i]);
  }
  printf("\"p50\":%.9f,\"p99\":%.9f,", latency_percentile(0.5), latency_percentile(0.99));
  printf("\"sent\":%lu,\"delivered\":%lu,\"compressed\":%lu,\"late\":%lu}\n", totals.sent, totals.delivered,
         totals.compressed, totals.late);
}

int main(void) {
  read_plan();
  connections = calloc(plan.members, sizeof *connections);
  take_snapshot(&before);
  connect_everyone();
  take_snapshot(&connected);
  if (plan.join) join_everyone();
  /* Where nothing is joined, a connection is ready once it has been greeted. */
  for (int i = 0; i < plan.members; i++) connections[i].state = LIVE;
  run_for(plan.settle);
  take_snapshot(&settled);
  if (plan.seconds > 0) exchange_messages();
  report();
  return 0;
}
