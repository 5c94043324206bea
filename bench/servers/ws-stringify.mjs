import { serveRooms } from './ws-rooms.mjs';

// The loop that a first version has: every member's message is made anew.
serveRooms((members, sender, envelope) => {
  for (const member of members) {
    if (member !== sender) member.send(JSON.stringify(envelope));
  }
});
