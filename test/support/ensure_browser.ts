/** Finds a browser that runs without a screen, or installs Debian's: it is the judge of gRPC-Web and CORS. */
import { DEBIAN_INSTALL_TIMEOUT_MS, ensureDebianCommand } from './ensure_debian_command.ts'

const debianPackage = 'chromium-headless-shell'
/** Each understands the same flags. */
const commands = [debianPackage, 'chrome-headless-shell', 'chromium', 'chromium-browser', 'google-chrome', 'chrome']

export const BROWSER_INSTALL_TIMEOUT_MS = DEBIAN_INSTALL_TIMEOUT_MS

let found: string | undefined

/** The path of the browser's command; throws with advice where there is none and none can be installed. */
export function ensureBrowser(): string {
  found ??= ensureDebianCommand({ what: 'browser', debianPackage, commands })
  return found
}
