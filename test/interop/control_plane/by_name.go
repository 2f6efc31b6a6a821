// A control plane of delta streams that has what it is told to have, each resource by its name and by other names (aliases),
// and says what it is told to say of names that it does not have. go-control-plane's own cache knows neither.
//
//	{"version": "1", "unknown": "silent" (or "removed", "empty"), "named": [{"name": "c", "aliases": [], "hidden": true,
//	  "resource": {"@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster", ...}}, ...]}
//
// hidden: only for those that name it. Each order takes the place of the one before.
package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"sort"
	"sync"

	cluster "github.com/envoyproxy/go-control-plane/envoy/service/cluster/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	endpoint "github.com/envoyproxy/go-control-plane/envoy/service/endpoint/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/service/listener/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/service/route/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"
)

type named struct {
	Name     string          `json:"name"`
	Aliases  []string        `json:"aliases"`
	Hidden   bool            `json:"hidden"`
	Resource json.RawMessage `json:"resource"`
	any      *anypb.Any
}

// What all streams tell.
type table struct {
	sync.Mutex
	version, unknown string
	all              []*named
	streams          map[*deltaStream]bool
	last             int64
}

func (t *table) set(c command) error {
	for _, n := range c.Named {
		n.any = &anypb.Any{}
		if err := protojson.Unmarshal(n.Resource, n.any); err != nil {
			return fmt.Errorf("%s: %w", n.Name, err)
		}
	}
	t.Lock()
	defer t.Unlock()
	t.version, t.unknown, t.all = c.Version, c.Unknown, c.Named
	for s := range t.streams {
		for url := range s.types {
			s.answer(url, nil, false)
		}
	}
	return nil
}

type deltaServer interface {
	Send(*discovery.DeltaDiscoveryResponse) error
	Recv() (*discovery.DeltaDiscoveryRequest, error)
}

// What one proxy asked for and has, of one type.
type interest struct {
	all   bool
	names map[string]bool
	sent  map[string]string // bytes by name
}

type deltaStream struct {
	of    *table
	out   deltaServer
	types map[string]*interest
	nonce int
}

func (n *named) is(name string) bool {
	if n.Name == name {
		return true
	}
	for _, a := range n.Aliases {
		if a == name {
			return true
		}
	}
	return false
}

// asked: names that are new in the request that is answered, and told of in any case.
func (s *deltaStream) answer(url string, asked []string, first bool) {
	i := s.types[url]
	r := &discovery.DeltaDiscoveryResponse{TypeUrl: url, SystemVersionInfo: s.of.version}
	there := map[string]bool{}
	for _, n := range s.of.all {
		if n.any.TypeUrl != url {
			continue
		}
		wanted, anew := i.all && !n.Hidden, false
		for name := range i.names {
			wanted = wanted || n.is(name)
		}
		for _, name := range asked {
			anew = anew || n.is(name)
		}
		if !wanted {
			continue
		}
		there[n.Name] = true
		if before, ok := i.sent[n.Name]; ok && before == string(n.any.Value) && !anew {
			continue
		}
		i.sent[n.Name] = string(n.any.Value)
		r.Resources = append(r.Resources, &discovery.Resource{Name: n.Name, Aliases: n.Aliases, Version: s.of.version, Resource: n.any})
	}
	for name := range i.sent {
		if !there[name] {
			delete(i.sent, name)
			r.RemovedResources = append(r.RemovedResources, name)
		}
	}
	for _, name := range asked {
		known := false
		for _, n := range s.of.all {
			known = known || n.any.TypeUrl == url && n.is(name)
		}
		if known || name == "*" {
			continue
		}
		switch s.of.unknown {
		case "removed":
			r.RemovedResources = append(r.RemovedResources, name)
		case "empty":
			r.Resources = append(r.Resources, &discovery.Resource{Name: name, Aliases: []string{name}, Version: s.of.version})
		}
	}
	if len(r.Resources) == 0 && len(r.RemovedResources) == 0 && !(first && i.all) {
		return
	}
	s.nonce++
	r.Nonce = fmt.Sprint(s.nonce)
	sort.Strings(r.RemovedResources)
	_ = s.out.Send(r)
}

