// envoy.formatter.metadata: once needed for %METADATA(...)%, which every format knows by now.

import type { envoy } from '../../../../proto/generated/api.d.ts'
import type { CommandParserFactory } from '../../../access_log/substitution_format.ts'

export const metadataFormatterFactory: CommandParserFactory<envoy.extensions.formatter.metadata.v3.Metadata> = {
  category: 'envoy.formatter',
  name: 'envoy.formatter.metadata',
  typeUrls: ['envoy.extensions.formatter.metadata.v3.Metadata'],
  createCommandParser: () => () => undefined,
}
