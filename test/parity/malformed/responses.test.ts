/** The malformed corpus on both proxies, and live Envoy against the recorded verdicts. */
import { defineCorpusSuite } from './define_corpus_suite.ts'

defineCorpusSuite(2)
