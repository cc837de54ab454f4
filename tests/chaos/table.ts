import type { Report } from './storm.ts'

/** What has to be nought, by the name that the table gives it. */
export function faultsOf({ verdict, missing, doubled, failures }: Report): Record<string, readonly string[]> {
  return {
    lost: verdict.lost,
    repeated: verdict.repeated,
    'out of order': verdict.outOfOrder,
    unauthorised: verdict.unauthorised,
    altered: verdict.altered,
    'acknowledged writes missing': missing,
    'writes doubled': doubled,
    'processes and readers that hang': failures,
  }
}

/** How many of each are told in full. */
const examples = 5

export function renderTable(report: Report): string {
  const faults = Object.entries(faultsOf(report))
  const row = (name: string, value: string | number) => `${name.padEnd(40)}${String(value).padStart(10)}`
  const errors = [...report.errors].sort(([, a], [, b]) => b - a)
  const details = faults.flatMap(([name, all]) =>
    all.length === 0 ? [] : ['', `${name}:`, ...all.slice(0, examples).map((each) => `  ${each}`)],
  )
  return [
    ...faults.map(([name, all]) => row(name, all.length)),
    '',
    ...report.figures.map(([name, value]) => row(name, value)),
    '',
    'errors that clients met and got over:',
    ...errors.map(([code, count]) => row(`  ${code}`, count)),
    ...details,
    ...(report.omissions.length > 0 ? ['', `This proves nothing: ${report.omissions.join('; ')}.`] : []),
  ].join('\n')
}

export function isProof(report: Report): boolean {
  return report.omissions.length === 0 && Object.values(faultsOf(report)).every((all) => all.length === 0)
}
