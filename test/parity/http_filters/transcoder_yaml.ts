/** Bootstraps of the transcoder suites: one listener for each set of options. */
import { buildDescriptorSet } from '../../support/descriptor_set.ts'
import type { BackendScript } from '../../support/echo_backend.ts'
import type { ParityCase, ParitySuite } from '../case.ts'
import { bootstrap, cluster, http1Options, httpFilter, httpListener } from '../yaml.ts'
import { answer, upstreamTrailers } from './grpc_messages.ts'
import { filesProto, httpBodyProto, libraryProto } from './transcoder_protos.ts'

const descriptorSet = buildDescriptorSet(httpBodyProto, libraryProto, filesProto).toString('base64')

export const transcoderType =
  'type.googleapis.com/envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder'

/** Fields of the filter's message in flow style. */
export function transcoderConfig(options = '', services = 'library.Library, files.Files'): string {
  return `proto_descriptor_bin: "${descriptorSet}", services: [ ${services} ]${options === '' ? '' : `, ${options}`}`
}

export interface TranscoderListener {
  /** Fields of the filter. */
  options?: string
  services?: string
  /** More about the listener. */
  hcm?: string
  virtualHosts?: string
  listener?: string
}

/** Answers with the message that came, as a service does whose request and response are of one type. */
export const echoScript: BackendScript = {
  onRequest: (request) => {
    request.connection.send(answer([request.body], { trailers: ['grpc-status: 0'] }))
  },
}

export function transcoderSuite(
  name: string,
  listeners: Readonly<Record<string, TranscoderListener>>,
  cases: readonly ParityCase[],
): ParitySuite {
  const texts = Object.entries(listeners).map(([listener, one]) =>
    httpListener({
      name: listener,
      hcm: `http_protocol_options: { enable_trailers: true }\n${one.hcm ?? ''}`,
      filters: httpFilter('grpc_json_transcoder', 'GrpcJsonTranscoder', transcoderConfig(one.options, one.services)),
      ...(one.virtualHosts === undefined ? {} : { virtualHosts: one.virtualHosts }),
      ...(one.listener === undefined ? {} : { listener: one.listener }),
    }),
  )
  const clusters = ['main', 'echo'].map((one) => cluster(one, http1Options(upstreamTrailers)))
  return { name, yaml: bootstrap(texts, clusters), backends: ['main', 'echo'], scripts: { echo: echoScript }, cases }
}

/** All requests go to the backend that sends messages back. */
export const ALL_TO_ECHO = `
- name: all
  domains: ["*"]
  routes:
  - match: { prefix: "/" }
    route: { cluster: echo }
`
