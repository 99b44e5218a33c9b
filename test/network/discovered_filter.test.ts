import { afterEach, describe, expect, it } from 'vitest'
import type { envoy, TypedConfig } from '../../proto/generated/api.d.ts'
import { ConfigErrors } from '../../src/config/errors.ts'
import type { WatchedResource, WatchedResources } from '../../src/config/watched_resources.ts'
import { buildListener } from '../../src/network/listener_builder.ts'
import { RawClient } from '../support/raw_client.ts'
import { listenerViews, type RunningListener, startListener, testContext } from './support.ts'

type Listener = envoy.config.listener.v3.Listener

const types = 'type.googleapis.com/envoy.extensions.filters.network'
const DIRECT_RESPONSE = `${types}.direct_response.v3.Config`
const CONNECTION_LIMIT = `${types}.connection_limit.v3.ConnectionLimit`
const local = 'address: {socket_address: {address: 127.0.0.1, port_value: 0}}'
const answering = (text: string) => `{'@type': ${DIRECT_RESPONSE}, response: {inline_string: ${text}}}`
const limiting = `{'@type': ${CONNECTION_LIMIT}, stat_prefix: s, max_connections: 9}`

const answer = (text: string) => `{name: end, typed_config: ${answering(text)}}`
const bare = (typeUrl: string) => typeUrl.slice(typeUrl.lastIndexOf('/') + 1)

/** A discovered filter; `extra` are fields of its ExtensionConfigSource. */
const discovered = (agreed = DIRECT_RESPONSE, extra = '') =>
  `{name: answer, config_discovery: {config_source: {ads: {}, resource_api_version: V3}, type_urls: [${agreed}]${extra}}}`
const listenerWith = (...filters: string[]) =>
  `- {name: l, ${local}, filter_chains: [{filters: [${filters.join(', ')}]}]}`

/** A configuration as discovery brings it. */
function extension(config: string): object {
  const [view] = listenerViews(listenerWith(`{name: x, typed_config: ${config}}`)) as [Listener]
  const typedConfig = view.filterChains[0].filters[0].typedConfig as TypedConfig
  return { name: 'answer', typedConfig }
}

let running: RunningListener | undefined
afterEach(() => running?.stop())

async function answerOf({ port }: RunningListener): Promise<string> {
  const client = await RawClient.connect(port)
  expect(await client.waitClosed()).toBe(true)
  client.close()
  return client.text
}

function onlyWanted(resources: WatchedResources): WatchedResource {
  const [resource] = [...resources.wanted()]
  return resource
}

/** What is wrong with the version; it is in force where nothing is. */
function offer(resources: WatchedResources, view: object | undefined): string[] {
  const errors = new ConfigErrors()
  resources.prepare(onlyWanted(resources), view, errors)?.()
  return errors.errors.map(({ message }) => message)
}

describe('a discovered network filter', () => {
  it('is missing until it comes, changes and goes', async () => {
    const context = testContext()
    running = await startListener(listenerWith(discovered()), context)
    expect(context.initManager.unready().map(({ name }) => name)).toEqual(['FilterConfigSubscription init answer'])
    expect(await answerOf(running)).toBe('')
    expect(running.listener.built.stats.networkExtensionConfigMissing.value()).toBe(1)
    expect(offer(context.resources, extension(answering('first')))).toEqual([])
    expect(context.initManager.isReady).toBe(true)
    expect(await answerOf(running)).toBe('first')
    expect(offer(context.resources, extension(answering('second')))).toEqual([])
    expect(await answerOf(running)).toBe('second')
    expect(offer(context.resources, undefined)).toEqual([])
    expect(await answerOf(running)).toBe('')
  })

  it('is its default until it comes and when it is gone', async () => {
    const context = testContext()
    const extra = `, default_config: ${answering('default')}, apply_default_config_without_warming: true`
    running = await startListener(listenerWith(discovered(DIRECT_RESPONSE, extra)), context)
    expect(context.initManager.isReady).toBe(true)
    expect(await answerOf(running)).toBe('default')
    offer(context.resources, extension(answering('come')))
    expect(await answerOf(running)).toBe('come')
    offer(context.resources, undefined)
    expect(await answerOf(running)).toBe('default')
  })

  it('stays as it was where the next version is refused', async () => {
    const context = testContext()
    running = await startListener(listenerWith(discovered(`${DIRECT_RESPONSE}, ${CONNECTION_LIMIT}`)), context)
    offer(context.resources, extension(answering('good')))
    expect(offer(context.resources, extension(`{'@type': ${types}.echo.v3.Echo}`))).toEqual([
      `Error: filter config has type URL envoy.extensions.filters.network.echo.v3.Echo but expect ${bare(DIRECT_RESPONSE)}, ${bare(CONNECTION_LIMIT)}.`,
    ])
    expect(offer(context.resources, extension(limiting))).toEqual([
      'Error: non-terminal filter named answer of type envoy.filters.network.connection_limit is the last filter in a network filter chain.',
    ])
    expect(await answerOf(running)).toBe('good')
  })

  it('begins with its default where what others were given is nothing for it', async () => {
    const context = testContext({ workerIndex: -1 })
    buildListener(listenerViews(listenerWith(discovered(CONNECTION_LIMIT), answer('end')))[0], context)
    expect(offer(context.resources, extension(limiting))).toEqual([])
    running = await startListener(
      listenerWith(discovered(DIRECT_RESPONSE, `, default_config: ${answering('own')}`)),
      context,
    )
    expect(context.errors.errors).toEqual([])
    expect(await answerOf(running)).toBe('own')
    const conflicts = 'extension_config_discovery.network_filter.answer.config_conflict'
    expect(context.scope.counter(conflicts).value()).toBe(1)
  })

  it('is no longer wanted when its listener ends', () => {
    const context = testContext()
    const built = buildListener(listenerViews(listenerWith(discovered()))[0], context)
    for (const chain of built?.chains.values() ?? []) chain.lifetime.end()
    expect([...context.resources.wanted()]).toEqual([])
    expect(context.initManager.isReady).toBe(true)
  })

  it.each([
    [
      discovered('type.googleapis.com/envoy.nope.v3.Nope'),
      'Error: no factory found for a required type URL envoy.nope.v3.Nope.',
    ],
    [
      discovered(DIRECT_RESPONSE, ', apply_default_config_without_warming: true'),
      'Error: filter config answer applied without warming but has no default config.',
    ],
    [
      discovered(DIRECT_RESPONSE, `, default_config: ${limiting}`),
      `Error: filter config has type URL ${bare(CONNECTION_LIMIT)} but expect ${bare(DIRECT_RESPONSE)}.`,
    ],
    [
      discovered(CONNECTION_LIMIT, `, default_config: ${limiting}`),
      'Error: non-terminal filter named answer of type envoy.filters.network.connection_limit is the last filter in a network filter chain.',
    ],
  ])('is refused as %s', (filter, message) => {
    const context = testContext()
    buildListener(listenerViews(listenerWith(filter))[0], context)
    expect(context.errors.errors.map((issue) => issue.message)).toEqual([message])
  })
})
