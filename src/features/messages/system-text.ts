import type { SystemMessageKind } from '../../db/generated/prisma/client.ts'

/** How many of the people whom a system message is about are named; the rest are counted. */
export const namedSubjects = 3

/** Somebody whose account is erased has no name. */
type Name = string | null

/**
 * The words of a system message, in English.
 * @param subjects the names of the first few, as far as there are any
 * @param count how many it is about in all
 * @param title of the group, if it is about that and its author is not erased with all they wrote
 */
export function systemText(
  kind: SystemMessageKind,
  actor: Name,
  subjects: readonly Name[],
  count: number,
  title: string | null,
): string {
  const who = actor ?? 'Somebody'
  const whom = listNames(subjects, count)
  switch (kind) {
    case 'MEMBERS_ADDED':
      return `${who} added ${whom}.`
    case 'MEMBER_REMOVED':
      return `${who} removed ${whom}.`
    case 'MEMBER_LEFT':
      return `${who} left.`
    case 'MEMBER_MADE_OWNER':
      return `${who} handed the group over to ${whom}.`
    case 'MEMBER_MADE_ADMIN':
      return `${who} made ${whom} an admin.`
    case 'MEMBER_MADE_MEMBER':
      return `${who} made ${whom} a member without a role.`
    case 'CHAT_RENAMED':
      return title === null ? `${who} renamed the group.` : `${who} renamed the group to “${title}”.`
    case 'HISTORY_MADE_FULL':
      return `${who} lets those who join see everything that was said before.`
    case 'HISTORY_MADE_FROM_JOIN':
      return `${who} lets those who join see only what is said from then on.`
  }
}

/** "Ann", "Ann and Bob", "Ann, Bob and Carol", "Ann, Bob, Carol and 4 others". */
function listNames(subjects: readonly Name[], count: number): string {
  const names = subjects.map((name) => name ?? 'somebody')
  const others = count - names.length
  if (others > 0) names.push(others === 1 ? 'one other' : `${others} others`)
  const last = names.pop() ?? 'somebody'
  return names.length === 0 ? last : `${names.join(', ')} and ${last}`
}
