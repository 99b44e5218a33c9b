import { defineXdsScript } from './define_script.ts'
import { extensionsScript } from './extensions_script.ts'

defineXdsScript(extensionsScript, 'delta ads')
