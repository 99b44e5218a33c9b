/** Mirrored requests on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { clusterMirroringSuite } from './cluster_mirroring_suite.ts'
import { mirroringSuite } from './mirroring_suite.ts'
import { shadowAnswersSuite } from './shadow_answers_suite.ts'

defineSuite(mirroringSuite)
defineSuite(clusterMirroringSuite)
defineSuite(shadowAnswersSuite)
