/** Somebody outside of the sidecar's namespace: asks each `host port` of the command line and prints the answers. */
import { ask } from './app.ts'

const answers: Record<string, string> = {}
for (const target of process.argv.slice(2)) {
  const [host, port] = target.split(' ')
  answers[target] = await ask(host, Number(port))
}
console.log(JSON.stringify(answers))
