import pg from 'pg'
import { toGlobalId } from '../../src/core/ids.ts'
import { createPasswords } from '../../src/features/auth/passwords.ts'
import { insertRows, userRow } from '../../src/seed/rows.ts'
import { CreateDirectChat, CreateGroupChat } from '../testkit/operations.ts'
import { createSession, password, type Session, type World } from './client.ts'

/** Somebody, with the session that they write in. */
export interface Person {
  readonly id: string
  readonly globalId: string
  readonly name: string
  readonly session: Session
}

export interface Chat {
  readonly id: string
  readonly kind: 'GROUP' | 'DIRECT'
  /** Who made it; in a group the owner. */
  readonly owner: Person
  /** Who was in it when it was made. */
  readonly founders: readonly Person[]
  /** As the last acknowledged change left them. */
  members: readonly Person[]
  /** What becomes of it: nothing, its members come and go, it is deleted. */
  readonly fate: 'quiet' | 'restless' | 'doomed'
  over: boolean
}

export interface Scene {
  readonly people: readonly Person[]
  readonly chats: Chat[]
}

export interface SceneSize {
  readonly people: number
  readonly directChats: number
  readonly groups: number
}

/** The people and chats that a run begins with, made before anything goes wrong. */
export async function setScene(world: World, databaseUrl: string, size: SceneSize): Promise<Scene> {
  const people = await addPeople(world, databaseUrl, size.people)
  const { dice } = world
  const chats: Chat[] = []
  for (let n = 0; n < size.groups; n++) {
    const [owner, ...others] = dice.draw(people, 4 + dice.below(6)) as [Person, ...Person[]]
    const fate = n % 3 === 0 ? 'restless' : n % 8 === 1 ? 'doomed' : 'quiet'
    const historyVisibility = dice.chance(0.5) ? 'FULL' : 'FROM_JOIN'
    const input = {
      title: `Group ${n}`,
      memberIds: others.map(({ globalId }) => globalId),
      historyVisibility,
    }
    const { createGroupChat } = await owner.session.run(CreateGroupChat, { input })
    const { id } = createGroupChat.chat
    const founders = [owner, ...others]
    chats.push({ id: rowId(id), kind: 'GROUP', owner, founders, members: founders, fate, over: false })
  }
  while (chats.length < size.groups + size.directChats) {
    const chat = await openDirectChat(chats, dice.draw(people, 2) as [Person, Person])
    if (chat !== null) chats.push(chat)
  }
  return { people, chats }
}

/** @returns null where the two have one */
export async function openDirectChat(chats: readonly Chat[], pair: [Person, Person]): Promise<Chat | null> {
  const [owner, other] = pair
  const standing = chats.some(
    ({ kind, members }) => kind === 'DIRECT' && pair.every((each) => members.includes(each)),
  )
  if (standing) return null
  const input = { userId: other.globalId }
  const { createDirectChat } = await owner.session.run(CreateDirectChat, { input })
  // One of them has blocked the other.
  if (createDirectChat.chat === undefined) return null
  const id = rowId(createDirectChat.chat.id)
  return { id, kind: 'DIRECT', owner, founders: pair, members: pair, fate: 'quiet', over: false }
}

/** Hashing so many passwords would take longer than a short run: they have one in common. */
async function addPeople(world: World, databaseUrl: string, count: number): Promise<Person[]> {
  const passwords = await createPasswords()
  const passwordHash = await passwords.hash(password)
  const now = new Date()
  const rows = Array.from({ length: count }, (_, n) =>
    userRow({ username: `person${n}`, displayName: `Person ${n}`, bio: null, passwordHash }, now),
  )
  const client = new pg.Client(databaseUrl)
  await client.connect()
  await insertRows(client, 'users', rows)
  await client.end()
  return rows.map(({ id, username }) => ({
    id,
    globalId: toGlobalId('User', id),
    name: username,
    session: createSession(world, username),
  }))
}

function rowId(globalId: string): string {
  return Buffer.from(globalId, 'base64url').toString().split(':')[1] ?? ''
}
