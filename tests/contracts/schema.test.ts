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
import { expect, test } from 'vitest'
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

test('every connection is one by the Relay specification', () => {
  const connections = types.filter(({ name }) => name.endsWith('Connection'))
  expect(connections.length).toBeGreaterThan(3)
  for (const connection of connections) {
    const name = connection.name.replace(/Connection$/, '')
    const fields = new Map(fieldsOf(connection).map((field) => [field.name, String(field.type)]))
    expect(fields.get('edges')).toBe(`[${name}Edge!]!`)
    expect(fields.get('pageInfo')).toBe('PageInfo!')
    const edge = schema.getType(`${name}Edge`) as GraphQLNamedType
    const edgeFields = new Map(fieldsOf(edge).map((field) => [field.name, String(field.type)]))
    expect(edgeFields.get('cursor')).toBe('String!')
    expect(edgeFields.get('node')).toBe(`${name}!`)
  }
  for (const type of types.flatMap(fieldsOf)) {
    if (!getNamedType(type.type).name.endsWith('Connection')) continue
    const args = new Set(type.args.map((arg) => arg.name))
    expect(args.has('first') && args.has('after'), type.name).toBe(true)
  }
})

test('every mutation tells its failures as data, all of them a UserError', () => {
  for (const field of Object.values(schema.getMutationType()?.getFields() ?? {})) {
    const result = getNamedType(field.type)
    const pascal = field.name[0]?.toUpperCase() + field.name.slice(1)
    if (!isUnionType(result)) {
      expect(result.name).toBe(`${pascal}Payload`)
      continue
    }
    expect(result.name).toBe(`${pascal}Result`)
    const [payload, ...errors] = [...result.getTypes()].sort((a) => (a.name === `${pascal}Payload` ? -1 : 1))
    expect(payload?.name).toBe(`${pascal}Payload`)
    expect(errors.length).toBeGreaterThan(0)
    for (const error of errors) {
      expect(error.getInterfaces().map(({ name }) => name)).toContain('UserError')
    }
    // What has nothing to be told takes no input.
    expect([[], [`${pascal}Input!`]]).toContainEqual(field.args.map((arg) => String(arg.type)))
  }
})

function fieldsOf(type: GraphQLNamedType): GraphQLField<unknown, unknown>[] {
  return isObjectType(type) || isInterfaceType(type) ? Object.values(type.getFields()) : []
}
