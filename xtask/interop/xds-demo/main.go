// A control plane that serves the resources of a file: xds-demo ADDRESS FILE
// The file is a JSON array of resources. It is read again at each line of standard input.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
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

	file, version := os.Args[2], 0
	for lines := bufio.NewScanner(os.Stdin); version == 0 || lines.Scan(); {
		if err := serve(snapshots, file, version+1); err == nil {
			version++
			log.Printf("serves version %d of %s", version, file)
		} else if version > 0 {
			log.Printf("still serves version %d: %s: %v", version, file, err)
		} else {
			log.Fatalf("%s: %v", file, err)
		}
	}
}

// serve gives all clients the resources of a file.
func serve(snapshots cache.SnapshotCache, file string, version int) error {
	resources, err := read(file)
	if err != nil {
		return err
	}
	snapshot, err := cache.NewSnapshot(strconv.Itoa(version), resources)
	if err != nil {
		return err
	}
	return snapshots.SetSnapshot(context.Background(), "everyone", snapshot)
}

// everyone gives all clients the same snapshot.
type everyone struct{}

func (everyone) ID(*core.Node) string { return "everyone" }

// read returns the resources of a file by their types.
func read(file string) (map[string][]types.Resource, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var list []json.RawMessage
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, err
	}
	resources := map[string][]types.Resource{}
	for number, one := range list {
		packed := new(anypb.Any)
		if err := protojson.Unmarshal(one, packed); err != nil {
			return nil, fmt.Errorf("resource %d: %w", number, err)
		}
		resource, err := packed.UnmarshalNew()
		if err != nil {
			return nil, fmt.Errorf("resource %d: %w", number, err)
		}
		resources[packed.TypeUrl] = append(resources[packed.TypeUrl], resource)
	}
	return resources, nil
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
