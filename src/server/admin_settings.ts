// The bootstrap's `admin` as settings: built by main to serve it, and before that to find what is wrong with it.

import { type AccessLog, createAccessLogs } from '../access_log/access_log.ts'
import { compileFormat, defaultAccessLogFormat } from '../access_log/formatter.ts'
import { LineAccessLog, openWriter } from '../access_log/line_access_log.ts'
import { compileStringMatcher, matcherErrorMessage, type StringPredicate } from '../common/string_matcher.ts'
import type { Bootstrap } from '../config/load.ts'
import { resolveAddress } from '../network/address.ts'
import { configuredOptions } from '../network/socket_settings.ts'
import type { ListenSocketOptions } from '../os/socket.ts'
import type { AddressInfo } from '../stream_info/stream_info.ts'
import type { ServerContext } from '../upstream/server_context.ts'

const defaultProfilePath = '/var/log/envoy/envoy.prof'

export interface AdminSettings {
  readonly address: AddressInfo
  readonly socketOptions: ListenSocketOptions
  readonly accessLogs: readonly AccessLog[]
  /** Where profiles go: their names begin with it. */
  readonly profilePath: string
  /** Matches the path with its query; undefined: all paths are allowed. */
  readonly allowsPath: StringPredicate | undefined
  readonly ignoreGlobalConnectionLimit: boolean
}

/** Undefined where there is no admin interface, or after reporting what is wrong with it to `context.errors`. */
export function adminSettings(bootstrap: Bootstrap, context: ServerContext): AdminSettings | undefined {
  const { admin } = bootstrap
  if (admin === undefined) return undefined
  const { errors } = context
  const accessLogs = createAccessLogs(admin.accessLog, context)
  if (admin.accessLogPath !== '') {
    const writer = openWriter(admin.accessLogPath, admin, 'accessLogPath', context)
    if (writer !== undefined) accessLogs.push(new LineAccessLog(writer, compileFormat(defaultAccessLogFormat)))
  }
  const matchers: StringPredicate[] = []
  for (const view of admin.allowPaths) {
    try {
      matchers.push(compileStringMatcher(view))
    } catch (error) {
      errors.add(view, undefined, matcherErrorMessage(error))
    }
  }
  if (admin.address === undefined) return undefined
  const address = resolveAddress(admin.address, admin, 'address', errors)
  if (address === undefined) return undefined
  return {
    address,
    socketOptions: {
      ipv4Compat: admin.address.socketAddress?.ipv4Compat ?? false,
      pipeMode: admin.address.pipe?.mode ?? 0,
      options: address.family === 'pipe' ? [] : configuredOptions(admin.socketOptions, address, errors),
    },
    accessLogs,
    profilePath: admin.profilePath || defaultProfilePath,
    allowsPath: matchers.length === 0 ? undefined : (path) => matchers.some((matches) => matches(path)),
    ignoreGlobalConnectionLimit: admin.ignoreGlobalConnLimit,
  }
}
