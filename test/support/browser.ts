/** A real browser without a screen: its pages run scripts and tell what they sent, and what the browser thought of the answers. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { Condition } from './condition.ts'
import { DevToolsPipe } from './devtools_pipe.ts'
import { ensureBrowser } from './ensure_browser.ts'

export interface BrowserOptions {
  /** Ports on 127.0.0.1 by the `host:port` of URLs. Every other name is unknown to the browser. */
  readonly hosts: Readonly<Record<string, number>>
  /** PEM; those that it trusts beside the system's, whoever signed them. */
  readonly trustedCertificates?: readonly Buffer[]
}

/** A request that left a page, or that the browser made for it. */
export interface PageRequest {
  readonly method: string
  readonly url: string
  /** The browser asked first, by CORS, whether the page may. */
  readonly isPreflight: boolean
  /** `http/1.1`, `h2`; empty before the response. */
  protocol: string
  /** 0 before the response. */
  status: number
  /** By which rule of CORS the browser kept the answer from the page: `MissingAllowOriginHeader`... */
  corsError: string
}

const commandTimeoutMs = 20_000
const stopTimeoutMs = 10_000

export class Browser {
  readonly #child: ChildProcess
  readonly #pipe: DevToolsPipe
  /** The profile, and whatever else it writes. */
  readonly #folder: string

  constructor(child: ChildProcess, pipe: DevToolsPipe, folder: string) {
    this.#child = child
    this.#pipe = pipe
    this.#folder = folder
  }

  static async start(options: BrowserOptions): Promise<Browser> {
    const command = ensureBrowser()
    const folder = mkdtempSync(join(tmpdir(), 'browser-'))
    const child = spawn(command, flags(folder, options), {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
      env: { ...process.env, HOME: folder, TMPDIR: folder, XDG_CONFIG_HOME: folder, XDG_CACHE_HOME: folder },
    })
    const pipe = new DevToolsPipe(child.stdio[3] as Writable, child.stdio[4] as Readable)
    child.once('error', (error) => pipe.close(error.message))
    let complaints = ''
    child.stderr?.on('data', (text: Buffer) => {
      complaints = (complaints + text.toString()).slice(-2000)
    })
    child.once('close', (code) => pipe.close(`the browser exited with ${code}:\n${complaints}`))
    const browser = new Browser(child, pipe, folder)
    try {
      await inTime('the start of the browser', pipe.send('Browser.getVersion'))
    } catch (error) {
      await browser.stop()
      throw error
    }
    return browser
  }

  /** Opens the URL in a window that shares nothing with those before, and waits until all of it is loaded. */
  async open(url: string): Promise<Page> {
    const { browserContextId } = await this.#pipe.send('Target.createBrowserContext', { disposeOnDetach: true })
    const { targetId } = await this.#pipe.send('Target.createTarget', { url: 'about:blank', browserContextId })
    const { sessionId } = await this.#pipe.send('Target.attachToTarget', { targetId, flatten: true })
    const page = new Page(this.#pipe, String(sessionId), String(browserContextId))
    await page.goTo(url)
    return page
  }

  /** Ends the browser with all its processes, and removes what it wrote. */
  async stop(): Promise<void> {
    if (this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null) {
      const exit = once(this.#child, 'exit')
      const timer = setTimeout(() => this.#child.kill('SIGKILL'), stopTimeoutMs)
      await this.#pipe.send('Browser.close').catch(() => this.#child.kill('SIGKILL'))
      await exit
      clearTimeout(timer)
    }
    // Its last helper processes may still write for a moment.
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
  }
}

export class Page {
  readonly requests: PageRequest[] = []
  readonly #pipe: DevToolsPipe
  readonly #session: string
  readonly #context: string
  readonly #byId = new Map<string, PageRequest>()
  readonly #changed = new Condition()
  #onLoad: () => void = () => {}

  constructor(pipe: DevToolsPipe, session: string, context: string) {
    this.#pipe = pipe
    this.#session = session
    this.#context = context
    pipe.listen(session, (method, params) => {
      this.#note(method, params)
      this.#changed.wake()
    })
  }

  async goTo(url: string): Promise<void> {
    for (const domain of ['Page', 'Network']) await this.#send(`${domain}.enable`)
    const loaded = new Promise<void>((resolve) => {
      this.#onLoad = resolve
    })
    const { errorText } = await this.#send('Page.navigate', { url })
    if (errorText !== undefined) throw new Error(`${url}: ${errorText}`)
    await inTime(url, loaded)
  }

  /** The value of a JavaScript expression, or what its promise gives; rejects with what it throws. */
  async evaluate<T>(expression: string): Promise<T> {
    const sent = this.#send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true })
    const { result, exceptionDetails } = (await inTime(expression, sent)) as unknown as Evaluation
    if (exceptionDetails === undefined) return result.value as T
    throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text)
  }

  /** Waits until an expression is true; it is looked at after each change of the document. */
  async until(condition: string): Promise<void> {
    await this.evaluate(`new Promise((resolve) => {
      const look = () => { if (${condition}) resolve() }
      const everything = { subtree: true, childList: true, attributes: true, characterData: true }
      new MutationObserver(look).observe(document, everything)
      look()
    })`)
  }

  /** Waits until a request is as wanted: what the network tells may come later than what the page does with it. */
  async request(isWanted: (request: PageRequest) => boolean): Promise<PageRequest> {
    const find = () => this.requests.findLast(isWanted)
    await this.#changed.until(
      () => find() !== undefined,
      commandTimeoutMs,
      () => JSON.stringify(this.requests),
    )
    return find() as PageRequest
  }

  /** The PNG of what a person would see. */
  async screenshot(): Promise<Buffer> {
    const { data } = await this.#send('Page.captureScreenshot')
    return Buffer.from(String(data), 'base64')
  }

  async close(): Promise<void> {
    await this.#pipe.send('Target.disposeBrowserContext', { browserContextId: this.#context })
  }

  #send(method: string, params: Readonly<Record<string, unknown>> = {}): Promise<Readonly<Record<string, unknown>>> {
    return this.#pipe.send(method, params, this.#session)
  }

