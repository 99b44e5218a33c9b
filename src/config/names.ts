// The two spellings of a protobuf field's name.

/** `idle_timeout` to `idleTimeout`, as protobuf derives JSON names: each underscore goes, the letter after it is raised. */
export function camelCase(snake: string): string {
  if (!snake.includes('_')) return snake
  let result = ''
  let raise = false
  for (const char of snake) {
    if (char === '_') raise = true
    else {
      result += raise ? char.toUpperCase() : char
      raise = false
    }
  }
  return result
}

/** `idleTimeout` to `idle_timeout`. */
export function snakeCase(camel: string): string {
  return camel.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
