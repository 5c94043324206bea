/* What a connection says and hears: the greeting, the joins, then traffic. */
#define _GNU_SOURCE
#include "generator.h"

#include <stdio.h>
#include <string.h>

static void say(struct connection *connection, const char *text, size_t length) {
  queue_frame(connection, 1, text, length);
  flush_output(connection);
}

static bool is(const char *text, size_t length, const char *wanted) {
  return wanted && strlen(wanted) == length && memcmp(text, wanted, length) == 0;
}

static bool holds(const char *text, size_t length, const char *part) {
  return memmem(text, length, part, strlen(part)) != NULL;
}

void advance_greeting(struct connection *connection) {
  while (connection->step < plan.step_count && plan.steps[connection->step].kind == SAY) {
    const char *text = plan.steps[connection->step++].text;
    say(connection, text, strlen(text));
  }
  if (connection->step < plan.step_count) return;
  connection->state = WAITING;
  greeted++;
}

void join_next(struct connection *connection) {
  char room[64], text[1024];
  snprintf(room, sizeof room, "bench-%d-%d", connection->group, connection->rooms_joined);
  connection->state = JOINING;
  say(connection, text, render(text, sizeof text, plan.join, "", room, ""));
}

static void on_joined(struct connection *connection) {
  joins_done++;
  if (++connection->rooms_joined < plan.rooms) join_next(connection);
  else connection->state = LIVE;
}

void on_text(struct connection *connection, const char *text, size_t length, bool compressed) {
  if (is(text, length, plan.beat)) {
    say(connection, plan.beat_answer, strlen(plan.beat_answer));
    return;
  }
  if (connection->state == LIVE) {
    deliver(connection, text, length, compressed);
    return;
  }
  if (compressed) fail("a short answer came compressed");
  if (connection->state == GREETING && holds(text, length, plan.steps[connection->step].text)) {
    connection->step++;
    advance_greeting(connection);
  } else if (connection->state == JOINING && holds(text, length, plan.joined)) {
    on_joined(connection);
  } else {
    fail("not what was to be heard: %.*s", length > 200 ? 200 : (int)length, text);
  }
}
