// /certs: the certificates in use.

import type { JsonObject } from '../../../proto/generated/api.d.ts'
import type { LoadedCertificate } from '../../network/tls/certificate.ts'
import type { CertificateInfo } from '../../network/tls/certificate_info.ts'
import { daysUntil } from '../../network/tls/loaded_contexts.ts'
import type { ServerControl } from '../../server/server_control.ts'
import { type AdminEndpoint, jsonReply } from '../endpoint.ts'

export function certsEndpoint(control: ServerControl): AdminEndpoint {
  return {
    path: '/certs',
    help: 'the loaded certificates',
    mutates: false,
    params: [],
    answer: () => {
      const contexts = control.context.secrets.contexts.all().map(({ certificates, validator }) => ({
        // Of a bundle, the first.
        ca_cert: validator.trusted.certificates.slice(0, 1).map((each) => details(each, validator.trusted.path)),
        cert_chain: certificates.map(ownDetails),
      }))
      return jsonReply({ certificates: contexts })
    },
  }
}

function ownDetails({ leaf, path, ocspResponse }: LoadedCertificate): JsonObject {
  const json = details(leaf, path)
  if (ocspResponse === undefined) return json
  const ocsp: JsonObject = { valid_from: timeText(ocspResponse.validFromMs) }
  if (Number.isFinite(ocspResponse.validToMs)) ocsp['expiration'] = timeText(ocspResponse.validToMs)
  return { ...json, ocsp_details: ocsp }
}

function details(certificate: CertificateInfo, path: string): JsonObject {
  return {
    path,
    serial_number: certificate.serial,
    subject_alt_names: [
      ...certificate.dnsSans.map((dns) => ({ dns })),
      ...certificate.uriSans.map((uri) => ({ uri })),
      ...certificate.ipSans.map((ip) => ({ ip_address: ip })),
    ],
    days_until_expiration: String(daysUntil(certificate.validToMs)),
    valid_from: timeText(certificate.validFromMs),
    expiration_time: timeText(certificate.validToMs),
  }
}

function timeText(timeMs: number): string {
  return new Date(timeMs).toISOString().replace('.000Z', 'Z')
}
