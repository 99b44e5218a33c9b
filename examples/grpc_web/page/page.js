// Ties the form to the service: one greeting, or a list that grows.
import { sayHello, sayHellos } from './greeter.js'

const form = document.querySelector('form')
const greetings = document.querySelector('#greetings')
const outcome = document.querySelector('#outcome')
const cancel = document.querySelector('#cancel')

form.addEventListener('submit', async (event) => {
  event.preventDefault()
  const { name, format } = Object.fromEntries(new FormData(form))
  const stop = new AbortController()
  cancel.onclick = () => stop.abort()
  greetings.replaceChildren()
  outcome.textContent = 'calling'
  try {
    const options = { format, signal: stop.signal }
    if (event.submitter.value === 'one') show(await sayHello(name, options))
    else for await (const greeting of sayHellos(name, options)) show(greeting)
    outcome.textContent = 'OK'
  } catch (error) {
    outcome.textContent = `status ${error.status}: ${error.message}`
  }
})

function show(greeting) {
  const item = document.createElement('li')
  item.textContent = greeting
  greetings.append(item)
}
