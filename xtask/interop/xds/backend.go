package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/interop"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
)

// clientHeader is the header in which a client may name itself. A connection belongs to the client that its
// first call names.
const clientHeader = "x-client"

// backendCommand is a command of a backend.
type backendCommand struct {
	// "counts": answers with the event "counts": the calls of each address, and each connection since the
	// start, with its address, its client and whether it is closed.
	// "open": answers with the event "open": how many connections of the address are open; of all of them
	// without one.
	// "cut": closes the listener of an address, and resets its connections; answers with "done".
	// "listen": listens at the address again; answers with "done".
	Command string `json:"command"`
	Address string `json:"address"`
}

// backend serves gRPC's TestService at several addresses, as one endpoint.
type backend struct {
	server *grpc.Server

	mutex       sync.Mutex
	listeners   map[string]net.Listener
	calls       map[string]int
	connections []*connection
	// byPeer finds an open connection by its two addresses. That of the client alone can belong to several
	// connections at a time, to different ports.
	byPeer map[[2]string]*connection
}

// connection is a connection that was accepted.
type connection struct {
	net.Conn
	backend  *backend
	address  string
	client   string
	isClosed bool
}

// addresses are those of the flag -listen, which may be there several times.
type addresses []string

func (a *addresses) String() string { return fmt.Sprint(*a) }

func (a *addresses) Set(address string) error {
	*a = append(*a, address)
	return nil
}

func serveBackend(args []string) {
	flags := flag.NewFlagSet("backend", flag.ExitOnError)
	var at addresses
	flags.Var(&at, "listen", "address and port, for each address of the backend; port 0 takes a free one")
	count := flags.Int("count", 1, "how often it listens at each address, where port 0 takes a free one")
	if err := flags.Parse(args); err != nil {
		log.Fatal(err)
	}
	b := &backend{
		listeners: map[string]net.Listener{},
		calls:     map[string]int{},
		byPeer:    map[[2]string]*connection{},
	}
	b.server = grpc.NewServer(grpc.UnaryInterceptor(b.count))
	testgrpc.RegisterTestServiceServer(b.server, interop.NewTestServer())
	var bound []string
	for _, address := range at {
		for range *count {
			listened, err := b.listen(address)
			if err != nil {
				log.Fatal(err)
			}
			bound = append(bound, listened)
		}
	}
	emit("ready", map[string]any{"addresses": bound})
	obey(b.handle)
}

func (b *backend) handle(line json.RawMessage) error {
	var command backendCommand
	if err := json.Unmarshal(line, &command); err != nil {
		return err
	}
	switch command.Command {
	case "counts":
		b.emitCounts()
		return nil
	case "open":
		emit("open", map[string]any{"open": b.open(command.Address)})
		return nil
	case "cut":
		b.cut(command.Address)
	case "listen":
		if _, err := b.listen(command.Address); err != nil {
			return err
		}
	default:
		return fmt.Errorf("no such command: %q", command.Command)
	}
	emit("done", map[string]any{})
	return nil
}

// listen serves at an address, and returns it with its port.
func (b *backend) listen(address string) (string, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return "", err
	}
	bound := listener.Addr().String()
	b.mutex.Lock()
	b.listeners[bound] = listener
	b.mutex.Unlock()
	go func() {
		err := b.server.Serve(counting{listener, b})
		// A listener that is cut is closed.
		if err != nil && !errors.Is(err, net.ErrClosed) {
			log.Fatal(err)
		}
	}()
	return bound, nil
}

// cut ends an address as a host that is gone: no more connections, and resets on those that there are.
func (b *backend) cut(address string) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if listener := b.listeners[address]; listener != nil {
		listener.Close()
		delete(b.listeners, address)
	}
	for _, one := range b.connections {
		if one.address == address && !one.isClosed {
			one.markClosed()
			if tcp, isTCP := one.Conn.(*net.TCPConn); isTCP {
				// The system sends RST then.
				tcp.SetLinger(0)
			}
			one.Conn.Close()
		}
	}
}

// open returns how many connections of an address, or of all, are open.
func (b *backend) open(address string) int {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	count := 0
	for _, one := range b.byPeer {
		if address == "" || one.address == address {
			count++
		}
	}
	return count
}

func (b *backend) emitCounts() {
	b.mutex.Lock()
	connections := make([]map[string]any, 0, len(b.connections))
	for _, one := range b.connections {
		connections = append(connections, map[string]any{
			"address": one.address, "client": one.client, "closed": one.isClosed,
		})
	}
	calls := make(map[string]int, len(b.calls))
	for address, count := range b.calls {
		calls[address] = count
	}
	b.mutex.Unlock()
	emit("counts", map[string]any{"calls": calls, "connections": connections})
}

// count counts a call before it is handled.
func (b *backend) count(
	ctx context.Context, request any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler,
) (any, error) {
	headers, _ := metadata.FromIncomingContext(ctx)
	if from, known := peer.FromContext(ctx); known {
		b.mutex.Lock()
		b.calls[from.LocalAddr.String()]++
		one := b.byPeer[[2]string{from.Addr.String(), from.LocalAddr.String()}]
		if names := headers.Get(clientHeader); one != nil && one.client == "" && len(names) > 0 {
			one.client = names[0]
		}
		b.mutex.Unlock()
	}
	return handler(ctx, request)
}

// counting is a listener that keeps what it accepts.
type counting struct {
	net.Listener
	backend *backend
}

func (l counting) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	one := &connection{Conn: accepted, backend: l.backend, address: l.Addr().String()}
	l.backend.mutex.Lock()
	l.backend.connections = append(l.backend.connections, one)
	l.backend.byPeer[one.key()] = one
	l.backend.mutex.Unlock()
	return one, nil
}

// Close records that the connection is closed.
func (c *connection) Close() error {
	c.backend.mutex.Lock()
	c.markClosed()
	c.backend.mutex.Unlock()
	return c.Conn.Close()
}

// markClosed records that the connection is closed. The mutex is locked.
func (c *connection) markClosed() {
	c.isClosed = true
	if key := c.key(); c.backend.byPeer[key] == c {
		delete(c.backend.byPeer, key)
	}
}

// key returns the addresses of the client and of the backend.
func (c *connection) key() [2]string {
	return [2]string{c.RemoteAddr().String(), c.LocalAddr().String()}
}
