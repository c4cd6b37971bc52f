package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
)

const (
	streamWindow     = 2 << 20
	connectionWindow = 5 << 20
	// The test server answers any authority.
	target = "backends:///greeter"
)

// channels holds the channels that earlier rounds have made.
type channels struct {
	setup setup
	made  map[channelKey]*grpc.ClientConn
}

// channelKey is what distinguishes two channels.
type channelKey struct {
	backends int
	tls      bool
}

func newChannels(setup setup) *channels {
	return &channels{setup: setup, made: map[channelKey]*grpc.ClientConn{}}
}

// get returns the channel for a case. It makes it when the first round needs it.
func (c *channels) get(work workload) (*grpc.ClientConn, error) {
	key := channelKey{backends: work.Backends, tls: work.TLS}
	if channel := c.made[key]; channel != nil {
		return channel, nil
	}
	channel, err := c.dial(key)
	if err != nil {
		return nil, err
	}
	c.made[key] = channel
	return channel, nil
}

// dial makes a channel to the backends of the setup.
func (c *channels) dial(key channelKey) (*grpc.ClientConn, error) {
	addresses := c.setup.Backends
	if key.tls {
		addresses = c.setup.TLSBackends
	}
	if key.backends < 1 || key.backends > len(addresses) {
		return nil, fmt.Errorf("%d backends of %d", key.backends, len(addresses))
	}
	return c.dialTo(addresses[:key.backends], key.tls)
}

// dialTo makes a channel: by pick_first to one backend, by round_robin to several.
func (c *channels) dialTo(addresses []string, isEncrypted bool) (*grpc.ClientConn, error) {
	security := insecure.NewCredentials()
	if isEncrypted {
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM([]byte(c.setup.RootPEM)) {
			return nil, errors.New("root_pem has no certificate")
		}
		config := &tls.Config{RootCAs: roots, ServerName: c.setup.ServerName, MinVersion: tls.VersionTLS13}
		security = credentials.NewTLS(config)
	}
	policy := "pick_first"
	if len(addresses) > 1 {
		policy = "round_robin"
	}
	backends := manual.NewBuilderWithScheme("backends")
	var endpoints []resolver.Endpoint
	for _, address := range addresses {
		endpoints = append(endpoints, resolver.Endpoint{Addresses: []resolver.Address{{Addr: address}}})
	}
	backends.InitialState(resolver.State{Endpoints: endpoints})
	return grpc.NewClient(target,
		grpc.WithResolvers(backends),
		grpc.WithTransportCredentials(security),
		grpc.WithDefaultServiceConfig(fmt.Sprintf(`{"loadBalancingConfig":[{%q:{}}]}`, policy)),
		grpc.WithDisableServiceConfig(),
		grpc.WithDisableRetry(),
		grpc.WithNoProxy(),
		grpc.WithInitialWindowSize(streamWindow),
		grpc.WithInitialConnWindowSize(connectionWindow),
	)
}
