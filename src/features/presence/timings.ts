/** What takes how long, in milliseconds. docs/realtime.md tells clients; tests use shorter ones. */
export interface LiveTimings {
  /** Somebody types no more when this long has passed without their saying so again. */
  readonly typingExpiryMs: number
  /** Somebody is offline when their last connection has been closed for this long. */
  readonly graceMs: number
  /** Between two signs of life of a process. */
  readonly beatMs: number
  /** A process without a sign of life for this long is dead, and whoever was connected to it offline. */
  readonly deadMs: number
  /**
   * Between two signs of life on a connection that lasts: a ping on a WebSocket, which has to be answered by the next,
   * and a comment on a stream of events.
   */
  readonly heartbeatMs: number
}

export const liveTimings: LiveTimings = {
  typingExpiryMs: 6_000,
  graceMs: 5_000,
  beatMs: 5_000,
  deadMs: 15_000,
  heartbeatMs: 12_000,
}

/** Of one person's typing in a chat, or presence, a subscription gets one event in this time. */
export const eventIntervalMs = 1_000
