/** `npm run docs:site`: builds the manual into `dist/manual`, where the services and the package have it from. */

import { root } from './root.js';
import { buildSite } from './site/build.js';

buildSite(root, new URL('dist/manual/', root));
