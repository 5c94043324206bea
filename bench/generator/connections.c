/* Sockets, their buffers, and the loop that serves them. */
#define _GNU_SOURCE
#include "generator.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct connection *connections;
int greeted;
int joins_done;
uint64_t read_at;

static int loop = -1;

/* As much as fits into a core's own cache; a frame must fit into it whole. */
static char input[256 * 1024];

static void set_events(struct connection *connection, int operation) {
  struct epoll_event event = {.events = EPOLLIN | (connection->blocked ? EPOLLOUT : 0), .data.ptr = connection};
  if (epoll_ctl(loop, operation, connection->fd, &event) < 0) fail("epoll_ctl: %s", strerror(errno));
}

void watch(struct connection *connection, bool on) { set_events(connection, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL); }

bool is_apart(const struct connection *connection) { return plan.apart && connection->place < plan.publishers; }

void open_connection(int index) {
  if (loop < 0) loop = epoll_create1(0);
  struct connection *connection = &connections[index];
  *connection = (struct connection){
    .index = index, .group = index % plan.groups, .place = index / plan.groups, .state = UPGRADING};
  connection->port = plan.ports[plan.apart && !is_apart(connection) ? plan.port_count - 1 : 0];
  connection->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connection->fd < 0) fail("socket: %s (try a higher ulimit -n)", strerror(errno));
  int one = 1;
  setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  /* Closed by a reset: thousands of sockets in TIME_WAIT would use up the ports of the runs that follow. */
  struct linger reset = {.l_onoff = 1, .l_linger = 0};
  setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  /* The member who will stop reading gets a small window, or the kernel would hide the stall for megabytes. */
  int small = 16 * 1024;
  if (plan.stall && index == plan.members - 1)
    setsockopt(connection->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(connection->port)};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(connection->fd, (struct sockaddr *)&to, sizeof to) < 0) fail("connect: %s", strerror(errno));
  fcntl(connection->fd, F_SETFL, O_NONBLOCK);
  watch(connection, true);
  char request[8192];
  size_t length = write_upgrade(request, sizeof request, index);
  if (send(connection->fd, request, length, MSG_NOSIGNAL) != (ssize_t)length) fail("the upgrade could not be sent");
}

static void reserve(char **buffer, size_t *capacity, size_t needed) {
  if (needed <= *capacity) return;
  *capacity = needed * 2;
  *buffer = realloc(*buffer, *capacity);
  if (!*buffer) fail("out of memory");
}

void queue_frame(struct connection *connection, int opcode, const char *payload, size_t length) {
  static const unsigned char mask[4] = {0x12, 0x34, 0x56, 0x78};
  reserve(&connection->out, &connection->out_capacity, connection->out_length + length + 14);
  unsigned char *to = (unsigned char *)connection->out + connection->out_length;
  size_t header = frame_header(to, opcode, length);
  to[1] |= 0x80;
  memcpy(to + header, mask, 4);
  to += header + 4;
  for (size_t i = 0; i < length; i++) to[i] = payload[i] ^ mask[i & 3];
  connection->out_length += header + 4 + length;
}

void flush_output(struct connection *connection) {
  if (!connection->out_length) return;
  ssize_t count = send(connection->fd, connection->out, connection->out_length, MSG_NOSIGNAL);
  if (count < 0 && errno != EAGAIN) fail("send: %s", strerror(errno));
  if (count > 0) {
    connection->out_length -= count;
    memmove(connection->out, connection->out + count, connection->out_length);
  }
  bool blocked = connection->out_length > 0;
  if (blocked == connection->blocked) return;
  connection->blocked = blocked;
  set_events(connection, EPOLL_CTL_MOD);
}

static void read_input(struct connection *connection) {
  size_t length = connection->carry_length, used = 0;
  if (length) memcpy(input, connection->carry, length);
  ssize_t count = recv(connection->fd, input + length, sizeof input - length, 0);
  if (count < 0 && errno == EAGAIN) return;
  if (count < 0) fail("recv: %s", strerror(errno));
  if (count == 0) fail("the server hung up on connection %d", connection->index);
  read_at = now_ns();
  totals.bytes += count;
  length += count;
  if (connection->state == UPGRADING) {
    used = read_upgrade(connection, input, length);
    if (used) {
      connection->state = GREETING;
      advance_greeting(connection);
    }
  }
  if (connection->state != UPGRADING) used += walk_frames(connection, input + used, length - used);
  connection->carry_length = length - used;
  if (connection->carry_length == sizeof input) fail("a frame of more than %zu bytes", sizeof input);
  reserve(&connection->carry, &connection->carry_capacity, connection->carry_length);
  if (connection->carry_length) memcpy(connection->carry, input + used, connection->carry_length);
}

void turn(uint64_t until) {
  uint64_t due = publish_due(), now = now_ns();
  if (due < until) until = due;
  /* epoll counts in milliseconds: the last one is spent spinning, since a message sent late would look slow. */
  int timeout = until > now ? (int)((until - now) / 1000000) : 0;
  struct epoll_event events[256];
  int count = epoll_wait(loop, events, 256, timeout);
  for (int i = 0; i < count; i++) {
    struct connection *connection = events[i].data.ptr;
    if (events[i].events & EPOLLOUT) flush_output(connection);
    if (events[i].events & ~EPOLLOUT) read_input(connection);
  }
}
