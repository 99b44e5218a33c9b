// Which method a request means, and what its URL binds.

import type { HeaderMap } from '../../../../common/header_map.ts'
import { FieldPathError, resolveFieldPath } from './field_path.ts'
import type { VariableBinding } from './path_matcher.ts'
import type { ResolvedBinding } from './request_weaver.ts'
import type { TranscodedMethod, TranscoderSettings } from './settings.ts'

export interface MatchedMethod {
  readonly method: TranscodedMethod
  /** Bindings of fields outside of an HttpBody. */
  readonly bindings: readonly ResolvedBinding[]
  /** Query parameters for no field, with their values. */
  readonly unknownParams: ReadonlyMap<string, readonly string[]>
}

/** A request that means no method. */
export interface NoMethod {
  readonly code: 'NOT_FOUND' | 'INVALID_ARGUMENT'
  readonly message: string
}

export function lookUpMethod(settings: TranscoderSettings, headers: HeaderMap): MatchedMethod | NoMethod {
  const question = headers.path.indexOf('?')
  const path = question < 0 ? headers.path : headers.path.slice(0, question)
  const query = question < 0 ? '' : headers.path.slice(question + 1)
  const match = settings.matcher.match(headers.method, path, query)
  if (match === undefined) return { code: 'NOT_FOUND', message: `Could not resolve ${path} to a method.` }
  const unknownParams = new Map<string, string[]>()
  try {
    const bindings = resolveAll(settings, match.target, match.bindings, unknownParams)
    return { method: match.target, bindings, unknownParams }
  } catch (error) {
    if (!(error instanceof FieldPathError)) throw error
    return { code: 'INVALID_ARGUMENT', message: error.message }
  }
}

function resolveAll(
  settings: TranscoderSettings,
  method: TranscodedMethod,
  variables: readonly VariableBinding[],
  unknownParams: Map<string, string[]>,
): ResolvedBinding[] {
  const bindings: ResolvedBinding[] = []
  for (const { fieldPath, value } of variables) {
    try {
      const path = resolveFieldPath(method.descriptor.input, fieldPath)
      if (!isInsideHttpBody(method, path)) bindings.push({ path, value })
    } catch (error) {
      if (!(error instanceof FieldPathError)) throw error
      if (settings.captureUnknownQueryParameters) {
        const name = fieldPath.join('.')
        unknownParams.set(name, [...(unknownParams.get(name) ?? []), value])
      } else if (!settings.ignoreUnknownQueryParameters) throw error
    }
  }
  return bindings
}

/** An HttpBody passes as it is: nothing is bound to its fields. */
function isInsideHttpBody(method: TranscodedMethod, path: ResolvedBinding['path']): boolean {
  return method.requestIsHttpBody && method.requestBodyFields.every((field, i) => path[i] === field)
}
