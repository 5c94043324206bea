/* The upgrade and the frames (RFC 6455), the client's side. */
#define _GNU_SOURCE
#include "generator.h"

#include <stdio.h>
#include <string.h>

/* The example key of the RFC, whose answer is known: a server that does not compute it is noticed. */
static const char KEY[] = "dGhlIHNhbXBsZSBub25jZQ==";
static const char ACCEPT[] = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

size_t write_upgrade(char *out, size_t capacity, int index) {
  char path[4096];
  const char *token = plan.token_count ? plan.tokens[index % plan.token_count] : "";
  path[render(path, sizeof path - 1, plan.path, token, "", "")] = 0;
  return snprintf(out, capacity,
                  "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n%s\r\n",
                  path, connections[index].port, KEY,
                  plan.deflate ? "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover; "
                                 "server_no_context_takeover\r\n"
                               : "");
}

size_t read_upgrade(struct connection *connection, char *bytes, size_t length) {
  char *end = memmem(bytes, length, "\r\n\r\n", 4);
  if (!end) return 0;
  size_t size = end + 4 - bytes;
  if (strncmp(bytes, "HTTP/1.1 101", 12) != 0)
    fail("the upgrade was refused: %.*s", (int)strcspn(bytes, "\r\n"), bytes);
  if (!memmem(bytes, size, ACCEPT, sizeof ACCEPT - 1)) fail("the upgrade has a wrong Sec-WebSocket-Accept");
  connection->deflate = memmem(bytes, size, "permessage-deflate", 18) != NULL;
  if (plan.deflate && !connection->deflate) fail("the server does not compress");
  return size;
}

size_t frame_header(unsigned char *out, int opcode, size_t length) {
  out[0] = 0x80 | opcode;
  if (length < 126) return (out[1] = length), 2;
  if (length > 0xffff) fail("a message is longer than 65,535 bytes");
  out[1] = 126;
  out[2] = length >> 8;
  out[3] = length & 0xff;
  return 4;
}

static void on_frame(struct connection *connection, unsigned char first, const char *payload, size_t length) {
  switch (first & 0x0f) {
    case 1:
    case 2:
      if (!(first & 0x80)) fail("a fragmented message");
      on_text(connection, payload, length, first & 0x40);
      return;
    case 8:
      fail("connection %d was closed with code %d", connection->index,
           length < 2 ? 1005 : (unsigned char)payload[0] << 8 | (unsigned char)payload[1]);
    case 9:
      queue_frame(connection, 10, payload, length);
      flush_output(connection);
      return;
    case 10:
      return;
    default:
      fail("a frame with opcode %d", first & 0x0f);
  }
}

size_t walk_frames(struct connection *connection, char *bytes, size_t length) {
  size_t used = 0;
  while (length - used >= 2) {
    const unsigned char *head = (unsigned char *)bytes + used;
    size_t header = 2, body = head[1], left = length - used;
    if (body & 0x80) fail("a masked frame from the server");
    if (body >= 126) {
      header = body == 126 ? 4 : 10;
      if (left < header) break;
      body = 0;
      for (size_t i = 2; i < header; i++) body = body << 8 | head[i];
    }
    if (left < header + body) break;
    on_frame(connection, head[0], bytes + used + header, body);
    used += header + body;
  }
  return used;
}
