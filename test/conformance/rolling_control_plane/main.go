// A control plane of go-control-plane that moves all traffic from one cluster to another and back, in steps that lose no
// request: what is new comes first, then traffic moves, then what is old goes. The proxy asks for it in any of the modes.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	router "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tcp "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
	tls "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	runtime "github.com/envoyproxy/go-control-plane/envoy/service/runtime/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"github.com/envoyproxy/go-control-plane/pkg/test"
	samples "github.com/envoyproxy/go-control-plane/pkg/test/resource/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"
)

var (
	port     = flag.Uint("port", 0, "gRPC")
	gateway  = flag.Uint("gateway", 0, "REST")
	upstream = flag.Uint("upstream", 0, "where all endpoints are")
	base     = flag.Uint("base", 0, "port of the first listener: HTTP, HTTPS, scoped routes, TCP")
	mode     = flag.String("xds", samples.Ads, "ads, xds, rest, delta or delta-ads")
	nodeID   = flag.String("nodeID", "test-id", "")
	rounds   = flag.Int("u", 3, "how often traffic moves")
	delay    = flag.Duration("delay", 400*time.Millisecond, "between steps")
	certs    = flag.String("certs", "", "PEM files with commas between: secrets of the HTTPS listener, in turn")
	keys     = flag.String("keys", "", "their keys")
	_        = flag.Uint("als", 0, "unused: go-control-plane's test server has an access log service")
)

func main() {
	flag.Parse()
	ctx := context.Background()
	snapshots := cache.NewSnapshotCache(*mode == samples.Ads, cache.IDHash{}, nil)
	first := make(chan struct{}, 1)
	callbacks := server.CallbackFuncs{
		StreamOpenFunc:      func(context.Context, int64, string) error { return signal(first) },
		DeltaStreamOpenFunc: func(context.Context, int64, string) error { return signal(first) },
	}
	xds := server.NewServer(ctx, snapshots, callbacks)
	step := 0
	set := func(clusters []string, target string) {
		step++
		snapshot := makeSnapshot(step, clusters, target)
		must(snapshot.Consistent())
		must(snapshots.SetSnapshot(ctx, *nodeID, snapshot))
		log.Printf("step %d: clusters %v, target %s", step, clusters, target)
	}
	set([]string{"cluster-0"}, "cluster-0")
	go test.RunManagementServer(ctx, xds, *port)
	go test.RunManagementGateway(ctx, xds, *gateway)
	if *mode != samples.Rest {
		<-first
	}
	time.Sleep(5 * *delay)
	log.Print("rolling")
	for round := 1; round <= *rounds; round++ {
		old, next := fmt.Sprintf("cluster-%d", round-1), fmt.Sprintf("cluster-%d", round)
		set([]string{old, next}, old)
		time.Sleep(*delay)
		set([]string{old, next}, next)
		time.Sleep(*delay)
		set([]string{next}, next)
		time.Sleep(*delay)
	}
	log.Print("done")
}

