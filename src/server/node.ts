// The node that this server shows: the bootstrap's, what the command line adds, and what the server is.

import type { envoy } from '../../proto/generated/api.d.ts'
import type { ServerControl } from './server_control.ts'
import { envoyVersion, nuncioVersion } from './version.ts'

type Node = envoy.config.core.v3.Node

/** `envoy` of Envoy's version, since that is whose API is kept; the metadata tells what it really is. */
export function serverNode(server: Pick<ServerControl, 'bootstrap' | 'localInfo' | 'extensions'>): Node {
  const { localInfo } = server
  const { node } = server.bootstrap
  const [majorNumber, minorNumber, patch] = envoyVersion.split('.').map(Number)
  const { region, zone, subZone } = localInfo
  return {
    id: localInfo.nodeId,
    cluster: localInfo.clusterName,
    metadata: node?.metadata,
    dynamicParameters: node?.dynamicParameters ?? {},
    locality: node?.locality === undefined && zone === '' ? undefined : { region, zone, subZone },
    userAgentName: 'envoy',
    userAgentVersion: undefined,
    userAgentBuildVersion: {
      version: { majorNumber, minorNumber, patch },
      metadata: { 'build.type': 'RELEASE', 'revision.sha': `nuncio-${nuncioVersion}`, 'revision.status': 'Clean' },
    },
    userAgentVersionType: 'userAgentBuildVersion',
    extensions: server.extensions().map(({ name, category, typeUrls }) => ({
      name,
      category,
      typeDescriptor: '',
      version: undefined,
      disabled: false,
      typeUrls: [...typeUrls],
    })),
    clientFeatures: node?.clientFeatures ?? [],
    listeningAddresses: node?.listeningAddresses ?? [],
  }
}
