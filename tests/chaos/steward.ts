import { toGlobalId } from '../../src/core/ids.ts'
import type { Data } from '../testkit/client.ts'
import {
  AddChatMembers,
  BlockUser,
  DeleteChat,
  LeaveChat,
  RemoveChatMember,
  RenameChat,
  UnblockUser,
  UpdateProfile,
} from '../testkit/operations.ts'
import { pause, type World } from './client.ts'
import { type Notes, write } from './notes.ts'
import type { Reader } from './readers.ts'
import { type Chat, openDirectChat, type Person, type Scene } from './scene.ts'

const RevokeSession = `mutation Revoke($input: RevokeSessionInput!) { revokeSession(input: $input) {
  __typename ... on UserError { code } } }`

/** How often each thing was done. */
export interface Deeds {
  removals: number
  additions: number
  revocations: number
  blocks: number
  deletions: number
}

export interface Steward {
  readonly deeds: Deeds
  stop(): Promise<void>
}

/**
 * Changes who may see what: one thing at a time, each until it is answered, so that the notes say what must be
 * true in the end.
 */
export function startSteward(
  world: World,
  scene: Scene,
  notes: Notes,
  readers: readonly Reader[],
  { everyMs }: { everyMs: number },
): Steward {
  const { dice } = world
  const deeds: Deeds = { removals: 0, additions: 0, revocations: 0, blocks: 0, deletions: 0 }
  let stopping = false
  let names = 0

  const chatsOf = (kind: Chat['kind'], fate: Chat['fate']) =>
    scene.chats.filter((chat) => chat.kind === kind && chat.fate === fate && !chat.over)

  async function carryOn(): Promise<void> {
    while (!stopping) {
      await pause(world, everyMs / 2, everyMs * 1.5)
      const what = dice.below(100)
      if (what < 55) await moveSomebody(dice.pick(chatsOf('GROUP', 'restless')))
      else if (what < 70) await rename(dice.pick(chatsOf('GROUP', 'restless')))
      else if (what < 80) await changeProfile(dice.pick(scene.people))
      else if (what < 87) await block(dice.pick(chatsOf('DIRECT', 'quiet')))
      else if (what < 93) await revoke(dice.pick(readers))
      else if (what < 96) await meet()
      else await remove(chatsOf('GROUP', 'doomed').at(0))
    }
  }

  async function moveSomebody(chat: Chat): Promise<void> {
    const { owner, members } = chat
    const others = members.filter((each) => each !== owner)
    const outside = scene.people.filter((each) => !members.includes(each))
    const add = others.length < 3 || (others.length < 10 && dice.chance(0.5))
    const person = dice.pick(add ? outside : others)
    const chatId = toGlobalId('Chat', chat.id)
    await write(world, notes, { key: `member ${chat.id} ${person.id}`, chatId: chat.id }, async () => {
      if (add) {
        const input = { chatId, userIds: [person.globalId] }
        const { addChatMembers } = await owner.session.run(AddChatMembers, { input })
        // One of them has blocked the other.
        if (addChatMembers.code !== undefined) return null
        chat.members = [...members, person]
        deeds.additions++
        return 'yes'
      }
      const leaves = dice.chance(0.3)
      const data: Data = leaves
        ? await person.session.run(LeaveChat, { input: { chatId } })
        : await owner.session.run(RemoveChatMember, { input: { chatId, userId: person.globalId } })
      // Nobody else does it: what is not found is what an attempt without an answer has done.
      expectOneOf(data.leaveChat ?? data.removeChatMember, [undefined, 'NOT_FOUND'])
      chat.members = others.filter((each) => each !== person).concat(owner)
      deeds.removals++
      return 'no'
    })
  }

  async function rename(chat: Chat): Promise<void> {
    const title = `Title ${++names}`
    await write(world, notes, { key: `title ${chat.id}`, chatId: chat.id }, async () => {
      const input = { chatId: toGlobalId('Chat', chat.id), title }
      const { renameChat } = await chat.owner.session.run(RenameChat, { input })
      expectOneOf(renameChat, [undefined])
      return title
    })
  }

  async function changeProfile(person: Person): Promise<void> {
    const displayName = `Name ${++names}`
    await write(world, notes, { key: `name ${person.id}`, chatId: null }, async () => {
      const { updateProfile } = await person.session.run(UpdateProfile, { input: { displayName } })
      expectOneOf(updateProfile, [undefined])
      return displayName
    })
  }

  async function block({ members }: Chat): Promise<void> {
    const [blocker, blocked] = dice.draw(members, 2) as [Person, Person]
    const key = `block ${blocker.id} ${blocked.id}`
    const unblock = notes.get(key)?.value === 'yes'
    await write(world, notes, { key, chatId: null }, async () => {
      const input = { userId: blocked.globalId }
      const data = await blocker.session.run(unblock ? UnblockUser : BlockUser, { input })
      expectOneOf(data.blockUser ?? data.unblockUser, [undefined])
      return unblock ? 'no' : 'yes'
    })
    if (!unblock) deeds.blocks++
  }

  /** Of a reader, from the device that they write with. */
  async function revoke(reader: Reader): Promise<void> {
    const { sessionId } = await reader.session.token()
    const key = `session ${sessionId}`
    // Done before, and the reader has not noticed yet.
    if (notes.has(key)) return
    await write(world, notes, { key, chatId: null }, async () => {
      const input = { sessionId: toGlobalId('Session', sessionId) }
      const { revokeSession } = await reader.person.session.run(RevokeSession, { input })
      // An attempt without an answer has done it.
      expectOneOf(revokeSession, [undefined, 'NOT_FOUND'])
      reader.recording.revoked.set(sessionId, Date.now())
      return 'revoked'
    })
    deeds.revocations++
  }

  async function meet(): Promise<void> {
    const chat = await openDirectChat(scene.chats, dice.draw(scene.people, 2) as [Person, Person])
    if (chat !== null) scene.chats.push(chat)
  }

  async function remove(chat: Chat | undefined): Promise<void> {
    if (chat === undefined) return
    chat.over = true
    const input = { chatId: toGlobalId('Chat', chat.id) }
    const { deleteChat } = await chat.owner.session.run(DeleteChat, { input })
    expectOneOf(deleteChat, [undefined, 'NOT_FOUND'])
    deeds.deletions++
  }

  const running = carryOn()
  running.catch(() => {})
  return {
    deeds,
    async stop() {
      stopping = true
      await running
    },
  }
}

function expectOneOf(result: Data, codes: readonly unknown[]): void {
  if (!codes.includes(result.code)) throw new Error(`This was to be done: ${JSON.stringify(result)}`)
}
