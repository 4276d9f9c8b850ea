// Command redis answers as Redis does, for Argo CD's cache: redis ADDRESS, with the password in REDIS_PASSWORD.
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/alicebob/miniredis/v2"
)

func main() {
	if len(os.Args) != 2 || os.Getenv("REDIS_PASSWORD") == "" {
		fmt.Fprintln(os.Stderr, "redis ADDRESS, with the password in REDIS_PASSWORD")
		os.Exit(2)
	}
	server := miniredis.NewMiniRedis()
	server.RequireAuth(os.Getenv("REDIS_PASSWORD"))
	if err := server.StartAddr(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	// It has no clock of its own: without this nothing would ever expire.
	for range time.Tick(time.Second) {
		server.FastForward(time.Second)
	}
}
