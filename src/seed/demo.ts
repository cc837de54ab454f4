import pg from 'pg'
import { createPasswords } from '../features/auth/passwords.ts'
import { chats, type DemoChat, type Line, type Person, people, type Scene, scenes } from './demo-story.ts'
import {
  type ChatRow,
  chatRows,
  type EventRow,
  insertRows,
  type MemberRow,
  type MessageRow,
  messageRow,
  seedPassword,
  type UserRow,
  userRow,
} from './rows.ts'

/**
 * When the demo data is written: `fresh`, only where nobody ever used the database; `empty`, where it has no
 * users; `absent`, where no other account has their names.
 */
export type DemoCondition = 'fresh' | 'empty' | 'absent'

export interface DemoOptions {
  readonly databaseUrl: string
  readonly when: DemoCondition
  /** The story ends a little before. @default now */
  readonly now?: Date
}

/** Whether the demo accounts are here, and nobody has given Alice another password. */
export async function hasDemoLogins(databaseUrl: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: databaseUrl, application_name: 'parley seed' })
  client.on('error', () => {})
  await client.connect()
  try {
    const { rows } = await client.query<{ password_hash: string }>(
      `SELECT password_hash FROM users WHERE username_key IN ('alice', 'bob', 'charlie')
        AND email_key LIKE '%@example.com' ORDER BY username_key`,
    )
    const [alice] = rows
    if (alice === undefined || rows.length !== people.length) return false
    return (await createPasswords()).verify(alice.password_hash, seedPassword)
  } finally {
    await client.end().catch(() => {})
  }
}

/** Two processes that start at once on one database: the second waits, and finds the first one's work. */
const seedLock = 72707370

const conditions: Record<DemoCondition, string> = {
  // Also told from a database whose users have all gone: then the log has been written to.
  // Accounts that were erased have left entries, for as long as the log goes back, and their usernames.
  fresh: `SELECT pruned_through = 0 AND NOT EXISTS (SELECT 1 FROM users)
      AND NOT EXISTS (SELECT 1 FROM events WHERE kind <> 'LOG_EPOCH')
      AND NOT EXISTS (SELECT 1 FROM reserved_usernames) AS met FROM event_log`,
  empty: 'SELECT NOT EXISTS (SELECT 1 FROM users) AS met',
  absent: `SELECT NOT EXISTS (SELECT 1 FROM users WHERE username_key IN ('alice', 'bob', 'charlie')
    OR email_key IN ('alice@example.com', 'bob@example.com', 'charlie@example.com')) AS met`,
}

/**
 * Alice, Bob and Charlie and what they have said over the last week: rows and log as if they had really said
 * it. One transaction, under an advisory lock of its own.
 * @returns whether it was written
 */
export async function seedDemo(options: DemoOptions): Promise<boolean> {
  const client = new pg.Client({ connectionString: options.databaseUrl, application_name: 'parley seed' })
  // A connection that breaks while idle must not end the process: the next statement reports it.
  client.on('error', () => {})
  await client.connect()
  try {
    await client.query('BEGIN')
    await client.query('SELECT pg_advisory_xact_lock($1)', [seedLock])
    const { rows } = await client.query<{ met: boolean }>(conditions[options.when])
    const met = rows[0]?.met === true
    if (met) await write(client, await tellStory(options.now ?? new Date()))
    await client.query('COMMIT')
    return met
  } finally {
    await client.end().catch(() => {})
  }
}

async function write(client: pg.Client, story: Story): Promise<void> {
  await insertRows(client, 'users', [...story.users.values()])
  await insertRows(client, 'chats', story.chats)
  await insertRows(client, 'chat_members', story.members)
  await insertRows(client, 'messages', story.messages)
  await insertRows(
    client,
    'events',
    story.events.toSorted((a, b) => a.created_at.getTime() - b.created_at.getTime()),
  )
}

interface Story {
  readonly users: ReadonlyMap<Person, UserRow>
  readonly chats: ChatRow[]
  readonly members: MemberRow[]
  readonly messages: MessageRow[]
  readonly events: EventRow[]
}

const hour = 3_600_000

