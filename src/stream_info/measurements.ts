/** What is measured only where some format shows it: a format that does switches it on for its process, for good. */
export const measurements = {
  /** How long routes took to find. */
  routeResolution: false,
  /** The kernel's round trip time of a downstream connection, while its socket is still there. */
  roundTrip: false,
}
