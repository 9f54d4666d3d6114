// Laid over the conformance suite's gRPC server (package internal/app/grpcserver) by `go build -overlay`.

package grpcserver

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/stats"
)

// podOptions lets the pod write every content-type that it sees to the file that FAIRLEAD_SEEN names, once each.
func podOptions() grpc.ServerOption {
	go exitWithParent()
	return grpc.StatsHandler(&seenHandler{})
}

// withReflection adds what grpc-go servers have when people want to use them with curl-like tools: v1 and v1alpha.
func withReflection(server *grpc.Server) {
	if os.Getenv("FAIRLEAD_REFLECTION") != "off" {
		reflection.Register(server)
	}
}

type seenHandler struct{ seen sync.Map }

func (h *seenHandler) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context {
	fields, _ := metadata.FromIncomingContext(ctx)
	for _, contentType := range fields.Get("content-type") {
		line := fmt.Sprintf("taken\tHTTP/2.0\tPOST\t%s\n", contentType)
		if _, known := h.seen.LoadOrStore(line, true); !known {
			writeSeen(line)
		}
	}
	return ctx
}

func (h *seenHandler) HandleRPC(context.Context, stats.RPCStats) {}

func (h *seenHandler) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

func (h *seenHandler) HandleConn(context.Context, stats.ConnStats) {}

func writeSeen(line string) {
	// O_APPEND: several pods write to the same file, a line at a time.
	file, err := os.OpenFile(os.Getenv("FAIRLEAD_SEEN"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return
	}
	defer file.Close()
	_, _ = file.WriteString(line)
}

// exitWithParent ends the pod when whoever started it closes its standard input or is gone.
func exitWithParent() {
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}
