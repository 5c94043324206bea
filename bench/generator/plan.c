/* The plan: lines of "key value" on standard input, written by generator.mjs. */
#define _GNU_SOURCE
#include "generator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct plan plan = {
  .members = 1, .groups = 1, .rooms = 1, .publishers = 1, .window = 1, .parallel = 64,
};

static void add_step(enum step_kind kind, const char *text) {
  if (plan.step_count == (int)(sizeof plan.steps / sizeof *plan.steps)) fail("too many steps");
  plan.steps[plan.step_count++] = (struct step){kind, strdup(text)};
}

static void add_token(const char *token) {
  /* Grown by doubling: there may be ten thousand of them. */
  if ((plan.token_count & (plan.token_count - 1)) == 0)
    plan.tokens = realloc(plan.tokens, sizeof *plan.tokens * (plan.token_count ? plan.token_count * 2 : 1));
  plan.tokens[plan.token_count++] = strdup(token);
}

static void add_number(int *to, int *count, const char *value) {
  if (*count == MAX_NODES) fail("too many nodes");
  to[(*count)++] = atoi(value);
}

static bool set_text(const char *key, const char *value) {
  const struct { const char *key; char **field; } texts[] = {
    {"path", &plan.path},       {"join", &plan.join}, {"joined", &plan.joined},
    {"message", &plan.message}, {"beat", &plan.beat}, {"beatAnswer", &plan.beat_answer},
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    if (strcmp(key, texts[i].key) == 0) return (*texts[i].field = strdup(value)), true;
  return false;
}

static bool set_number(const char *key, const char *value) {
  const struct { const char *key; int *field; } whole[] = {
    {"store", &plan.store},           {"members", &plan.members}, {"groups", &plan.groups},     {"rooms", &plan.rooms},
    {"publishers", &plan.publishers}, {"window", &plan.window},   {"parallel", &plan.parallel},
  };
  const struct { const char *key; double *field; } real[] = {
    {"rate", &plan.rate}, {"settle", &plan.settle}, {"warmup", &plan.warmup}, {"seconds", &plan.seconds},
  };
  const struct { const char *key; bool *field; } yes_no[] = {
    {"echo", &plan.echo}, {"apart", &plan.apart}, {"deflate", &plan.deflate}, {"stall", &plan.stall},
  };
  for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
    if (strcmp(key, whole[i].key) == 0) return (*whole[i].field = atoi(value)), true;
  for (size_t i = 0; i < sizeof real / sizeof *real; i++)
    if (strcmp(key, real[i].key) == 0) return (*real[i].field = atof(value)), true;
  for (size_t i = 0; i < sizeof yes_no / sizeof *yes_no; i++)
    if (strcmp(key, yes_no[i].key) == 0) return (*yes_no[i].field = strcmp(value, "true") == 0), true;
  return false;
}

static void check_plan(void) {
  if (!plan.path || !plan.port_count) fail("the plan needs a path and a port");
  if (plan.members % plan.groups) fail("the members cannot be dealt out evenly to the groups");
  if (plan.seconds > 0 && !plan.message) fail("the plan has traffic but no message");
  /* A compressed frame is not opened; it is known by its place in the line, so there must be only one line. */
  if (plan.deflate && plan.publishers != 1) fail("with compression there can be only one publisher in a group");
}

void read_plan(void) {
  char *line = NULL;
  size_t capacity = 0;
  ssize_t length;
  while ((length = getline(&line, &capacity, stdin)) > 0) {
    if (line[length - 1] == '\n') line[length - 1] = 0;
    char *value = strchr(line, ' ');
    if (!value) fail("a line of the plan has no value: %s", line);
    *value++ = 0;
    if (strcmp(line, "say") == 0) add_step(SAY, value);
    else if (strcmp(line, "hear") == 0) add_step(HEAR, value);
    else if (strcmp(line, "token") == 0) add_token(value);
    else if (strcmp(line, "port") == 0) add_number(plan.ports, &plan.port_count, value);
    else if (strcmp(line, "pid") == 0) add_number(plan.pids, &plan.pid_count, value);
    else if (!set_text(line, value) && !set_number(line, value)) fail("unknown key in the plan: %s", line);
  }
  free(line);
  check_plan();
}

size_t render(char *out, size_t capacity, const char *template, const char *token, const char *room, const char *mark) {
  size_t length = 0;
  for (const char *from = template; *from;) {
    const char *value = NULL;
    if (from[0] == '%') value = from[1] == 't' ? token : from[1] == 'r' ? room : from[1] == 'm' ? mark : NULL;
    /* Text between placeholders is copied whole: messages are long and are rendered once for every publication. */
    const char *piece = value ? value : from;
    size_t size = value ? strlen(value) : 1 + strcspn(from + 1, "%");
    if (length + size > capacity) fail("a message is longer than %zu bytes", capacity);
    memcpy(out + length, piece, size);
    length += size;
    from += value ? 2 : size;
  }
  return length;
}