  #note(event: string, params: unknown): void {
    if (event === 'Page.loadEventFired') this.#onLoad()
    else if (event === 'Network.requestWillBeSent') {
      const { requestId, request, initiator } = params as RequestWillBeSent
      const { method, url } = request
      const noted = { method, url, isPreflight: initiator.type === 'preflight', protocol: '', status: 0, corsError: '' }
      this.requests.push(noted)
      this.#byId.set(requestId, noted)
    } else if (event === 'Network.responseReceived') {
      const { requestId, response } = params as ResponseReceived
      const noted = this.#byId.get(requestId)
      if (noted !== undefined) Object.assign(noted, { protocol: response.protocol, status: response.status })
    } else if (event === 'Network.loadingFailed') {
      const { requestId, corsErrorStatus } = params as LoadingFailed
      const noted = this.#byId.get(requestId)
      if (noted !== undefined) noted.corsError = corsErrorStatus?.corsError ?? ''
    }
  }
}

interface Evaluation {
  readonly result: { readonly value?: unknown }
  readonly exceptionDetails?: { readonly text: string; readonly exception?: { readonly description?: string } }
}

interface RequestWillBeSent {
  readonly requestId: string
  readonly request: { readonly method: string; readonly url: string }
  readonly initiator: { readonly type: string }
}

interface ResponseReceived {
  readonly requestId: string
  readonly response: { readonly protocol: string; readonly status: number }
}

interface LoadingFailed {
  readonly requestId: string
  readonly corsErrorStatus?: { readonly corsError: string }
}

function flags(folder: string, { hosts, trustedCertificates = [] }: BrowserOptions): string[] {
  // The first rule that fits counts.
  const rules = Object.entries(hosts).map(([host, port]) => `MAP ${host} 127.0.0.1:${port}`)
  const root = process.getuid?.() === 0 ? ['--no-sandbox'] : []
  return [
    ...['--headless', '--remote-debugging-pipe', `--user-data-dir=${folder}`, ...root],
    ...['--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', '--no-default-browser-check'],
    ...['--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-extensions'],
    `--host-resolver-rules=${[...rules, 'MAP * ~NOTFOUND'].join(',')}`,
    `--ignore-certificate-errors-spki-list=${trustedCertificates.map(keyHash).join(',')}`,
  ]
}

/** SHA-256 of the SubjectPublicKeyInfo, base64. */
function keyHash(certificate: Buffer): string {
  const key = new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' })
  return createHash('sha256').update(key).digest('base64')
}

async function inTime<T>(what: string, done: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not in ${commandTimeoutMs} ms: ${what}`)), commandTimeoutMs)
  })
  try {
    return await Promise.race([done, late])
  } finally {
    clearTimeout(timer)
  }
}
