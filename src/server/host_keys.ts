/** What main and workers call the same host by: its cluster, its address and, where that is not one host alone, its place. */

/** Makes keys for hosts that are asked for in the order of their cluster, which is the same in every process. */
export function hostKeys(): (clusterName: string, address: string) => string {
  const counts = new Map<string, number>()
  return (clusterName, address) => {
    const name = `${clusterName} ${address}`
    const place = counts.get(name) ?? 0
    counts.set(name, place + 1)
    return place === 0 ? name : `${name} ${place}`
  }
}
