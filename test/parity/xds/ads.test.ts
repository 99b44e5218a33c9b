import { defineXdsScript } from './define_script.ts'
import { discoveryScript } from './discovery_script.ts'

defineXdsScript(discoveryScript, 'ads')
