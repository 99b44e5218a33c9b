// `transport_socket_matcher` of a cluster: a matcher tree over a host's metadata, whose leaves name transport sockets.

import type { envoy, xds } from '../../proto/generated/api.d.ts'
import { compileMatcherTree, type MatchInput } from '../config/matcher_tree.ts'
import type { HostSnapshot } from './host.ts'
import type { ServerContext } from './server_context.ts'

type MatcherView = xds.type.matcher.v3.Matcher
type ExtensionView = xds.core.v3.TypedExtensionConfig
type MetadataInput = envoy.extensions.matching.common_inputs.transport_socket.v3.EndpointMetadataInput
type NameAction = envoy.extensions.matching.common_inputs.transport_socket.v3.TransportSocketNameAction

/** What of a host is matched. */
export type MatchedHost = Pick<HostSnapshot, 'metadata' | 'localityMetadata'>

const inputs = 'envoy.extensions.matching.common_inputs.transport_socket.v3'
const endpointInput = `${inputs}.EndpointMetadataInput`
const localityInput = `${inputs}.LocalityMetadataInput`
const filterStateInput = `${inputs}.FilterStateInput`
const nameAction = `${inputs}.TransportSocketNameAction`

/** Gives the name of a host's transport socket; undefined where the tree finds nothing. */
export function compileTransportSocketTree(
  view: MatcherView,
  context: ServerContext,
): (host: MatchedHost) => string | undefined {
  const { errors, runtime } = context
  return compileMatcherTree<MatchedHost, string>(view, {
    errors,
    runtime,
    compileInput(input: ExtensionView): MatchInput<MatchedHost> | undefined {
      const { typeUrl, value } = input.typedConfig ?? { typeUrl: '', value: undefined }
      if (typeUrl === endpointInput) return metadataInput(value as MetadataInput, ({ metadata }) => metadata)
      if (typeUrl === localityInput) return metadataInput(value as MetadataInput, (host) => host.localityMetadata)
      if (typeUrl === filterStateInput) {
        const message = 'transport sockets are chosen for each host, not for each connection: filter state is unknown'
        errors.add(input, 'typedConfig', message, { expected: `${endpointInput} or ${localityInput}` })
      } else refuse(input, typeUrl, `${endpointInput} or ${localityInput}`)
      return undefined
    },
    compileAction(action: ExtensionView): string | undefined {
      const { typeUrl, value } = action.typedConfig ?? { typeUrl: '', value: undefined }
      if (typeUrl === nameAction) return (value as NameAction).name
      refuse(action, typeUrl, nameAction)
      return undefined
    },
  })

  function refuse(extension: ExtensionView, typeUrl: string, expected: string): void {
    const message = `Didn't find a registered implementation for '${extension.name}' with type URL: '${typeUrl}'`
    errors.add(extension, extension.typedConfig === undefined ? 'name' : 'typedConfig', message, { expected })
  }
}

/** The value at a path of one namespace: a text as it is, any other as JSON. */
function metadataInput(
  { filter, path }: MetadataInput,
  metadataOf: (host: MatchedHost) => HostSnapshot['localityMetadata'],
): MatchInput<MatchedHost> {
  return (host) => {
    let value: unknown = metadataOf(host)?.[filter]
    for (const { key } of path)
      value = typeof value === 'object' && value !== null ? Reflect.get(value, key ?? '') : undefined
    return value === undefined || typeof value === 'string' ? value : JSON.stringify(value)
  }
}