async function tellStory(now: Date): Promise<Story> {
  const passwords = await createPasswords()
  const passwordHash = await passwords.hash(seedPassword)
  const ago = (hours: number) => new Date(now.getTime() - hours * hour)
  const users = new Map(
    people.map((person, index) => [
      person.username,
      userRow({ ...person, passwordHash }, ago(170 - 3 * index)),
    ]),
  )
  const story: Story = { users, chats: [], members: [], messages: [], events: [] }
  for (const chat of chats) {
    const stage = openChat(story, chat, now)
    for (const scene of scenes) if (scene.chat === chat.key) playScene(story, stage, scene, now)
  }
  return story
}

/** A chat in the making. */
interface Stage {
  readonly chat: ChatRow
  readonly members: ReadonlyMap<Person, MemberRow>
}

/** The chat is made two minutes before its first line. */
function openChat(story: Story, { key, title, members: names }: DemoChat, now: Date): Stage {
  const first = Math.max(...scenes.filter((scene) => scene.chat === key).map((scene) => scene.hoursAgo))
  const createdAt = new Date(now.getTime() - first * hour - 120_000)
  const { chat, members } = chatRows(
    { title, memberIds: names.map((name) => userOf(story, name).id) },
    createdAt,
  )
  story.chats.push(chat)
  story.members.push(...members)
  const [creator] = members
  log(story, { kind: 'CHAT_CREATED', chat, actorId: creator?.user_id, at: createdAt })
  return {
    chat,
    members: new Map(
      names.flatMap((name, index) => {
        const member = members[index]
        return member === undefined ? [] : [[name, member]]
      }),
    ),
  }
}

/** Whoever writes has read what stands there; at the end everyone has, but those who have not looked. */
function playScene(story: Story, stage: Stage, scene: Scene, now: Date): void {
  let time = now.getTime() - scene.hoursAgo * hour
  for (const line of scene.lines) {
    read(story, stage, line.from, new Date(time - 2_000))
    say(story, stage, line, new Date(time))
    time += pauseAfter(line)
  }
  for (const name of stage.members.keys()) {
    if (!scene.unreadBy?.includes(name)) read(story, stage, name, new Date(time))
    time += 1_000
  }
}

/** Reading and answering takes 15 seconds, and longer for longer texts. */
function pauseAfter(line: Line): number {
  return 15_000 + 600 * Math.min(line.text.length, 100)
}

function say(story: Story, { chat }: Stage, line: Line, at: Date): void {
  const author = userOf(story, line.from)
  chat.last_sequence++
  chat.last_activity_at = at
  const message = messageRow(
    {
      chatId: chat.id,
      sequence: chat.last_sequence,
      authorId: author.id,
      sender: line.bot === true ? 'BOT' : 'USER',
      text: line.text,
    },
    at,
  )
  story.messages.push(message)
  const entry = { chat, subjectId: message.id, sequence: message.sequence }
  log(story, { ...entry, kind: 'MESSAGE_ADDED', at })
  const later = new Date(at.getTime() + 9_000)
  if (line.editedTo !== undefined) {
    message.text = line.editedTo
    message.edited_at = later
    log(story, { ...entry, kind: 'MESSAGE_EDITED', at: later })
  }
  if (line.deleted === true) {
    message.text = null
    message.deleted_at = later
    log(story, { ...entry, kind: 'MESSAGE_DELETED', at: later })
  }
}

function read(story: Story, { chat, members }: Stage, name: Person, at: Date): void {
  const member = members.get(name)
  if (member === undefined || member.last_read_sequence === chat.last_sequence) return
  member.last_read_sequence = chat.last_sequence
  log(story, { kind: 'CHAT_READ', chat, actorId: member.user_id, sequence: chat.last_sequence, at })
}

function log(
  story: Story,
  entry: {
    kind: EventRow['kind']
    chat: ChatRow
    actorId?: string | undefined
    subjectId?: string
    sequence?: number
    at: Date
  },
): void {
  story.events.push({
    kind: entry.kind,
    chat_id: entry.chat.id,
    actor_id: entry.actorId ?? null,
    subject_id: entry.subjectId ?? null,
    sequence: entry.sequence ?? null,
    created_at: entry.at,
  })
}

function userOf(story: Story, name: Person): UserRow {
  const user = story.users.get(name)
  if (user === undefined) throw new Error(`The story has nobody called ${name}.`)
  return user
}
