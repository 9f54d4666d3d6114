// Laid over the conformance suite's reference server (package internal/app/referenceserver) by `go build -overlay`.

package referenceserver

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
)

// grpcOnly makes the reference server, which speaks every protocol by itself, a pod that speaks gRPC alone: what is not
// gRPC over HTTP/2 is refused, so that a gateway which hands everything on cannot pass. It writes every combination of
// HTTP version, method and content-type that it sees to the file that FAIRLEAD_SEEN names, once each.
func grpcOnly(next http.Handler) http.Handler {
	go exitWithParent()
	var seen sync.Map
	return http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		contentType := request.Header.Get("Content-Type")
		isGRPC := contentType == "application/grpc" || strings.HasPrefix(contentType, "application/grpc+")
		verdict := "taken"
		if !isGRPC || request.ProtoMajor != 2 || request.Method != http.MethodPost {
			verdict = "refused"
		}
		line := fmt.Sprintf("%s\t%s\t%s\t%s\n", verdict, request.Proto, request.Method, contentType)
		if _, known := seen.LoadOrStore(line, true); !known {
			writeSeen(line)
		}
		if verdict == "refused" {
			http.Error(response, "this pod speaks gRPC over HTTP/2 only", http.StatusUnsupportedMediaType)
			return
		}
		next.ServeHTTP(response, request)
	})
}

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
