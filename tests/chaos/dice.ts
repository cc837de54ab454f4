import { createRandom } from '../../src/seed/bulk-plan.ts'

/** Every choice of a run, from one seed. When things happen the machine decides, so no two runs are the same. */
export interface Dice {
  /** From 0 to below `end`. */
  below(end: number): number
  between(least: number, most: number): number
  chance(probability: number): boolean
  pick<Item>(items: readonly Item[]): Item
  /** So many of them, each once. */
  draw<Item>(items: readonly Item[], count: number): Item[]
  /** Dice of their own for a part that throws at times of its own. */
  fork(): Dice
}

export function createDice(seed: number): Dice {
  const random = createRandom(seed)
  const below = (end: number) => Math.floor(random() * end)
  const draw = <Item>(items: readonly Item[], count: number): Item[] => {
    const left = [...items]
    return Array.from({ length: Math.min(count, left.length) }, () =>
      left.splice(below(left.length), 1),
    ).flat()
  }
  return {
    below,
    between: (least, most) => least + random() * (most - least),
    chance: (probability) => random() < probability,
    pick(items) {
      const [item] = items.length === 0 ? [] : [items[below(items.length)]]
      if (item === undefined) throw new Error('There is nothing to pick from.')
      return item
    },
    draw,
    fork: () => createDice(below(2 ** 31)),
  }
}
