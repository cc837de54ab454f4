import { readEnvironment } from '../environment.ts'

/** Whether SIGHUP is no terminal that was closed, but a service manager's wish that manifests be read again. */
export function hangUpReloads(persistedOperationsDir: string | null | undefined): boolean {
  return Boolean(persistedOperationsDir) && !process.stdout.isTTY
}

/**
 * Keeps such a wish from ending a server, or a worker, that is not ready to follow it: it reads the manifests once it is.
 * What this module imports is loaded before it can, so it is next to nothing.
 */
export function holdHangUps(command: string | undefined): void {
  if (command !== 'serve' && command !== 'worker') return
  if (hangUpReloads(readEnvironment()['PERSISTED_OPERATIONS_DIR'])) process.on('SIGHUP', () => {})
}
