import { defineXdsScript } from './define_script.ts'
import { locatorsScript } from './locators_script.ts'

defineXdsScript(locatorsScript, 'delta ads')
