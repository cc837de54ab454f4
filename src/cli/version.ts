import { readFileSync } from 'node:fs'

/** Of this installation: `package.json` lies two folders up, from the sources as well as from what is built. */
export const version: string = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
).version
