/**
 * Ports that the kernel assigns to programs without a fixed port: a fixed source port among them may be in use before
 * the collector starts.
 */

import { readFileSync } from 'node:fs';

/** The texts of net.ipv4.ip_local_port_range and ip_local_reserved_ports, which apply to IPv6 too. */
export interface PortSettings {
  readonly range: string;
  readonly reserved: string;
}

/** Settings of this network namespace; undefined where the kernel hides them. */
export function readPortSettings(): PortSettings | undefined {
  try {
    const read = (name: string): string => readFileSync(`/proc/sys/net/ipv4/${name}`, 'utf8');
    return { range: read('ip_local_port_range'), reserved: read('ip_local_reserved_ports') };
  } catch {
    return undefined;
  }
}

/**
 * The first and last of the ports `from` to `to` that the kernel may assign to any program; undefined without such a
 * port.
 */
export function ephemeralPorts(
  from: number,
  to: number,
  { range, reserved }: PortSettings,
): [number, number] | undefined {
  const [low, high] = range.trim().split(/\s+/).map(Number);
  const kept = reserved
    .trim()
    .split(',')
    .filter((text) => text !== '')
    .map((text) => text.split('-').map(Number))
    .map(([first, last = first]) => ({ first, last }));
  const free: number[] = [];
  for (let port = Math.max(from, low); port <= Math.min(to, high); port++)
    if (!kept.some(({ first, last }) => port >= first && port <= last)) free.push(port);
  return free.length === 0 ? undefined : [free[0], free[free.length - 1]];
}
