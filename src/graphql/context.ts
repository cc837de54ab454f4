import { type Batch, createBatch } from '../core/batch.ts'
import type { FairGate } from '../core/gate.ts'
import type { Logger } from '../core/logger.ts'
import type { Worker } from '../core/worker.ts'
import type { Feed } from '../events/feed.ts'
import type { Store } from '../events/store.ts'
import type { Auth } from '../features/auth/actions.ts'
import { type Principal, requireViewer, type Viewer } from '../features/auth/viewer.ts'
import type { PresenceWatch } from '../features/presence/presence-watch.ts'
import type { Typing } from '../features/presence/typing.ts'
import type { DataExports } from '../features/privacy/exports.ts'
import type { Delivery } from '../features/realtime/delivery.ts'
import type { Caller } from './operation/caller.ts'

/** What the whole server shares. */
export interface Services {
  readonly store: Store
  readonly auth: Auth
  readonly feed: Feed<Delivery>
  readonly logger: Logger
  /** Removes what erased accounts have left behind. */
  readonly eraser: Worker
  /** Takes what was cleared from the database. */
  readonly purger: Worker
  /** Lets a few searches run at a time, of each user one. */
  readonly searchGate: FairGate
  readonly dataExports: DataExports
  readonly presence: PresenceWatch
  readonly typing: Typing
}

/** What one operation has at hand. */
export interface Context extends Services, Omit<Caller, 'principal' | 'tokenProblem'> {
  /** Who is asking. A login makes it the one who logged in, and the end of a session nobody, for the rest of the operation. */
  principal: Principal
  readonly batch: Batch
  /** Where the log stood when the operation began, so that all it reads is at least that new. */
  readonly logCursor: string
}

export function createContext(services: Services, caller: Omit<Caller, 'tokenProblem'>): Context {
  const { cursors, position } = services.feed
  return { ...services, ...caller, batch: createBatch(), logCursor: cursors.encode(position) }
}

/** @throws RequestError `UNAUTHENTICATED` */
export function viewerOf(context: Context): Viewer {
  return requireViewer(context.principal)
}
