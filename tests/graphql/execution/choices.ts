/** Decisions made one after the other. They depend on nothing else than what they are made from. */
export class Choices {
  readonly #next: () => number

  constructor(next: () => number) {
    this.#next = next
  }

  below(count: number): number {
    return this.#next() % count
  }

  /** Never where the choices have run out. */
  chance(percent: number): boolean {
    return this.below(100) >= 100 - percent
  }

  pick<Option>(options: readonly Option[]): Option {
    return options[this.below(options.length)] as Option
  }
}

/**
 * Choices from a tape of numbers. Behind its end each choice is the first and simplest option, so a shorter tape with
 * smaller numbers makes a smaller case: fast-check shrinks the tape and knows nothing of what is made from it.
 */
export function choicesFromTape(tape: ArrayLike<number>): Choices {
  let position = 0
  return new Choices(() => tape[position++] ?? 0)
}

/** Choices that depend on a name and a seed alone, so two executors that ask in different order get the same. */
export function choicesFor(name: string, seed: number): Choices {
  let state = hash(name, seed)
  return new Choices(() => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d)
    state = (Math.imul(state ^ (state >>> 12), 0x297a2d39) + 0x9e3779b9) >>> 0
    return (state ^ (state >>> 15)) >>> 0
  })
}

/** FNV-1a, 32 bits. */
function hash(text: string, seed: number): number {
  let value = (0x811c9dc5 ^ seed) >>> 0
  for (let index = 0; index < text.length; index++) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193)
  }
  return value >>> 0
}
