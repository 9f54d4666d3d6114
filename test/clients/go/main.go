// Clients of the Echo service (test/e2e/support/echo.ts) on connect-go and grpc-go, and a grpc-go pod with server reflection.
//
//	clients version
//	clients connect ADDRESS OPTIONS   calls read from standard input as JSON, what was seen of each printed as JSON
//	clients grpc ADDRESS OPTIONS      likewise: see test/e2e/support/call.ts
//	clients pod                       listens on a free port of 127.0.0.1 until its standard input ends
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 1 && args[0] == "version":
		return printVersions()
	case len(args) == 1 && args[0] == "pod":
		return servePod()
	case len(args) == 3 && args[0] == "connect":
		return observeAll(args[1], args[2], newConnectCaller)
	case len(args) == 3 && args[0] == "grpc":
		return observeAll(args[1], args[2], newGrpcCaller)
	}
	return fmt.Errorf("unknown: %v", args)
}

// caller makes one call and says what it saw.
type caller interface {
	observe(call callCase) observation
	close()
}

func observeAll(address, optionsJSON string, open func(string, options) (caller, error)) error {
	var opts options
	if err := json.Unmarshal([]byte(optionsJSON), &opts); err != nil {
		return err
	}
	var calls []callCase
	if err := json.NewDecoder(os.Stdin).Decode(&calls); err != nil {
		return err
	}
	caller, err := open(address, opts)
	if err != nil {
		return err
	}
	defer caller.close()
	seen := make([]observation, 0, len(calls))
	for _, call := range calls {
		seen = append(seen, caller.observe(call))
	}
	return json.NewEncoder(os.Stdout).Encode(seen)
}

func printVersions() error {
	info, _ := debug.ReadBuildInfo()
	versions := map[string]string{"go": info.GoVersion}
	for _, module := range info.Deps {
		versions[module.Path] = module.Version
	}
	return json.NewEncoder(os.Stdout).Encode(versions)
}
