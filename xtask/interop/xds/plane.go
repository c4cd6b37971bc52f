package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	cache "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"
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
	// "set": adds the resources, or replaces those of the same names; "done" has the versions of all types.
	// "delete": removes the resource with this type and name; "done" has the versions of all types.
	// "kill": ends every stream with UNAVAILABLE.
	// "refuse": ends new streams at once with UNAVAILABLE, while on.
	// "delay": waits so long before it handles a request.
	// "requests": answers with the requests since the last such command.
	// "loads": answers with the load reports since the last such command.
	// "traffic": answers with the messages and their bytes on all streams since the start.
	Command   string            `json:"command"`
	Resources []json.RawMessage `json:"resources"`
	Type      string            `json:"type"`
	Name      string            `json:"name"`
	On        bool              `json:"on"`
	Millis    int               `json:"millis"`
	// The node whose snapshot "set" and "delete" change, with -by-node.
	Node string `json:"node"`
}

// plane is a control plane with one snapshot for all clients, or one for each node. Each type has a
// version of its own, which grows when a resource of the type changes.
type plane struct {
	snapshots cache.SnapshotCache
	// epoch is the first part of each version, so that no two processes have the same.
	epoch   int
	traffic traffic

	mutex    sync.Mutex
	served   map[string]*served
	streams  map[int]func()
	opened   int
	refuses  bool
	delay    time.Duration
	requests []map[string]any
	loads    []map[string]any
}

// served is what clients with one key of the snapshots get: resources by type and name.
type served struct {
	resources map[string]map[string]types.Resource
	versions  map[string]int
}

// allClients gives every client the same snapshot.
type allClients struct{}

func (allClients) ID(*core.Node) string { return "" }

// eachNode gives every node a snapshot of its own.
type eachNode struct{}

func (eachNode) ID(node *core.Node) string { return node.GetId() }

// traffic counts the messages of all streams, and their bytes.
type traffic struct {
	sent, sentBytes, received, receivedBytes atomic.Int64
}

// TagConn, HandleConn, TagRPC and HandleRPC make traffic a stats.Handler.

func (t *traffic) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

func (t *traffic) HandleConn(context.Context, stats.ConnStats) {}

func (t *traffic) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

func (t *traffic) HandleRPC(_ context.Context, event stats.RPCStats) {
	switch event := event.(type) {
	case *stats.OutPayload:
		t.sent.Add(1)
		t.sentBytes.Add(int64(event.WireLength))
	case *stats.InPayload:
		t.received.Add(1)
		t.receivedBytes.Add(int64(event.WireLength))
	}
}

func servePlane(args []string) {
	flags := flag.NewFlagSet("plane", flag.ExitOnError)
	listen := flags.String("listen", "127.0.0.1:0", "address and port; port 0 takes a free one")
	epoch := flags.Int("epoch", 1, "the first part of each version")
	byNode := flags.Bool("by-node", false, "serve each node what was set for it")
	if err := flags.Parse(args); err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	var keys cache.NodeHash = allClients{}
	if *byNode {
		keys = eachNode{}
	}
	p := &plane{
		// With true it answers no request that names a part of the snapshot alone.
		snapshots: cache.NewSnapshotCache(false, keys, nil),
		epoch:     *epoch,
		served:    map[string]*served{},
		streams:   map[int]func(){},
	}
	callbacks := server.CallbackFuncs{StreamRequestFunc: p.logRequest}
	xds := grpc.NewServer(grpc.StreamInterceptor(p.endable), grpc.StatsHandler(&p.traffic))
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
		if err := p.set(command.Node, command.Resources); err != nil {
			return err
		}
		fields["versions"] = p.versions(command.Node)
	case "delete":
		changed := p.of(command.Node)
		delete(changed.resources[command.Type], command.Name)
		changed.versions[command.Type]++
		if err := p.publish(command.Node); err != nil {
			return err
		}
		fields["versions"] = p.versions(command.Node)
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
	case "traffic":
		event = "traffic"
		fields["sent"] = p.traffic.sent.Load()
		fields["sent_bytes"] = p.traffic.sentBytes.Load()
		fields["received"] = p.traffic.received.Load()
		fields["received_bytes"] = p.traffic.receivedBytes.Load()
		fields["streams"] = p.opened
	default:
		return fmt.Errorf("no such command: %q", command.Command)
	}
	emit(event, fields)
	return nil
}

// of returns what a node is served.
func (p *plane) of(node string) *served {
	if p.served[node] == nil {
		p.served[node] = &served{
			resources: map[string]map[string]types.Resource{},
			versions:  map[string]int{},
		}
	}
	return p.served[node]
}

// set adds resources, each the JSON of an Any.
func (p *plane) set(node string, resources []json.RawMessage) error {
	changed := p.of(node)
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
		if changed.resources[kind] == nil {
			changed.resources[kind] = map[string]types.Resource{}
		}
		name := cache.GetResourceName(resource)
		if old, there := changed.resources[kind][name]; !there || !proto.Equal(old, resource) {
			changed.resources[kind][name] = resource
			changed.versions[kind]++
		}
	}
	return p.publish(node)
}

// versions returns the version of each type.
func (p *plane) versions(node string) map[string]string {
	versions := map[string]string{}
	for kind, changes := range p.of(node).versions {
		versions[kind] = fmt.Sprintf("%d.%d", p.epoch, changes)
	}
	return versions
}

// publish gives a node the resources of this moment.
func (p *plane) publish(node string) error {
	all := map[string][]types.Resource{}
	for kind, named := range p.of(node).resources {
		for _, resource := range named {
			all[kind] = append(all[kind], resource)
		}
	}
	snapshot, err := cache.NewSnapshot("", all)
	if err != nil {
		return err
	}
	for kind, version := range p.versions(node) {
		snapshot.Resources[cache.GetResponseType(kind)].Version = version
	}
	return p.snapshots.SetSnapshot(context.Background(), node, snapshot)
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
