import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** What a process counts of itself, for `/metrics`. docs/operations.md explains each for people. */
export interface Metrics {
  readonly registry: Registry
  /** Entries of the log, as each process sees all of them. */
  readonly eventsAppended: Counter<'kind'>
  /** Events handed to connections. */
  readonly eventsDelivered: Counter<'transport'>
  /** From the beginning of the transaction that made an entry until it was handed to subscriptions, in milliseconds. */
  readonly deliveryDelay: Histogram
  readonly subscriptions: Gauge<'transport' | 'field'>
  /** Subscriptions that began behind a cursor. */
  readonly resumes: Counter
  readonly cursorsExpired: Counter
  /** Backlogs that were dropped, to be read from the log. */
  readonly backlogOverflows: Counter
  readonly eventsPruned: Counter
  readonly gaps: Counter
  readonly operations: Counter<'transport' | 'type' | 'outcome'>
  /** In milliseconds; of a subscription, until it has begun. */
  readonly operationDuration: Histogram<'type'>
  /** What came of requests that name their document, or are refused for not naming one. */
  readonly persistedOperations: Counter<'outcome'>
  /**
   * A value that is read when somebody asks.
   * @param over what several processes tell together. @default 'sum'
   */
  watch(name: string, help: string, read: () => number, over?: 'sum' | 'max'): void
  /** Likewise, of each state. */
  watchStates(name: string, help: string, read: () => Readonly<Record<string, number>>): void
}

const delayBuckets = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 60_000]

/** @param options.process whether to count memory, processor time and the like, too: once a process */
export function createMetrics(options: { process: boolean }): Metrics {
  const registry = new Registry()
  const registers = [registry]
  if (options.process) collectDefaultMetrics({ register: registry })
  const counter = <Label extends string = never>(
    name: string,
    help: string,
    labelNames: Label[] = [],
    aggregator: 'sum' | 'max' = 'sum',
  ) => new Counter<Label>({ name: `parley_${name}`, help, labelNames, aggregator, registers })
  const histogram = <Label extends string = never>(name: string, help: string, labelNames: Label[] = []) =>
    new Histogram<Label>({ name: `parley_${name}`, help, labelNames, registers, buckets: delayBuckets })
  return {
    registry,
    eventsAppended: counter(
      'events_appended_total',
      'Entries of the log since the process began; every process sees all of them.',
      ['kind'],
      'max',
    ),
    eventsDelivered: counter('events_delivered_total', 'Events handed to connections.', ['transport']),
    deliveryDelay: histogram(
      'delivery_delay_ms',
      'From the beginning of the transaction that made an entry until it was handed to subscriptions, of the oldest of each batch.',
    ),
    subscriptions: new Gauge({
      name: 'parley_subscriptions',
      help: 'Subscriptions that are open.',
      labelNames: ['transport', 'field'],
      registers,
    }),
    resumes: counter('resumes_total', 'Subscriptions that began behind a cursor.'),
    cursorsExpired: counter('cursors_expired_total', 'Cursors that were refused with CURSOR_EXPIRED.'),
    backlogOverflows: counter(
      'backlog_overflows_total',
      'Times that a subscription fell behind its backlog, and reads the log instead.',
    ),
    eventsPruned: counter('events_pruned_total', 'Entries of the log removed for their age.'),
    gaps: counter(
      'gaps_total',
      'Messages whose number did not follow upon the one before in their chat, as the log was read: always 0.',
    ),
    operations: counter('operations_total', 'Operations that were run.', ['transport', 'type', 'outcome']),
    operationDuration: histogram(
      'operation_duration_ms',
      'How long operations took; of subscriptions, until they began.',
      ['type'],
    ),
    persistedOperations: counter(
      'persisted_operations_total',
      'Requests by the hash or id of a document, and what came of looking for it.',
      ['outcome'],
    ),
    watch(name, help, read, aggregator = 'sum') {
      new Gauge({
        name: `parley_${name}`,
        help,
        aggregator,
        registers,
        collect() {
          this.set(read())
        },
      })
    },
    watchStates(name, help, read) {
      new Gauge({
        name: `parley_${name}`,
        help,
        labelNames: ['state'],
        registers,
        collect() {
          for (const [state, value] of Object.entries(read())) this.set({ state }, value)
        },
      })
    },
  }
}
