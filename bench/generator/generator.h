/*
 * What the parts of the load generator share.
 *
 * One thread, one epoll loop, raw sockets. It speaks just enough WebSocket to be believed by a server, and looks into
 * a frame only to find the mark that says which message it is. Anything it does not expect ends the run.
 */
#ifndef GENERATOR_H
#define GENERATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- plan.c: what to do, read from standard input ---- */

enum step_kind { SAY, HEAR };

#define MAX_NODES 4

struct step {
  enum step_kind kind;
  char *text;
};

struct plan {
  int ports[MAX_NODES]; /* of the server, or of its nodes */
  int port_count;
  int pids[MAX_NODES]; /* theirs, for their CPU time and memory */
  int pid_count;
  int store;         /* process id of what the nodes share; 0: nothing */
  char *path;        /* what to request; %t is the connection's token */
  char **tokens;     /* one for each connection, used again from the start when they run out */
  int token_count;
  struct step steps[8]; /* what is said and heard between the upgrade and the first join */
  int step_count;
  char *join;        /* joins room %r */
  char *joined;      /* is part of the answer to that */
  char *message;     /* publishes the mark %m into room %r */
  char *beat;        /* an application-level heartbeat, where the dialect has one, and its answer */
  char *beat_answer;
  int members;
  int groups;        /* members are dealt out to this many groups; a group shares its rooms */
  int rooms;         /* rooms of each group: every member of the group is in all of them */
  int publishers;    /* of each group */
  int window;        /* unfinished messages a publisher may have */
  double rate;       /* messages a second of all publishers together; 0: as fast as the window lets them */
  bool echo;         /* the answer comes back to the sender alone */
  bool apart;        /* publishers are no members, and are connected to the first node; the members to the last */
  bool deflate;      /* offer permessage-deflate */
  bool stall;        /* the last member stops reading */
  int parallel;      /* connections being opened at any time */
  double settle;     /* seconds of silence after the joins */
  double warmup;     /* seconds of traffic before the clock starts */
  double seconds;    /* seconds of traffic with the clock running; 0: none at all */
};

extern struct plan plan;

void read_plan(void);

/* Puts the template into out with its placeholders filled in, and returns the length. */
size_t render(char *out, size_t capacity, const char *template, const char *token, const char *room, const char *mark);

/* ---- connections.c: sockets and the loop ---- */

enum state { UPGRADING, GREETING, WAITING, JOINING, LIVE };

/* One message on its way. */
struct slot {
  uint64_t sent_at;
  uint32_t pending; /* members who have yet to get it; 0: the slot is free */
};

struct connection {
  int fd;
  int index;
  int port;
  int group, place; /* the members are dealt out like cards: the first ones of all groups come first */
  enum state state;
  int step;       /* the step it waits in, while GREETING */
  int rooms_joined;
  bool deflate;   /* the server agreed to compress */
  bool stalled;
  bool lenient;   /* has been stalled: what it gets is counted, not judged */
  bool listed;    /* is on the list of publishers with a free slot */
  bool blocked;   /* its socket did not take all of the output */
  uint32_t received;
  uint32_t *next; /* for each publisher of the group: the sequence number that must come next */
  uint32_t sent;
  struct slot *slots;
  char *carry;    /* an incomplete frame, until the rest of it arrives */
  size_t carry_length, carry_capacity;
  char *out;
  size_t out_length, out_capacity;
};

extern struct connection *connections;
extern int greeted;     /* connections whose greeting is done */
extern int joins_done;
extern uint64_t read_at; /* when the bytes being handled were read: one look at the clock for all of them */

void open_connection(int index);
/* A publisher that is not a member of its room. */
bool is_apart(const struct connection *connection);
void watch(struct connection *connection, bool on);
void queue_frame(struct connection *connection, int opcode, const char *payload, size_t length);
void flush_output(struct connection *connection);

/* Waits for sockets, at most until the given time, and handles what they bring. */
void turn(uint64_t until);

/* ---- frames.c: WebSocket, as little as will do ---- */

/* Returns how many bytes it used: 0 until the whole of the server's answer to the upgrade is there. */
size_t read_upgrade(struct connection *connection, char *bytes, size_t length);
size_t write_upgrade(char *out, size_t capacity, int index);

/* Hands over every complete frame and returns how many bytes they were. */
size_t walk_frames(struct connection *connection, char *bytes, size_t length);
size_t frame_header(unsigned char *out, int opcode, size_t length);

/* ---- dialogue.c: what a connection says and hears before there is traffic ---- */

void advance_greeting(struct connection *connection);
void join_next(struct connection *connection);
void on_text(struct connection *connection, const char *text, size_t length, bool compressed);

/* ---- traffic.c: publishing and checking what arrives ---- */

struct totals {
  uint64_t sent;       /* messages */
  uint64_t expected;   /* deliveries those messages must cause */
  uint64_t delivered;
  uint64_t compressed; /* frames that came compressed */
  uint64_t late;       /* what the stalled member got, once it read again */
  uint64_t bytes;      /* read from all sockets */
};

extern struct totals totals;

void prepare_traffic(void);
void start_publishing(void);
void stop_publishing(void);
void set_stalled(bool stalled);
void deliver(struct connection *connection, const char *text, size_t length, bool compressed);
/* Publishes what is due, and returns the time at which to look again. */
uint64_t publish_due(void);

/* ---- measure.c ---- */

struct snapshot {
  double at;        /* seconds */
  double cpu;       /* seconds of CPU the server has used, in all its threads */
  double store;     /* and what the nodes share */
  double generator; /* and this process */
  double machine;   /* and everybody, on all cores */
  long rss;         /* the server's resident bytes */
  uint64_t delivered, bytes;
};

uint64_t now_ns(void);
void take_snapshot(struct snapshot *snapshot);
void print_snapshot(const char *name, const struct snapshot *snapshot);
void record_latency(uint64_t nanoseconds);
void reset_latency(void);
double latency_percentile(double share);

/* Says why on standard output, as JSON, and ends the process. */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
