import type { World } from './client.ts'

/** What a write puts where, as whoever writes there knows it. */
export interface Register {
  /** What was acknowledged last. */
  value: string | null
  /** Whether that is what must be there: not after a write that was refused, and perhaps done at an earlier attempt. */
  certain: boolean
  acknowledged: number
  issued: number
  /** The chat that it is in, with which it may go. */
  readonly chatId: string | null
}

/**
 * The writers' own notes. The first word of a key says what is written:
 * `message <author> <clientMessageId>` has the message's id, `text <message>`, `deleted <message>`,
 * `reaction <message> <user> <emoji>`, `read <chat> <user>`, `title <chat>`, `member <chat> <user>`,
 * `name <user>`, `block <blocker> <blocked>`, `session <id>`.
 */
export type Notes = Map<string, Register>

/**
 * One write, until it is acknowledged or refused. Nobody else writes at this key meanwhile.
 * @param perform resolves with what was acknowledged, or with null where it was refused
 */
export async function write(
  world: World,
  notes: Notes,
  place: { key: string; chatId: string | null },
  perform: () => Promise<string | null>,
): Promise<boolean> {
  const register = notes.get(place.key) ?? newRegister(place.chatId)
  notes.set(place.key, register)
  register.issued++
  const begun = performance.now()
  const value = await perform()
  if (value === null) {
    register.certain = false
    return false
  }
  world.tally.slowestWrite = Math.max(world.tally.slowestWrite, performance.now() - begun)
  Object.assign(register, { value, certain: true, acknowledged: register.acknowledged + 1 })
  return true
}

export const newRegister = (chatId: string | null): Register => ({
  value: null,
  certain: false,
  acknowledged: 0,
  issued: 0,
  chatId,
})
