package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"sort"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const service = "fairlead.test.v1.Echo"

// callCase is a call to make: CallCase in test/e2e/support/call.ts.
type callCase struct {
	Kind        string      `json:"kind"`
	Sends       []int       `json:"sends"`
	Metadata    [][2]string `json:"metadata"`
	PingPong    bool        `json:"pingPong"`
	Deadline    int         `json:"deadline"`
	CancelAfter int         `json:"cancelAfter"`
	Compress    bool        `json:"compress"`
}

// observation is what was seen of a call. Details stand apart only for connect-go, which has taken them out of the trailers.
type observation struct {
	Code     int         `json:"code"`
	Message  string      `json:"message"`
	Headers  [][2]string `json:"headers"`
	Trailers [][2]string `json:"trailers"`
	Details  [][2]string `json:"details,omitempty"`
	Answers  []string    `json:"answers"`
}

// options of a client: which protocol, codec and HTTP version.
type options struct {
	Protocol string `json:"protocol"`
	JSON     bool   `json:"json"`
	HTTP1    bool   `json:"http1"`
	Get      bool   `json:"get"`
	// CA is a PEM file with the authority to trust; empty: plaintext.
	CA string `json:"ca"`
}

func (c callCase) path() string { return "/" + service + "/" + c.Kind }

// context has the deadline of the call, if it has one, and is cancelled by its second value.
func (c callCase) context() (context.Context, context.CancelFunc) {
	if c.Deadline == 0 {
		return context.WithCancel(context.Background())
	}
	return context.WithTimeout(context.Background(), time.Duration(c.Deadline)*time.Millisecond)
}

// first is the one message of a call whose requests are no stream.
func (c callCase) first() *wrapperspb.BytesValue {
	if len(c.Sends) == 0 {
		return &wrapperspb.BytesValue{}
	}
	return message(c.Sends[0])
}

func message(size int) *wrapperspb.BytesValue {
	value := make([]byte, size)
	for i := range value {
		value[i] = byte(i*31 + (i>>8)*17)
	}
	return &wrapperspb.BytesValue{Value: value}
}

// summary is length and CRC-32 of the message on the wire.
func summary(answer *wrapperspb.BytesValue) string {
	bytes, err := proto.Marshal(answer)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf("%d:%x", len(bytes), crc32.ChecksumIEEE(bytes))
}

// write is metadata in the order of its keys. Where the library has decoded binary values, they are encoded again.
func write(metadata map[string][]string, decoded bool) [][2]string {
	entries := [][2]string{}
	for key, values := range metadata {
		key = strings.ToLower(key)
		for _, value := range values {
			if decoded && strings.HasSuffix(key, "-bin") {
				value = base64.StdEncoding.EncodeToString([]byte(value))
			}
			entries = append(entries, [2]string{key, value})
		}
	}
	sort.SliceStable(entries, func(i, j int) bool { return entries[i][0] < entries[j][0] })
	return entries
}
