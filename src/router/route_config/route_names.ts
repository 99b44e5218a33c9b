// Names in shared memory for settings of filters in routes that come by discovery.

/**
 * `sharedName` for one reading of the route configuration `name`. Who reads the same configuration again, in this process
 * or in another, in this listener or in another, gets the same names: its routes are the same ones wherever they serve.
 */
export function routeNames(name: string): (kind: string) => string {
  let names = 0
  return (kind) => `routes.${name}.${kind}.${names++}`
}
