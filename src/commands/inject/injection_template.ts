// The built-in template: what is added to a pod, as part of its manifest.

export const initContainerName = 'nuncio-init'
export const proxyContainerName = 'nuncio-proxy'

export const injectionTemplate = `
metadata:
  annotations:
    prometheus.io/scrape: "true"
    prometheus.io/port: "15020"
    prometheus.io/path: /stats/prometheus
spec:
  initContainers:
  - name: ${initContainerName}
    image: \${image}
    args: [iptables, -p, "15001", -z, "15006", -u, "1337", -g, "1337", -m, \${interception_mode},
           -i, \${include_outbound_ranges}, -x, \${exclude_outbound_ranges},
           -b, \${include_inbound_ports}, -d, \${exclude_inbound_ports},
           -q, \${include_outbound_ports}, -o, \${exclude_outbound_ports},
           -c, \${exclude_interfaces}, -k, \${virtual_interfaces}]
    securityContext:
      allowPrivilegeEscalation: false
      capabilities: { add: [NET_ADMIN, NET_RAW], drop: [ALL] }
      privileged: false
      readOnlyRootFilesystem: true
      runAsGroup: 0
      runAsNonRoot: false
      runAsUser: 0
  containers:
  - name: ${proxyContainerName}
    image: \${image}
    args: [agent, sidecar, --config-dir, /etc/nuncio/proxy, --discovery-address, \${discovery_address}, --, -l, \${log_level}]
    env:
    - { name: POD_NAME, valueFrom: { fieldRef: { fieldPath: metadata.name } } }
    - { name: POD_NAMESPACE, valueFrom: { fieldRef: { fieldPath: metadata.namespace } } }
    - { name: INSTANCE_IP, valueFrom: { fieldRef: { fieldPath: status.podIP } } }
    - { name: SERVICE_ACCOUNT, valueFrom: { fieldRef: { fieldPath: spec.serviceAccountName } } }
    - { name: ISTIO_META_INTERCEPTION_MODE, value: \${interception_mode} }
    - { name: NUNCIO_APP_PROBERS, value: \${application_probes} }
    ports:
    - { containerPort: 15090, name: http-envoy-prom, protocol: TCP }
    readinessProbe:
      httpGet: { path: /healthz/ready, port: 15021 }
      failureThreshold: 4
      periodSeconds: 15
      timeoutSeconds: 3
    startupProbe:
      httpGet: { path: /healthz/ready, port: 15021 }
      failureThreshold: 600
      periodSeconds: 1
      timeoutSeconds: 3
    resources: \${resources}
    securityContext:
      allowPrivilegeEscalation: false
      capabilities: { drop: [ALL] }
      privileged: false
      readOnlyRootFilesystem: true
      runAsGroup: 1337
      runAsNonRoot: true
      runAsUser: 1337
    volumeMounts:
    - { name: nuncio-proxy, mountPath: /etc/nuncio/proxy }
    - { name: nuncio-pod, mountPath: /etc/nuncio/pod }
  volumes:
  - { name: nuncio-proxy, emptyDir: { medium: Memory } }
  - name: nuncio-pod
    downwardAPI:
      items:
      - { path: labels, fieldRef: { fieldPath: metadata.labels } }
      - { path: annotations, fieldRef: { fieldPath: metadata.annotations } }
`
