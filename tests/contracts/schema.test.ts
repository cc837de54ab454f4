import { readFileSync } from 'node:fs'
import {
  buildSchema,
  type GraphQLField,
  type GraphQLNamedType,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  isUnionType,
} from 'graphql'
import { describe, expect, test } from 'vitest'
import * as errors from '../../src/core/errors.ts'
import { createSchema, printSdl } from '../../src/graphql/schema.ts'

const schema = createSchema()
const types = Object.values(schema.getTypeMap()).filter((type) => !type.name.startsWith('__'))
const builtIn = new Set(['String', 'Int', 'Float', 'Boolean', 'ID'])

test('schema.graphql is what the code prints', () => {
  const committed = readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8')
  expect(printSdl(schema)).toBe(committed)
  expect(() => buildSchema(committed)).not.toThrow()
})

test('every type, field, argument and value is described', () => {
  const bare: string[] = []
  const check = (place: string, described: { description?: string | null | undefined }) => {
    if (!described.description) bare.push(place)
  }
  for (const type of types.filter(({ name }) => !builtIn.has(name))) {
    check(type.name, type)
    for (const field of fieldsOf(type)) {
      check(`${type.name}.${field.name}`, field)
      for (const arg of field.args) check(`${type.name}.${field.name}(${arg.name}:)`, arg)
    }
    if (isInputObjectType(type)) {
      for (const field of Object.values(type.getFields())) check(`${type.name}.${field.name}`, field)
    }
    if (isEnumType(type)) for (const value of type.getValues()) check(`${type.name}.${value.name}`, value)
  }
  expect(bare).toEqual([])
})

/** What cannot fail is no union. */
const unfailing = ['logout', 'revokeOtherSessions']

describe.each(
  Object.values(schema.getMutationType()?.getFields() ?? {}).map((field) => [field.name, field] as const),
)('the mutation %s', (name, field) => {
  const pascal = `${name[0]?.toUpperCase()}${name.slice(1)}`
  const result = getNamedType(field.type)

  test('takes one input of its own, or nothing where there is nothing to tell', () => {
    const args = field.args.map((arg) => `${arg.name}: ${arg.type}`)
    expect([[], [`input: ${pascal}Input!`]]).toContainEqual(args)
    expect(args.length === 0).toBe(schema.getType(`${pascal}Input`) === undefined)
  })

  test('gives its payload, or tells its failures as data, all of them a UserError', () => {
    expect(isUnionType(result)).toBe(!unfailing.includes(name))
    expect(String(field.type)).toBe(`${pascal}${isUnionType(result) ? 'Result' : 'Payload'}!`)
    expect(isObjectType(schema.getType(`${pascal}Payload`))).toBe(true)
    if (!isUnionType(result)) return
    const errors = result.getTypes().filter((type) => type.name !== `${pascal}Payload`)
    expect(errors.length).toBe(result.getTypes().length - 1)
    expect(errors.length).toBeGreaterThan(0)
    for (const error of errors) expect(error.getInterfaces().map((each) => each.name)).toContain('UserError')
  })

  test('gives fields of the same name the same type, so no client needs an alias', () => {
    const members = isUnionType(result) ? result.getTypes() : []
    const given = new Map<string, Set<string>>()
    for (const { name: field, type } of members.flatMap(fieldsOf))
      given.set(field, (given.get(field) ?? new Set()).add(String(type)))
    expect([...given].filter(([, kinds]) => kinds.size > 1)).toEqual([])
  })
})

test('a union is what a mutation gives, and a UserError what some mutation fails with', () => {
  const results = Object.values(schema.getMutationType()?.getFields() ?? {}).map(({ type }) =>
    getNamedType(type),
  )
  const unions = types.filter(isUnionType)
  expect(namesOf(unions)).toEqual(namesOf(results.filter(isUnionType)))
  const failures = new Set(unions.flatMap((union) => union.getTypes()).filter(({ name }) => !isPayload(name)))
  const userError = schema.getType('UserError')
  if (!isInterfaceType(userError)) throw new Error('There is no interface UserError.')
  expect(namesOf([...failures])).toEqual(namesOf([...schema.getPossibleTypes(userError)]))
})

test('each kind of failure that actions throw is a type of its own', () => {
  const classes = Object.values(errors).flatMap((each) =>
    typeof each === 'function' && each.prototype instanceof errors.UserError ? [each.name] : [],
  )
  expect(classes.length).toBeGreaterThan(0)
  for (const name of classes) {
    const type = schema.getType(name)
    expect(isObjectType(type) && type.getInterfaces().map((each) => each.name)).toEqual(['UserError'])
  }
})

test('whatever has all fields of an interface implements it', () => {
  const objects = types.filter(isObjectType)
  for (const type of types.filter(isInterfaceType)) {
    const shape = fieldsOf(type).map(({ name, type: given }) => `${name}: ${given}`)
    const alike = objects.filter((each) => {
      const fields = fieldsOf(each).map(({ name, type: given }) => `${name}: ${given}`)
      return shape.every((field) => fields.includes(field))
    })
    const implementors = schema.getPossibleTypes(type)
    expect(implementors.length, type.name).toBeGreaterThan(0)
    expect(namesOf(alike), type.name).toEqual(namesOf(alike.filter((each) => implementors.includes(each))))
  }
})

const isPayload = (name: string) => name.endsWith('Payload')
const namesOf = (these: readonly { name: string }[]) => these.map(({ name }) => name).sort()

function fieldsOf(type: GraphQLNamedType): GraphQLField<unknown, unknown>[] {
  return isObjectType(type) || isInterfaceType(type) ? Object.values(type.getFields()) : []
}
