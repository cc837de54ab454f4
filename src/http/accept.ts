import Negotiator from 'negotiator'

/** JSON first: without a preference, a client gets what every client reads. */
const jsonTypes = ['application/json', 'application/graphql-response+json'] as const
const eventStream = 'text/event-stream'
const page = 'text/html'

type AnswerType = (typeof jsonTypes)[number] | typeof eventStream | typeof page

/** What a client accepts, by the weights of its `Accept` header. */
export interface AcceptedTypes {
  /**
   * The header in the only form that Yoga reads, which ignores weights: the preferred type, and `text/event-stream`
   * besides if subscriptions may be answered with it.
   */
  readonly header: string
  readonly acceptsEvents: boolean
}

/**
 * Negotiates the type of an answer (RFC 9110, section 12.5.1). Ties go to the more specific range, then to the order
 * of the header.
 * @returns null if the client accepts nothing that an answer can be
 */
export function negotiate(header: string | undefined): AcceptedTypes | null {
  const accepted = rank(header, [...jsonTypes, eventStream])
  const [preferred] = accepted
  if (preferred === undefined) return null
  const acceptsEvents = accepted.includes(eventStream)
  // An operation with a single result is answered with JSON whenever Yoga finds JSON in the header.
  const types = new Set(acceptsEvents ? [preferred, eventStream] : [preferred])
  return { header: [...types].join(', '), acceptsEvents }
}

/** Whether the client would rather have a page than data: a browser that navigates. */
export function prefersPage(header: string | undefined): boolean {
  return rank(header, [...jsonTypes, eventStream, page])[0] === page
}

/** Parameters other than a weight or a charset; clients send `odata` or `version`, and JSON has none of them. */
const unknownParameters = /;\s*(?!(?:q|charset)\s*=)[^\s;,="]+\s*=\s*(?:"(?:\\.|[^"\\])*"|[^\s;,]*)/gi

/** The types that a client accepts, most preferred first. */
function rank(header: string | undefined, types: readonly AnswerType[]): AnswerType[] {
  const known = header?.replace(unknownParameters, '')
  // Every answer is UTF-8. Ranges with that charset, and with none, match; others do not.
  const offered = new Map(types.map((type) => [`${type}; charset=utf-8`, type]))
  // A list without elements accepts everything, like no header at all.
  const accept = known !== undefined && /[^\s,]/.test(known) ? known : undefined
  const ranked = new Negotiator({ headers: { accept } }).mediaTypes([...offered.keys()])
  return ranked.flatMap((name) => offered.get(name) ?? [])
}
