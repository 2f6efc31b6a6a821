// A control plane on go-control-plane that does what its standard input says, for any number of proxies:
//
//	{"version": "1", "resources": [{"@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster", "name": "c"}, ...]}
//	{"stop": true} and {"start": true}: closes its port and all streams, or opens it again
//
// Started as: ADDRESS [CERTIFICATE KEY [CA]], files; ADDRESS may be "unix:PATH". With a CA clients must have a certificate of it.
// As ADDRESS by-name it does what by_name.go says.
// It tells on its standard output, one JSON object a line, what proxies ask and answer. ADS and separate streams, state of
// the world and delta.
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"

	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/file/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/fault/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/on_demand/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	cluster "github.com/envoyproxy/go-control-plane/envoy/service/cluster/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	endpoint "github.com/envoyproxy/go-control-plane/envoy/service/endpoint/v3"
	extension "github.com/envoyproxy/go-control-plane/envoy/service/extension/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/service/listener/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/service/route/v3"
	runtime "github.com/envoyproxy/go-control-plane/envoy/service/runtime/v3"
	secret "github.com/envoyproxy/go-control-plane/envoy/service/secret/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"
)

var out sync.Mutex

func tell(event map[string]any) {
	out.Lock()
	defer out.Unlock()
	line, _ := json.Marshal(event)
	fmt.Println(string(line))
}

// Every proxy gets the same.
type everybody struct{}

func (everybody) ID(*core.Node) string { return "all" }

func short(url string) string {
	for i := len(url) - 1; i >= 0; i-- {
		if url[i] == '.' {
			return url[i+1:]
		}
	}
	return url
}

// What the proxy says of the stream, but for what gRPC itself adds.
func onStream(ctx context.Context, stream int64, _ string) error {
	e := map[string]any{"opened": stream}
	if md, ok := metadata.FromIncomingContext(ctx); ok {
		e["metadata"] = map[string][]string(md)
	}
	tell(e)
	return nil
}

func onRequest(stream int64, q *discovery.DiscoveryRequest) error {
	e := map[string]any{"stream": stream, "type": short(q.TypeUrl), "version": q.VersionInfo, "nonce": q.ResponseNonce != "", "names": q.ResourceNames, "node": q.Node.GetId()}
	if q.ErrorDetail != nil {
		e["error"] = q.ErrorDetail.Message
	}
	tell(e)
	return nil
}

func onDelta(stream int64, q *discovery.DeltaDiscoveryRequest) error {
	e := map[string]any{"stream": stream, "type": short(q.TypeUrl), "nonce": q.ResponseNonce != "", "subscribe": q.ResourceNamesSubscribe,
		"unsubscribe": q.ResourceNamesUnsubscribe, "has": q.InitialResourceVersions, "node": q.Node.GetId()}
	if q.ErrorDetail != nil {
		e["error"] = q.ErrorDetail.Message
	}
	tell(e)
	return nil
}

type command struct {
	Version     string            `json:"version"`
	Resources   []json.RawMessage `json:"resources"`
	Unknown     string            `json:"unknown"`
	Named       []*named          `json:"named"`
	Stop, Start bool
}

func snapshot(c command) (*cache.Snapshot, error) {
	byType := map[string][]types.Resource{}
	for _, raw := range c.Resources {
		var any anypb.Any
		if err := protojson.Unmarshal(raw, &any); err != nil {
			return nil, err
		}
		m, err := any.UnmarshalNew()
		if err != nil {
			return nil, err
		}
		byType[any.TypeUrl] = append(byType[any.TypeUrl], m)
	}
	return cache.NewSnapshot(c.Version, byType)
}

func fatal(err error) {
	if err != nil {
		tell(map[string]any{"fatal": err.Error()})
		os.Exit(1)
	}
}

func withTLS(files []string) []grpc.ServerOption {
	if len(files) < 2 {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(files[0], files[1])
	fatal(err)
	c := &tls.Config{Certificates: []tls.Certificate{pair}}
	if len(files) > 2 {
		pem, err := os.ReadFile(files[2])
		fatal(err)
		c.ClientCAs, c.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
		c.ClientCAs.AppendCertsFromPEM(pem)
	}
	return []grpc.ServerOption{grpc.Creds(credentials.NewTLS(c))}
}

func serve(xds server.Server, address string, files []string) *grpc.Server {
	network := "tcp"
	if path, found := strings.CutPrefix(address, "unix:"); found {
		network, address = "unix", path
	}
	l, err := net.Listen(network, address)
	fatal(err)
	g := grpc.NewServer(withTLS(files)...)
	discovery.RegisterAggregatedDiscoveryServiceServer(g, xds)
	cluster.RegisterClusterDiscoveryServiceServer(g, xds)
	endpoint.RegisterEndpointDiscoveryServiceServer(g, xds)
	extension.RegisterExtensionConfigDiscoveryServiceServer(g, xds)
	listener.RegisterListenerDiscoveryServiceServer(g, xds)
	route.RegisterRouteDiscoveryServiceServer(g, xds)
	runtime.RegisterRuntimeDiscoveryServiceServer(g, xds)
	route.RegisterScopedRoutesDiscoveryServiceServer(g, xds)
	secret.RegisterSecretDiscoveryServiceServer(g, xds)
	go func() { _ = g.Serve(l) }()
	return g
}

func main() {
	address, files := os.Args[1], os.Args[2:]
	all := cache.NewSnapshotCache(false, everybody{}, nil)
	xds := server.NewServer(context.Background(), all, server.CallbackFuncs{StreamOpenFunc: onStream, StreamRequestFunc: onRequest, StreamDeltaRequestFunc: onDelta})
	byName := &table{streams: map[*deltaStream]bool{}}
	open := func() *grpc.Server { return serve(xds, address, files) }
	if len(files) == 1 && files[0] == "by-name" {
		open = func() *grpc.Server { return byName.serve(address) }
	}
	g := open()
	tell(map[string]any{"ready": true})
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 256<<20)
	for in.Scan() {
		var c command
		fatal(json.Unmarshal(in.Bytes(), &c))
		switch {
		case c.Stop:
			g.Stop()
		case c.Start:
			g = open()
		case c.Named != nil:
			fatal(byName.set(c))
		default:
			s, err := snapshot(c)
			if err == nil {
				err = all.SetSnapshot(context.Background(), "all", s)
			}
			fatal(err)
		}
		tell(map[string]any{"done": c.Version, "stop": c.Stop, "start": c.Start})
	}
}
