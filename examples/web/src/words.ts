import type { ChatRowFragment, LastMessageFragment, PersonFragment } from './gql/graphql.ts'

type Said = Pick<LastMessageFragment, 'text' | 'deletedAt' | 'system' | 'author'>

export function titleOf(chat: Pick<ChatRowFragment, 'title' | 'otherUser' | 'kind'>): string {
  if (chat.kind === 'GROUP') return chat.title ?? 'A group'
  return chat.otherUser?.displayName ?? 'Deleted account'
}

export function nameOf(person: PersonFragment | null): string {
  return person?.displayName ?? 'Deleted account'
}

/** On one line: in a list, quoted, or read out. */
export function messageInWords(message: Said): string {
  if (message.system !== null) return systemInWords(message.system, message.author)
  return message.deletedAt === null ? (message.text ?? '') : 'Message deleted'
}

/** Words of our own, made when they are shown: a new name shows in them at once. */
function systemInWords(
  { kind, title, userCount, users }: NonNullable<Said['system']>,
  author: PersonFragment | null,
): string {
  const who = nameOf(author)
  const others = userCount - users.length
  const whom = [...users.map(nameOf), ...(others > 0 ? [`${others} more`] : [])].join(', ')
  switch (kind) {
    case 'CHAT_RENAMED':
      return `${who} named the group “${title ?? 'A group'}”`
    case 'HISTORY_MADE_FROM_JOIN':
      return `${who} hid what was said from those who join later`
    case 'HISTORY_MADE_FULL':
      return `${who} let those who join later see what was said`
    case 'MEMBERS_ADDED':
      return `${who} added ${whom}`
    case 'MEMBER_LEFT':
      return `${who} left`
    case 'MEMBER_MADE_ADMIN':
      return `${who} made ${whom} an admin`
    case 'MEMBER_MADE_MEMBER':
      return `${who} made ${whom} a member`
    case 'MEMBER_MADE_OWNER':
      return `${who} handed the group over to ${whom}`
    case 'MEMBER_REMOVED':
      return `${who} removed ${whom}`
  }
}

const clock = new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit' })
const weekday = new Intl.DateTimeFormat(undefined, { weekday: 'short' })
const date = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' })
const longDate = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' })

export function timeOf(moment: string): string {
  return clock.format(new Date(moment))
}

/** The shorter the longer ago. */
export function agoOf(moment: string): string {
  const then = new Date(moment)
  const days = daysAgo(then)
  if (days === 0) return clock.format(then)
  return days < 7 ? weekday.format(then) : date.format(then)
}

export function dayOf(moment: string): string {
  const then = new Date(moment)
  return ['Today', 'Yesterday'][daysAgo(then)] ?? longDate.format(then)
}

function daysAgo(then: Date): number {
  const midnight = (day: Date) => new Date(day).setHours(0, 0, 0, 0)
  return Math.round((midnight(new Date()) - midnight(then)) / 86_400_000)
}
