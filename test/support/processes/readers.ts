/**
 * A process that reads many streams at once, so that reading costs the process under test nothing: `readers.js URL COUNT`. It prints a line
 * `open` when every answer has begun, and a line with the number of bytes when the last one is over.
 */

import { get } from 'node:http';

const [, , url, text] = process.argv;
const count = Number(text);
let open = 0;
let ended = 0;
let bytes = 0;

for (let i = 0; i < count; i++)
  get(url, { agent: false }, (response) => {
    if (++open === count) console.log('open');
    response.on('data', (piece: Buffer) => {
      bytes += piece.length;
    });
    response.on('end', () => {
      if (++ended === count) console.log(bytes);
    });
  });
