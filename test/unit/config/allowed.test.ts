import { closeSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { expect } from 'chai';
import { LlamaError } from '../../../src/base/errors.js';
import { allowsUrl, openAllowed, urlPrefix, whyOutside } from '../../../src/config/allowed.js';
import { parseGroup } from '../../../src/config/group/group.js';
import { seededRandom } from '../../support/harness/random.js';

describe('the URLs that REST may name', () => {
  const prefixes = ['https://inventory.example/a/targets', 'http://[2001:db8::1]:8080/'];
  const allows = (url: string): boolean => allowsUrl(new URL(url), prefixes);

  it('have the origin of a prefix and all of its path segments', () => {
    for (const url of [
      'https://inventory.example/a/targets',
      'https://inventory.example:443/a/targets/',
      'https://INVENTORY.example/a/targets/west?rack=1#x',
      'https://inventory.example/%61/t%61rgets/west',
      'https://inventory.example/a/b/../targets',
      'http://[2001:DB8:0::1]:8080/anything/at/all',
    ])
      expect(allows(url), url).to.equal(true);
  });

  it('are no others, however their text begins', () => {
    for (const url of [
      'http://inventory.example/a/targets',
      'https://inventory.example:444/a/targets',
      'https://inventory.example.evil/a/targets',
      'https://inventory.example@evil/a/targets',
      'https://inventory.example./a/targets',
      'https://inventory.example/a/targets2',
      'https://inventory.example/a',
      'https://inventory.example/A/targets',
      'https://inventory.example/a/targets/../secret',
      'https://inventory.example/a/targets/%2e%2E/secret',
      'https://inventory.example/a/targets/..%2fsecret',
      'https://inventory.example/a/targets/..%5csecret',
      'https://inventory.example/a/targets/%252e%252e/secret',
      'https://inventory.example/a/targets/..;/secret',
      'https://inventory.example/a/targets/%ff',
      'http://[2001:db8::1]/x',
    ])
      expect(allows(url), url).to.equal(false);
  });

  it('lead nowhere else, however a server reads the path', () => {
    const random = seededRandom(24);
    const parts = [
      'a',
      'targets',
      '..',
      '.',
      '%2e%2e',
      '%2E.',
      '..;x',
      ';',
      '%2f',
      '%5c',
      '\\',
      '%252e%252e',
      '%25',
      '',
      'b',
    ];
    const readings: ((path: string) => string)[] = [
      (path) => path,
      decodeURIComponent,
      // A server that decodes twice fails on a single percent sign.
      (path) => decodeURIComponent(decodeURIComponent(path).replaceAll(/%(?![0-9a-f]{2})/gi, '%25')),
      (path) => decodeURIComponent(path).replaceAll('\\', '/'),
      (path) => decodeURIComponent(path).replaceAll(/;[^/]*/g, ''),
    ];
    let allowed = 0;
    for (let i = 0; i < 50_000; i++) {
      const tail = Array.from({ length: random.below(6) }, () => parts[random.below(parts.length)]).join('/');
      const url = new URL(`https://inventory.example/a/targets/${tail}`);
      if (!allowsUrl(url, prefixes)) continue;
      allowed += 1;
      for (const read of readings)
        expect(posix.normalize(read(url.pathname)), url.href).to.match(/^\/a\/targets(?:\/|$)/);
    }
    expect(allowed).to.be.above(1_000);
  });

  it('are none without a prefix', () => {
    expect(allowsUrl(new URL('http://a/'), [])).to.equal(false);
  });

  it('have prefixes without user, query and fragment', () => {
    expect(urlPrefix('HTTP://A:80/b/../c')).to.equal('http://a/c');
    for (const wrong of ['a', '/a', 'ftp://a/', 'http://u@a/', 'http://a/?b', 'http://a/#b', 'http://a/%2f'])
      expect(urlPrefix(wrong), wrong).to.equal(undefined);
  });
});

describe('the files that REST may name', () => {
  let folder: string;
  let inside: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'llama-allowed-'));
    inside = join(folder, 'inside');
    mkdirSync(inside);
    mkdirSync(join(folder, 'inside2'));
    for (const path of ['inside/list', 'inside2/list', 'outside']) writeFileSync(join(folder, path), 'secret');
    symlinkSync(join(folder, 'outside'), join(inside, 'out'));
    symlinkSync(folder, join(inside, 'up'));
    symlinkSync(join(inside, 'list'), join(inside, 'own'));
    symlinkSync(inside, join(folder, 'alias'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('are in one of the directories, and so are the targets of links there', () => {
    for (const [path, directory] of [
      ['inside/list', 'inside'],
      ['inside/own', 'inside'],
      ['inside/../inside/list', 'inside'],
      ['inside/list', 'alias'],
      ['alias/list', 'alias'],
    ]) {
      expect(whyOutside(join(folder, path), [join(folder, directory)]), path).to.equal(undefined);
      closeSync(openAllowed(join(folder, path), [join(folder, directory)]));
    }
    expect(whyOutside(join(inside, 'not there yet'), [inside])).to.equal(undefined);
  });

  it('exclude all others: in a sibling folder, above it, behind a link, with a similar name', () => {
    for (const path of ['outside', 'inside/out', 'inside/up/outside', 'inside2/list', 'inside/../outside', 'inside']) {
      expect(whyOutside(`${folder}/${path}`, [inside]), path).to.match(/expected a file in a directory that api\./);
      expect(() => openAllowed(`${folder}/${path}`, [inside]), path).to.throw(/expected a file in a directory/);
    }
    expect(whyOutside('/etc/shadow', [])).to.match(/found "\/etc\/shadow".*which names none/);
  });

  it('are looked at when they are opened: a link that was swapped leads nowhere', () => {
    const path = join(inside, 'later');
    expect(whyOutside(path, [inside])).to.equal(undefined);
    symlinkSync(join(folder, 'outside'), path);
    expect(() => openAllowed(path, [inside])).to.throw(/a symbolic link that leads elsewhere/);
  });

  it('bound the keys of a group, except for keys that the config file gives to the group of its name', () => {
    const keyFile = join(folder, 'outside');
    writeFileSync(keyFile, 'text:a key of sixteen characters\n');
    const rules = { directories: [inside], urls: [] };
    const group = { keyFile, targets: ['10.0.0.1'] };
    expect(() => parseGroup(group, 'west', rules)).to.throw(LlamaError, /\/keyFile: found .*api\.allowedDirectories/);
    expect(parseGroup(group, 'west', { ...rules, trusted: { keyFile } }).keys).to.have.length(1);
  });
});
