/** Where the repository is: three folders above `dist/docs/tools`. */

export const root = new URL('../../../', import.meta.url);
