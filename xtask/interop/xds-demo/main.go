// A control plane that serves the resources of a file: xds-demo ADDRESS FILE
// The file is a JSON array of resources. It is read again at each line of standard input.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"log"
	"net"
	"os"
	"strconv"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	cache "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"

	// The messages that the resources are made of.
	_ "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
)

func main() {
	snapshots := cache.NewSnapshotCache(false, everyone{}, nil)
	listener, err := net.Listen("tcp", os.Args[1])
	must(err)
	plane := grpc.NewServer()
	discovery.RegisterAggregatedDiscoveryServiceServer(plane, server.NewServer(context.Background(), snapshots, nil))
	go func() { must(plane.Serve(listener)) }()

	lines := bufio.NewScanner(os.Stdin)
	for version := 1; version == 1 || lines.Scan(); version++ {
		snapshot, err := cache.NewSnapshot(strconv.Itoa(version), read(os.Args[2]))
		must(err)
		must(snapshots.SetSnapshot(context.Background(), "everyone", snapshot))
		log.Printf("serves version %d of %s", version, os.Args[2])
	}
}

// everyone gives all clients the same snapshot.
type everyone struct{}

func (everyone) ID(*core.Node) string { return "everyone" }

// read returns the resources of a file by their types.
func read(file string) map[string][]types.Resource {
	text, err := os.ReadFile(file)
	must(err)
	var list []json.RawMessage
	must(json.Unmarshal(text, &list))
	resources := map[string][]types.Resource{}
	for _, one := range list {
		packed := new(anypb.Any)
		must(protojson.Unmarshal(one, packed))
		resource, err := packed.UnmarshalNew()
		must(err)
		resources[packed.TypeUrl] = append(resources[packed.TypeUrl], resource)
	}
	return resources
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
