/** Verdicts on locators of collections and on sources by authority. */
import { authorityVerdictCases, collectionVerdictCases } from './collection_verdict_cases.ts'
import { defineVerdicts } from './define_verdicts.ts'

defineVerdicts('verdicts on locators of collections', collectionVerdictCases)
defineVerdicts('verdicts on sources by authority', authorityVerdictCases)
