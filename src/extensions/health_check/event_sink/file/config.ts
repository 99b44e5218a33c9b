// envoy.health_check.event_sink.file: health check events in a file, a line each.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import { byteString } from '../../../../access_log/json_text.ts'
import { openWriter } from '../../../../access_log/line_access_log.ts'
import type { EventSinkFactory, HealthCheckEventSink } from '../../../../upstream/health_checking/event_logger.ts'
import type { ServerContext } from '../../../../upstream/server_context.ts'

type FileSink = envoy.extensions.health_check.event_sinks.file.v3.HealthCheckEventFileSink

export const fileEventSink: EventSinkFactory<FileSink> = {
  category: 'envoy.health_check.event_sinks',
  name: 'envoy.health_check.event_sink.file',
  typeUrls: ['envoy.extensions.health_check.event_sinks.file.v3.HealthCheckEventFileSink'],
  createEventSink(config: FileSink, context: ServerContext): HealthCheckEventSink | undefined {
    const writer = openWriter(config.eventLogPath, config, 'eventLogPath', context)
    return writer && { log: (event) => writer.write(`${byteString(JSON.stringify(event))}\n`) }
  },
}
