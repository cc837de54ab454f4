import type { PersonFragment } from '../gql/graphql.ts'
import { createStore, type Store } from './store.ts'

/** Who types, by chat. */
export type Typists = ReadonlyMap<string, readonly PersonFragment[]>

export interface Typing extends Pick<Store<Typists>, 'read' | 'watch'> {
  set(chatId: string, person: PersonFragment, isTyping: boolean): void
  /** Whoever has said something types no more. */
  stop(chatId: string, userId: string): void
  /** While there is no connection nobody tells of the end. */
  clear(): void
}

/** The server says when somebody has stopped, at the latest after 6 s; this is for when it cannot. */
const forgottenMs = 8_000

export function createTyping(): Typing {
  const store = createStore<Typists>(new Map())
  const timers = new Map<string, ReturnType<typeof setTimeout>>()

  function stop(chatId: string, userId: string): void {
    clearTimeout(timers.get(`${chatId} ${userId}`))
    const people = store.read().get(chatId)
    if (!people?.some(({ id }) => id === userId)) return
    store.write(
      new Map(store.read()).set(
        chatId,
        people.filter(({ id }) => id !== userId),
      ),
    )
  }

  return {
    read: store.read,
    watch: store.watch,
    stop,
    set(chatId, person, isTyping) {
      if (!isTyping) return stop(chatId, person.id)
      const key = `${chatId} ${person.id}`
      clearTimeout(timers.get(key))
      timers.set(
        key,
        setTimeout(() => stop(chatId, person.id), forgottenMs),
      )
      const people = store.read().get(chatId) ?? []
      if (people.some(({ id }) => id === person.id)) return
      store.write(new Map(store.read()).set(chatId, [...people, person]))
    },
    clear: () => store.write(new Map()),
  }
}
