// nginx.conf of a scenario: what it does by default, made equal where it does less than Envoy's default does.

import { existsSync } from 'node:fs'
import { benchCertificate } from '../certificate.ts'
import { type Ports, routePrefixes, type Setup } from './setup.ts'

/** Debian ships the TCP proxy as a module of its own, which may not be installed. */
const streamModule = ['/usr/lib/nginx/modules', '/usr/share/nginx/modules', '/usr/lib64/nginx/modules']
  .map((folder) => `${folder}/ngx_stream_module.so`)
  .find((path) => existsSync(path))

/** undefined where this nginx cannot do it. */
export function nginxConfig(setup: Setup, ports: Ports, folder: string): string | undefined {
  if (setup.protocol === 'tcp' && streamModule === undefined) return undefined
  return `${setup.protocol === 'tcp' ? `load_module ${streamModule};\n` : ''}user root;
daemon off;
pid ${folder}/nginx.pid;
error_log stderr error;
worker_processes ${setup.workers};
worker_rlimit_nofile 20000;
events { worker_connections 18000; }
${setup.protocol === 'tcp' ? stream(ports) : http(setup, ports, folder)}`
}

function stream(ports: Ports): string {
  return `stream {
  access_log off;
  server { listen 127.0.0.1:${ports.listen} reuseport; proxy_pass 127.0.0.1:${ports.backend}; }
}
`
}

function tlsDirectives({ tls }: Setup): string {
  const { certPath, keyPath } = benchCertificate()
  return `    ssl_certificate ${certPath};
    ssl_certificate_key ${keyPath};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_tickets ${tls === 'resumable' ? 'on' : 'off'};
`
}

const jsonLog = `log_format bench escape=json '{"start":"$time_iso8601","method":"$request_method","path":"$request_uri",'
    '"protocol":"$server_protocol","code":$status,"flags":"$pipe","details":"$request_completion","received":$request_length,'
    '"sent":$body_bytes_sent,"duration":$request_time,"service_time":"$upstream_response_time","agent":"$http_user_agent",'
    '"id":"$request_id","authority":"$host","host":"$upstream_addr"}';
  access_log /dev/null bench buffer=64k flush=10s;`

function http(setup: Setup, ports: Ports, folder: string): string {
  const prefixes = setup.routeCount === 0 ? ['/'] : routePrefixes(setup)
  const pass = setup.upstream === 'http2' ? 'grpc_pass grpc://backend' : 'proxy_pass http://backend'
  const locations = prefixes.map((prefix) => `    location ${prefix} { ${pass}; }\n`)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `  ${kind}_temp_path ${folder}/${kind};\n`)
    .join('')
  return `http {
  ${setup.accessLog ? jsonLog : 'access_log off;'}
${temporary}  keepalive_timeout 3600s;
  keepalive_requests 1000000000;
  tcp_nodelay on;
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_set_header Host $http_host;
  proxy_set_header X-Request-Id $request_id;
  proxy_set_header X-Forwarded-Proto $scheme;
  proxy_request_buffering off;
  proxy_buffers 32 8k;
  proxy_max_temp_file_size 0;
  upstream backend {
    server 127.0.0.1:${ports.backend};
    keepalive 1024;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${ports.listen}${setup.downstream === 'http2' ? ' http2' : ''}${setup.tls === 'none' ? '' : ' ssl'} reuseport backlog=4096;
${setup.tls === 'none' ? '' : tlsDirectives(setup)}${locations.join('')}  }
}
`
}
