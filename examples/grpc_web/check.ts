// Opens the page in a real browser and presses its buttons; then once more from an origin that is not allowed.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { Browser, type Page } from '../../test/support/browser.ts'
import { ensureBrowser } from '../../test/support/ensure_browser.ts'
import { site } from '../backends.ts'
import { post } from '../client.ts'
import type { Example, ExampleProxy } from '../example.ts'
import { greeter, textFrame } from '../greeter.ts'

type Format = 'binary' | 'text'

/** Fills the form, presses a button, and waits for the outcome. */
async function submit(page: Page, name: string, format: Format, button: 'one' | 'many'): Promise<string[]> {
  await page.evaluate(`{
    const form = document.querySelector('form')
    form.elements.name.value = ${JSON.stringify(name)}
    form.elements.format.value = '${format}'
    form.querySelector('[value=${button}]').click()
  }`)
  const outcome = "document.querySelector('#outcome').textContent"
  await page.until(`!['ready', 'calling'].includes(${outcome})`)
  return page.evaluate(`[...document.querySelectorAll('li')].map((item) => item.textContent).concat(${outcome})`)
}

async function checkPage(page: Page): Promise<void> {
  for (const format of ['binary', 'text'] as const) {
    assert.deepEqual(await submit(page, 'Ada', format, 'one'), ['Hello, Ada!', 'OK'])
    const greetings = ['Hello, Zoë!', 'Hallo, Zoë!', 'Bonjour, Zoë!', 'Γειά σου, Zoë!']
    assert.deepEqual(await submit(page, 'Zoë', format, 'many'), [...greetings, 'OK'])
    assert.deepEqual(await submit(page, '', format, 'one'), ['status 3: who are you?'])
  }
  const preflights = page.requests.filter(({ isPreflight }) => isPreflight).map(({ url }) => new URL(url).pathname)
  assert.deepEqual(preflights, ['/examples.Greeter/SayHello', '/examples.Greeter/SayHellos'])
}

async function check(proxy: ExampleProxy): Promise<void> {
  const hosts = {
    '127.0.0.1:10000': proxy.port('page'),
    'localhost:10000': proxy.port('page'),
    '127.0.0.1:10001': proxy.port('api'),
  }
  const browser = await Browser.start({ hosts })
  try {
    await checkPage(await browser.open('http://127.0.0.1:10000/'))
    const stranger = await browser.open('http://localhost:10000/')
    assert.deepEqual(await submit(stranger, 'Ada', 'binary', 'one'), ['status 14: Failed to fetch'])
    await stranger.request(({ corsError }) => corsError === 'PreflightMissingAllowOriginHeader')
  } finally {
    await browser.stop()
  }
  const stats = await proxy.stats('^(cluster\\.greeter\\.(grpc-web|upstream_rq_total)|http\\.api\\.cors)')
  assert.equal(stats.get('cluster.greeter.upstream_rq_total'), 6)
  assert.equal(stats.get('cluster.greeter.grpc-web.examples.Greeter.SayHello.success'), 2)
  assert.equal(stats.get('cluster.greeter.grpc-web.examples.Greeter.SayHello.failure'), 2)
  assert.equal(stats.get('http.api.cors.origin_invalid'), 1)

  const text = { 'content-type': 'application/grpc-web-text', accept: 'application/grpc-web-text' }
  const request = textFrame('Ada').toString('base64')
  const answer = await post(proxy.port('api'), '/examples.Greeter/SayHello', request, text)
  const trailers = Buffer.from(answer.body.slice(-24), 'base64').toString()
  assert.ok(trailers.endsWith('grpc-status:0\r\n'), answer.body)
}

export const example: Example = {
  install: ensureBrowser,
  backends: { 7001: greeter, 7002: site(join(import.meta.dirname, 'page')) },
  check,
}
