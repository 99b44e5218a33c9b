/** Differences from Envoy in what discovery asks and answers. */
import type { AcceptedDifference } from '../accepted_differences.ts'

const filtersThatDoNotCome = (mode: string): string[] =>
  [
    'filters that do not come: with a default, without waiting, with a timeout, and disabled',
    'network filters that do not come',
    'listener filters that do not come',
  ].map((name) => `xds extensions, ${mode}: ${name}`)

export const discoveryDifferences: readonly AcceptedDifference[] = [
  {
    kind: 'meant',
    cases: ['ads', 'delta ads'].flatMap((mode) => filtersThatDoNotCome(mode)),
    fields: ['received'],
    reason: 'One request asks for all the filters that an update of listeners names; Envoy sends one for each name.',
  },
  {
    kind: 'meant',
    cases: filtersThatDoNotCome('ads'),
    fields: ['stats'],
    reason:
      "The first of Envoy's requests is answered before it has sent the others; then its ACK asks for more, and what it has comes again.",
  },
  {
    kind: 'meant',
    cases: ['ads', 'delta ads'].flatMap((mode) =>
      [
        'a bad configuration for one that waits',
        'a last filter that ends nothing is refused',
        'network filters in the wrong place',
        'a listener filter whose configuration is refused',
      ].map((name) => `xds extensions, ${mode}: ${name}`),
    ),
    fields: ['stats'],
    reason: 'The good filters of a response with a bad one are taken on, and counted so; Envoy counts all as rejected.',
  },
  {
    kind: 'meant',
    cases: ['ads', 'delta ads'].map(
      (mode) => `xds extensions, ${mode}: a listener filter whose configuration is refused`,
    ),
    fields: ['admin'],
    reason: 'The dump shows what is in force; Envoy shows what it refused, where the filter itself found it wrong.',
  },
  {
    kind: 'meant',
    cases: [
      'xds, ads: endpoints refused',
      'xds, ads: endpoints of a name',
      'xds, delta ads: endpoints refused',
      'xds, delta ads: endpoints of a name',
    ],
    fields: ['stats'],
    reason:
      "Endpoints of other clusters in the same response are taken: Envoy counts them all as refused for one's sake.",
  },
  {
    kind: 'meant',
    cases: ['collections of endpoints, delta ads: a bad member refuses the good one'],
    fields: ['stats'],
    reason: 'Other collections of the same response are not refused for the sake of one.',
  },
  {
    kind: 'meant',
    cases: [
      'xds, ads: a cluster that changed, and its endpoints',
      'xds, grpc: a cluster that changed, and its endpoints',
      'xds, delta ads: a cluster that changed, and its endpoints',
      'xds, delta grpc: a cluster that changed, and its endpoints',
    ],
    fields: ['received', 'stats'],
    reason:
      'The new version goes on with the endpoints that are known, where Envoy asks again and warms until they come.',
  },
  {
    kind: 'chance',
    cases: ['ads', 'delta ads'].map((mode) => `xds extras, ${mode}: the start waits for the runtime, for a while`),
    fields: ['stats'],
    reason: 'The wait may be over before the counters are read for the first time.',
  },
]
