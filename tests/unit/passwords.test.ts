import { expect, test } from 'vitest'
import { createPasswords } from '../../src/features/auth/passwords.ts'

test('what nobody has asked to be cheap costs what OWASP asks for at least', async () => {
  const passwords = await createPasswords()
  const hash = await passwords.hash('Password123')
  expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
  expect(await passwords.verify(hash, 'Password123')).toBe(true)
  expect(await passwords.verify(hash, 'Password124')).toBe(false)
  expect(await passwords.verify(null, 'Password123')).toBe(false)
})

test('a hash is checked at the cost that it was made at', async () => {
  const cheap = await createPasswords({ cost: { memoryCost: 1024, timeCost: 2 } })
  const hash = await cheap.hash('Password123')
  expect(hash).toMatch(/^\$argon2id\$v=19\$m=1024,t=2,p=1\$/)
  expect(await (await createPasswords()).verify(hash, 'Password123')).toBe(true)
})
