/** The settings of the connection manager over transports that they were not written for. */
import { settingsSuite } from '../http1/settings_suite.ts'
import { defineOverTransports } from './define_matrix.ts'

defineOverTransports(settingsSuite)
