/**
 * The shape of a bulk seed, drawn up before a row is written: who is in which chat, and when what is said.
 * It takes memory by the users, chats and memberships, never by the messages.
 */

export interface BulkSize {
  readonly users: number
  readonly chats: number
  readonly messages: number
}

export interface BulkPlan {
  /** By chat: the number of its messages, and the indexes of its first and last one in the whole history. */
  readonly counts: Int32Array
  readonly firsts: Float64Array
  readonly lasts: Float64Array
  /** By chat: the indexes of its users, the one who made it first. */
  readonly members: readonly Int32Array[]
  /** By chat: one between two, unlike all others. */
  readonly direct: Uint8Array
  /** The chats of all messages, in the order in which they are sent. */
  conversation(): Iterable<number>
}

/** A number from 0 to below 1, the same sequence at every run. */
export type Random = () => number

/** Mulberry32: small, and random enough for made-up people. */
export function createRandom(seed: number): Random {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

export function planBulk(size: BulkSize, random: Random): BulkPlan {
  const counts = shareOut(size.messages, size.chats)
  const { members, direct } = gather(size, random)
  const firsts = new Float64Array(size.chats).fill(-1)
  const lasts = new Float64Array(size.chats).fill(-1)
  const conversation = () => interleave(counts, size.messages)
  let index = 0
  for (const chat of conversation()) {
    if ((firsts[chat] ?? 0) < 0) firsts[chat] = index
    lasts[chat] = index
    index++
  }
  return { counts, firsts, lasts, members, direct, conversation }
}

/** By Zipf's law: the second chat has half as many messages as the first, the tenth a tenth. */
function shareOut(messages: number, chats: number): Int32Array {
  let total = 0
  for (let rank = 1; rank <= chats; rank++) total += 1 / rank
  const counts = new Int32Array(chats)
  let given = 0
  let share = 0
  for (let chat = 0; chat < chats; chat++) {
    share += messages / (chat + 1) / total
    // Against the running sum, so that roundings do not add up.
    const until = chat === chats - 1 ? messages : Math.round(share)
    counts[chat] = until - given
    given = until
  }
  return counts
}

/** How many messages follow each other in one chat before another has its turn. */
const burst = 6

/**
 * Bursts of all chats, spread evenly over the history: the n-th burst is the n-th step of a walk around the ring of
 * all messages, whose stride, near the golden ratio, visits each place once and neighbours far apart.
 */
function* interleave(counts: Int32Array, messages: number): Generator<number> {
  const bursts = Math.ceil(messages / burst)
  const stride = coprimeNear(Math.round(bursts * 0.618_033_988_75), bursts)
  const starts = runningSums(counts)
  let place = 0
  for (let n = 0; n < bursts; n++) {
    const end = Math.min((place + 1) * burst, messages)
    let chat = chatAt(starts, place * burst)
    for (let position = place * burst; position < end; position++) {
      while (position >= (starts[chat + 1] ?? messages)) chat++
      yield chat
    }
    place = (place + stride) % bursts
  }
}

function coprimeNear(wanted: number, modulus: number): number {
  let candidate = Math.max(1, wanted)
  while (greatestCommonDivisor(candidate, modulus) > 1) candidate++
  return candidate
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}

function runningSums(counts: Int32Array): Float64Array {
  const sums = new Float64Array(counts.length + 1)
  for (let i = 0; i < counts.length; i++) sums[i + 1] = (sums[i] ?? 0) + (counts[i] ?? 0)
  return sums
}

/** The last chat that begins at or before the position. */
function chatAt(starts: Float64Array, position: number): number {
  let low = 0
  let high = starts.length - 2
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((starts[middle] ?? 0) <= position) low = middle
    else high = middle - 1
  }
  return low
}

/** Three chats of five are between two; the others are groups, and the busiest are the largest. */
function gather(size: BulkSize, random: Random): Pick<BulkPlan, 'members' | 'direct'> {
  const direct = new Uint8Array(size.chats)
  const pairs = new Set<number>()
  const members: Int32Array[] = []
  for (let chat = 0; chat < size.chats; chat++) {
    const pair = chat >= size.chats / 50 && random() < 0.6 ? newPair(size.users, pairs, random) : null
    direct[chat] = pair === null ? 0 : 1
    members.push(pair ?? drawUsers(groupSize(chat, size.users, random), size.users, random))
  }
  return { members, direct }
}

/** Two users without a chat of their own yet, or null when such a pair is not found soon. */
function newPair(users: number, pairs: Set<number>, random: Random): Int32Array | null {
  for (let attempt = 0; attempt < 8 && users > 1; attempt++) {
    const pair = drawUsers(2, users, random)
    const key = Math.min(...pair) * users + Math.max(...pair)
    if (pairs.has(key)) continue
    pairs.add(key)
    return pair
  }
  return null
}

function groupSize(chat: number, users: number, random: Random): number {
  const largest = Math.max(3, Math.round(250 / (chat + 1) ** 0.5))
  return Math.min(users, 3 + Math.floor(random() ** 2 * largest))
}

/** That many different users. */
function drawUsers(count: number, users: number, random: Random): Int32Array {
  const drawn = new Set<number>()
  while (drawn.size < count) drawn.add(Math.floor(random() * users))
  return Int32Array.from(drawn)
}
