/** A browser on a host of the lab: it sees what listens there, and nothing else. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import type { HostName, Network } from '../../lab/network.js';
import { CHROMIUM, launch } from '../../support/processes/browser.js';

export async function launchInside(network: Network, host: HostName): Promise<Browser> {
  const namespace = network.namespaceNames.find((name) => name.endsWith(`-${host}`));
  if (namespace === undefined) throw new Error(`no namespace of ${host}`);
  return launchIn(namespace);
}

/** In a network namespace, by its full name. */
export async function launchIn(namespace: string): Promise<Browser> {
  const directory = await mkdtemp(join(tmpdir(), 'llama-inside-'));
  try {
    // A program that becomes Chromium in the namespace, with the same arguments and descriptors.
    const file = join(directory, 'chromium.sh');
    await writeFile(file, `#!/bin/sh\nexec ip netns exec ${namespace} ${CHROMIUM} "$@"\n`, { mode: 0o755 });
    return await launch(file);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
