import { setTimeout as delay } from 'node:timers/promises'
import { post } from '../clients/http.ts'
import { Refusal, type Session } from '../clients/session.ts'

// biome-ignore lint/suspicious/noExplicitAny: an answer has the shape of whatever was asked.
type Data = any

/** What trying again can mend. */
const passing = ['SERVICE_UNAVAILABLE', 'INTERNAL_SERVER_ERROR']

/** What every result is asked for besides its payload. */
export const failure = '... on UserError { code reason }'

/** @throws Refusal; another error where the server was not reached, or was in no state to answer */
export async function ask(url: string, session: Session, query: string, variables = {}): Promise<Data> {
  const isMutation = query.startsWith('mutation')
  const { data, errors } = await post<Data>(url, session, { query, variables }, isMutation)
  const [error] = errors ?? []
  const isPassing = passing.includes(String(error?.extensions?.['code']))
  if (error) throw isPassing ? new Error(error.message) : new Refusal(error.message)
  const [result] = Object.values<Data>(data)
  if (result?.code) throw new Refusal(result.reason)
  return data
}

/** Until there is an answer: what it asks must be safe to ask twice. @throws Refusal */
export async function askUntilAnswered(...asked: Parameters<typeof ask>): Promise<Data> {
  for (;;) {
    try {
      return await ask(...asked)
    } catch (problem) {
      if (problem instanceof Refusal) throw problem
      await delay(500)
    }
  }
}
