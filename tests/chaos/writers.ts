import { setTimeout as delay } from 'node:timers/promises'
import { toGlobalId } from '../../src/core/ids.ts'
import type { Data } from '../testkit/client.ts'
import {
  AddReaction,
  DeleteMessage,
  EditMessage,
  MarkChatRead,
  RemoveReaction,
} from '../testkit/operations.ts'
import type { World } from './client.ts'
import { type Notes, newRegister, write } from './notes.ts'
import type { Chat, Person, Scene } from './scene.ts'

/** Several messages in one request, as a client sends that was offline for a while. */
const sendsAtATime = 5
const range = Array.from({ length: sendsAtATime }, (_, n) => n)
const Send = `mutation Send(${range.map((n) => `$m${n}: SendMessageInput!`).join(', ')}) {
  ${range.map((n) => `m${n}: sendMessage(input: $m${n}) { ...Sent }`).join('\n  ')} }
  fragment Sent on SendMessageResult { ... on SendMessagePayload { message { id sequence } } ... on UserError { code } }`

/** A message that was acknowledged to whoever goes on to edit, to delete or to react to it. */
interface SentMessage {
  readonly id: string
  readonly globalId: string
  readonly sequence: number
  readonly author: Person
  readonly chat: Chat
}

export interface Writers {
  /** Lets everyone finish what is under way: until it is acknowledged. */
  stop(): Promise<void>
}

const emojis = ['👍', '🎉', '❤️', '😀']

/** @param perSecond requests of all writers together, at the most */
export function startWriters(
  world: World,
  scene: Scene,
  notes: Notes,
  { count, perSecond }: { count: number; perSecond: number },
): Writers {
  let stopping = false
  let next = performance.now()
  let sent = 0

  /** In turns at an even pace; time that was lost is not made up for. */
  async function pace(): Promise<void> {
    const now = performance.now()
    next = Math.max(next, now) + 1000 / perSecond
    await delay(next - now, undefined, { signal: world.over })
  }

  async function writeOn(): Promise<void> {
    const { dice } = world
    // Nobody else touches these: what becomes of each is decided here, one thing after the other.
    const recent: SentMessage[] = []
    while (!stopping) {
      await pace()
      const what = dice.below(100)
      if (what < 55 || recent.length === 0) await sendSome(recent)
      else if (what < 75) await edit(dice.pick(recent))
      else if (what < 82) await erase(recent)
      else if (what < 92) await react(dice.pick(recent))
      else await markRead(dice.pick(recent))
    }
  }

  async function sendSome(recent: SentMessage[]): Promise<void> {
    const { dice } = world
    const author = dice.pick(scene.people)
    const chats = scene.chats.filter(({ members, over }) => !over && members.includes(author))
    if (chats.length === 0) return
    const inputs = range.map(() => {
      const chat = dice.pick(chats)
      const clientMessageId = `${author.name}-${++sent}`
      return {
        chat,
        input: { chatId: toGlobalId('Chat', chat.id), clientMessageId, text: `Message ${sent}` },
      }
    })
    const variables = Object.fromEntries(inputs.map(({ input }, n) => [`m${n}`, input]))
    const begun = performance.now()
    const data = await author.session.run(Send, variables)
    world.tally.slowestWrite = Math.max(world.tally.slowestWrite, performance.now() - begun)
    for (const [n, { chat, input }] of inputs.entries()) {
      const { message } = data[`m${n}`]
      const register = newRegister(chat.id)
      register.issued++
      notes.set(`message ${author.id} ${input.clientMessageId}`, register)
      // Refused: they were removed meanwhile, or the two were kept apart.
      if (message === undefined) continue
      const id = idOf(message.id)
      Object.assign(register, { value: id, certain: true, acknowledged: 1 })
      recent.push({ id, globalId: message.id, sequence: message.sequence, author, chat })
      if (recent.length > 50) recent.shift()
    }
  }

  const done = (result: Data, value: string) => (result.code === undefined ? value : null)

  async function edit({ id, globalId, author, chat }: SentMessage): Promise<void> {
    const text = `Edited ${++sent}`
    await write(world, notes, { key: `text ${id}`, chatId: chat.id }, async () => {
      const { editMessage } = await author.session.run(EditMessage, { input: { messageId: globalId, text } })
      return done(editMessage, text)
    })
  }

  async function erase(recent: SentMessage[]): Promise<void> {
    const [message] = recent.splice(world.dice.below(recent.length), 1)
    if (message === undefined) return
    const { id, globalId, author, chat } = message
    await write(world, notes, { key: `deleted ${id}`, chatId: chat.id }, async () => {
      const { deleteMessage } = await author.session.run(DeleteMessage, { input: { messageId: globalId } })
      return done(deleteMessage, 'yes')
    })
  }

  async function react({ id, globalId, chat }: SentMessage): Promise<void> {
    const { dice } = world
    const reactor = dice.pick(chat.members)
    const emoji = dice.pick(emojis)
    const key = `reaction ${id} ${reactor.id} ${emoji}`
    const remove = notes.get(key)?.value === 'yes'
    const input = { messageId: globalId, emoji }
    await write(world, notes, { key, chatId: chat.id }, async () => {
      const data = await reactor.session.run(remove ? RemoveReaction : AddReaction, { input })
      return done(data.addReaction ?? data.removeReaction, remove ? 'no' : 'yes')
    })
  }

  async function markRead({ chat, sequence }: SentMessage): Promise<void> {
    const reader = world.dice.pick(chat.members)
    const input = { chatId: toGlobalId('Chat', chat.id), sequence }
    const { markChatRead } = await reader.session.run(MarkChatRead, { input })
    if (markChatRead.code !== undefined) return
    const key = `read ${chat.id} ${reader.id}`
    const register = notes.get(key) ?? newRegister(chat.id)
    const value = String(Math.max(sequence, Number(register.value)))
    notes.set(key, { ...register, value, certain: true })
  }

  const running = Array.from({ length: count }, writeOn)
  // Whoever fails early must not count as unhandled.
  for (const each of running) each.catch(() => {})
  return {
    async stop() {
      stopping = true
      await Promise.all(running)
    },
  }
}

function idOf(globalId: string): string {
  return Buffer.from(globalId, 'base64url').toString().split(':')[1] ?? ''
}
