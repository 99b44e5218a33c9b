// What stands for a ConfigSource where none is set, so that whoever would use it says what is missing.

import type { envoy } from '../../proto/generated/api.d.ts'

export const noSource: envoy.config.core.v3.ConfigSource = {
  authorities: [],
  path: undefined,
  pathConfigSource: undefined,
  apiConfigSource: undefined,
  ads: undefined,
  self: undefined,
  initialFetchTimeout: undefined,
  resourceApiVersion: 'AUTO',
  configSourceSpecifier: undefined,
}
