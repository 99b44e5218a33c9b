// envoy.router.cluster_specifier_plugin.matcher: a tree of predicates over the request, with a cluster at each leaf.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import { compileMatcherTree } from '../../../../config/matcher_tree.ts'
import { compileRequestMatchInput, type RequestMatchingData } from '../../../../http/request_match_inputs.ts'
import type { ClusterSpecifierFactory } from '../../../../router/route_config/cluster_specifier.ts'

type MatcherClusterSpecifier = envoy.extensions.router.cluster_specifiers.matcher.v3.MatcherClusterSpecifier
type ClusterAction = envoy.extensions.router.cluster_specifiers.matcher.v3.ClusterAction

const clusterAction = 'envoy.extensions.router.cluster_specifiers.matcher.v3.ClusterAction'

export const matcherClusterSpecifier: ClusterSpecifierFactory<MatcherClusterSpecifier> = {
  category: 'envoy.router.cluster_specifier_plugin',
  name: 'envoy.router.cluster_specifier_plugin.matcher',
  typeUrls: ['envoy.extensions.router.cluster_specifiers.matcher.v3.MatcherClusterSpecifier'],
  createClusterSpecifier({ clusterMatcher }, { errors, runtime }) {
    const find = compileMatcherTree<RequestMatchingData, string>(clusterMatcher!, {
      errors,
      runtime,
      compileInput: (input) => compileRequestMatchInput(input, errors),
      compileAction(action) {
        const { typeUrl, value } = action.typedConfig ?? { typeUrl: '', value: undefined }
        if (typeUrl === clusterAction) return (value as ClusterAction).cluster
        const message = `Didn't find a registered implementation for '${action.name}' with type URL: '${typeUrl}'`
        errors.add(action, action.typedConfig === undefined ? 'name' : 'typedConfig', message, {
          expected: clusterAction,
        })
        return undefined
      },
    })
    return (headers, streamInfo) => find({ headers, streamInfo }) ?? ''
  },
}
