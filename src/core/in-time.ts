/**
 * The answer, or a failure when there is none in time. What came in while this process was busy itself is in time.
 * @throws Error that names who did not answer
 */
export function inTime<Answer>(answer: Promise<Answer>, ms: number, who: string): Promise<Answer> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const fail = () => reject(new Error(`${who} did not answer within ${ms} ms.`))
    // Timers run before what has arrived is read.
    timer = setTimeout(() => setImmediate(fail), ms)
  })
  return Promise.race([answer, late]).finally(() => clearTimeout(timer))
}
