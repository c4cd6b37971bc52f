package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"sort"
	"strconv"
	"sync"
	"time"

	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	cache "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	loadstats "github.com/envoyproxy/go-control-plane/envoy/service/load_stats/v3"

	// The messages that resources may contain.
	_ "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/clusters/aggregate/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/fault/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/load_balancing_policies/client_side_weighted_round_robin/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/load_balancing_policies/least_request/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/load_balancing_policies/pick_first/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/load_balancing_policies/ring_hash/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/load_balancing_policies/round_robin/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/load_balancing_policies/wrr_locality/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
)

// planeCommand is a command of the control plane. Each is answered by one event, "done" unless named
// here.
type planeCommand struct {
	// "set": adds the resources, or replaces those of the same names.
	// "delete": removes the resource with this type and name.
	// "kill": ends every stream with UNAVAILABLE.
	// "refuse": ends new streams at once with UNAVAILABLE, while on.
	// "delay": waits so long before it handles a request.
	// "requests": answers with the requests since the last such command.
	// "loads": answers with the load reports since the last such command.
	Command   string            `json:"command"`
	Resources []json.RawMessage `json:"resources"`
	Type      string            `json:"type"`
	Name      string            `json:"name"`
	On        bool              `json:"on"`
	Millis    int               `json:"millis"`
}

// plane is a control plane with one snapshot for all clients. Each type has a version of its own,
// which grows when a resource of the type changes.
type plane struct {
	snapshots cache.SnapshotCache

	mutex     sync.Mutex
	resources map[string]map[string]types.Resource
	versions  map[string]int
	streams   map[int]func()
	opened    int
	refuses   bool
	delay     time.Duration
	requests  []map[string]any
	loads     []map[string]any
}

// allClients gives every client the same snapshot.
type allClients struct{}

func (allClients) ID(*core.Node) string { return "all" }

func servePlane(args []string) {
	flags := flag.NewFlagSet("plane", flag.ExitOnError)
	listen := flags.String("listen", "127.0.0.1:0", "address and port; port 0 takes a free one")
	if err := flags.Parse(args); err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	p := &plane{
		// With true it answers no request that names a part of the snapshot alone.
		snapshots: cache.NewSnapshotCache(false, allClients{}, nil),
		resources: map[string]map[string]types.Resource{},
		versions:  map[string]int{},
		streams:   map[int]func(){},
	}
	callbacks := server.CallbackFuncs{StreamRequestFunc: p.logRequest}
	xds := grpc.NewServer(grpc.StreamInterceptor(p.endable))
	discovery.RegisterAggregatedDiscoveryServiceServer(
		xds, server.NewServer(context.Background(), p.snapshots, callbacks),
	)
	loadstats.RegisterLoadReportingServiceServer(xds, p)
	go func() { log.Fatal(xds.Serve(listener)) }()
	emit("ready", map[string]any{"address": listener.Addr().String()})
	obey(p.handle)
}

func (p *plane) handle(line json.RawMessage) error {
	var command planeCommand
	if err := json.Unmarshal(line, &command); err != nil {
		return err
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	event, fields := "done", map[string]any{}
	switch command.Command {
	case "set":
		if err := p.set(command.Resources); err != nil {
			return err
		}
	case "delete":
		delete(p.resources[command.Type], command.Name)
		p.versions[command.Type]++
		if err := p.publish(); err != nil {
			return err
		}
	case "kill":
		for _, end := range p.streams {
			end()
		}
	case "refuse":
		p.refuses = command.On
	case "delay":
		p.delay = time.Duration(command.Millis) * time.Millisecond
	case "requests":
		event, fields["requests"] = "requests", p.requests
		p.requests = nil
	case "loads":
		event, fields["loads"] = "loads", p.loads
		p.loads = nil
	default:
		return fmt.Errorf("no such command: %q", command.Command)
	}
	emit(event, fields)
	return nil
}

// set adds resources, each the JSON of an Any.
func (p *plane) set(resources []json.RawMessage) error {
	for _, text := range resources {
		packed := new(anypb.Any)
		if err := protojson.Unmarshal(text, packed); err != nil {
			return err
		}
		resource, err := packed.UnmarshalNew()
		if err != nil {
			return err
		}
		kind := packed.GetTypeUrl()
		if p.resources[kind] == nil {
			p.resources[kind] = map[string]types.Resource{}
		}
		name := cache.GetResourceName(resource)
		if old, there := p.resources[kind][name]; !there || !proto.Equal(old, resource) {
			p.resources[kind][name] = resource
			p.versions[kind]++
		}
	}
	return p.publish()
}

// publish gives clients the resources of this moment.
func (p *plane) publish() error {
	all := map[string][]types.Resource{}
	for kind, named := range p.resources {
		for _, resource := range named {
			all[kind] = append(all[kind], resource)
		}
	}
	snapshot, err := cache.NewSnapshot("", all)
	if err != nil {
		return err
	}
	for kind := range all {
		index := cache.GetResponseType(kind)
		snapshot.Resources[index].Version = strconv.Itoa(p.versions[kind])
	}
	return p.snapshots.SetSnapshot(context.Background(), "all", snapshot)
}

// endable runs a stream until it ends or is killed.
func (p *plane) endable(
	service any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler,
) error {
	killed := make(chan struct{})
	p.mutex.Lock()
	refuses := p.refuses
	p.opened++
	id := p.opened
	p.streams[id] = sync.OnceFunc(func() { close(killed) })
	p.mutex.Unlock()
	defer func() {
		p.mutex.Lock()
		delete(p.streams, id)
		p.mutex.Unlock()
	}()
	if refuses {
		return status.Error(codes.Unavailable, "refused by a command")
	}
	ended := make(chan error, 1)
	go func() { ended <- handler(service, stream) }()
	select {
	case err := <-ended:
		return err
	case <-killed:
		return status.Error(codes.Unavailable, "ended by a command")
	}
}

func (p *plane) logRequest(stream int64, request *discovery.DiscoveryRequest) error {
	names := append([]string{}, request.GetResourceNames()...)
	sort.Strings(names)
	p.mutex.Lock()
	p.requests = append(p.requests, map[string]any{
		"stream":  stream,
		"type":    request.GetTypeUrl(),
		"names":   names,
		"version": request.GetVersionInfo(),
		"nonce":   request.GetResponseNonce(),
		"error":   request.GetErrorDetail().GetMessage(),
		"node":    request.GetNode().GetId(),
	})
	delay := p.delay
	p.mutex.Unlock()
	time.Sleep(delay)
	return nil
}

// StreamLoadStats asks for the load of all clusters each second, and keeps what it gets.
func (p *plane) StreamLoadStats(stream loadstats.LoadReportingService_StreamLoadStatsServer) error {
	node := ""
	for first := true; ; first = false {
		request, err := stream.Recv()
		if err != nil {
			return err
		}
		if first {
			// Only the first message has it.
			node = request.GetNode().GetId()
			err := stream.Send(&loadstats.LoadStatsResponse{
				SendAllClusters:       true,
				LoadReportingInterval: durationpb.New(time.Second),
			})
			if err != nil {
				return err
			}
			continue
		}
		for _, stats := range request.GetClusterStats() {
			text, err := protojson.Marshal(stats)
			if err != nil {
				return err
			}
			p.mutex.Lock()
			p.loads = append(p.loads, map[string]any{"node": node, "stats": json.RawMessage(text)})
			p.mutex.Unlock()
		}
	}
}
