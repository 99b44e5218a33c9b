import { authoritiesScript, unusedAuthoritiesScript } from './authorities_script.ts'
import { defineXdsScript } from './define_script.ts'

defineXdsScript(authoritiesScript, 'delta ads')
defineXdsScript(unusedAuthoritiesScript, 'delta ads')
