import { defineXdsScript } from './define_script.ts'
import { onDemandScript } from './on_demand_script.ts'

defineXdsScript(onDemandScript, 'delta ads')
