// A plugin of the code generator: which types stand behind each interface and union, for Apollo's cache.
export function plugin(schema) {
  const possibleTypes = {}
  for (const type of Object.values(schema.getTypeMap())) {
    if (type.name.startsWith('__') || !isAbstract(type)) continue
    possibleTypes[type.name] = schema
      .getPossibleTypes(type)
      .map(({ name }) => name)
      .sort()
  }
  return `export const possibleTypes = ${JSON.stringify(possibleTypes, null, 2)}\n`
}

function isAbstract(type) {
  return ['InterfaceTypeDefinition', 'UnionTypeDefinition'].includes(type.astNode?.kind)
}
