// The foreign sides of xDS: a control plane (go-control-plane), grpc-go's own client, and a grpc-go backend.
//
// Usage: xds plane [-listen ADDRESS] [-epoch NUMBER] [-by-node]
//
//	xds client TARGET
//	xds backend -listen ADDRESS.. [-count NUMBER]
//
// All print events as lines of JSON on standard output, obey commands as lines of JSON on standard
// input, and end when the input ends. plane.go, client.go and backend.go list the commands.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"sync"
)

func main() {
	if len(os.Args) < 2 {
		log.Fatal("usage: xds plane|client|backend")
	}
	switch os.Args[1] {
	case "plane":
		servePlane(os.Args[2:])
	case "client":
		serveClient(os.Args[2:])
	case "backend":
		serveBackend(os.Args[2:])
	default:
		log.Fatalf("no such side: %q", os.Args[1])
	}
}

// obey has run handle each command of standard input, until the input ends.
func obey(handle func(command json.RawMessage) error) {
	lines := bufio.NewScanner(os.Stdin)
	// A snapshot of 3,000 endpoints is one line.
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		if err := handle(lines.Bytes()); err != nil {
			log.Fatalf("%.200s: %v", lines.Text(), err)
		}
	}
	if err := lines.Err(); err != nil {
		log.Fatal(err)
	}
}

var printing sync.Mutex

// emit prints one event as a line of JSON.
func emit(event string, fields map[string]any) {
	fields["event"] = event
	line, err := json.Marshal(fields)
	if err != nil {
		log.Fatal(err)
	}
	printing.Lock()
	defer printing.Unlock()
	fmt.Println(string(line))
}
