// What Biome cannot: the schema, as a product that people read. Everything else is in biome.json.
import { readFileSync } from 'node:fs'
import plugin from '@graphql-eslint/eslint-plugin'
import { buildSchema } from 'graphql'

const file = 'schema.graphql'
const schema = buildSchema(readFileSync(file, 'utf8'))
const eventTypes = schema.getPossibleTypes(schema.getType('Event')).map(({ name }) => name)

const rule = 'no-typename-prefix'
/** With the one name that the rule has no option for: a username is called so everywhere. */
const noTypenamePrefix = {
  ...plugin.rules[rule],
  create(context) {
    const report = (problem) => {
      const { typeName, fieldName } = problem.data
      if (`${typeName}.${fieldName}` !== 'User.username') context.report(problem)
    }
    return plugin.rules[rule].create(Object.create(context, { report: { value: report } }))
  },
}

export default [
  {
    files: [file],
    plugins: { '@graphql-eslint': { ...plugin, rules: { ...plugin.rules, [rule]: noTypenamePrefix } } },
    languageOptions: {
      parser: plugin.parser,
      parserOptions: { graphQLConfig: { schema: file } },
    },
    rules: {
      ...plugin.configs['flat/schema-recommended'].rules,
      ...plugin.configs['flat/schema-all'].rules,
      ...plugin.configs['flat/schema-relay'].rules,
      '@graphql-eslint/require-description': [
        'error',
        {
          types: true,
          rootField: true,
          DirectiveDefinition: true,
          EnumValueDefinition: true,
          FieldDefinition: true,
          InputValueDefinition: true,
        },
      ],
      // Both directions are not always to be had: a search goes on, and a log has no end to page back from.
      '@graphql-eslint/relay-arguments': ['error', { includeBoth: false }],
      '@graphql-eslint/relay-edge-types': [
        'error',
        {
          withEdgeSuffix: true,
          // The specification does not ask for it: an earlier text of a message has no identity of its own.
          shouldImplementNode: false,
          // Short lists with a bound are lists: reactions (20), users of a system message (3), issues, highlights.
          listTypeCanWrapOnlyEdgeType: false,
        },
      ],
      '@graphql-eslint/strict-id-in-types': [
        'error',
        {
          exceptions: {
            // Around a thing, not a thing.
            suffixes: ['Connection', 'Edge', 'Error', 'Payload'],
            types: [
              // They have a cursor, which is their identity.
              ...eventTypes,
              // Of the moment, and kept by nobody.
              'PresenceChanged',
              'TypingChanged',
              // Values, parts of the thing that they stand in.
              'AuthTokens',
              'MessageRevision',
              'PageInfo',
              'Presence',
              'ReactionGroup',
              'SystemMessage',
              'TextRange',
              'ValidationIssue',
            ],
          },
        },
      ],
      // The printer has sorted it; the rule would have id first and createdAt last.
      '@graphql-eslint/alphabetize': 'off',
      // Mutations and subscriptions are what this is about.
      '@graphql-eslint/no-root-type': 'off',
      // @deprecated has no date in the specification; the reason begins with a version (npm run schema:check).
      '@graphql-eslint/require-deprecation-date': 'off',
      // A payload has what its mutation changed, the viewer included; all else is another operation.
      '@graphql-eslint/require-field-of-type-query-in-mutation-result': 'off',
      // A failure is a member of the result, so the result is always there; so is a page, which may be empty.
      '@graphql-eslint/require-nullable-result-in-root': 'off',
    },
  },
]
