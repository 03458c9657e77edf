import { expect } from 'chai';
import { openFilesLimit } from '../../../../src/cli/shared/host.js';

describe('the limit of open files', () => {
  it('is read from the table of the kernel', () => {
    const line = 'Max open files            1024                 524288               files     \n';
    expect(openFilesLimit(`Limit  Soft Limit  Hard Limit  Units\n${line}`)).to.equal(1024);
    expect(openFilesLimit(line.replace('1024', 'unlimited'))).to.equal(Number.POSITIVE_INFINITY);
  });
});