func (s *deltaStream) take(q *discovery.DeltaDiscoveryRequest) {
	i, known := s.types[q.TypeUrl]
	if !known {
		i = &interest{all: len(q.ResourceNamesSubscribe) == 0, names: map[string]bool{}, sent: map[string]string{}}
		s.types[q.TypeUrl] = i
	}
	for _, n := range q.ResourceNamesSubscribe {
		i.names[n] = true
		i.all = i.all || n == "*"
	}
	for _, n := range q.ResourceNamesUnsubscribe {
		delete(i.names, n)
		delete(i.sent, n)
		i.all = i.all && n != "*"
	}
	if !known || len(q.ResourceNamesSubscribe) > 0 {
		s.answer(q.TypeUrl, q.ResourceNamesSubscribe, !known)
	}
}

func (t *table) run(out deltaServer) error {
	s := &deltaStream{of: t, out: out, types: map[string]*interest{}}
	t.Lock()
	t.last++
	id := t.last
	t.streams[s] = true
	t.Unlock()
	defer func() {
		t.Lock()
		delete(t.streams, s)
		t.Unlock()
	}()
	for {
		q, err := out.Recv()
		if err != nil {
			return err
		}
		_ = onDelta(id, q)
		t.Lock()
		s.take(q)
		t.Unlock()
	}
}

// One server for each service: their generated interfaces have methods of the same names.
type (
	adsByName struct {
		discovery.UnimplementedAggregatedDiscoveryServiceServer
		*table
	}
	cdsByName struct {
		cluster.UnimplementedClusterDiscoveryServiceServer
		*table
	}
	edsByName struct {
		endpoint.UnimplementedEndpointDiscoveryServiceServer
		*table
	}
	ldsByName struct {
		listener.UnimplementedListenerDiscoveryServiceServer
		*table
	}
	rdsByName struct {
		route.UnimplementedRouteDiscoveryServiceServer
		*table
	}
	vhdsByName struct {
		route.UnimplementedVirtualHostDiscoveryServiceServer
		*table
	}
	srdsByName struct {
		route.UnimplementedScopedRoutesDiscoveryServiceServer
		*table
	}
)

func (s adsByName) DeltaAggregatedResources(o discovery.AggregatedDiscoveryService_DeltaAggregatedResourcesServer) error {
	return s.run(o)
}
func (s cdsByName) DeltaClusters(o cluster.ClusterDiscoveryService_DeltaClustersServer) error { return s.run(o) }
func (s edsByName) DeltaEndpoints(o endpoint.EndpointDiscoveryService_DeltaEndpointsServer) error {
	return s.run(o)
}
func (s ldsByName) DeltaListeners(o listener.ListenerDiscoveryService_DeltaListenersServer) error {
	return s.run(o)
}
func (s rdsByName) DeltaRoutes(o route.RouteDiscoveryService_DeltaRoutesServer) error { return s.run(o) }
func (s vhdsByName) DeltaVirtualHosts(o route.VirtualHostDiscoveryService_DeltaVirtualHostsServer) error {
	return s.run(o)
}
func (s srdsByName) DeltaScopedRoutes(o route.ScopedRoutesDiscoveryService_DeltaScopedRoutesServer) error {
	return s.run(o)
}

func (t *table) serve(address string) *grpc.Server {
	l, err := net.Listen("tcp", address)
	if err != nil {
		tell(map[string]any{"fatal": err.Error()})
		os.Exit(1)
	}
	g := grpc.NewServer()
	discovery.RegisterAggregatedDiscoveryServiceServer(g, adsByName{table: t})
	cluster.RegisterClusterDiscoveryServiceServer(g, cdsByName{table: t})
	endpoint.RegisterEndpointDiscoveryServiceServer(g, edsByName{table: t})
	listener.RegisterListenerDiscoveryServiceServer(g, ldsByName{table: t})
	route.RegisterRouteDiscoveryServiceServer(g, rdsByName{table: t})
	route.RegisterVirtualHostDiscoveryServiceServer(g, vhdsByName{table: t})
	route.RegisterScopedRoutesDiscoveryServiceServer(g, srdsByName{table: t})
	go func() { _ = g.Serve(l) }()
	return g
}
