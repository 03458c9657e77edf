/** Loaded before every suite: an unhandled rejection fails the run instead of passing unseen. */

import { UdpSocket } from '../src/net/socket.js';

process.on('unhandledRejection', (reason) => {
  throw reason;
});

/** The kernel turns receive stamps on a moment after the first socket that asks for them. This one keeps them on for the whole run. */
UdpSocket.open({ family: 4, address: '127.0.0.1', port: 0, stamps: 'receive' });
