/** The result of `work`; undefined after `ms`, and then the work goes on without a reader. No timer is left behind. */
export function atMost<Value>(work: Promise<Value>, ms: number): Promise<Value | undefined> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(undefined), ms);
    work.finally(() => clearTimeout(timer)).then(resolve, reject);
  });
}
