// request_mirror_policies: where copies of requests go, how many, and with which headers.

import type { envoy } from '../../../proto/generated/api.d.ts'
import { utf8ByteString } from '../../common/string_matcher.ts'
import type { ServerContext } from '../../upstream/server_context.ts'
import type { ShadowPolicy } from '../../upstream/shadow_policy.ts'
import { compileHeaderMutations } from '../header_parser.ts'
import { checkClusterExists } from './check_cluster.ts'

type MirrorPolicyView = envoy.config.route.v3.RouteAction.RequestMirrorPolicy

/** Those of one level; none leave it to the level around it. What is wrong goes to `context.errors`. */
export function compileMirrorPolicies(
  views: readonly MirrorPolicyView[],
  inherited: readonly ShadowPolicy[],
  validatesClusters: boolean,
  context: ServerContext,
): readonly ShadowPolicy[] {
  if (views.length === 0) return inherited
  return views.map((view) => compilePolicy(view, validatesClusters, context))
}

function compilePolicy(view: MirrorPolicyView, validatesClusters: boolean, context: ServerContext): ShadowPolicy {
  const { cluster, clusterHeader, runtimeFraction } = view
  checkSpecifier(view, context)
  if (cluster !== '' && validatesClusters)
    checkClusterExists(cluster, 'unknown shadow cluster', view, 'cluster', context)
  const header = clusterHeader.toLowerCase()
  const mutations = compileHeaderMutations(view.requestHeadersMutations, context.errors)
  const rewrite = utf8ByteString(view.hostRewriteLiteral)
  const addsSuffix = !view.disableShadowHostSuffixAppend && rewrite === ''
  return {
    clusterName: cluster === '' ? (headers) => headers.get(header) ?? '' : () => cluster,
    isChosen: runtimeFraction === undefined ? () => true : context.runtime.fraction(runtimeFraction),
    changeHeaders(headers, ctx) {
      for (const mutation of mutations) mutation.evaluate(headers, ctx)
      if (rewrite !== '') headers.authority = rewrite
      if (addsSuffix) headers.authority = shadowHost(headers.authority)
    },
  }
}

function checkSpecifier(view: MirrorPolicyView, { errors }: ServerContext): void {
  const { cluster, clusterHeader } = view
  if (cluster !== '' && clusterHeader !== '') {
    const text = `Only one of cluster '${cluster}' or cluster_header '${clusterHeader}' in request mirror policy can be specified`
    errors.add(view, 'clusterHeader', text)
  }
  if (cluster === '' && clusterHeader === '') {
    const text = 'Exactly one of cluster or cluster_header in request mirror policy need to be specified'
    errors.add(view, undefined, text)
  }
}

/** `a.test:80` becomes `a.test-shadow:80`: the backend can tell the copies by it. */
function shadowHost(host: string): string {
  const colon = host.lastIndexOf(':')
  const isPort = colon > host.lastIndexOf(']')
  return isPort ? `${host.slice(0, colon)}-shadow${host.slice(colon)}` : `${host}-shadow`
}
