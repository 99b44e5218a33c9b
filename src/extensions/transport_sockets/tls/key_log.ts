// `key_log`: writes the secrets of connections to a file, for tools that look into captured traffic.

import { accessSync, appendFileSync, constants, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { envoy } from '../../../../proto/generated/api.d.ts'
import { parseIp } from '../../../common/cidr.ts'
import { getLogger } from '../../../common/log.ts'
import { readCidrSet } from '../../../config/cidr_ranges.ts'
import type { ConfigErrors } from '../../../config/errors.ts'
import type { AddressInfo } from '../../../stream_info/stream_info.ts'

type TlsKeyLog = envoy.extensions.transport_sockets.tls.v3.TlsKeyLog

const log = getLogger('connection')

interface Ends {
  readonly localAddress: AddressInfo
  readonly remoteAddress: AddressInfo
}

/** Lines are in the format of SSLKEYLOGFILE, for connections whose both ends are in the ranges; no ranges mean all. */
export function createKeyLog(view: TlsKeyLog, errors: ConfigErrors): (line: Buffer, ends: Ends) => void {
  const matcher = (ranges: TlsKeyLog['localAddressRange']) => {
    if (ranges.length === 0) return () => true
    const set = readCidrSet(ranges, errors)
    return (address: AddressInfo) => {
      const ip = address.family === 'pipe' ? undefined : parseIp(address.ip)
      return ip !== undefined && set.contains(ip)
    }
  }
  refuseUnwritable(view, errors)
  const isLocal = matcher(view.localAddressRange)
  const isRemote = matcher(view.remoteAddressRange)
  let failed = false
  return (line, { localAddress, remoteAddress }) => {
    if (!isLocal(localAddress) || !isRemote(remoteAddress)) return
    try {
      appendFileSync(view.path, line, { mode: 0o600 })
    } catch (error) {
      if (!failed) log.warn(`key log ${view.path}: ${(error as Error).message}`)
      failed = true
    }
  }
}

function refuseUnwritable(view: TlsKeyLog, errors: ConfigErrors): void {
  try {
    const exists = statSync(view.path, { throwIfNoEntry: false }) !== undefined
    accessSync(exists ? view.path : dirname(view.path), constants.W_OK)
  } catch (error) {
    errors.add(view, 'path', `unable to open file '${view.path}': ${(error as Error).message}`)
  }
}
