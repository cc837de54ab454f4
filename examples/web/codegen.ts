import type { CodegenConfig } from '@graphql-codegen/cli'
import { addTypenameSelectionDocumentTransform } from '@graphql-codegen/client-preset'

const config: CodegenConfig = {
  schema: '../../schema.graphql',
  documents: 'src/operations/*.graphql',
  generates: {
    './src/gql/': {
      preset: 'client',
      presetConfig: {
        fragmentMasking: false,
        // Puts a hash at each document; codegen/persist.ts makes it that of the text which is sent.
        persistedDocuments: { hashAlgorithm: 'sha256' },
      },
      config: {
        useTypeImports: true,
        enumsAsTypes: true,
        scalars: { DateTime: 'string' },
        defaultScalarType: 'unknown',
        strictScalars: true,
      },
      // Apollo would add it when sending, and the text would be another one than that which the hash is of.
      documentTransforms: [addTypenameSelectionDocumentTransform],
    },
    './src/gql/possibleTypes.ts': { plugins: ['./codegen/possible-types.mjs'] },
  },
  importExtension: '.ts',
  emitLegacyCommonJSImports: false,
}

export default config
