import { serveRooms } from './ws-rooms.mjs';

// The loop after its first profile: one buffer for all members.
serveRooms((members, sender, envelope) => {
  const bytes = Buffer.from(JSON.stringify(envelope));
  for (const member of members) {
    if (member !== sender) member.send(bytes, { binary: false });
  }
});
