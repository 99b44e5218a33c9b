/** Verdicts on locators of collections. */
import { collectionVerdictCases } from './collection_verdict_cases.ts'
import { defineVerdicts } from './define_verdicts.ts'

defineVerdicts('verdicts on locators of collections', collectionVerdictCases)
