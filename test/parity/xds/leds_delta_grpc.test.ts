import { defineXdsScript } from './define_script.ts'
import { ledsScript } from './leds_script.ts'

defineXdsScript(ledsScript, 'delta grpc')
