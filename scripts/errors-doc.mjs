// Writes docs/errors.md from the catalogue: `npm run docs:errors`. A test holds the two in step.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorsPage } from '../dist/src/errors-page.js';

writeFileSync(join(import.meta.dirname, '..', 'docs', 'errors.md'), errorsPage());
