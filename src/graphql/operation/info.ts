import type { GraphQLResolveInfo } from 'graphql'
import { addPath, type Path } from 'graphql/jsutils/Path.js'

import type { PlannedField } from './plan.ts'
import type { Run } from './run.ts'

/** The fourth argument of a resolver. */
export function toResolveInfo(run: Run, field: PlannedField, path: Path): GraphQLResolveInfo {
  return {
    fieldName: field.fieldName,
    fieldNodes: field.nodes,
    returnType: field.returnType,
    parentType: field.parentType,
    path,
    schema: run.plan.schema,
    fragments: run.plan.fragments,
    rootValue: run.rootValue,
    operation: run.plan.operation,
    variableValues: run.variableValues,
  }
}

/**
 * The same for functions that do not name it, which hardly ever look at it: filling in a plain one would take a fifth
 * of a run. Its properties are accessors, so it cannot be copied with a spread; `whole` can.
 */
export class LazyInfo implements GraphQLResolveInfo {
  private readonly _run: Run
  private readonly _field: PlannedField
  private readonly _parentPath: Path | undefined
  private _path: Path | undefined = undefined
  private _whole: GraphQLResolveInfo | undefined = undefined

  constructor(run: Run, field: PlannedField, parentPath: Path | undefined) {
    this._run = run
    this._field = field
    this._parentPath = parentPath
  }
  /** One and the same for each function that is called for a field: they may keep things by it. */
  get whole() {
    this._whole ??= toResolveInfo(this._run, this._field, this.path)
    return this._whole
  }
  get path() {
    this._path ??= addPath(this._parentPath, this._field.responseName, this._field.parentType.name)
    return this._path
  }
  get fieldName() {
    return this._field.fieldName
  }
  get fieldNodes() {
    return this._field.nodes
  }
  get returnType() {
    return this._field.returnType
  }
  get parentType() {
    return this._field.parentType
  }
  get schema() {
    return this._run.plan.schema
  }
  get fragments() {
    return this._run.plan.fragments
  }
  get rootValue() {
    return this._run.rootValue
  }
  get operation() {
    return this._run.plan.operation
  }
  get variableValues() {
    return this._run.variableValues
  }
}
