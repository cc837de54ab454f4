import DataLoader from 'dataloader'

/**
 * Gathers the look-ups of one moment into one, so that a list of any length costs one statement for
 * each field. It remembers nothing: a second look, after a write or at the next event of a
 * subscription, sees what is true then.
 */
export interface Batch {
  /**
   * @param name what is looked up, arguments included: the same name shares a batch
   * @param fetch values by key; a key without a value gives undefined
   */
  load<Value>(
    name: string,
    key: string,
    fetch: (keys: readonly string[]) => Promise<ReadonlyMap<string, Value>>,
  ): Promise<Value | undefined>
}

export function createBatch(): Batch {
  const loaders = new Map<string, DataLoader<string, unknown>>()
  return {
    load<Value>(
      name: string,
      key: string,
      fetch: (keys: readonly string[]) => Promise<ReadonlyMap<string, Value>>,
    ): Promise<Value | undefined> {
      let loader = loaders.get(name)
      if (loader === undefined) {
        loader = new DataLoader<string, unknown>(
          async (keys) => {
            // What comes from here on is looked up as it is asked for then: by somebody else, after a login.
            loaders.delete(name)
            const values = await fetch([...new Set(keys)])
            return keys.map((each) => values.get(each))
          },
          { cache: false },
        )
        loaders.set(name, loader)
      }
      return loader.load(key) as Promise<Value | undefined>
    },
  }
}