func signal(first chan struct{}) error {
	select {
	case first <- struct{}{}:
	default:
	}
	return nil
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func pack(message proto.Message) *anypb.Any {
	packed, err := anypb.New(message)
	must(err)
	return packed
}

func makeSnapshot(step int, names []string, target string) *cache.Snapshot {
	version := fmt.Sprintf("v%d", step)
	var clusters, endpoints []types.Resource
	for _, name := range names {
		clusters = append(clusters, samples.MakeCluster(*mode, name))
		endpoints = append(endpoints, samples.MakeEndpoint(name, uint32(*upstream)))
	}
	source := clusters[0].(*cluster.Cluster).GetEdsClusterConfig().GetEdsConfig()
	layer, err := structpb.NewStruct(map[string]any{"version": version})
	must(err)
	snapshot, err := cache.NewSnapshot(version, map[resource.Type][]types.Resource{
		resource.ClusterType:  clusters,
		resource.EndpointType: endpoints,
		resource.RouteType: {
			samples.MakeRouteConfig("plain", target),
			samples.MakeRouteConfig("secure", target),
			samples.MakeRouteConfig("scoped", target),
		},
		resource.ScopedRouteType: {
			samples.MakeScopedRouteConfig("all", "scoped", []string{fmt.Sprintf("127.0.0.1:%d", *base+2)}),
		},
		resource.ListenerType: listeners(source, target),
		resource.SecretType:   {secret(step)},
		resource.RuntimeType:  {&runtime.Runtime{Name: "runtime-0", Layer: layer}},
	})
	must(err)
	return snapshot
}

func listeners(source *core.ConfigSource, target string) []types.Resource {
	rds := func(name string) *hcm.HttpConnectionManager {
		return manager(&hcm.HttpConnectionManager{
			StatPrefix:     name,
			RouteSpecifier: &hcm.HttpConnectionManager_Rds{Rds: &hcm.Rds{RouteConfigName: name, ConfigSource: source}},
		})
	}
	context := pack(&tls.DownstreamTlsContext{CommonTlsContext: &tls.CommonTlsContext{
		TlsCertificateSdsSecretConfigs: []*tls.SdsSecretConfig{{Name: "server", SdsConfig: source}},
	}})
	secure := &core.TransportSocket{
		Name:       "envoy.transport_sockets.tls",
		ConfigType: &core.TransportSocket_TypedConfig{TypedConfig: context},
	}
	proxy := &tcp.TcpProxy{StatPrefix: "tcp", ClusterSpecifier: &tcp.TcpProxy_Cluster{Cluster: target}}
	return []types.Resource{
		makeListener("plain", 0, rds("plain"), nil),
		makeListener("secure", 1, rds("secure"), secure),
		makeListener("scoped", 2, scopedRoutes(source), nil),
		makeListener("tcp", 3, proxy, nil),
	}
}

func scopedRoutes(source *core.ConfigSource) *hcm.HttpConnectionManager {
	template := samples.MakeScopedRouteHTTPListener(*mode, "unused", 0)
	found := &hcm.HttpConnectionManager{}
	must(template.GetFilterChains()[0].GetFilters()[0].GetTypedConfig().UnmarshalTo(found))
	return manager(&hcm.HttpConnectionManager{StatPrefix: "scoped", RouteSpecifier: found.GetRouteSpecifier()})
}

func manager(settings *hcm.HttpConnectionManager) *hcm.HttpConnectionManager {
	settings.HttpFilters = []*hcm.HttpFilter{{
		Name:       "envoy.filters.http.router",
		ConfigType: &hcm.HttpFilter_TypedConfig{TypedConfig: pack(&router.Router{})},
	}}
	return settings
}

func makeListener(name string, offset uint32, filter proto.Message, socket *core.TransportSocket) *listener.Listener {
	address := samples.MakeTCPListener(name, uint32(*base)+offset, "unused").GetAddress()
	return &listener.Listener{
		Name:    name,
		Address: address,
		FilterChains: []*listener.FilterChain{{
			Filters: []*listener.Filter{{
				Name:       name,
				ConfigType: &listener.Filter_TypedConfig{TypedConfig: pack(filter)},
			}},
			TransportSocket: socket,
		}},
	}
}

func secret(step int) *tls.Secret {
	certFiles, keyFiles := strings.Split(*certs, ","), strings.Split(*keys, ",")
	return &tls.Secret{Name: "server", Type: &tls.Secret_TlsCertificate{TlsCertificate: &tls.TlsCertificate{
		CertificateChain: read(certFiles[step%len(certFiles)]),
		PrivateKey:       read(keyFiles[step%len(keyFiles)]),
	}}}
}

func read(path string) *core.DataSource {
	content, err := os.ReadFile(path)
	must(err)
	return &core.DataSource{Specifier: &core.DataSource_InlineBytes{InlineBytes: content}}
}
