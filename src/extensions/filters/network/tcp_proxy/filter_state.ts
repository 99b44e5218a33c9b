// Filter state by which other filters tell tcp_proxy what to do.

/** A cluster name that replaces the configured one, for this connection. */
export const perConnectionCluster = 'envoy.tcp_proxy.cluster'
