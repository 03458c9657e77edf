/** Text next to the name of a pair or path, to tell it from another with the same addresses. Pure. */

/** Dimensions that have more than one value. */
export interface Several {
  readonly collectors: boolean;
  readonly groups: boolean;
  readonly ports?: boolean;
}

interface Named {
  readonly collector?: string | null | undefined;
  readonly group: string;
  readonly port?: number;
}

export function besideText({ collector, group, port }: Named, several: Several): string {
  const names = [
    several.collectors ? (collector ?? '') : '',
    several.groups ? group : '',
    several.ports === true && port !== undefined ? `port ${port}` : '',
  ];
  return names.filter((name) => name !== '').join(' · ');
}

export const hasPorts = (paths: readonly { readonly port: number }[]): boolean =>
  paths.some(({ port }) => port !== paths[0]?.port);
