/*
 * Publishing, and checking what arrives.
 *
 * Every message carries a mark: who published it and the how manieth of his it is. A member must get the messages of
 * each publisher of its group one by one, in order; a missing, doubled, strange or misdirected one ends the run. The
 * mark leads to the slot with the time of sending, and the slot is free again when the last member has the message.
 */
#define _GNU_SOURCE
#include "generator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARK_SIGN "^^"
#define MARK_LENGTH 18

struct totals totals;

static bool publishing;
static uint64_t next_due, interval;
static int publisher_count, next_publisher;
/* Publishers with a free slot: there may be thousands, and most turns concern a few. */
static struct connection **ready;
static int ready_count;

static void list_ready(struct connection *publisher) {
  if (publisher->listed) return;
  publisher->listed = true;
  ready[ready_count++] = publisher;
}

void prepare_traffic(void) {
  publisher_count = plan.publishers * plan.groups;
  ready = calloc(publisher_count, sizeof *ready);
  for (int i = 0; i < plan.members; i++) connections[i].next = calloc(plan.publishers, sizeof *connections[i].next);
  for (int i = 0; i < publisher_count; i++) connections[i].slots = calloc(plan.window, sizeof *connections[i].slots);
}

void start_publishing(void) {
  publishing = true;
  for (int i = 0; i < publisher_count; i++) list_ready(&connections[i]);
  if (plan.rate <= 0) return;
  interval = (uint64_t)(1e9 / plan.rate);
  next_due = now_ns() + interval;
}

void stop_publishing(void) { publishing = false; }

void set_stalled(bool stalled) {
  struct connection *last = &connections[plan.members - 1];
  last->stalled = stalled;
  last->lenient = true;
  watch(last, !stalled);
}

static uint32_t receivers_of(const struct connection *publisher) {
  if (plan.echo) return 1;
  const struct connection *last = &connections[plan.members - 1];
  bool misses_one = last->stalled && last->group == publisher->group;
  return plan.members / plan.groups - (plan.apart ? plan.publishers : 1) - misses_one;
}

static void publish(struct connection *publisher, uint64_t at) {
  static char text[65536];
  char room[64], mark[MARK_LENGTH + 1];
  struct slot *slot = &publisher->slots[publisher->sent % plan.window];
  if (slot->pending) fail("the server is more than %d messages behind", plan.window);
  snprintf(room, sizeof room, "bench-%d-%d", publisher->group, publisher->sent % plan.rooms);
  snprintf(mark, sizeof mark, MARK_SIGN "%08x%08x", publisher->index, publisher->sent);
  *slot = (struct slot){.sent_at = at, .pending = receivers_of(publisher)};
  queue_frame(publisher, 1, text, render(text, sizeof text, plan.message, "", room, mark));
  publisher->sent++;
  totals.sent++;
  totals.expected += slot->pending;
}

uint64_t publish_due(void) {
  if (!publishing) return UINT64_MAX;
  uint64_t now = now_ns();
  if (plan.rate > 0) {
    for (; next_due <= now; next_due += interval) {
      struct connection *publisher = &connections[next_publisher];
      next_publisher = (next_publisher + 1) % publisher_count;
      /* Timed from when it was due: waiting for its turn in here is part of the latency. */
      publish(publisher, next_due);
      flush_output(publisher);
    }
    return next_due;
  }
  while (ready_count) {
    struct connection *publisher = ready[--ready_count];
    publisher->listed = false;
    while (!publisher->slots[publisher->sent % plan.window].pending) publish(publisher, now);
    flush_output(publisher);
  }
  return UINT64_MAX;
}

static uint32_t parse_hex(const char *digits) {
  uint32_t value = 0;
  for (int i = 0; i < 8; i++) value = value << 4 | ((digits[i] & 0xf) + (digits[i] >> 6) * 9);
  return value;
}

static const char *find_mark(const char *text, size_t length) {
  const char *end = text + length - MARK_LENGTH;
  for (const char *at = text; length >= MARK_LENGTH && at <= end; at++) {
    at = memchr(at, MARK_SIGN[0], end - at + 1);
    if (!at) return NULL;
    if (at[1] == MARK_SIGN[1]) return at + 2;
  }
  return NULL;
}

static void check_route(const struct connection *member, const struct connection *publisher) {
  if (plan.echo ? publisher != member : publisher == member || is_apart(member))
    fail("member %d got a message of publisher %d", member->index, publisher->index);
  if (publisher->group != member->group)
    fail("member %d got a message of another room", member->index);
}

void deliver(struct connection *member, const char *text, size_t length, bool compressed) {
  uint32_t author = member->group, sequence = member->received++;
  totals.compressed += compressed;
  if (member->lenient) {
    totals.late++;
    return;
  }
  /* A compressed message is not opened: with one publisher in the group, the nth to come is the nth sent. */
  if (!compressed) {
    const char *mark = find_mark(text, length);
    if (!mark) fail("a frame without a mark: %.*s", length > 200 ? 200 : (int)length, text);
    author = parse_hex(mark);
    sequence = parse_hex(mark + 8);
    if (author >= (uint32_t)publisher_count) fail("a mark of nobody: %u", author);
  }
  struct connection *publisher = &connections[author];
  check_route(member, publisher);
  uint32_t *next = &member->next[publisher->place];
  if (sequence != *next)
    fail("member %d got message %u of publisher %d where %u was due", member->index, sequence, author, *next);
  ++*next;
  struct slot *slot = &publisher->slots[sequence % plan.window];
  record_latency(read_at - slot->sent_at);
  totals.delivered++;
  if (--slot->pending == 0) list_ready(publisher);
}
