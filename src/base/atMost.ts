/**
 * The result of `work`; undefined after `ms`, and then the work continues without a reader. Its timer is always
 * cleared.
 */
export function atMost<Value>(work: Promise<Value>, ms: number): Promise<Value | undefined> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(undefined), ms);
    work.finally(() => clearTimeout(timer)).then(resolve, reject);
  });
}
