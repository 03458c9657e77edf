/** The writer of events by itself, whatever the events are about. */

import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { EventStream, type ServerEvent } from '../../../../src/api/server/eventStream.js';
import { waitFor } from '../../../support/harness/wait.js';

async function* pieces(...list: string[]): AsyncGenerator<Buffer> {
  for (const one of list) yield Buffer.from(one);
}

describe('EventStream', () => {
  async function sent(...events: ServerEvent[]): Promise<string> {
    const stream = new EventStream();
    const whole = text(stream.body);
    for (const event of events) expect(await stream.send(event)).to.equal(true);
    stream.end();
    return whole;
  }

  it('writes the format to the byte', async () => {
    expect(
      await sent(
        { event: 'a', id: 17, data: '{"x":1}' },
        { event: 'b', data: 'one\ntwo\r\nthree\rfour\n' },
        { event: 'c', id: 'ü', data: pieces('{"y":', '"ü"', '}') },
      ),
    ).to.equal(
      'retry: 1000\n\n' +
        'event: a\nid: 17\ndata: {"x":1}\n\n' +
        'event: b\ndata: one\ndata: two\ndata: three\ndata: four\ndata: \n\n' +
        'event: c\nid: ü\ndata: {"y":"ü"}\n\n',
    );
  });

  it('breaks off rather than let a line end in bytes, or in a name or id, become a field of its own', async () => {
    for (const event of [
      { event: 'a', data: pieces('one', 'two\nid: 5') },
      { event: 'a', data: pieces('one\r') },
      { event: 'a\ndata: x', data: '' },
      { event: 'a', id: '1\n\n', data: '' },
    ]) {
      const stream = new EventStream();
      const taken = text(stream.body).catch(() => 'cut off');
      let message = '';
      await stream.send(event).catch((error: Error) => {
        message = error.message;
      });
      expect(message).to.include('found a line end');
      expect(await taken).to.equal('cut off');
      expect(stream.open).to.equal(false);
    }
  });

  it('takes from the source of an event no more than its reader takes, and lets go of it when the reader leaves', async () => {
    let made = 0;
    let finished = false;
    async function* endless(): AsyncGenerator<Buffer> {
      try {
        for (;;) {
          made += 1;
          yield Buffer.alloc(2 ** 16, 'x');
        }
      } finally {
        finished = true;
      }
    }
    const stream = new EventStream();
    const sending = stream.send({ event: 'a', data: endless() });
    await waitFor('the first piece', () => made > 0);
    const before = made;
    await new Promise((resolve) => setImmediate(resolve));
    expect(made).to.equal(before).and.at.most(2);
    for (let read = 0; read < 10; read++) {
      await waitFor('bytes', () => stream.body.readableLength > 0);
      stream.body.read();
    }
    await waitFor('more pieces', () => made > before);
    expect(made).to.be.at.most(13);
    stream.body.destroy();
    expect(await sending).to.equal(false);
    expect(finished).to.equal(true);
    await stream.closed;
  });

  it('refuses a second event while one is under way, which then goes on', async () => {
    const stream = new EventStream();
    const whole = text(stream.body);
    const first = stream.send({ event: 'a', data: pieces('1', '2') });
    let message = '';
    await stream.send({ event: 'b', data: '' }).catch((error: Error) => {
      message = error.message;
    });
    expect(message).to.include('wait for it');
    await first;
    stream.end();
    expect(await whole).to.equal('retry: 1000\n\nevent: a\ndata: 12\n\n');
  });

  it('says false, and writes nothing, when it is over', async () => {
    const stream = new EventStream();
    const whole = text(stream.body);
    stream.end();
    stream.end();
    expect(await stream.send({ event: 'a', data: 'x' })).to.equal(false);
    expect(await whole).to.equal('retry: 1000\n\n');
    await stream.closed;
  });
});
