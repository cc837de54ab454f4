import type { BulkProgress } from '../seed/bulk.ts'

/** Shows how far a seed is: a bar that grows in a terminal, a line for each tenth otherwise. */
export function createProgress(output: NodeJS.WriteStream): (progress: BulkProgress) => void {
  const began = performance.now()
  const describe = ({ what, done, of }: BulkProgress) =>
    `${done.toLocaleString('en')} of ${of.toLocaleString('en')} ${what}, ${seconds(performance.now() - began)}`
  let tenths = 0
  let shown = -1

  function line(progress: BulkProgress): void {
    const now = Math.floor((progress.done / progress.of) * 10)
    if (now === tenths) return
    tenths = now % 10
    output.write(`${describe(progress)}\n`)
  }

  function bar(progress: BulkProgress): void {
    const percent = Math.floor((progress.done / progress.of) * 100)
    const last = progress.done === progress.of
    if (percent === shown && !last) return
    shown = last ? -1 : percent
    const filled = Math.round(percent * 0.3)
    // Carriage return, and erase to the end of the line.
    output.write(
      `\r\u001b[K${'█'.repeat(filled)}${'░'.repeat(30 - filled)} ${describe(progress)}${last ? '\n' : ''}`,
    )
  }

  return output.isTTY ? bar : line
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
