import { expect, test } from 'vitest'
import { createMailbox } from '../../src/core/mailbox.ts'

test('a reader that comes late gets the latest of each key, and of too many keys the newest', async () => {
  const mailbox = createMailbox<string>(2, () => {})
  mailbox.put('a', 'a1')
  mailbox.put('b', 'b1')
  mailbox.put('a', 'a2')
  mailbox.put('c', 'c1')
  expect(await mailbox.next()).toEqual({ done: false, value: 'a2' })
  expect(await mailbox.next()).toEqual({ done: false, value: 'c1' })
})

test('a reader that waits is woken by what comes, and by its own leaving; closing is told once', async () => {
  let closed = 0
  const mailbox = createMailbox<string>(1, () => closed++)
  const first = mailbox.next()
  mailbox.put('a', 'a1')
  expect(await first).toEqual({ done: false, value: 'a1' })
  const second = mailbox.next()
  await mailbox.return?.()
  await mailbox.return?.()
  expect(await second).toEqual({ done: true, value: undefined })
  mailbox.put('a', 'a2')
  expect(await mailbox.next()).toEqual({ done: true, value: undefined })
  expect(closed).toBe(1)
})

test('a reason to end comes instead of what waits, once; also one that was there from the beginning', async () => {
  for (const late of [true, false]) {
    let released = 0
    const mailbox = createMailbox<string>(1, () => {})
    let fail: ((reason: Error) => void) | undefined
    mailbox.endWith((given) => {
      fail = given
      if (!late) given(new Error('over'))
      return () => released++
    })
    mailbox.put('a', 'a1')
    fail?.(new Error('over'))
    fail?.(new Error('over again'))
    await expect(mailbox.next()).rejects.toThrow('over')
    expect(await mailbox.next()).toEqual({ done: true, value: undefined })
    expect(released).toBe(1)
  }
})
