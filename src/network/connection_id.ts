// The numbers of connections, downstream and upstream ones in one row: %CONNECTION_ID%, %UPSTREAM_CONNECTION_ID%.

let nextConnectionId = 1

export function takeConnectionId(): number {
  return nextConnectionId++
}
