package main

// fromClient is a line to the coordinator: one of its fields is set.
type fromClient struct {
	Hello   *hello `json:"hello,omitempty"`
	Result  *cost  `json:"result,omitempty"`
	Failure string `json:"failure,omitempty"`
}

// toClient is a line from the coordinator: one of its fields is set.
type toClient struct {
	Setup *setup `json:"setup"`
	Round *round `json:"round"`
}

// hello is what a client is.
type hello struct {
	Protocol int      `json:"protocol"`
	Name     string   `json:"name"`
	Version  string   `json:"version"`
	Can      []string `json:"can"`
}

// setup names the backends and the number of threads.
type setup struct {
	Backends    []string `json:"backends"`
	TLSBackends []string `json:"tls_backends"`
	RootPEM     string   `json:"root_pem"`
	ServerName  string   `json:"server_name"`
	Threads     int      `json:"threads"`
}

// round is an order to make calls.
type round struct {
	Case    workload `json:"case"`
	Calls   int      `json:"calls"`
	Measure string   `json:"measure"`
}

// workload is what kind of calls a round makes.
type workload struct {
	Kind     string `json:"kind"`
	Bytes    int    `json:"bytes"`
	InFlight int    `json:"in_flight"`
	Backends int    `json:"backends"`
	TLS      bool   `json:"tls"`
	Timeout  bool   `json:"timeout"`
}

// cost is what a round cost this process. What was not counted is null.
type cost struct {
	CPUNanos            int64     `json:"cpu_ns"`
	LatencyNanos        *[3]int64 `json:"latency_ns"`
	Allocations         *uint64   `json:"allocations"`
	MaxRSSBytes         *int64    `json:"max_rss_bytes"`
	HeapBytes           *int64    `json:"heap_bytes"`
	RSSBytes            *int64    `json:"rss_bytes"`
	VoluntarySwitches   int64     `json:"voluntary_switches"`
	InvoluntarySwitches int64     `json:"involuntary_switches"`
}
